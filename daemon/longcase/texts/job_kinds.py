"""What only the keys of job files hold: cron lines, callables, commands, arguments, dependencies."""

import keyword
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct

from longcase.domain.pipeline import Dependency, Passing
from longcase.domain.schedule import Cron, Schedule
from longcase.texts.faults import NOT_YET, Fault, Faults, RefusedError, found, quoted
from longcase.texts.keys import Key, Section
from longcase.texts.kinds import Choice, Kind, Text, read_each
from longcase.texts.toml_lines import KeyPath
from longcase.texts.variables import VariableName

_FOREIGN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[/\\]|.*\\", re.DOTALL)  # https://…, C:\…, lib\…
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


class Target(Struct, frozen=True):
    """A callable, by module or file, and qualified name."""

    def read(self, value: object) -> str:
        right = 'a callable as "module:qualified.name" or "/path/to/file.py:qualified.name"'
        target = Text(right).read(value)
        if not _is_target(target):
            raise RefusedError.expected(right, value, _mended(target))
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
            return Dependency(Text("a task's name").read(value))
        values = EDGE.read(value)
        if "task" not in values:
            raise RefusedError.expected('task = "NAME" in the dependency', value)
        passing = values.get("pass", Passing.ORDER)
        return Dependency(values["task"], passing, _passed_name(passing, values))


EDGE = Section(
    (
        Key("task", Text("a task's name"), None, "The task that is waited for."),
        Key(
            "pass",
            Choice((Passing.ARG, Passing.KWARG, Passing.ENV, Passing.STDIN)),
            None,
            "How its result is passed: to a callable as arg (appended) or kwarg (named), to a command as env "
            "(a variable) or stdin (JSON). Left out: it only orders.",
        ),
        Key(
            "as",
            Text("a name"),
            None,
            "The keyword of pass = kwarg, the variable of pass = env. Left out: the name of the task.",
        ),
    )
)


_PASSED_AS: Mapping[Passing, Kind[str]] = {Passing.KWARG: Parameter(), Passing.ENV: VariableName()}


def _passed_name(passing: Passing, values: Mapping[str, Any]) -> str:
    kind = _PASSED_AS.get(passing)
    if "as" not in values:
        return str(values["task"]) if kind else ""
    if kind is None:
        right = 'names a keyword or a variable, and needs pass = "kwarg" or pass = "env" beside it'
        raise RefusedError([Fault(("as",), right)])
    faults = Faults()
    name = ""
    with faults.under("as"):
        name = kind.read(values["as"])
    faults.settle()
    return name


def is_parameter(name: str) -> bool:
    """Whether a Python parameter can bear this name."""
    return name.isidentifier() and not keyword.iskeyword(name)


def is_file(module: str) -> bool:
    """Whether what stands before the `:` of a callable is a file's path, not a module's name."""
    return module.endswith(".py")


def _is_target(target: str) -> bool:
    module, _, name = target.rpartition(":")
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    if is_file(module):
        return not (_FOREIGN.match(module) or module.startswith("~") or PurePosixPath(module).stem == ".py")
    return all(part.isidentifier() for part in module.split("."))


def _mended(target: str) -> str:
    """What is probably wrong with a callable that is none, and how to mend it."""
    module, _, name = target.rpartition(":")
    if _FOREIGN.match(target):
        return "name a file of this machine by its path, with /"
    if target.startswith("~"):
        return "~ is not replaced: write the path in full"
    if name.endswith(")"):
        return "leave the parentheses out; arguments stand in args and kwargs"
    if is_file(target):
        return f"name the function too: {quoted(f'{target}:NAME')}"
    if "/" in module:
        return "a file's path ends in .py"
    return ""


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
