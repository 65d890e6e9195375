"""The history as text: the steps of a run's journal, its document, and the lines of the index.

Format version 1. Every time is ISO 8601 with offset, in the pipeline's zone. A journal is a `Step` a line,
the first an `Intent`. A document is a `RunRecord`. An index line is an `IndexLine`.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import UNSET, Struct, UnsetType

from longcase.domain.outcome import Outcome, ResultRef, RunState, TaskState, Usage
from longcase.domain.run import RunHeader

VERSION = 1


class Intent(Struct, frozen=True, kw_only=True, tag="intent", tag_field="step"):
    """The run is decided on: the first line, durable before anything starts."""

    at: datetime
    header: RunHeader
    job_file: str
    tasks: tuple[str, ...]
    version: int = VERSION


class Begin(Struct, frozen=True, kw_only=True, tag="begin", tag_field="step"):
    """An attempt of a task began. `log` is the path of its log."""

    at: datetime
    task: str
    attempt: int
    log: str


class End(Struct, frozen=True, kw_only=True, tag="end", tag_field="step"):
    """An attempt ended. `after`: the state of the task then (`waiting`: it is tried again)."""

    at: datetime
    task: str
    attempt: int
    after: TaskState
    outcome: Outcome


class Settle(Struct, frozen=True, kw_only=True, tag="settle", tag_field="step"):
    """A task reached its end without an attempt: blocked, cancelled with another, or with its run."""

    at: datetime
    task: str
    after: TaskState
    because: str
    reason: str | None = None


class Finish(Struct, frozen=True, kw_only=True, tag="finish", tag_field="step"):
    """The run reached its last state."""

    at: datetime
    state: RunState


Step = Intent | Begin | End | Settle | Finish


class AttemptRecord(Struct, frozen=True, kw_only=True):
    """One attempt of a task. `ended` and `usage` are null while it runs, and where nobody saw its end."""

    number: int
    state: TaskState
    started: datetime
    ended: datetime | None = None
    exit_code: int | None = None
    signal: str | None = None
    exception: str | None = None
    reason: str | None = None
    usage: Usage | None = None


class TaskRecord(Struct, frozen=True, kw_only=True):
    """One task of a run; what tells of an end is that of its latest attempt."""

    state: TaskState = TaskState.WAITING
    attempts: tuple[AttemptRecord, ...] = ()
    exit_code: int | None = None
    signal: str | None = None
    exception: str | None = None
    reason: str | None = None
    traceback: str | None = None
    blocked_by: str | None = None
    result: ResultRef | None = None
    usage: Usage | None = None
    log: str | None = None
    left_behind: tuple[str, ...] = ()


class RunRecord(Struct, frozen=True, kw_only=True):
    """The document of a run."""

    version: int = VERSION
    run: str
    pipeline: str
    state: RunState
    instant: datetime | None
    started: datetime | None
    ended: datetime | None
    trigger: str
    asked: datetime
    params: Mapping[str, str]
    job_file: str
    tasks: Mapping[str, TaskRecord]


class IndexLine(Struct, frozen=True, kw_only=True):
    """What became of an instant, of a row of missed ones, or of a run by hand."""

    version: int = VERSION
    run: str | UnsetType | None = UNSET
    pipeline: str
    state: RunState
    instant: datetime | UnsetType | None = UNSET
    started: datetime | UnsetType | None = UNSET
    ended: datetime | UnsetType | None = UNSET
    trigger: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    first: datetime | UnsetType = UNSET
    last: datetime | UnsetType = UNSET
    count: int | UnsetType = UNSET

    @property
    def latest_instant(self) -> datetime | None:
        """The last instant that this line accounts for, if it does for any."""
        return self.last or self.instant or None

    @property
    def begins(self) -> datetime:
        """Where the line stands among others in time: its start, else its instant."""
        when = self.started or self.instant or self.last
        assert when, "every line bears a time"
        return when


def run_line(record: RunRecord) -> IndexLine:
    """The index line of a run."""
    return IndexLine(
        run=record.run,
        pipeline=record.pipeline,
        state=record.state,
        instant=record.instant,
        started=record.started,
        ended=record.ended,
        trigger=record.trigger,
    )


def skipped_line(pipeline: str, instant: datetime, reason: str) -> IndexLine:
    """The index line of an instant that got no run, since another run was on."""
    return IndexLine(
        run=None,
        pipeline=pipeline,
        state=RunState.SKIPPED,
        instant=instant,
        started=None,
        ended=None,
        trigger="schedule",
        reason=reason,
    )


def missed_row(pipeline: str, first: datetime, last: datetime, count: int, reason: str) -> IndexLine:
    """The index line of a row of instants that were missed for one reason."""
    return IndexLine(
        pipeline=pipeline, state=RunState.MISSED, reason=reason, first=first, last=last, count=count
    )


_encoder = msgspec.json.Encoder()
_steps: msgspec.json.Decoder[Step] = msgspec.json.Decoder(Step)
_records = msgspec.json.Decoder(RunRecord)
_lines = msgspec.json.Decoder(IndexLine)


def encode(value: Struct) -> bytes:
    """One line of JSON, without its end."""
    return _encoder.encode(value)


def decode_step(line: bytes) -> Step:
    """Raises msgspec.DecodeError (ValidationError included) where the line is none."""
    return _steps.decode(line)


def decode_record(text: bytes) -> RunRecord:
    """Raises msgspec.DecodeError where the text is no document of this version's shape."""
    return _records.decode(text)


def decode_line(line: bytes) -> IndexLine:
    """Raises msgspec.DecodeError where the line is none."""
    return _lines.decode(line)
