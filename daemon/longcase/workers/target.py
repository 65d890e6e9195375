"""From `module:qualified.name` to the callable, with an error that helps where there is none."""

import difflib
import importlib
import inspect
import sys
from types import ModuleType
from typing import Any, Callable, Mapping, Sequence

from . import files
from .mask import NO_MASK, Mask
from .results import short_repr


def find(target: str) -> Callable[..., Any]:
    """Import `module:qualified.name` or `/path/to/file.py:qualified.name`.

    Raises ImportError, AttributeError or TypeError where there is no callable by that name, and whatever the
    module's own code raises.
    """
    module, _, name = target.rpartition(":")
    found: Any = _import(module)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise AttributeError(f"{_describe(found)} has no {part!r}{_near(found, part)}") from None
    if not callable(found):
        raise TypeError(f"{target} is of type {type(found).__qualname__}, which can't be called")
    return found  # type: ignore[no-any-return]  # callable() narrows Any to nothing


def check_fit(
    target: str,
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    mask: Mask = NO_MASK,
) -> None:
    """Hold a call against the signature. Raises TypeError; a callable without a signature passes.

    Of what is decorated the decorator's own counts: it may fill in arguments of the function behind it.
    """
    try:
        signature = inspect.signature(func, follow_wrapped=False)
    except (ValueError, TypeError):
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name = target.rpartition(":")[2]
        raise TypeError(
            f"the call {show_call(name, args, kwargs, mask)} doesn't fit {name}{signature}: {error}"
        ) from None


def show_call(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], mask: Mask = NO_MASK) -> str:
    """A call as it would be written, long arguments cut."""
    shown = [short_repr(value, mask) for value in args]
    shown += [f"{key}={short_repr(value, mask)}" for key, value in kwargs.items()]
    return f"{name}({', '.join(shown)})"


def _import(module: str) -> ModuleType:
    if module.endswith(".py"):
        return files.load(module)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(error.name + ".")):
            raise  # an import in the module itself
        own = [path for path in sys.path if not path.startswith((sys.prefix, sys.base_prefix))]
        places = ", ".join([*own, f"the packages of {sys.executable}"])
        raise ModuleNotFoundError(f"No module named {error.name!r} in {places}") from None


def _describe(found: Any) -> str:
    if isinstance(found, ModuleType):
        return f"module {found.__name__} ({getattr(found, '__file__', None) or 'built in'})"
    return f"{type(found).__qualname__} {getattr(found, '__qualname__', found)!s}"


def _near(found: Any, name: str) -> str:
    names = [other for other in dir(found) if not other.startswith("__")]
    near = difflib.get_close_matches(name, names, n=3)
    return f"; near are {', '.join(near)}" if near else ""
