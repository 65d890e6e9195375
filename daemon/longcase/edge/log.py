"""The daemon's own log: one structured entry an event, a line of JSON each."""

import contextlib
import re
from datetime import datetime, timedelta
from typing import Any, TextIO

import msgspec
import structlog

from longcase.domain.event import Event, Tell, severity

_LONG = ("traceback", "log_tail", "result")  # they stand in the task's log or in the history


def teller(stream: TextIO) -> Tell:
    """A function that logs an event to `stream`."""
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
    )

    def tell(event: Event) -> None:
        fields = {name: _plain(value) for name, value in msgspec.structs.asdict(event).items()}
        fields["timestamp"] = event.when.astimezone().isoformat(timespec="milliseconds")
        del fields["when"]
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more, or its disk is full
            logger.log(severity(event), _title(event), **fields)

    return tell


def _title(event: Event) -> str:
    """`TaskEnded` is told as `task ended`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(event).__name__).lower()


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone().isoformat(timespec="milliseconds")
        case timedelta():
            return round(value.total_seconds(), 3)
        case msgspec.Struct():
            fields = msgspec.structs.asdict(value)
            return {name: _plain(item) for name, item in fields.items() if item and name not in _LONG}
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value
