"""What the engine needs of the world, stated once. `longcase.testing` has an in-memory twin of each."""

from datetime import datetime
from typing import Protocol

from longcase.domain.attempt import Attempt
from longcase.domain.outcome import Outcome
from longcase.texts.letter import Letter


class Clock(Protocol):
    """Reads the time."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back and that no clock step changes."""


class Pool(Protocol):
    """Runs attempts, each in a process of its own.

    Built with a `Deliver`, which it calls once for each attempt that was started, from the loop's own thread
    and never from within `start` or `cancel`.
    """

    def start(self, attempt: Attempt) -> None:
        """Begin an attempt. Never raises for what the attempt does: that is its outcome."""

    def cancel(self, attempt: Attempt, late: str = "") -> None:
        """End an attempt's whole process tree; its outcome is `cancelled`, unless it ended before.

        `late`: why its time is over, if it is: then it has `timed_out`.
        """

    def log_path(self, pipeline: str, task: str) -> str:
        """Where the log of a task lies."""


class Post(Protocol):
    """Takes letters and sees to it that they arrive."""

    def send(self, letter: Letter) -> None:
        """Take a letter durably. Returns at once; a mail server that hangs or refuses is no error here."""


class Deliver(Protocol):
    """Takes the outcome of an attempt."""

    def __call__(self, attempt: Attempt, outcome: Outcome) -> None: ...
