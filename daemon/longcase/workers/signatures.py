"""What a callable takes and returns, said so that it can travel; and of type hints only what is certain."""

import abc
import datetime as dt
import functools
import inspect
import types
import typing
from typing import Any, Callable, Iterator, Mapping, Optional

from .mask import NO_MASK, Mask

_LONGEST = 200
_DEEPEST = 8  # levels of a type hint: list[list[…]]
_CERTAIN = (type, abc.ABCMeta)
_VALUES = (str, int, float, bool, type(None))
_KNOWN = (
    *(str, bool, int, float, complex, bytes, bytearray, type(None)),
    *(list, tuple, dict, set, frozenset, range),
    *(dt.datetime, dt.date, dt.time, dt.timedelta),
)
_UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))

Hint = Optional[dict[str, Any]]
"""`shown`, and the classes that are `any_of` it. None: not known, or not certain."""


def describe(func: Callable[..., Any], mask: Mask = NO_MASK) -> Optional[dict[str, Any]]:
    """`shown`, `parameters`, `returns` and `decorated`; None where there is no signature."""
    try:
        signature = inspect.signature(func)
        shown = str(_without_hints(signature))
    except Exception:  # noqa: BLE001  annotations and defaults are the user's own code
        return None
    decorated = _is_decorated(func)
    reader = None if decorated else _Reader(_names_in(func), mask)
    return {
        "shown": _cut(shown, mask),
        "parameters": [_parameter(each, reader) for each in signature.parameters.values()],
        "decorated": decorated,
        "returns": reader and _returned(func, reader.hint(signature.return_annotation)),
    }


def _without_hints(signature: inspect.Signature) -> inspect.Signature:
    bare = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    return signature.replace(parameters=bare, return_annotation=signature.empty)


def _parameter(parameter: inspect.Parameter, reader: "Optional[_Reader]") -> dict[str, Any]:
    return {
        "name": parameter.name,
        "kind": parameter.kind.name.lower(),
        "optional": parameter.default is not parameter.empty,
        "hint": reader and reader.hint(parameter.annotation),
    }


def _without_partial(func: Any) -> Any:
    while isinstance(func, functools.partial):
        func = func.func
    return func


def _function(func: Any) -> Any:
    """The function that is called in the end."""
    func = _without_partial(func)
    if inspect.isclass(func):
        return func.__init__
    return func if hasattr(func, "__globals__") else type(func).__call__


def _is_decorated(func: Any) -> bool:
    """A decorator may turn values into what type hints ask for: then they say nothing of the values.

    So may whatever says its own signature, as classes do that hold their arguments against models.
    """
    inner = _without_partial(func)
    makers = (type(inner).__call__, inner.__new__, inner.__init__) if inspect.isclass(inner) else ()
    return any(
        hasattr(each, mark)
        for each in (func, inner, _function(func), *makers)
        for mark in ("__wrapped__", "__signature__")
    )


def _names_in(func: Any) -> Mapping[str, Any]:
    """What the names in an annotation that is a string stand for."""
    names = getattr(_function(func), "__globals__", {})
    return names if isinstance(names, dict) else {}


def _returned(func: Any, hint: Hint) -> Hint:
    """What the task's result is: of a coroutine, what is awaited."""
    if inspect.isclass(_without_partial(func)):
        return None  # what is hinted is that of __init__
    if hint is None or inspect.iscoroutinefunction(_function(func)):
        return hint
    if any(kind["name"] == "collections.abc.Coroutine" for kind in hint["any_of"]):
        only = hint["any_of"][0]
        return only["args"][2] if len(hint["any_of"]) == 1 and len(only["args"]) == 3 else None
    return None if any(kind["name"] == "collections.abc.Awaitable" for kind in hint["any_of"]) else hint


class _Reader:
    """Reads type hints. `names`: what the names in strings stand for."""

    def __init__(self, names: Mapping[str, Any], mask: Mask) -> None:
        self._names = dict(names)
        self._mask = mask

    def hint(self, annotation: Any, depth: int = 0) -> Hint:
        if annotation is inspect.Parameter.empty or depth > _DEEPEST:
            return None
        try:
            if isinstance(annotation, str):
                annotation = eval(annotation, self._names)  # noqa: S307  the user's own, as Python would
            alternatives = [self._kind(each, depth) for each in _alternatives(annotation)]
            return (
                None if None in alternatives else {"shown": self._shown(annotation), "any_of": alternatives}
            )
        except Exception:  # noqa: BLE001  whatever it is, it is not certain
            return None

    def _kind(self, annotation: Any, depth: int) -> Optional[dict[str, Any]]:
        cls, args, values = _parts(annotation)
        if not isinstance(cls, type) or _who_decides(cls) not in _CERTAIN:
            return None
        return {
            "name": _name(cls),
            "bases": [_name(base) for base in cls.__mro__],
            "takes": [_name(known) for known in _KNOWN if issubclass(known, cls)],
            "known": cls in _KNOWN,
            "abstract": isinstance(cls, abc.ABCMeta),
            "args": [self.hint(arg, depth + 1) for arg in args if arg is not Ellipsis],
            "fixed": cls is tuple and Ellipsis not in args,
            "values": values,
        }

    def _shown(self, annotation: Any) -> str:
        return _cut(inspect.formatannotation(annotation), self._mask)


class _Literal:
    """Values of one class."""

    def __init__(self, cls: type, values: list[Any]) -> None:
        self.cls = cls
        self.values = values


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin: Any = typing.get_origin(annotation)
    if annotation is None:
        yield type(None)
    elif origin in _UNIONS:
        for arg in typing.get_args(annotation):
            yield from _alternatives(arg)
    elif origin is typing.Literal:
        yield from _literals(typing.get_args(annotation))
    elif origin is typing.Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    else:
        yield annotation


def _parts(annotation: Any) -> tuple[Any, tuple[Any, ...], Optional[list[Any]]]:
    """A class, what stands in brackets behind it, and the values that are meant."""
    if isinstance(annotation, _Literal):
        return annotation.cls, (), annotation.values
    origin: Any = typing.get_origin(annotation)
    return (annotation if origin is None else origin), typing.get_args(annotation), None


def _literals(values: tuple[Any, ...]) -> Iterator[_Literal]:
    for cls in dict.fromkeys(map(type, values)):
        if cls not in _VALUES:
            raise TypeError(cls)
        yield _Literal(cls, [value for value in values if type(value) is cls])


def _who_decides(cls: type) -> Optional[type]:
    """The metaclass that says what an instance is: another than Python's own may say anything."""
    return next((meta for meta in inspect.getmro(type(cls)) if "__instancecheck__" in vars(meta)), None)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _cut(text: str, mask: Mask) -> str:
    shown = mask.cut(text, _LONGEST)
    return shown if len(text) <= _LONGEST else shown[: _LONGEST - 1] + "…"
