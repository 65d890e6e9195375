"""How far a run of a process is: the domain's Run, and what its tasks gave."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from longcase.domain.graph import Graph
from longcase.domain.outcome import Outcome, TaskState
from longcase.domain.run import Move, Run
from longcase.library.failure import Failure
from longcase.library.mailroom import Mailroom
from longcase.library.result import ProcessResult
from longcase.library.task import Failed, Task, TaskResult

_READY: Final = TaskState.READY


class Progress:
    """A step says which tasks it made ready, by name. `results`: of the tasks that succeeded so far."""

    def __init__(self, tasks: Sequence[Task], graph: Graph, mailroom: Mailroom) -> None:
        self.tasks: Mapping[str, Task] = {task.name: task for task in tasks}
        self.graph = graph
        self.results: dict[str, TaskResult] = {}
        self._run = Run(graph)
        self._mailroom = mailroom
        self._failures: dict[str, Failure] = {}

    @property
    def finished(self) -> bool:
        return self._run.finished

    def start(self) -> list[str]:
        return _made_ready(self._run.start())

    def is_ready(self, name: str) -> bool:
        return self._run.states[name] is _READY

    def begin(self, name: str) -> None:
        self._run.begin(name)

    def passed_to(self, name: str) -> dict[str, Any]:
        """The results that a task is called with, by the task that they are of."""
        edges = self.tasks[name].dependencies
        return {edge.task_name: self.results[edge.task_name].result for edge in edges if edge.passes}

    def succeeded(self, name: str, value: Any, began: float, ended: float) -> list[str]:
        self.results[name] = TaskResult(worked=True, result=value, exception=None)
        return _made_ready(self._run.record(name, _outcome(TaskState.SUCCEEDED, began, ended)))

    def failed(self, name: str, failed: Failed, state: TaskState = TaskState.FAILED) -> list[str]:
        """Mails it at once, where the task has a mail handler. Says which tasks it blocked."""
        failure, began, ended = failed
        self._failures[name] = failure
        moves = self._run.record(name, _outcome(state, began, ended, failure))
        self._mailroom.post(self.tasks[name], failure)
        return [move.task for move in moves if move.after is TaskState.BLOCKED]

    def result(self) -> ProcessResult:
        order = self.graph.order
        blockers = {name: self._run.blocked_by(name) for name in order}
        return ProcessResult(
            passed_tasks_results={name: self.results[name] for name in order if name in self.results},
            failures={name: self._failures[name] for name in order if name in self._failures},
            blocked={name: blocker for name, blocker in blockers.items() if blocker is not None},
        )


def _made_ready(moves: Sequence[Move]) -> list[str]:
    return [move.task for move in moves if move.after is _READY]


def _outcome(state: TaskState, began: float, ended: float, failure: Failure | None = None) -> Outcome:
    return Outcome(
        state=state,
        started=datetime.fromtimestamp(began, UTC),
        ended=datetime.fromtimestamp(ended, UTC),
        exception=failure.line if failure else None,
        traceback=failure.traceback if failure else None,
    )
