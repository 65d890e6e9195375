"""What the caller and its workers say to each other, over a socket that keeps messages apart.

A task that is to be run is (its name, by task the parcels of the results that are passed to it); what became
of it is the fields of a Report.
"""

import fcntl
import os
import pickle
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from longcase.library.errors import TaskError
from longcase.library.failure import Arguments, Failure
from longcase.library.parcel import Parcel

LIMIT: Final = 128 * 1024
"""Bytes of the longest message; the kernel takes one of 200 KiB. What is longer goes by file."""

_PATH: Final = b"/"
_STDERR: Final = 2


class Report(NamedTuple):
    """What became of a task in a worker. Times in seconds since 1970."""

    name: str
    began: float
    ended: float
    parcel: Parcel | None
    trouble: "Trouble | None"


class Trouble(NamedTuple):
    """A failure as it travels. `exception` is pickled; None where that can't be done."""

    exception: bytes | None
    class_name: str
    message: str
    line: str
    traceback: str
    arguments: tuple[tuple[str, ...], Mapping[str, str]] | None


def encode(message: Any, folder: str) -> bytes:
    """A message as it is sent. `folder`: where a long one is put. Raises OSError where there is no room."""
    data = pickle.dumps(message, protocol=5)
    if len(data) <= LIMIT:
        return data
    fd, path = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
    except OSError:
        Path(path).unlink()
        raise
    return os.fsencode(path)


def decode(data: memoryview) -> Any:
    """The message; a pickle begins with another byte than a path."""
    if bytes(data[:1]) != _PATH:
        return pickle.loads(data)  # noqa: S301 - by the caller or its own forks
    path = Path(os.fsdecode(bytes(data)))
    long = path.read_bytes()
    path.unlink()
    return pickle.loads(long)  # noqa: S301 - the same


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return _beyond_standard(one), _beyond_standard(other)


def _beyond_standard(end: socket.socket) -> socket.socket:
    """A program that has closed one of 0, 1 and 2 doesn't get it back as a connection, to print into."""
    if end.fileno() > _STDERR:
        return end
    with end:
        return socket.socket(fileno=fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _STDERR + 1))


def trouble_of(failure: Failure) -> Trouble:
    return Trouble(
        _pickled(failure.exception),
        type(failure.exception).__qualname__,
        failure.message,
        failure.line,
        failure.traceback,
        failure.arguments,
    )


def failure_of(trouble: Trouble) -> Failure:
    exception: BaseException
    try:
        exception = pickle.loads(trouble.exception or b"")  # noqa: S301 - the same
    except (Exception, SystemExit):  # noqa: BLE001 - it runs the exception's own code
        exception = TaskError(trouble.class_name, trouble.message, trouble.traceback)
    arguments = Arguments(*trouble.arguments) if trouble.arguments else None
    return Failure(exception, trouble.line, trouble.traceback, arguments)


def _pickled(error: BaseException) -> bytes | None:
    """None unless it comes out as what it was: many an exception's `__init__` doesn't take its own `args`."""
    try:
        data = pickle.dumps(error, protocol=5)
        copy = pickle.loads(data)  # noqa: S301 - the same
        same = type(copy) is type(error) and str(copy) == str(error)
    except BaseException:  # noqa: BLE001 - it runs the exception's own code
        return None
    return data if same else None
