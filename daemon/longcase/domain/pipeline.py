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
    ENV = "env"  # to a command: the value of a scalar, else the path of a JSON file
    STDIN = "stdin"  # to a command: JSON on its standard input


TO_CALLS = frozenset({Passing.ARG, Passing.KWARG})
"""How a result reaches a callable."""

TO_COMMANDS = frozenset({Passing.ENV, Passing.STDIN})
"""How a result reaches a command: as JSON, never inside a shell line."""

NAMED = frozenset({Passing.KWARG, Passing.ENV})
"""What gives the result a name: a keyword, or a variable."""


class Dependency(Struct, frozen=True):
    """An edge: the task that is waited for, and how its result is passed on.

    `name`: the keyword or the environment variable that it is passed as.
    """

    task: str
    passing: Passing = Passing.ORDER
    name: str = ""

    def __post_init__(self) -> None:
        if (self.passing in NAMED) != bool(self.name):
            raise InvalidError(
                f"a result that is passed as {self.passing.value} bears the name {self.name!r}"
            )


class Call(Struct, frozen=True, tag="call"):
    """A Python callable, `module:qualified.name` or `/path/to/file.py:qualified.name`, with its arguments."""

    target: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        if not all(self.target.partition(":")):
            raise InvalidError(f"a callable is module:qualified.name, not {self.target!r}")


class ResultKind(StrEnum):
    """What of a command is its result."""

    NONE = "none"
    TEXT = "text"  # its standard output, without the newlines at its end
    JSON = "json"  # the value that its standard output is in JSON


class Command(Struct, frozen=True, tag="command"):
    """A command: a string is run by `/bin/sh -c`, a tuple without a shell."""

    run: str | tuple[str, ...]
    result: ResultKind = ResultKind.NONE


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
        self._check_passing()

    def _check_passing(self) -> None:
        is_call = isinstance(self.action, Call)
        possible = {Passing.ORDER} | (TO_CALLS if is_call else TO_COMMANDS)
        for edge in self.depends_on:
            if edge.passing not in possible:
                kind = "callable" if is_call else "command"
                raise InvalidError(f"task {self.name} is a {kind}: no result reaches it as {edge.passing}")
        if sum(edge.passing is Passing.STDIN for edge in self.depends_on) > 1:
            raise InvalidError(f"task {self.name} has one standard input: pass one result as stdin")


class SecretSource(Struct, frozen=True, kw_only=True):
    """Where a secret is read from: exactly one of a file, a variable and a credential of the daemon."""

    file: str = ""
    env: str = ""
    credential: str = ""

    def __post_init__(self) -> None:
        if bool(self.file) + bool(self.env) + bool(self.credential) != 1:
            raise InvalidError("a secret comes from one place: a file, a variable or a credential")


class Environment(Struct, frozen=True, kw_only=True):
    """What a pipeline's tasks run in. `python=None`: the daemon's; `working_dir=None`: HOME.

    Variables come from the files of `env_file`, in their order, then from `env`, then from `secrets`. Files
    and secrets are read when an attempt begins; here only their places stand.
    """

    python: str | None = None
    pythonpath: tuple[str, ...] = ()
    working_dir: str | None = None
    env_file: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    secrets: Mapping[str, SecretSource] = {}


class Pipeline(Struct, frozen=True, kw_only=True, dict=True):
    """What a job file describes. `job_file` is its text and `path` where it lies ("" where there is none).

    `params`: the parameters that a run may be given, with their defaults.
    """

    name: str
    tasks: tuple[Task, ...]
    description: str = ""
    enabled: bool = True
    schedule: Schedule = Schedule()
    overlap: Overlap = Overlap.SKIP
    catch_up: CatchUp = CatchUp.ONE
    run_timeout: timedelta | None = None
    params: Mapping[str, str] = {}
    environment: Environment = Environment()
    mail: MailPolicy = MailPolicy()
    path: str = ""
    job_file: str = ""

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise InvalidError(f"pipeline name {self.name!r} is not allowed: {NAME_RULE}")
        if self.run_timeout is not None and self.run_timeout <= timedelta():
            raise InvalidError(f"pipeline {self.name}: run_timeout is more than 0, not {self.run_timeout}")
        _ = self.graph  # a pipeline whose graph can't be built can't be built

    @cached_property
    def graph(self) -> Graph:
        return Graph((task.name, [edge.task for edge in task.depends_on]) for task in self.tasks)

    @cached_property
    def by_name(self) -> Mapping[str, Task]:
        return {task.name: task for task in self.tasks}

    @cached_property
    def passed_as_json(self) -> frozenset[str]:
        """The tasks whose result some other task wants as JSON."""
        return frozenset(
            edge.task for task in self.tasks for edge in task.depends_on if edge.passing in TO_COMMANDS
        )
