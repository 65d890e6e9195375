"""In-memory twins of the ports, for tests: nothing sleeps, nothing is started, nothing is sent."""

from datetime import UTC, datetime, timedelta

from longcase.domain.attempt import Attempt
from longcase.domain.outcome import Outcome
from longcase.ports import Deliver
from longcase.texts.letter import Letter


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError(f"time can't pass by {seconds} s; step_wall turns the wall clock back")
        self.step_wall(seconds)
        self._monotonic += seconds

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock, forth or back, while no time passes."""
        self._now += timedelta(seconds=seconds)


class InMemoryPool:
    """A pool whose attempts end when the test says so.

    `started` and `cancelled` list attempts in the order of the calls; `running` those without an outcome.
    """

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._open: dict[tuple[str, str, int], Attempt] = {}
        self.started: list[Attempt] = []
        self.cancelled: list[Attempt] = []
        self.late: dict[tuple[str, str, int], str] = {}

    @property
    def running(self) -> tuple[Attempt, ...]:
        return tuple(self._open.values())

    def start(self, attempt: Attempt) -> None:
        self._open[attempt.key] = attempt
        self.started.append(attempt)

    def cancel(self, attempt: Attempt, late: str = "") -> None:
        """Note the wish; the test ends the attempt as `cancelled`, or as what it was about to end as."""
        if attempt.key in self._open:
            self.cancelled.append(attempt)
            self.late[attempt.key] = late

    def finish(self, attempt: Attempt, outcome: Outcome) -> None:
        """End an attempt. Raises KeyError for one that doesn't run."""
        self._deliver(self._open.pop(attempt.key), outcome)

    def log_path(self, pipeline: str, task: str) -> str:
        return f"/in-memory/{pipeline}/{task}.log"


class InMemoryPost:
    """Keeps the letters."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def send(self, letter: Letter) -> None:
        self.letters.append(letter)
