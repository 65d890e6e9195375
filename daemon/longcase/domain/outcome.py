"""What becomes of tasks and runs: their states, and the outcome of one attempt."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class TaskState(StrEnum):
    """Where a task of a run stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    KILLED = "killed"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"


class RunState(StrEnum):
    """Where a run stands, or what became of an instant that got none."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"
    MISSED = "missed"


FAILURES = frozenset({TaskState.FAILED, TaskState.TIMED_OUT, TaskState.KILLED})
"""The ends of an attempt that are retried, block what waits for the task, and are mailed."""

ENDS = FAILURES | {TaskState.SUCCEEDED, TaskState.CANCELLED}
"""The states that an attempt can end in."""


class ResultRef(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a task's result lies: only this travels, never the result. Sizes in bytes.

    `format`: pickle, json or text. `json`: the path of a file that holds the result as JSON, "" where
    no other task wants that.
    """

    path: str
    size: int
    offset: int = 0
    format: str = "pickle"
    repr: str = ""
    json: str = ""


class Usage(Struct, frozen=True, kw_only=True):
    """What an attempt's process tree used: seconds and bytes, and how each was measured."""

    wall: float
    cpu_user: float
    cpu_system: float
    memory_peak: int | None = None
    cpu_measured: str = "wait4"
    memory_measured: str = ""


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of one attempt.

    `exception` is one line (`ValueError: no rows`), `reason` the cause in words where there is no exception
    (`killed by SIGKILL`, `no end within its timeout of 1s`). `log_tail` holds the last lines of the attempt's
    log where it failed, and `left_behind` processes that could not be killed.
    """

    state: TaskState
    started: datetime
    ended: datetime
    exit_code: int | None = None
    signal: str | None = None
    exception: str | None = None
    traceback: str | None = None
    reason: str | None = None
    result: ResultRef | None = None
    usage: Usage | None = None
    log_tail: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.state not in ENDS:
            raise ValueError(
                f"an attempt can't end as {self.state.value!r}; it ends as one of {', '.join(sorted(ENDS))}"
            )

    @property
    def cause(self) -> str:
        """Why the attempt ended as it did, in one line."""
        return self.exception or self.reason or self.state.value
