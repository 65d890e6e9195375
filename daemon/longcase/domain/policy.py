"""The rules that a job file sets: overlap, catch-up, retries, log rotation, mail."""

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from longcase.domain.errors import InvalidError

SMALLEST_LOG = 4096
"""Bytes that a log file may have at least: a header, a footer and a few lines."""


class Overlap(StrEnum):
    """What becomes of an instant while a run of its pipeline is still on."""

    SKIP = "skip"


class CatchUp(StrEnum):
    """Which of the instants that passed in a gap (down time, suspend) are still run."""

    ONE = "one"


class MailOn(StrEnum):
    """What a pipeline's mail is sent for."""

    FAILURE = "failure"
    RECOVERY = "recovery"
    SUCCESS = "success"
    MISSED = "missed"


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often and how late a failed attempt is tried again."""

    retries: int = 0
    delay: timedelta = timedelta(seconds=10)

    def __post_init__(self) -> None:
        if self.retries < 0 or self.delay < timedelta():
            raise InvalidError(f"retries and their delay are at least 0, not {self.retries} and {self.delay}")

    @property
    def attempts(self) -> int:
        """How many attempts there are at most."""
        return self.retries + 1


class Rotation(Struct, frozen=True, kw_only=True):
    """How a task's log is bounded: at most `backups` + 1 files of `max_bytes` each."""

    max_bytes: int = 10 * 1024 * 1024
    backups: int = 5
    compress: bool = False

    def __post_init__(self) -> None:
        if self.max_bytes < SMALLEST_LOG or self.backups < 0:
            least = f"at least {SMALLEST_LOG} bytes and 0 backups"
            raise InvalidError(f"a log has {least}, not {self.max_bytes} and {self.backups}")


class MailPolicy(Struct, frozen=True, kw_only=True):
    """Who is told of what. `to=None`: the operator of the daemon's settings."""

    to: tuple[str, ...] | None = None
    on: frozenset[MailOn] = frozenset({MailOn.FAILURE, MailOn.RECOVERY})
