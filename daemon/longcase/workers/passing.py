"""What other tasks hand to a command: in variables, and on its standard input; never inside a shell line."""

import json
import os
from contextlib import ExitStack
from typing import Any, Mapping, NamedTuple, Optional, Union

from . import jsonfile
from .results import ResultError, open_stored

LONGEST = 32 * os.sysconf("SC_PAGE_SIZE")
"""Bytes that execve takes for one variable: NAME=VALUE and the NUL behind it."""

_LONGEST_SPELLING = 8 * LONGEST  # JSON spells a byte by up to six
_BLANKS = b" \t\r\n"
_BY_PATH = (b"{", b"[", b"n", b"")  # what begins an object, an array and null


class Input(NamedTuple):
    """What a command starts with. `stdin`: a descriptor, or None."""

    env: Mapping[str, Union[str, bytes]]
    stdin: Optional[int]


def prepare(request: Mapping[str, Any], opened: ExitStack) -> Input:
    """The request's environment and what is passed. `opened` closes the descriptors.

    Raises ResultError for a result that can't be read, or that no variable can hold.
    """
    env: dict[str, Union[str, bytes]] = dict(request["env"])
    stdin = None
    for passed in request["passed"]:
        path = _json_path(request, passed)
        fd = _open(passed, path)
        opened.callback(os.close, fd)
        if passed["how"] == "stdin":
            stdin = fd
        else:
            env[passed["name"]] = _variable(passed, path, fd)
    return Input(env, stdin)


def _json_path(request: Mapping[str, Any], passed: Mapping[str, Any]) -> str:
    if passed["result"] is None:  # nothing is None, as it is to a callable
        path = os.path.join(request["results"], f"{request['task']}.{request['number']}.null.json")
        jsonfile.write(None, path)
        return path
    if not passed["result"]["json"]:
        raise ResultError(f"the result of task {passed['task']!r} was not stored as JSON")
    return str(passed["result"]["json"])


def _open(passed: Mapping[str, Any], path: str) -> int:
    try:
        return open_stored(path)
    except OSError as error:
        task = passed["task"]
        raise ResultError(f"the result of task {task!r} can't be read: {path}: {error.strerror}") from None


def _variable(passed: Mapping[str, Any], path: str, fd: int) -> bytes:
    """A scalar's own value, spelled as in JSON, and of everything else the path of the JSON file."""
    spelled = os.pread(fd, _LONGEST_SPELLING, 0).strip(_BLANKS)
    if spelled[:1] in _BY_PATH:
        return os.fsencode(path)
    try:
        return _fitting(passed["name"], spelled, os.fstat(fd).st_size)
    except ValueError as error:
        task, name = passed["task"], passed["name"]
        raise ResultError(
            f"the result of task {task!r} can't be passed as ${name}: {jsonfile.why(error)}; pass it as stdin"
        ) from None


def _fitting(name: str, spelled: bytes, size: int) -> bytes:
    """Raises ValueError for what a variable can't hold."""
    too_long = ValueError(f"it is longer than the {LONGEST >> 10} KiB of a variable")
    if size > _LONGEST_SPELLING:
        raise too_long
    value = json.loads(spelled).encode("utf-8") if spelled.startswith(b'"') else spelled
    if len(name) + len(value) + 2 > LONGEST:
        raise too_long
    if b"\0" in value:
        raise ValueError("it holds a NUL, which no variable can")
    return bytes(value)
