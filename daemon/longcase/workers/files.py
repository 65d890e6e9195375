"""Modules that are named by the path of their file.

Like a script, such a file finds its neighbours: its folder is searched, but behind the standard library, so
that a `queue.py` in it is taken for nobody else's. Where an ordinary import finds the very file, the module
bears its ordinary name; else one that is made of the path. A result takes the places of these modules along
(`origins`), so that whoever reads it finds the same ones, though there may be others of the same names.
"""

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, Mapping

_SUFFIX = ".py"
_LIBRARY = os.path.dirname(os.__file__)
_roots: list[str] = []  # folders whose modules are found by their files


def load(path: str) -> ModuleType:
    """Import the file, once a process.

    Raises ModuleNotFoundError where there is none, and whatever its own code raises.
    """
    path = os.path.abspath(path)
    folder = os.path.dirname(path)
    name, root = _in_package(path)
    for place in dict.fromkeys((folder, root)):
        _remember(place)
        if place not in sys.path:
            sys.path.insert(_behind_library(), place)
    return known_as(name, path)


def known_as(name: str, path: str) -> ModuleType:
    """The module of a file, by the name where that finds it, else by its path."""
    if _is_found_as(name, path):
        return importlib.import_module(name)
    if not os.path.isfile(path):
        raise ModuleNotFoundError(
            f"{path} is a folder, no file" if os.path.isdir(path) else f"there is no file {path}"
        )
    return _load_as(path[: -len(_SUFFIX)].replace("%", "%25").replace(".", "%2E"), path)


def origins() -> dict[str, Any]:
    """Where this process has its modules from that were found by their files; empty where there are none."""
    if not _roots:
        return {}
    found = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(_SUFFIX) and _is_ours(name, path):
            found[name] = path
    return {"roots": _roots, "modules": found}


def search(known: Mapping[str, Any]) -> None:
    """Find the modules of `origins` of another process, too, behind all that is found already."""
    for root in known["roots"]:
        _remember(root)
        if root not in sys.path:
            sys.path.append(root)


def _remember(root: str) -> None:
    if root not in _roots:
        _roots.append(root)


def _is_ours(name: str, path: str) -> bool:
    """Whether a module was found in one of the folders, and not only below, where others may be installed."""
    top = name.partition(".")[0]
    places = tuple(os.path.join(root, top) + end for root in _roots for end in (".", "/"))
    return name.startswith("/") or path.startswith(places)


def _in_package(path: str) -> "tuple[str, str]":
    """The name of a file's module in the package that it belongs to, and the folder that this is found in."""
    root, file = os.path.split(path)
    name = file[: -len(_SUFFIX)]
    while os.path.isfile(os.path.join(root, "__init__.py")) and "." not in os.path.basename(root):
        root, package = os.path.split(root)
        name = package if name == "__init__" else f"{package}.{name}"
    return name, root


def _behind_library() -> int:
    """Where on the path the standard library ends."""
    library = (_LIBRARY, os.path.join(_LIBRARY, "lib-dynload"))
    return 1 + max((at for at, entry in enumerate(sys.path) if entry in library), default=len(sys.path) - 1)


def _is_found_as(name: str, path: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a package on the way is not found, or the module has no spec
        return False
    origin = spec.origin if spec else None
    return origin is not None and os.path.realpath(origin) == os.path.realpath(path)


def _load_as(name: str, path: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that what it defines can be pickled
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
