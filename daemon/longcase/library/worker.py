"""A worker: a fork of the zygote that runs tasks, one after another."""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from socket import socket
from typing import Any, Final, NoReturn

from longcase.library.errors import TaskError
from longcase.library.messages import LIMIT, Report, Trouble, decode, encode, trouble_of
from longcase.library.parcel import Packer, Parcel, unpack
from longcase.library.task import Returned, Task
from longcase.workers import tree
from longcase.workers.task import CANT_REPORT, say

_SHORT: Final = LIMIT // 8
"""Characters of a traceback that fits into a message, whatever it is written in."""


def main(line: socket, tasks: Mapping[str, Task], folder: str, zygote: int) -> NoReturn:
    """Run what the caller sends, until it closes its end."""
    tree.die_with_parent(signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(1)
    _reseed()
    packer = Packer(folder)
    room = memoryview(bytearray(LIMIT))
    while size := _receive(line, room):
        name, parcels = decode(room[:size])
        report = _encode(_run(tasks[name], parcels, packer), folder)
        _flush()
        try:
            line.sendall(report)
        except OSError:
            os._exit(CANT_REPORT)
    os._exit(0)


def _receive(line: socket, room: memoryview) -> int:
    """Bytes received; none where the caller closed its end, or is gone with reports that it hadn't read."""
    try:
        return line.recv_into(room)
    except ConnectionError:
        return 0


def _run(task: Task, parcels: Mapping[str, Parcel], packer: Packer) -> Report:
    ended = task.perform(lambda: _open(parcels), packer.pack)
    if isinstance(ended, Returned):
        return Report(task.name, ended.began, ended.ended, ended.value, None)
    return Report(task.name, ended.began, ended.ended, None, trouble_of(ended.failure))


def _encode(report: Report, folder: str) -> bytes:
    """Where there is no room for all of a failure, what fits into a message."""
    try:
        return encode(tuple(report), folder)
    except OSError:
        if report.trouble is None:
            raise
        return encode(tuple(report._replace(trouble=_brief(report.trouble))), folder)


def _brief(trouble: Trouble) -> Trouble:
    traceback = trouble.traceback
    if len(traceback) > _SHORT:
        traceback = f"{traceback[: _SHORT // 2]}\n[…]\n{traceback[-_SHORT // 2 :]}"
    return trouble._replace(exception=None, arguments=None, traceback=traceback)


def _open(parcels: Mapping[str, Parcel]) -> dict[str, Any]:
    passed = {}
    for name, parcel in parcels.items():
        try:
            passed[name] = unpack(parcel, mapped=True)
        except (Exception, SystemExit) as error:
            raise TaskError("", f"the result of task {name} can't be read: {say(error)}") from error
    return passed


def _reseed() -> None:
    """Python does so for its own `random`; numpy's would draw the same numbers in every worker."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a task may have closed it, or put anything in its place
            stream.flush()
