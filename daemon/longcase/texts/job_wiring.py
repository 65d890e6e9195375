"""How the tasks of a job file hang together: what can't be seen in one key alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from longcase.domain.errors import CycleError, LongcaseError
from longcase.domain.graph import Graph
from longcase.domain.pipeline import NAME_RULE, TO_CALLS, TO_COMMANDS, Dependency, Passing, is_name
from longcase.texts.faults import Faults, nearest, quoted
from longcase.texts.job_kinds import Edge, is_parameter
from longcase.texts.variables import is_variable

Tables = Mapping[str, Any]
"""The tables of a file's tasks as they stand there, by name, right or wrong."""

_MOST_CYCLES = 10  # told at once: each costs a walk over the whole graph


def check_wiring(data: Mapping[str, Any], faults: Faults) -> None:
    """Names, actions and dependencies of all tasks of a job file, and the variables that meet in them."""
    tasks: Tables = data["tasks"]
    edges = {name: list(_edges(table)) for name, table in tasks.items()}
    variables = _variables(data, faults)
    for name, table in tasks.items():
        if not is_name(name):
            faults.add(("tasks", name), f"not a task's name; right are {NAME_RULE}")
        if isinstance(table, dict):
            _check_action(name, table, faults)
        _check_edges(_Wiring(name, tasks, variables), edges[name], faults)
    _check_cycles(edges, faults)


def _variables(data: Mapping[str, Any], faults: Faults) -> Mapping[str, str]:
    """The variables that all tasks have, each with the table it stands in."""
    env, secrets = (
        table if isinstance(table, dict) else {} for table in (data.get("env"), data.get("secrets"))
    )
    for name in secrets:
        if name in env:
            faults.add(("secrets", name), "stands in env too, and which one counts is not clear; remove one")
    return dict.fromkeys(env, "env") | dict.fromkeys(secrets, "secrets")


def _edges(table: object) -> Iterator[tuple[int, Dependency]]:
    """The dependencies of a task that can be read, each with its index."""
    listed = table.get("depends_on") if isinstance(table, dict) else None
    for index, value in enumerate(listed if isinstance(listed, list) else []):
        try:
            yield index, Edge().read(value)
        except LongcaseError:
            continue  # told where the key is read


def _check_action(name: str, table: Mapping[str, Any], faults: Faults) -> None:
    if "call" in table and "run" in table:
        faults.add(("tasks", name, "run"), "call stands there too; a task has one of them: remove the other")
    elif "call" not in table and "run" not in table:
        right = 'call = "module:function" or run = "command"'
        faults.add(("tasks", name), f"expected {right}, found neither{_dotted_name(name, table)}")
    elif "run" in table:
        for key in ("args", "kwargs"):
            if key in table:
                faults.add(("tasks", name, key), "goes with call only; write a command's arguments into run")
    elif "result" in table:
        faults.add(
            ("tasks", name, "result"), "goes with run only; a callable's result is what it returns: remove it"
        )


def _dotted_name(name: str, table: Mapping[str, Any]) -> str:
    """The remedy where a table is a task of its own, whose name a dot has taken apart."""
    inner = (
        key for key, value in table.items() if isinstance(value, dict) and value.keys() & {"call", "run"}
    )
    key = next(inner, None)
    return f"; a name with a dot stands in quotes: [tasks.{quoted(f'{name}.{key}')}]" if key else ""


def _check_edges(wiring: "_Wiring", edges: list[tuple[int, Dependency]], faults: Faults) -> None:
    for index, edge in edges:
        wiring.hints = faults.may_compare(len(wiring.tasks))
        wrong = wiring.wrong(edge)
        if wrong:
            faults.add(("tasks", wiring.name, "depends_on", index), wrong)


class _Wiring:
    """The dependencies of one task, one after another. `hints`: whether near names are looked for."""

    def __init__(self, name: str, tasks: Tables, variables: Mapping[str, str]) -> None:
        self.name = name
        self.hints = True
        self.tasks = tasks
        self._variables = variables
        self._seen: set[str] = set()
        self._names: set[str] = set()  # of the results passed so far; "" stands for standard input

    def wrong(self, edge: Dependency) -> str:
        """What is wrong with the next dependency, and what would be right; "" for nothing."""
        if edge.task in self._seen:
            return f"{quoted(edge.task)} stands there twice; remove one"
        self._seen.add(edge.task)
        return (
            self._wrong_task(edge.task) or self._wrong_passing(edge) or _unfit_name(edge) or self._taken(edge)
        )

    def _wrong_task(self, task: str) -> str:
        if task == self.name:
            return "the task depends on itself; remove this dependency"
        if task in self.tasks:
            return ""
        near = nearest(task, (other for other in self.tasks if other != self.name)) if self.hints else None
        remedy = f"the nearest is {quoted(near)}" if near else "add it, or remove this dependency"
        return f"no task is named {quoted(task)}; {remedy}"

    def _wrong_passing(self, edge: Dependency) -> str:
        if edge.passing is Passing.ORDER:
            return ""
        if _passes_nothing(self.tasks[edge.task]):
            return (
                f"{quoted(edge.task)} is a command without a result to pass; "
                'set result = "text" or "json" on it, or write the bare name to only order'
            )
        if edge.passing in TO_CALLS and _is_command(self.tasks[self.name]):
            return (
                f'a command takes no {edge.passing}; pass = "env" sets a variable, pass = "stdin" writes '
                "to its standard input"
            )
        if edge.passing in TO_COMMANDS and _is_call(self.tasks[self.name]):
            return (
                f'a callable takes no {edge.passing}; pass = "arg" appends an argument, pass = "kwarg" '
                "names one"
            )
        return ""

    def _taken(self, edge: Dependency) -> str:
        """Two results may not meet in one name, nor may a result and a variable that all tasks have."""
        if edge.passing in {Passing.ORDER, Passing.ARG}:
            return ""
        if edge.passing is Passing.ENV and edge.name in self._variables:
            where = self._variables[edge.name]
            return f'{quoted(edge.name)} stands in {where} too; name one of them otherwise: as = "…"'
        if edge.name not in self._names:
            self._names.add(edge.name)
            return ""
        if edge.passing is Passing.STDIN:
            return 'a command has one standard input; pass the others with pass = "env"'
        return f'two results are passed as {quoted(edge.name)}; name one of them otherwise: as = "…"'


def _unfit_name(edge: Dependency) -> str:
    if edge.passing is Passing.KWARG and not is_parameter(edge.name):
        return f'{quoted(edge.name)} is no Python parameter\'s name; give one: as = "…"'
    if edge.passing is Passing.ENV and not is_variable(edge.name):
        return f'{quoted(edge.name)} is no variable\'s name that a task may set; give one: as = "…"'
    return ""


def _is_call(table: object) -> bool:
    return isinstance(table, dict) and "call" in table and "run" not in table


def _is_command(table: object) -> bool:
    return isinstance(table, dict) and "run" in table and "call" not in table


def _passes_nothing(table: Any) -> bool:
    return _is_command(table) and table.get("result", "none") == "none"


def _check_cycles(edges: Mapping[str, list[tuple[int, Dependency]]], faults: Faults) -> None:
    """Each cycle is told at the dependency that leads on from its first task."""
    sound = {name: needed for name, needed in edges.items() if is_name(name)}
    waits = {
        name: {
            edge.task: index for index, edge in reversed(needed) if edge.task in sound and edge.task != name
        }
        for name, needed in sound.items()
    }
    for _ in range(_MOST_CYCLES):
        try:
            Graph((name, list(needed)) for name, needed in waits.items())
        except CycleError as error:
            first, second = error.cycle[:2]
            faults.add(("tasks", first, "depends_on", waits[first][second]), str(error))
            for name, needed in zip(error.cycle, error.cycle[1:], strict=False):
                waits[name].pop(needed, None)
        else:
            return
