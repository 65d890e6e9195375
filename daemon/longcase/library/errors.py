"""Errors of the library face, by the names that its users know."""

from collections.abc import Sequence

from longcase.domain.errors import CycleError, LongcaseError, UnknownDependencyError


class DependencyNotFoundError(UnknownDependencyError):
    """A task depends on a name that no task of its process bears, or needs a result that isn't there."""


class CircularDependencyError(CycleError):
    """Tasks of a process wait for each other. `cycle` begins and ends with the same name."""

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(cycle)
        self.args = (f"Circular dependency detected: {' → '.join(cycle)}; remove one of these edges",)


class TaskNotFoundError(LongcaseError):
    """A process has no task by that name."""


class TaskError(LongcaseError):
    """What failed a task, where no exception of its own can tell.

    `class_name`, `text` and `traceback` are those of an exception that can't be pickled. Where there was
    none (the worker died, the result can't be pickled) `class_name` is "", and `text` is the cause.
    """

    def __init__(self, class_name: str, text: str, traceback: str = "") -> None:
        super().__init__(class_name, text, traceback)
        self.class_name = class_name
        self.text = text
        self.traceback = traceback

    def __str__(self) -> str:
        return ": ".join(part for part in (self.class_name, self.text) if part)

    def __repr__(self) -> str:
        return f"TaskError({str(self)!r})"
