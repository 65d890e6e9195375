"""What a worker says, held against what it may say: a task can make its worker say anything."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from longcase.domain.outcome import Outcome, ResultRef, TaskState, Usage

_LONG = 200_000
Line = Annotated[str, Meta(max_length=4_000)]
Seconds = Annotated[float, Meta(ge=0, le=1e10)]  # of a clock too: 1e10 is the year 2286
Bytes = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class ReportError(Exception):
    """What came is no report."""


class _Result(Struct, frozen=True, forbid_unknown_fields=True):
    path: Line
    offset: Bytes
    size: Bytes
    format: Literal["pickle", "text", "json"]
    repr: Annotated[str, Meta(max_length=200)]
    json: Line = ""


class _Usage(Struct, frozen=True, forbid_unknown_fields=True):
    wall: Seconds
    cpu_user: Seconds
    cpu_system: Seconds
    memory_peak: Bytes
    cpu_measured: Annotated[str, Meta(max_length=100)]
    memory_measured: Annotated[str, Meta(max_length=100)]


class Ready(Struct, frozen=True, tag="ready", forbid_unknown_fields=True):
    """The worker's interpreter is up."""

    version: tuple[int, int, int]


class Ended(Struct, frozen=True, tag="ended", forbid_unknown_fields=True):
    """The attempt is over, and its whole tree gone."""

    state: TaskState
    started: Seconds
    ended: Seconds
    usage: _Usage
    exit_code: int | None = None
    signal: Annotated[str, Meta(max_length=20)] | None = None
    exception: Line | None = None
    traceback: Annotated[str, Meta(max_length=_LONG)] | None = None
    reason: Line | None = None
    result: _Result | None = None
    log_tail: Annotated[tuple[Line, ...], Meta(max_length=20)] = ()
    left_behind: Annotated[tuple[Line, ...], Meta(max_length=50)] = ()


_decoder: msgspec.json.Decoder[Ready | Ended] = msgspec.json.Decoder(Ready | Ended)


def parse(body: bytes) -> Ready | Ended:
    """Raises ReportError."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReportError(str(error)) from None


def to_outcome(ended: Ended, results: Path) -> Outcome:
    """`results`: the folder that a result must lie in. Raises ReportError."""
    if ended.result is not None:
        _check_place(ended.result.path, results)
        if ended.result.json:
            _check_place(ended.result.json, results)
    try:
        return Outcome(
            state=ended.state,
            started=datetime.fromtimestamp(ended.started, UTC),
            ended=datetime.fromtimestamp(ended.ended, UTC),
            exit_code=ended.exit_code,
            signal=ended.signal,
            exception=ended.exception,
            traceback=ended.traceback,
            reason=ended.reason,
            result=_convert(ended.result),
            usage=msgspec.convert(ended.usage, Usage, from_attributes=True),
            log_tail=ended.log_tail,
            left_behind=ended.left_behind,
        )
    except ValueError as error:
        raise ReportError(str(error)) from None


def _convert(result: _Result | None) -> ResultRef | None:
    return None if result is None else msgspec.convert(result, ResultRef, from_attributes=True)


def _check_place(path: str, results: Path) -> None:
    folder, _, name = path.rpartition("/")
    if folder != str(results) or name in ("", ".", ".."):
        raise ReportError(f"its result {path!r} is not in {results}")
