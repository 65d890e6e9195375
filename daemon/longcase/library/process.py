"""A process: tasks that wait for each other, run from a program of its own."""

import difflib
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from longcase.domain.errors import CycleError, DuplicateTaskError, UnknownDependencyError
from longcase.domain.graph import Graph
from longcase.library.errors import CircularDependencyError, DependencyNotFoundError, TaskNotFoundError
from longcase.library.mailroom import Mailroom
from longcase.library.parallel import run_in_parallel
from longcase.library.progress import Progress
from longcase.library.result import ProcessResult
from longcase.library.sequential import run_in_sequence
from longcase.library.task import Task, TaskResult

_PARALLEL_FROM = 10


class Process:
    """Runs tasks, each as soon as those that it depends on are done.

    `tasks`: in an order in which they can be run one after another; as they were given among equals.

    Raises TypeError, ValueError where two tasks bear the same name, DependencyNotFoundError or
    CircularDependencyError.
    """

    def __init__(self, tasks: list[Task]) -> None:
        if not isinstance(tasks, list):
            raise TypeError(f"a Process takes a list of tasks, not a {type(tasks).__qualname__}")
        for number, task in enumerate(tasks, 1):
            if not isinstance(task, Task):
                raise TypeError(
                    f"a Process takes a list of Task, and number {number} in it is "
                    f"of type {type(task).__qualname__}"
                )
        self.graph = _graph_of(tasks)
        by_name = {task.name: task for task in tasks}
        self.tasks = [by_name[name] for name in self.graph.order]
        self.latest_results: Mapping[str, TaskResult] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_loggers()

    def close_loggers(self) -> None:
        """Close the log of every task. What is logged later opens it again."""
        for task in self.tasks:
            for handler in task.logger.handlers:
                handler.close()

    def get_task(self, task_name: str) -> Task:
        """The task of that name. Raises TaskNotFoundError."""
        for task in self.tasks:
            if task.name == task_name:
                return task
        near = difflib.get_close_matches(task_name, [task.name for task in self.tasks])
        hint = f"; near are {', '.join(near)}" if near else ""
        raise TaskNotFoundError(f"this process has no task {task_name!r}{hint}")

    def get_dependant_tasks(self, task_name: str) -> list[Task]:
        """All tasks that wait for that one, at any depth, nearest first; none for an unknown name."""
        if task_name not in self.graph:
            return []
        by_name = {task.name: task for task in self.tasks}
        return [by_name[name] for name in self.graph.descendants(task_name)]

    def run(self, parallel: bool | None = None, max_workers: int = 4) -> ProcessResult:  # noqa: FBT001 - the interface
        """Run every task whose dependencies succeed, anew each time.

        `parallel=None`: in parallel from ten tasks on. In parallel, tasks run in forked processes, at most
        `max_workers` at once, and results are pickled; else, and with one worker, in the calling process. The
        forks have the caller's descriptors and copies of its objects: prints go where its own go, but what is
        printed to an object in memory, as with redirect_stdout, stays in the copy.

        Raises LongcaseError where no process can be forked, and what the constructor raises where tasks were
        changed since.
        """
        if not isinstance(max_workers, int):
            raise TypeError(f"max_workers is of type int, not {type(max_workers).__qualname__}")
        limit = max(max_workers, 1)
        if parallel is None:
            parallel = len(self.tasks) >= _PARALLEL_FROM
        self.graph = _graph_of(self.tasks)  # names and dependencies may have been changed
        with Mailroom(self.graph) as mailroom:
            progress = Progress(self.tasks, self.graph, mailroom)
            self.latest_results = progress.results
            if parallel and limit > 1 and self.tasks:
                run_in_parallel(progress, limit)
            else:
                run_in_sequence(progress)
        return progress.result()


def _graph_of(tasks: list[Task]) -> Graph:
    try:
        return Graph((task.name, [edge.task_name for edge in task.dependencies]) for task in tasks)
    except DuplicateTaskError as error:
        raise ValueError(f"Duplicate task name: {error.name}; rename one of them") from None
    except UnknownDependencyError as error:
        raise DependencyNotFoundError(error.task, error.missing) from None
    except CycleError as error:
        raise CircularDependencyError(error.cycle) from None
