"""A pipeline: a named graph of tasks with zero or more schedules."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from msgspec import Struct

from longcase.domain.errors import InvalidError
from longcase.domain.graph import Graph
from longcase.domain.policy import CatchUp, MailPolicy, Overlap, RetryPolicy, Rotation
from longcase.domain.schedule import Schedule

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", re.ASCII)
NAME_RULE = "1 to 100 of A-Z a-z 0-9 _ . -, the first a letter or digit"


def is_name(text: str) -> bool:
    """Whether `text` may name a pipeline or a task: names become paths."""
    return NAME.fullmatch(text) is not None


class Passing(StrEnum):
    """How a dependency's result reaches the task that waits for it."""

    ORDER = "order"  # not at all: the dependency only orders
    ARG = "arg"
    KWARG = "kwarg"


class Dependency(Struct, frozen=True):
    """An edge: the task that is waited for, and how its result is passed on (`name`: the keyword)."""

    task: str
    passing: Passing = Passing.ORDER
    name: str = ""

    def __post_init__(self) -> None:
        if (self.passing is Passing.KWARG) != bool(self.name):
            raise InvalidError(
                f"a result that is passed as {self.passing.value} bears the name {self.name!r}"
            )


class Call(Struct, frozen=True, tag="call"):
    """A Python callable, `module:qualified.name`, with its own arguments."""

    target: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        if not all(self.target.partition(":")):
            raise InvalidError(f"a callable is module:qualified.name, not {self.target!r}")


class Command(Struct, frozen=True, tag="command"):
    """A command: a string is run by `/bin/sh -c`, a tuple without a shell."""

    run: str | tuple[str, ...]


class Task(Struct, frozen=True, kw_only=True):
    """One node of the graph."""

    name: str
    action: Call | Command
    depends_on: tuple[Dependency, ...] = ()
    timeout: timedelta | None = None
    kill_grace: timedelta = timedelta(seconds=10)
    retry: RetryPolicy = RetryPolicy()
    rotation: Rotation = Rotation()

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise InvalidError(f"task name {self.name!r} is not allowed: {NAME_RULE}")
        if self.timeout is not None and self.timeout <= timedelta():
            raise InvalidError(f"task {self.name}: a timeout is more than 0, not {self.timeout}")
        if self.kill_grace < timedelta():
            raise InvalidError(f"task {self.name}: kill_grace is at least 0, not {self.kill_grace}")
        if isinstance(self.action, Command) and any(
            edge.passing is not Passing.ORDER for edge in self.depends_on
        ):
            raise InvalidError(f"task {self.name} is a command: no result can be passed to it as an argument")


class Environment(Struct, frozen=True, kw_only=True):
    """What a pipeline's tasks run in. `python=None`: the daemon's; `working_dir=None`: HOME."""

    python: str | None = None
    pythonpath: tuple[str, ...] = ()
    working_dir: str | None = None
    env: Mapping[str, str] = {}


class Pipeline(Struct, frozen=True, kw_only=True, dict=True):
    """What a job file describes. `job_file` is its text and `path` where it lies ("" where there is none)."""

    name: str
    tasks: tuple[Task, ...]
    description: str = ""
    enabled: bool = True
    schedule: Schedule = Schedule()
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.ONE
    environment: Environment = Environment()
    mail: MailPolicy = MailPolicy()
    path: str = ""
    job_file: str = ""

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise InvalidError(f"pipeline name {self.name!r} is not allowed: {NAME_RULE}")
        _ = self.graph  # a pipeline whose graph can't be built can't be built

    @cached_property
    def graph(self) -> Graph:
        return Graph((task.name, [edge.task for edge in task.depends_on]) for task in self.tasks)

    @cached_property
    def by_name(self) -> Mapping[str, Task]:
        return {task.name: task for task in self.tasks}
