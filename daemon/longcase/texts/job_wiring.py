"""How the tasks of a job file hang together: what can't be seen in one key alone."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from longcase.domain.errors import CycleError, LongcaseError
from longcase.domain.graph import Graph
from longcase.domain.pipeline import NAME_RULE, Dependency, Passing, is_name
from longcase.texts.faults import Faults, nearest, quoted
from longcase.texts.job_kinds import Edge, is_parameter

Tables = Mapping[str, Any]
"""The tables of a file's tasks as they stand there, by name, right or wrong."""

_MOST_HINTS = 50  # nearest names told at once: each costs a comparison with every name
_MOST_CYCLES = 10  # told at once: each costs a walk over the whole graph


def check_wiring(tasks: Tables, faults: Faults) -> None:
    """Names, actions and dependencies of all tasks. Faults lie below `tasks`."""
    edges = {name: list(_edges(table)) for name, table in tasks.items()}
    for name, table in tasks.items():
        if not is_name(name):
            faults.add(("tasks", name), f"not a task's name; right are {NAME_RULE}")
        if isinstance(table, dict):
            _check_action(name, table, faults)
        _check_edges(name, edges[name], tasks, faults)
    _check_cycles(edges, faults)


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
        faults.add(("tasks", name), f"expected {right}, found neither")
    elif "run" in table:
        for key in ("args", "kwargs"):
            if key in table:
                faults.add(("tasks", name, key), "goes with call only; write a command's arguments into run")


def _check_edges(name: str, edges: list[tuple[int, Dependency]], tasks: Tables, faults: Faults) -> None:
    seen: set[str] = set()
    keywords: set[str] = set()
    for index, edge in edges:
        place = ("tasks", name, "depends_on", index)
        if edge.task in seen:
            faults.add(place, f"{quoted(edge.task)} stands there twice; remove one")
            continue
        seen.add(edge.task)
        candidates = tasks if len(faults.found) < _MOST_HINTS else ()
        wrong = _wrong_task(name, edge, tasks, candidates) or _wrong_passing(name, edge, tasks)
        if not wrong and edge.passing is Passing.KWARG:
            wrong = _wrong_keyword(edge, keywords)
        if wrong:
            faults.add(place, wrong)


def _wrong_task(name: str, edge: Dependency, tasks: Tables, candidates: Iterable[str]) -> str:
    if edge.task == name:
        return "the task depends on itself; remove this dependency"
    if edge.task in tasks:
        return ""
    near = nearest(edge.task, (other for other in candidates if other != name))
    remedy = f"the nearest is {quoted(near)}" if near else "add it, or remove this dependency"
    return f"no task is named {quoted(edge.task)}; {remedy}"


def _wrong_passing(name: str, edge: Dependency, tasks: Tables) -> str:
    if edge.passing is Passing.ORDER:
        return ""
    if _is_command(tasks[edge.task]):
        return (
            f"{quoted(edge.task)} is a command, and has no result to pass; write the bare name to only order"
        )
    if _is_command(tasks[name]):
        return "a command takes no result; write the bare name to only order, or make the task a call"
    return ""


def _wrong_keyword(edge: Dependency, keywords: set[str]) -> str:
    if not is_parameter(edge.name):
        return f'{quoted(edge.name)} is no Python parameter\'s name; give one: as = "…"'
    if edge.name in keywords:
        return f'two results are passed as {quoted(edge.name)}; name one of them otherwise: as = "…"'
    keywords.add(edge.name)
    return ""


def _is_command(table: object) -> bool:
    return isinstance(table, dict) and "run" in table and "call" not in table


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
