"""Starting an attempt's first process, and the pipes between it and the worker."""

import os
import subprocess
import sys
import traceback
from typing import Any, Mapping, NamedTuple, Sequence

from . import task, words
from .alarm import Alarm
from .results import short_repr


class SpawnError(Exception):
    """The process could not be started."""


class Spawned(NamedTuple):
    """A process in a session of its own; the reading ends of its pipes by stream, `report` among them."""

    pid: int
    pipes: Mapping[str, int]


def call(request: Mapping[str, Any], alarm: Alarm, workers_own: Sequence[int]) -> Spawned:
    """Fork a process that runs the request's callable. `workers_own`: descriptors that it must not keep."""
    pairs = {name: os.pipe() for name in task.Descriptors._fields}
    ends = task.Descriptors(*(pair[1] for pair in pairs.values()))
    readers = {name: pair[0] for name, pair in pairs.items()}
    try:
        pid = os.fork()
    except OSError as error:
        _close([*readers.values(), *ends])
        raise SpawnError(f"no process can be forked: {error.strerror}") from None
    if pid == 0:
        _become_task(request, ends, alarm, [*workers_own, *readers.values()])
    _close(ends)
    return Spawned(pid, readers)


def _become_task(
    request: Mapping[str, Any], ends: task.Descriptors, alarm: Alarm, others: Sequence[int]
) -> None:
    try:
        alarm.take_down()
        _close(others)
        task.main(request, ends)
    finally:  # whatever happens, a second worker must not come of it
        traceback.print_exc(file=sys.__stderr__)
        os._exit(1)


def command(request: Mapping[str, Any]) -> Spawned:
    """Start the request's command: a string by /bin/sh, a list without a shell."""
    run = request["command"]
    pairs = {name: os.pipe() for name in ("out", "err")}
    readers = {name: pair[0] for name, pair in pairs.items()}
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", run] if isinstance(run, str) else run,
            stdin=subprocess.DEVNULL,
            stdout=pairs["out"][1],
            stderr=pairs["err"][1],
            cwd=request["cwd"],
            env=request["env"],
            umask=0o022,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        _close(readers.values())
        raise SpawnError(_why_not_started(request, error)) from None
    finally:
        _close(pair[1] for pair in pairs.values())
    process.returncode = 0  # the worker reaps every process by itself: Popen must not wait for this one
    return Spawned(process.pid, readers)


def _why_not_started(request: Mapping[str, Any], error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"the command can't be started: {error}"
    if error.filename == request["cwd"]:
        return task.wrong_folder(request, error)
    run = request["command"]
    if isinstance(run, str):
        return f"command {short_repr(run)}: {error.strerror}"
    name = run[0]
    where = f" (PATH is {words.cut(request['env'].get('PATH', ''))})" if "/" not in name else ""
    return f"command {short_repr(name)}: {error.strerror}{where}"


def _close(fds: Any) -> None:
    for fd in fds:
        os.close(fd)
