"""The rules that a job file sets: overlap, catch-up, retries, log rotation, mail."""

from datetime import timedelta
from enum import StrEnum
from math import isfinite

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
    """How often and how late a failed attempt is tried again.

    The n-th retry waits `delay` × `backoff` to the power of n - 1, at most `max_delay` (or `delay`, if that
    is longer). Of that, up to the share `jitter` (0 to 1) is added or taken off at random, so that tasks that
    failed together don't come back together.
    """

    retries: int = 0
    delay: timedelta = timedelta(seconds=10)
    backoff: float = 1.0
    max_delay: timedelta = timedelta(hours=1)
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.delay < timedelta() or self.max_delay < timedelta():
            values = f"{self.retries}, {self.delay} and {self.max_delay}"
            raise InvalidError(f"retries and their delays are at least 0, not {values}")
        if not (self.backoff >= 1 and isfinite(self.backoff)):
            raise InvalidError(f"a retry's backoff is a number from 1 on, not {self.backoff}")
        if not 0 <= self.jitter <= 1:
            raise InvalidError(f"a retry's jitter is a share from 0 to 1, not {self.jitter}")

    @property
    def attempts(self) -> int:
        """How many attempts there are at most."""
        return self.retries + 1

    def wait(self, failed: int, chance: float) -> timedelta:
        """How long to wait after so many failed attempts (at least 1). `chance`: evenly from 0 to 1."""
        first, longest = self.delay.total_seconds(), max(self.delay, self.max_delay).total_seconds()
        try:
            middle = min(first * self.backoff ** (failed - 1), longest)
        except OverflowError:
            middle = longest if first else 0.0
        least, most = middle * (1 - self.jitter), min(middle * (1 + self.jitter), longest)
        return timedelta(seconds=least + chance * (most - least))


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
