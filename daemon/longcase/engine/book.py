"""What is known of one pipeline's instants: until when they are accounted for, and what is still to walk."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from longcase.domain.pipeline import Pipeline
from longcase.domain.schedule import Schedule

STEP = 1000
"""How many instants of a pipeline one step takes in at most: no pipeline holds up the others."""

DISABLED = "the pipeline was disabled"
INVALID = "the job file was invalid"


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides when a pipeline is due. `idle`: why its instants are missed; "": they aren't."""

    schedule: Schedule
    idle: str = ""


@dataclass(slots=True)
class Gap:
    """Instants up to `until` that nobody was there to run; they are walked oldest first, in steps.

    What was due until `since`, where that is given, was reached before: it is late, and in no gap.
    With `caught_up` the newest of them is still run, and stands in `newest` until a newer one is found; all
    others make one row.
    """

    schedule: Schedule
    until: datetime
    reason: str
    caught_up: bool
    since: datetime | None = None
    walked: datetime | None = None
    first: datetime | None = None
    last: datetime | None = None
    count: int = 0
    newest: datetime | None = None

    def walk(self, after: datetime) -> bool:
        """Take in a step of the instants later than `after`: whether those were all."""
        instants = self.schedule.due(max(self.walked or after, after), self.until, STEP)
        for instant in instants:
            self._take(instant)
        wholly = len(instants) < STEP
        self.walked = self.until if wholly else instants[-1]
        return wholly

    def _take(self, instant: datetime) -> None:
        missed: datetime | None = instant
        if self.caught_up:
            missed, self.newest = self.newest, instant
        if missed is not None:
            self.first = self.first or missed
            self.last = missed
            self.count += 1


@dataclass(slots=True)
class Book:
    """One pipeline: the terms in force, and the instants that are accounted for (all until `until`).

    `pipeline` is None where no valid job file is there. `accepted`: whether the terms are on disk.
    """

    terms: Terms
    until: datetime
    pipeline: Pipeline | None = None
    accepted: bool = True
    gaps: deque[Gap] = field(default_factory=deque)
