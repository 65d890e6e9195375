"""From `module:qualified.name` to the callable, with an error that helps where there is none."""

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
from types import ModuleType
from typing import Any, Callable, Mapping, Sequence

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


def check_fit(target: str, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Hold a call against the signature. Raises TypeError; a callable without a signature passes."""
    try:
        signature = inspect.signature(func)
    except (ValueError, TypeError):
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name = target.rpartition(":")[2]
        raise TypeError(
            f"the call {show_call(name, args, kwargs)} doesn't fit {name}{signature}: {error}"
        ) from None


def show_call(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """A call as it would be written, long arguments cut."""
    shown = [short_repr(value) for value in args]
    shown += [f"{key}={short_repr(value)}" for key, value in kwargs.items()]
    return f"{name}({', '.join(shown)})"


def _import(module: str) -> ModuleType:
    if module.endswith(".py"):
        return _import_file(module)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(error.name + ".")):
            raise  # an import in the module itself
        own = [path for path in sys.path if not path.startswith((sys.prefix, sys.base_prefix))]
        places = ", ".join([*own, f"the packages of {sys.executable}"])
        raise ModuleNotFoundError(f"No module named {error.name!r} in {places}") from None


def _import_file(path: str) -> ModuleType:
    """Like a script: its folder comes first on the path, so that it finds its neighbours."""
    if not os.path.isfile(path):
        raise ModuleNotFoundError(f"there is no file {path}")
    folder, name = os.path.split(path)
    sys.path.insert(0, folder)
    name = name[: -len(".py")]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that what it defines can be pickled
    spec.loader.exec_module(module)
    return module


def _describe(found: Any) -> str:
    if isinstance(found, ModuleType):
        return f"module {found.__name__} ({getattr(found, '__file__', None) or 'built in'})"
    return f"{type(found).__qualname__} {getattr(found, '__qualname__', found)!s}"


def _near(found: Any, name: str) -> str:
    names = [other for other in dir(found) if not other.startswith("__")]
    near = difflib.get_close_matches(name, names, n=3)
    return f"; near are {', '.join(near)}" if near else ""
