"""One execution of a graph, as a state machine that says what moved."""

import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from longcase.domain.errors import InvalidError, TransitionError
from longcase.domain.graph import Graph
from longcase.domain.outcome import FAILURES, Outcome, RunState, TaskState
from longcase.domain.policy import RetryPolicy

TRANSITIONS: Final[Mapping[TaskState, frozenset[TaskState]]] = {
    TaskState.WAITING: frozenset({TaskState.READY, TaskState.BLOCKED, TaskState.CANCELLED}),
    TaskState.READY: frozenset({TaskState.RUNNING, TaskState.CANCELLED}),
    TaskState.RUNNING: frozenset(
        {
            TaskState.SUCCEEDED,
            TaskState.FAILED,
            TaskState.TIMED_OUT,
            TaskState.KILLED,
            TaskState.CANCELLED,
            TaskState.WAITING,  # for its next attempt
        }
    ),
    TaskState.SUCCEEDED: frozenset(),
    TaskState.FAILED: frozenset(),
    TaskState.TIMED_OUT: frozenset(),
    TaskState.KILLED: frozenset(),
    TaskState.CANCELLED: frozenset(),
    TaskState.BLOCKED: frozenset(),
}
"""Every move that there is. A state without moves is final."""


class Move(Struct, frozen=True):
    """A task went from one state to another. `because` names the task that caused it, where another did."""

    task: str
    before: TaskState
    after: TaskState
    because: str = ""


class RunHeader(Struct, frozen=True, kw_only=True):
    """What is known of a run when it is born.

    `instant`: None for a run by hand; `asked`: when it was asked for, by the schedule or by someone.
    """

    run: str
    pipeline: str
    asked: datetime
    instant: datetime | None = None
    trigger: str = "schedule"
    params: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        for what, text in {"its trigger": self.trigger, **self.params}.items():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise InvalidError(f"run {self.run}: {what} is no text in UTF-8: {text!r}") from None


_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}@\d{8}T\d{6}Z(-[a-z0-9]+)?", re.ASCII)


def run_id(pipeline: str, when: datetime, suffix: str = "") -> str:
    """The id of a run: pipeline and instant in UTC; by hand: the time it was asked for, and a suffix."""
    stamp = when.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{pipeline}@{stamp}" + (f"-{suffix}" if suffix else "")


def is_run_id(text: str) -> bool:
    """Whether `text` may be the id of a run: ids become paths."""
    return _RUN_ID.fullmatch(text) is not None


def pipeline_of(run: str) -> str:
    """The pipeline that a run id names."""
    return run.rpartition("@")[0]


_NO_RETRY = RetryPolicy()
_NOT_BEGUN = frozenset({TaskState.WAITING, TaskState.READY})


class Run:
    """The states of a graph's tasks during one run. Only its own methods change it; each returns what moved.

    All methods together cost O(V + E) over a whole run; after `expire`, as much for each end of what ran.
    """

    def __init__(self, graph: Graph, retry: Mapping[str, RetryPolicy] | None = None) -> None:
        self.graph = graph
        self.state = RunState.QUEUED
        self._retry = retry or {}
        self._states = dict.fromkeys(graph.order, TaskState.WAITING)
        self._waits_for = {name: len(graph.dependencies(name)) for name in graph.order}
        self._attempts = dict.fromkeys(graph.order, 0)
        self._blocked_by: dict[str, str] = {}
        self._open = len(graph)
        self._running = 0
        self._stopping = False
        self._cut_short = False
        self._expired = False

    @property
    def states(self) -> Mapping[str, TaskState]:
        """The state of every task, in topological order: a view that changes with the run."""
        return MappingProxyType(self._states)

    @property
    def running(self) -> int:
        """How many tasks are running."""
        return self._running

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self._expired

    @property
    def finished(self) -> bool:
        return self._open == 0 or (self._stopping and self._running == 0)

    def attempt(self, task: str) -> int:
        """The number of the task's latest attempt, from 1; 0 before the first."""
        return self._attempts[task]

    def blocked_by(self, task: str) -> str | None:
        """The task whose failure blocked this one first, or None."""
        return self._blocked_by.get(task)

    def start(self) -> tuple[Move, ...]:
        """Begin: every task that waits for nothing becomes ready."""
        if self.state is not RunState.QUEUED:
            raise TransitionError(f"a run that is {self.state.value} can't start")
        self.state = RunState.RUNNING
        moves = [self._move(name, TaskState.READY) for name in self.graph.order if self._waits_for[name] == 0]
        self._settle()
        return tuple(moves)

    def begin(self, task: str) -> Move:
        """A ready task begins its next attempt."""
        if self._stopping:
            raise TransitionError(f"task {task} can't begin: its run is being stopped")
        move = self._move(task, TaskState.RUNNING)
        self._attempts[task] += 1
        return move

    def record(self, task: str, outcome: Outcome) -> tuple[Move, ...]:
        """The running attempt of `task` ended. O(out-degree), and as much for each task that it blocks."""
        if self._states[task] is not TaskState.RUNNING:
            raise TransitionError(
                f"task {task} is {self._states[task].value}: it has no attempt that could end"
            )
        failed = outcome.state in FAILURES
        if failed and self.may_retry(task):
            moves = [self._move(task, TaskState.WAITING)]
        else:
            moves = [self._move(task, outcome.state)]
            if failed:
                moves += self._spread(task, TaskState.BLOCKED)
            elif self._expired:
                moves += self._give_up()
            elif outcome.state is TaskState.SUCCEEDED:
                moves += self._release(task)
            elif self._stopping:
                self._cut_short = True
            else:
                moves += self._spread(task, TaskState.CANCELLED)
        self._settle()
        return tuple(moves)

    def may_retry(self, task: str) -> bool:
        """Whether a failure of the task's present attempt is followed by another attempt."""
        return not self._expired and self._attempts[task] < self._retry.get(task, _NO_RETRY).attempts

    def retry(self, task: str) -> Move:
        """The delay before the next attempt is over: the task is ready again."""
        if self._attempts[task] == 0:
            raise TransitionError(f"task {task} can't be retried: it has had no attempt")
        return self._move(task, TaskState.READY)

    def expire(self) -> tuple[Move, ...]:
        """Its time is over: it fails, unless all that is left succeeds while it is being ended.

        What runs is to be ended, and blocks what waits for it; all else that has no end yet is cancelled.
        """
        self._expired = True
        moves = self._give_up()
        self._settle()
        return tuple(moves)

    def _give_up(self) -> list[Move]:
        """Cancel what has not begun, and what waits for nothing that runs."""
        waits = self._waiting_for_running()
        left = [name for name, state in self._states.items() if state in _NOT_BEGUN and name not in waits]
        return [self._move(name, TaskState.CANCELLED) for name in left]

    def _waiting_for_running(self) -> set[str]:
        found: set[str] = set()
        queue = deque(name for name, state in self._states.items() if state is TaskState.RUNNING)
        while queue:
            fresh = [name for name in self.graph.dependants(queue.popleft()) if name not in found]
            found.update(fresh)
            queue.extend(fresh)
        return found

    def stop(self) -> None:
        """Begin nothing more: the run is interrupted when its running tasks have ended.

        A task that is cancelled from now on was cut short by the stop, so its run is interrupted, even if it
        was the last one.
        """
        self._stopping = True
        self._settle()

    def _release(self, task: str) -> list[Move]:
        moves = []
        for dependant in self.graph.dependants(task):
            self._waits_for[dependant] -= 1
            if self._waits_for[dependant] == 0 and self._states[dependant] is TaskState.WAITING:
                moves.append(self._move(dependant, TaskState.READY, because=task))
        return moves

    def _spread(self, task: str, after: TaskState) -> list[Move]:
        """To everything that waits for `task` at any depth, nearest first, unless another end was before."""
        moves = []
        queue = deque((task,))
        while queue:
            for dependant in self.graph.dependants(queue.popleft()):
                if self._states[dependant] is TaskState.WAITING:
                    moves.append(self._move(dependant, after, because=task))
                    queue.append(dependant)
                    if after is TaskState.BLOCKED:
                        self._blocked_by[dependant] = task
        return moves

    def _move(self, task: str, after: TaskState, because: str = "") -> Move:
        before = self._states[task]
        if after not in TRANSITIONS[before]:
            raise TransitionError(f"task {task} can't go from {before.value} to {after.value}")
        self._states[task] = after
        self._running += (after is TaskState.RUNNING) - (before is TaskState.RUNNING)
        if not TRANSITIONS[after]:
            self._open -= 1
        return Move(task, before, after, because)

    def _settle(self) -> None:
        if self._open == 0 and not self._cut_short:
            every = self._states.values()
            if any(state in FAILURES for state in every):
                self.state = RunState.FAILED
            elif any(state is TaskState.CANCELLED for state in every):
                self.state = RunState.FAILED if self._expired else RunState.CANCELLED
            else:
                self.state = RunState.SUCCEEDED
        elif self._stopping and self._running == 0:
            self.state = RunState.INTERRUPTED
