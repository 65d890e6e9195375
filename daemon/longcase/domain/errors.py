"""Errors of the domain: each names the place, the value and the remedy."""

from collections.abc import Sequence


class LongcaseError(Exception):
    """Base of every error that Longcase raises on purpose."""


class InvalidError(LongcaseError):
    """A value that can't be."""


class DuplicateTaskError(LongcaseError):
    """Two tasks of one graph bear the same name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"two tasks are named {name!r}: rename one of them")
        self.name = name


class UnknownDependencyError(LongcaseError):
    """A task depends on a name that no task of the graph bears."""

    def __init__(self, task: str, missing: str) -> None:
        super().__init__(f"Task {task} depends on missing task: {missing}")
        self.task = task
        self.missing = missing


class CycleError(LongcaseError):
    """Tasks wait for each other. `cycle` begins and ends with the same name; each waits for the next."""

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(
            f"tasks wait for each other in a cycle: {' → '.join(cycle)}; remove one of these edges"
        )
        self.cycle = tuple(cycle)


class ScheduleError(LongcaseError):
    """A schedule that can't be understood, or that never fires."""


class TransitionError(LongcaseError):
    """A move that the table of states doesn't know: a defect in the caller, never a user's mistake."""
