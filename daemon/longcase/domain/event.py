"""What happens, as values: the log, the demo and later the API tell of nothing else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import IntEnum

from msgspec import Struct

from longcase.domain.outcome import FAILURES, Outcome, RunState, TaskState


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened; `when` is in UTC."""

    when: datetime


class DaemonReady(Event, frozen=True, kw_only=True):
    """The timetable is armed. `next`: the next instant of all, and its pipeline."""

    pipelines: int
    jobs_dir: str
    next: tuple[datetime, str] | None


class DaemonStopping(Event, frozen=True, kw_only=True):
    """The daemon begins nothing more, and waits so long for what runs."""

    patience: timedelta


class PipelineAccepted(Event, frozen=True, kw_only=True):
    """A job file is in force from now on."""

    pipeline: str
    next: datetime | None
    changed: bool  # False: the pipeline is new


class PipelineRemoved(Event, frozen=True, kw_only=True):
    """The job file of a pipeline is gone."""

    pipeline: str


class JobFileRefused(Event, frozen=True, kw_only=True):
    """A job file has errors, each `FILE:LINE: path.to.key: …`; `kept`: its last good version runs on."""

    path: str
    pipeline: str
    errors: tuple[str, ...]
    kept: bool


class InstantSkipped(Event, frozen=True, kw_only=True):
    """An instant got no run, since an earlier run was still on."""

    pipeline: str
    instant: datetime
    because: str


class InstantsMissed(Event, frozen=True, kw_only=True):
    """A row of instants got no run: first and last of them, how many, and why."""

    pipeline: str
    first: datetime
    last: datetime
    count: int
    reason: str


class RunStarted(Event, frozen=True, kw_only=True):
    """A run began. `late`: since its instant; zero for a run by hand."""

    pipeline: str
    run: str
    late: timedelta


class TaskStarted(Event, frozen=True, kw_only=True):
    """An attempt of a task began."""

    pipeline: str
    run: str
    task: str
    attempt: int
    attempts: int


class TaskEnded(Event, frozen=True, kw_only=True):
    """An attempt of a task ended. `retry_in`: until its next attempt; None: it is its task's last."""

    pipeline: str
    run: str
    task: str
    attempt: int
    attempts: int
    outcome: Outcome
    retry_in: timedelta | None
    log: str


class TaskBlocked(Event, frozen=True, kw_only=True):
    """A task will not run, because of the failure of another."""

    pipeline: str
    run: str
    task: str
    because: str


class RunEnded(Event, frozen=True, kw_only=True):
    """A run reached its last state."""

    pipeline: str
    run: str
    state: RunState
    took: timedelta


class MailQueued(Event, frozen=True, kw_only=True):
    """A mail was written to the outbox."""

    to: tuple[str, ...]
    subject: str


class MailSent(Event, frozen=True, kw_only=True):
    """The mail server took a mail."""

    to: tuple[str, ...]
    subject: str


class MailFailed(Event, frozen=True, kw_only=True):
    """The mail server did not take a mail; `retry_in`: until the next try, None: it was refused for good."""

    to: tuple[str, ...]
    subject: str
    reason: str
    retry_in: timedelta | None


class MailNotWanted(Event, frozen=True, kw_only=True):
    """A failure that nobody is told of: the job file names no `to`, and the settings no `operator`."""

    pipeline: str
    run: str


class Trouble(Event, frozen=True, kw_only=True):
    """Something of the daemon's own went wrong, and what is done about it."""

    place: str
    reason: str


Tell = Callable[[Event], None]
"""Who hears of what happens."""


class Severity(IntEnum):
    """How much an event wants attention; the numbers are those of `logging`."""

    INFO = 20
    WARNING = 30
    ERROR = 40


_SEVERITIES: dict[type[Event], Severity] = {
    InstantSkipped: Severity.WARNING,
    InstantsMissed: Severity.WARNING,
    TaskBlocked: Severity.WARNING,
    MailFailed: Severity.WARNING,
    MailNotWanted: Severity.WARNING,
    JobFileRefused: Severity.ERROR,
    Trouble: Severity.ERROR,
}
_ENDS: dict[TaskState | RunState, Severity] = {
    **dict.fromkeys(FAILURES, Severity.ERROR),
    TaskState.CANCELLED: Severity.WARNING,
    RunState.FAILED: Severity.ERROR,
    RunState.CANCELLED: Severity.WARNING,
    RunState.INTERRUPTED: Severity.WARNING,
}


def severity(event: Event) -> Severity:
    """How much an event wants attention: an end by its state, all else by its kind."""
    match event:
        case TaskEnded():
            return _ENDS.get(event.outcome.state, Severity.INFO)
        case RunEnded():
            return _ENDS.get(event.state, Severity.INFO)
        case _:
            return _SEVERITIES.get(type(event), Severity.INFO)
