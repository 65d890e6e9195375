"""Starting an attempt's first process, and the pipes between it and the worker."""

import errno
import os
import subprocess
import sys
import traceback
from contextlib import ExitStack
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from . import passing, task, words
from .alarm import Alarm
from .mask import Mask
from .results import ResultError, short_repr
from .spool import Spool


class SpawnError(Exception):
    """The process could not be started."""


class Spawned(NamedTuple):
    """A process in a session of its own; the reading ends of its pipes by stream, `report` among them."""

    pid: int
    pipes: Mapping[str, int]


def call(request: Mapping[str, Any], alarm: Alarm, workers_own: Sequence[int]) -> Spawned:
    """Fork a process that runs the request's callable. `workers_own`: descriptors that it must not keep."""
    names = task.Descriptors._fields
    return _fork(names, alarm, workers_own, lambda ends: task.main(request, task.Descriptors(*ends)))


def check(spool: Spool, alarm: Alarm, workers_own: Sequence[int]) -> Spawned:
    """Fork a process that reports what a command has written as its result."""
    return _fork(("report",), alarm, workers_own, lambda ends: _report(spool, *ends))


def _report(spool: Spool, fd: int) -> None:
    spool.confine()
    task.send(fd, spool.report())
    os._exit(0)


def _fork(
    names: Sequence[str], alarm: Alarm, workers_own: Sequence[int], main: Callable[[Sequence[int]], None]
) -> Spawned:
    """A process with a pipe of each name that does `main`, given their writing ends."""
    pairs = {name: os.pipe() for name in names}
    readers = {name: pair[0] for name, pair in pairs.items()}
    ends = [pair[1] for pair in pairs.values()]
    try:
        pid = os.fork()
    except OSError as error:
        _close([*readers.values(), *ends])
        raise SpawnError(f"no process can be forked: {error.strerror}") from None
    if pid == 0:
        _become(main, ends, alarm, [*workers_own, *readers.values()])
    _close(ends)
    return Spawned(pid, readers)


def _become(
    main: Callable[[Sequence[int]], None], ends: Sequence[int], alarm: Alarm, others: Sequence[int]
) -> None:
    try:
        alarm.take_down()
        _close(others)
        main(ends)
    finally:  # whatever happens, a second worker must not come of it
        traceback.print_exc(file=sys.__stderr__)
        os._exit(1)


def command(request: Mapping[str, Any]) -> Spawned:
    """Start the request's command: a string by /bin/sh, a list without a shell."""
    run = request["command"]
    pairs = {name: os.pipe() for name in ("out", "err")}
    readers = {name: pair[0] for name, pair in pairs.items()}
    with ExitStack() as opened:
        opened.callback(_close, [pair[1] for pair in pairs.values()])
        try:
            given = passing.prepare(request, opened)
            process = subprocess.Popen(
                ["/bin/sh", "-c", run] if isinstance(run, str) else run,
                stdin=subprocess.DEVNULL if given.stdin is None else given.stdin,
                stdout=pairs["out"][1],
                stderr=pairs["err"][1],
                cwd=request["cwd"],
                env=given.env,
                umask=0o022,
                start_new_session=True,
            )
        except (OSError, ValueError, ResultError) as error:
            _close(readers.values())
            raise SpawnError(_why_not_started(request, error)) from None
    process.returncode = 0  # the worker reaps every process by itself: Popen must not wait for this one
    return Spawned(process.pid, readers)


def _why_not_started(request: Mapping[str, Any], error: Exception) -> str:
    if isinstance(error, ResultError):
        return str(error)
    if not isinstance(error, OSError):
        return f"the command can't be started: {error}"
    if error.filename == request["cwd"]:
        return task.wrong_folder(request, error)
    run = request["command"]
    mask = Mask(request["secrets"])
    name = run if isinstance(run, str) else run[0]
    where = ""
    if error.errno == errno.E2BIG and any(passed["how"] == "env" for passed in request["passed"]):
        where = "; pass large results as stdin"
    elif not isinstance(run, str) and "/" not in name:
        where = f" (PATH is {words.cut(request['env'].get('PATH', ''), mask)})"
    return f"command {short_repr(name, mask)}: {error.strerror}{where}"


def _close(fds: Any) -> None:
    for fd in fds:
        os.close(fd)
