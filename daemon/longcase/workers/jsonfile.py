"""Results as JSON files, which commands read and write."""

import json
import mmap
import resource
import sys
from typing import Any, Iterator, NoReturn, Tuple, Union

from .mask import NO_MASK, Mask
from .results import ResultError, create, short_repr

_DEEPEST = 20
_NO_JSON = "the result is JSON, and the standard output isn't: "
_UNREADABLE = "the result is JSON, and can't be read: "
_ROOM = 1024**3  # bytes of memory that a check may take,
_TIMES = 8  # and for each byte of the text: rows of small numbers take as many, and 24 a list of {}
_DEEPEST_READ = 20_000  # levels, of 125 bytes of stack each
_ALWAYS_TAKEN = 600  # digits: no limit of Python's is below 640


def write(value: Any, path: str, mask: Mask = NO_MASK) -> None:
    """Raises ResultError for a value that JSON can't hold, naming the part, and a file that can't be made."""
    try:
        text = _dump(value) + "\n"
        data = text.encode("utf-8")
    except Exception as error:  # noqa: BLE001  a value may have code of its own
        where = _place(value, error, mask)
        begin = "the result is passed on as JSON, and can't be written as JSON"
        raise ResultError(f"{begin}: {where}{why(error)}") from None
    create(path, [data])


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _place(value: Any, error: Exception, mask: Mask) -> str:
    """Which part of a value is at fault: `result['rows'][3]: `."""
    if isinstance(error, RecursionError):
        return ""
    place, seen = "result", {id(value)}
    for _ in range(_DEEPEST):
        wrong = next(((key, item) for key, item in _items(value) if _is_wrong(item)), None)
        if wrong is None or id(wrong[1]) in seen:
            break
        key, value = wrong
        place += f"[{short_repr(key, mask)}]"
        seen.add(id(value))
    return f"{place}: "


def _items(value: Any) -> Iterator[Tuple[Any, Any]]:
    if isinstance(value, dict):
        return iter(value.items())
    return iter(enumerate(value) if isinstance(value, (list, tuple)) else ())


def _is_wrong(value: Any) -> bool:
    try:
        _dump(value).encode("utf-8")
    except Exception:  # noqa: BLE001  as in write
        return True
    return False


def confine(size: int) -> None:
    """Let this process take no more memory than a check of `size` bytes may, and as deep a nesting as it can.

    For a process of its own: neither is taken back.
    """
    most = _ROOM + _TIMES * size
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    sys.setrecursionlimit(_DEEPEST_READ)


def check(fd: int, size: int, mask: Mask = NO_MASK) -> str:
    """The short repr of the value that a command wrote. Raises ResultError where that is no JSON."""
    if not size:
        raise ResultError(f"{_NO_JSON}it is empty")
    try:
        with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as content:
            text = str(content, "utf-8")
        return short_repr(json.loads(text, parse_int=_integer, parse_constant=_refuse), mask)
    except RecursionError as error:
        raise ResultError(f"{_UNREADABLE}{why(error)}") from None
    except MemoryError:
        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        raise ResultError(f"{_UNREADABLE}it takes more than {most >> 20} MiB of memory") from None
    except OSError as error:
        raise ResultError(f"{_UNREADABLE}{error.strerror}") from None
    except ValueError as error:
        raise ResultError(f"{_NO_JSON}{why(error)}") from None


class _Digits(str):
    """An integer that is too long for Python; shown as it stands there."""

    __slots__ = ()
    __repr__ = str.__str__


def _integer(digits: str) -> Union[int, _Digits]:
    return int(digits) if len(digits) <= _ALWAYS_TAKEN else _Digits(digits)


def why(error: Exception) -> str:
    """Why JSON could not be written or read, in words."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} in line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeEncodeError):
        return f"{error.object[error.start]!r} is no character of Unicode"
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return f"byte 0x{error.object[error.start]:02x} in line {line} is no UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    return str(error) or type(error).__qualname__


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
