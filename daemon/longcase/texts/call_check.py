"""The calls of a pipeline held against the signatures of what is called."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from longcase.domain.pipeline import Call, Command, Passing, Pipeline, ResultKind, Task
from longcase.domain.signature import Hint, Kind, Parameter, Signature
from longcase.texts.document import key_text
from longcase.texts.faults import Fault, found, nearest, quoted
from longcase.texts.finding import Remark
from longcase.texts.toml_lines import KeyPath

_STR = "builtins.str"
_TEXT = Hint("str", (Kind(_STR, (_STR, "builtins.object"), frozenset({_STR}), known=True, abstract=False),))

_CONVERTED = "; nothing that can be written here is one, so the callable has to convert it"


class Own(Struct, frozen=True):
    """An argument that stands in the job file; `path` from its task on."""

    path: KeyPath
    value: object


class Passed(Struct, frozen=True):
    """An argument that is another task's result."""

    path: KeyPath
    task: str


class _Result(Struct, frozen=True):
    """What a task hands on; a command has text and JSON for it, and nothing else."""

    hint: Hint
    of_command: bool = False


Given = Own | Passed
Filled = tuple[Given, Parameter]


def check_calls(
    pipeline: Pipeline,
    signatures: Mapping[str, Signature | None],
    hide: Callable[[str], str] = str,
) -> Iterator[Remark]:
    """What is wrong, and what may surprise. `signatures`: by callable, as far as they are known.

    `hide`: takes the secrets out of a text, before a message shows the beginning of it.
    """
    results = {task.name: _result(task, signatures) for task in pipeline.tasks}
    for task in pipeline.tasks:
        if not isinstance(task.action, Call):
            continue
        yield from _overridden(task, task.action)
        signature = signatures.get(task.action.target)
        if signature is not None:
            yield from _Fitting(task, task.action, signature, results, hide).remarks()


def _result(task: Task, signatures: Mapping[str, Signature | None]) -> _Result | None:
    """What a task's result is, where that is known."""
    match task.action:
        case Call(target=target):
            signature = signatures.get(target)
            return _Result(signature.returns) if signature and signature.returns else None
        case Command(result=ResultKind.TEXT):
            return _Result(_TEXT, of_command=True)
        case _:
            return None


def _overridden(task: Task, call: Call) -> Iterator[Remark]:
    for edge in task.depends_on:
        if edge.passing is Passing.KWARG and edge.name in call.kwargs:
            message = (
                f"the result of {quoted(edge.task)} takes this keyword, and the value here is never used"
            )
            yield Remark(Fault(("tasks", task.name, "kwargs", edge.name), message), is_hint=True)


class _Fitting:
    """One call, held against one signature."""

    def __init__(
        self,
        task: Task,
        call: Call,
        signature: Signature,
        results: Mapping[str, _Result | None],
        hide: Callable[[str], str],
    ) -> None:
        self._task = task
        self._call = call
        self._signature = signature
        self._results = results
        self._hide = hide
        self._shown = call.target + signature.shown

    def remarks(self) -> Iterator[Remark]:
        filled: list[Filled] = []
        yield from self._bind(filled)
        for given, parameter in filled:
            yield from self._hold(given, parameter)

    def _bind(self, filled: list[Filled]) -> Iterator[Remark]:
        """Find the parameter of each argument, and tell of those that have none."""
        taken: dict[str, Given] = {}
        yield from self._bind_positions(filled, taken)
        yield from self._bind_names(filled, taken)
        if missing := [name for name in self._needed() if name not in taken]:
            yield self._error(("call",), self._missing(missing))

    def _bind_positions(self, filled: list[Filled], taken: dict[str, Given]) -> Iterator[Remark]:
        parameters = self._signature.positional
        rest = self._signature.rest("var_positional")
        for index, given in enumerate(_positional(self._task, self._call)):
            if index < len(parameters):
                taken[parameters[index].name] = given
                filled.append((given, parameters[index]))
            elif rest is not None:
                filled.append((given, rest))
            else:
                yield self._error(given.path, self._too_many(given, index))

    def _bind_names(self, filled: list[Filled], taken: dict[str, Given]) -> Iterator[Remark]:
        rest = self._signature.rest("var_keyword")
        for name, given in _named(self._task, self._call).items():
            parameter = self._signature.named.get(name)
            if parameter is not None and name in taken:
                before = _described(taken[name])
                message = f"{before} fills parameter `{name}` of {self._shown} already; remove one of the two"
                yield self._error(given.path, message)
            elif parameter is not None:
                taken[name] = given
                filled.append((given, parameter))
            elif rest is not None:
                filled.append((given, rest))
            else:
                yield self._error(given.path, self._unknown(name))

    def _needed(self) -> list[str]:
        return [
            each.name
            for each in self._signature.parameters
            if not each.optional and not each.kind.startswith("var_")
        ]

    def _too_many(self, given: Given, index: int) -> str:
        most = len(self._signature.positional)
        takes = f"{most} positional argument{'' if most == 1 else 's'}" if most else "no positional argument"
        remedy = "remove it, or write it into kwargs"
        if isinstance(given, Passed):
            remedy = 'pass it by name with pass = "kwarg", or write the bare name to only order'
        return f"{self._shown} takes {takes}, and {_described(given)} is number {index + 1}; {remedy}"

    def _unknown(self, name: str) -> str:
        if any(each.name == name for each in self._signature.positional):
            return f"parameter `{name}` of {self._shown} is filled by position only; write it into args"
        known = self._signature.named
        near = nearest(name, known)
        remedy = f"the nearest is `{near}`" if near else f"known are {', '.join(known) or 'none'}"
        return f"{self._shown} has no parameter `{name}`; {remedy}"

    def _missing(self, names: list[str]) -> str:
        shown = ", ".join(f"`{name}`" for name in names)
        bare = [edge.task for edge in self._task.depends_on if edge.passing is Passing.ORDER]
        remedy = "fill it by args, kwargs or another task's result"
        if bare:
            remedy += f', such as {{ task = "{bare[0]}", pass = "arg" }} in depends_on'
        return f"nothing fills parameter {shown} of {self._shown}; {remedy}"

    def _hold(self, given: Given, parameter: Parameter) -> Iterator[Remark]:
        if isinstance(given, Passed):
            yield from self._hold_result(given, parameter)
        elif parameter.hint is not None:
            for path, expected, certain in parameter.hint.misfits(given.value):
                inner = _at(given.value, path)
                shown = found(self._hide(inner) if isinstance(inner, str) else inner)
                message = f"expected {expected.shown} for {self._of(parameter)}, found {shown}"
                yield self._misfit((*given.path, *path), message, certain=certain)

    def _hold_result(self, given: Passed, parameter: Parameter) -> Iterator[Remark]:
        returned = self._results[given.task]
        if returned is None:
            return
        if returned.hint.is_none:
            message = f"{quoted(given.task)} returns nothing by its type hint: None is passed on"
            yield Remark(Fault(("tasks", self._task.name, *given.path), message), is_hint=True)
        elif parameter.hint is not None and not returned.hint.may_be(parameter.hint):
            wanted = f"expected {parameter.hint.shown} for {self._of(parameter)}"
            message = f"{wanted}, and {_described(given)} is {returned.hint.shown}"
            certain = not returned.of_command or parameter.hint.in_toml
            yield self._misfit(given.path, message, certain=certain)

    def _of(self, parameter: Parameter) -> str:
        return f"parameter `{parameter.name}` of {self._call.target}"

    def _misfit(self, path: KeyPath, message: str, *, certain: bool) -> Remark:
        if certain:
            return self._error(path, message)
        return Remark(Fault(("tasks", self._task.name, *path), message + _CONVERTED), is_hint=True)

    def _error(self, path: KeyPath, message: str) -> Remark:
        if self._signature.decorated:
            message += " (it is decorated: the decorator may know better)"
        fault = Fault(("tasks", self._task.name, *path), message)
        return Remark(fault, is_hint=self._signature.decorated)


def _positional(task: Task, call: Call) -> Iterator[Given]:
    for index, value in enumerate(call.args):
        yield Own(("args", index), value)
    for index, edge in enumerate(task.depends_on):
        if edge.passing is Passing.ARG:
            yield Passed(("depends_on", index), edge.task)


def _named(task: Task, call: Call) -> dict[str, Given]:
    """Results replace the task's own arguments of their names."""
    given: dict[str, Given] = {name: Own(("kwargs", name), value) for name, value in call.kwargs.items()}
    for index, edge in enumerate(task.depends_on):
        if edge.passing is Passing.KWARG:
            given[edge.name] = Passed(("depends_on", index), edge.task)
    return given


def _described(given: Given) -> str:
    return f"the result of {quoted(given.task)}" if isinstance(given, Passed) else key_text(given.path)


def _at(value: Any, path: KeyPath) -> object:
    for part in path:
        value = value[part]
    return value
