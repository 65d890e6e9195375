"""What only the keys of job files hold: cron lines, callables, commands, arguments, dependencies."""

import keyword
import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from longcase.domain.pipeline import Dependency, Passing
from longcase.domain.schedule import Cron, Schedule
from longcase.texts.faults import NOT_YET, Fault, Faults, RefusedError, found
from longcase.texts.keys import Key, Section
from longcase.texts.kinds import Choice, Text, read_each
from longcase.texts.toml_lines import KeyPath

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST = 50  # levels of args and kwargs: what carries them to the task is recursive


class CronLine(Struct, frozen=True):
    """A cron expression or a nickname."""

    def read(self, value: object) -> Cron:
        right = 'a cron line such as "30 2 * * *" or "@daily"'
        if isinstance(value, dict) and value.keys() & {"every", "at"}:
            raise RefusedError.expected(right, value, f"every and at are {NOT_YET}")
        return Cron(Text(right).read(value))


class Timezone(Struct, frozen=True):
    """The IANA name of a time zone."""

    def read(self, value: object) -> str:
        return Schedule(timezone=Text('a time zone such as "Europe/Berlin"').read(value)).timezone


class Variables(Struct, frozen=True):
    """Environment variables: a table of strings."""

    def read(self, value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise RefusedError.expected('a table of strings such as { REGION = "eu" }', value)
        faults = Faults()
        variables = {}
        for name, item in value.items():
            with faults.under(name):
                _check_variable(name)
                variables[name] = Text(may_be_empty=True).read(item)
        faults.settle()
        return variables


class Target(Struct, frozen=True):
    """A callable, by module and qualified name."""

    def read(self, value: object) -> str:
        right = 'a callable as "module:qualified.name"'
        target = Text(right).read(value)
        module, _, name = target.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
            hint = f"a file's path is {NOT_YET}: name the module, and its folder in pythonpath"
            raise RefusedError.expected(right, value, hint if "/" in target else "")
        return target


class CommandLine(Struct, frozen=True):
    """A string for the shell, or a list for no shell."""

    def read(self, value: object) -> str | tuple[str, ...]:
        right = "a command: a string for /bin/sh, or a list of program and arguments"
        if isinstance(value, str):
            if not value.strip():
                raise RefusedError.expected(right, value)
            return Text(right).read(value)
        if not isinstance(value, list) or not value or value[0] == "":
            raise RefusedError.expected(right, value)
        return read_each(Text(may_be_empty=True), value)


class Arguments(Struct, frozen=True):
    """Positional arguments: a list of values that can travel to the task's process."""

    def read(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise RefusedError.expected('a list of arguments such as ["eu", 3]', value)
        _check_portable(value)
        return tuple(value)


class KeywordArguments(Struct, frozen=True):
    """Keyword arguments: a table of values that can travel to the task's process."""

    def read(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise RefusedError.expected("a table of keyword arguments such as { pages = 3 }", value)
        _check_portable(value)
        return value


class Parameter(Struct, frozen=True):
    """The name of a Python parameter."""

    def read(self, value: object) -> str:
        name = Text("a Python parameter's name").read(value)
        if not is_parameter(name):
            raise RefusedError.expected("a Python parameter's name", value)
        return name


class Edge(Struct, frozen=True):
    """A dependency: a bare name that orders, or a table that passes the result on."""

    def read(self, value: object) -> Dependency:
        if not isinstance(value, str | dict):
            raise RefusedError.expected('a task\'s name, or { task = "NAME", pass = "arg" }', value)
        if isinstance(value, str):
            return Dependency(value)
        values = EDGE.read(value)
        if "task" not in values:
            raise RefusedError.expected('task = "NAME" in the dependency', value)
        passing = values.get("pass", Passing.ORDER)
        if "as" in values and passing is not Passing.KWARG:
            raise RefusedError([Fault(("as",), 'names a keyword, and needs pass = "kwarg" beside it')])
        name = values.get("as", values["task"]) if passing is Passing.KWARG else ""
        return Dependency(values["task"], passing, name)


EDGE = Section(
    (
        Key("task", Text("a task's name"), None, "The task that is waited for."),
        Key(
            "pass",
            Choice((Passing.ARG, Passing.KWARG), ("env", "stdin")),
            None,
            "How its result is passed: arg appends it, kwarg names it. Left out: it only orders.",
        ),
        Key("as", Parameter(), None, "The keyword of pass = kwarg. Left out: the name of the task."),
    )
)


def is_parameter(name: str) -> bool:
    """Whether a Python parameter can bear this name."""
    return name.isidentifier() and not keyword.iskeyword(name)


def _check_variable(name: str) -> None:
    if not _VARIABLE.fullmatch(name):
        raise RefusedError([Fault((), "not a variable's name; right are A-Z a-z 0-9 _, the first no digit")])
    if name.startswith("LONGCASE_"):
        raise RefusedError([Fault((), "LONGCASE_ begins what Longcase sets itself; choose another name")])


def _check_portable(values: list[Any] | dict[str, Any]) -> None:
    faults = Faults()
    for path, value in _walk(values):
        if len(path) > _DEEPEST:
            faults.add(path, f"nested deeper than {_DEEPEST} levels; let the callable read it from a file")
        elif isinstance(value, int) and value.bit_length() > 63:
            faults.add(path, f"expected an integer of 64 bits, found {found(value)}; write it as a string")
    faults.settle()


def _walk(values: list[Any] | dict[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Everything inside, without recursion, and to one level below the deepest allowed."""
    stack: list[tuple[KeyPath, Any]] = [((), values)]
    while stack:
        path, value = stack.pop()
        if path:
            yield path, value
        if len(path) > _DEEPEST:
            continue
        if isinstance(value, list):
            stack += [((*path, index), item) for index, item in enumerate(value)]
        elif isinstance(value, dict):
            stack += [((*path, name), item) for name, item in value.items()]
