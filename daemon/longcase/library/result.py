"""What became of a run of a process."""

from dataclasses import dataclass
from functools import cached_property

from longcase.library.failure import Failure
from longcase.library.task import TaskResult


@dataclass(frozen=True, eq=False)
class ProcessResult:
    """Each in the order of the process's tasks.

    `failures`: the tasks that failed, with exception and traceback. `blocked`: the tasks that were not run,
    each with the task whose failure blocked it first.
    """

    passed_tasks_results: dict[str, TaskResult]
    failures: dict[str, Failure]
    blocked: dict[str, str]

    @cached_property
    def failed_tasks(self) -> set[str]:
        """The tasks that failed and those that were blocked."""
        return {*self.failures, *self.blocked}
