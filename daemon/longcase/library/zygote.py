"""The zygote: a fork of the caller with one thread; it forks the workers, and ends all that is below it."""

import errno
import gc
import io
import os
import select
import shutil
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NoReturn, TextIO

from longcase.library import worker
from longcase.library.task import Task
from longcase.workers import tree
from longcase.workers.alarm import Alarm
from longcase.workers.ending import Ending

HIRE: Final = b"hire"
"""Comes with the worker's end of its connection, and 4 bytes: its number."""
END: Final = b"end"
ABORT: Final = b"abort"

NUMBER: Final = struct.Struct("<i")
NEWS: Final = struct.Struct("<ii")
"""A worker is gone: its number and its status as wait() gives it; below 0 is the errno of a failed fork."""

_STDERR: Final = 2

_GRACE: Final = 0.5
"""Seconds between SIGTERM and SIGKILL: for what tasks left behind, or for all where the run is aborted."""


def main(
    control: socket.socket, callers_end: socket.socket, tasks: Mapping[str, Task], folder: str, caller: int
) -> NoReturn:
    """Serve the caller until it says so, or is gone; then end every process below this one."""
    try:
        callers_end.close()
        _settle()
        zygote = _Zygote(control, tasks, folder)
        # The end of the connection would not tell: another fork of the caller may have its end, too.
        tree.die_with_parent(signal.SIGTERM)
        if os.getppid() == caller:
            zygote.serve()
        zygote.end()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
    finally:  # whatever happens, a second caller must not come of it
        traceback.print_exc(file=sys.__stderr__)
        os._exit(1)


def _settle() -> None:
    """Become a process of its own: Ctrl-C goes to the caller alone, and what the caller buffered is its."""
    os.setsid()
    tree.become_subreaper()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _fill_standard_descriptors()
    for name in ("stdin", "stdout", "stderr"):
        _renew(name)
    gc.freeze()  # so that collections in the workers don't copy all of the caller's pages


def _fill_standard_descriptors() -> None:
    """There is nothing to read: several tasks at once can't share a terminal.

    What the caller has closed is filled as well, or what is opened next would take a task's prints.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(null, True)
    os.dup2(null, 0)
    os.close(null)


_inherited: list[TextIO] = []  # streams that must not be closed, or flushed, by being collected


def _renew(name: str) -> None:
    """A stream without the lock and the buffer, which another thread of the caller may just have used."""
    old = getattr(sys, name)
    _inherited.append(old)
    if name == "stdin":
        sys.stdin = os.fdopen(0, closefd=False)
    elif isinstance(old, io.TextIOWrapper):
        with suppress(OSError, ValueError):
            new = os.fdopen(old.fileno(), "w", 1, encoding=old.encoding, errors=old.errors, closefd=False)
            setattr(sys, name, new)
            if getattr(sys, f"__{name}__") is old:
                setattr(sys, f"__{name}__", new)


class _Zygote:
    def __init__(self, control: socket.socket, tasks: Mapping[str, Task], folder: str) -> None:
        self._control = control
        self._tasks = tasks
        self._folder = folder
        self._workers: dict[int, int] = {}
        self._over = False
        self._told_to_end = False
        self._alarm = Alarm.set_up()
        signal.signal(signal.SIGTERM, self._caller_is_gone)

    def serve(self) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._alarm.reader, select.POLLIN)
        while not self._over:
            for fd, _ in poll.poll():
                if fd == self._alarm.reader:
                    self._alarm.clear()
                else:
                    self._obey()
            self._reap()

    def end(self) -> None:
        """Workers that were told to end have nothing to do; else all have a moment to end by themselves."""
        ending = None
        if self._told_to_end:
            for pid in self._workers:
                os.kill(pid, signal.SIGKILL)
        while self._reap():
            if ending is None and not (self._told_to_end and self._workers):
                ending = Ending(lambda: tree.below(os.getpid()), _GRACE, time.monotonic())
            now = time.monotonic()
            if ending is not None:
                ending.act(now)
                if ending.left_behind(now):
                    return
            timeout = None if ending is None else max(ending.due - now, 0) * 1000 + 0.5
            if self._alarm_rings(timeout):
                self._alarm.clear()

    def _alarm_rings(self, milliseconds: float | None) -> bool:
        poll = select.poll()
        poll.register(self._alarm.reader, select.POLLIN)
        return bool(poll.poll(milliseconds))

    def _obey(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._control, 64, 1)
        except ConnectionError:  # the caller is gone, and had not read all that it was told
            data, fds = b"", []
        if data.startswith(HIRE):
            (number,) = NUMBER.unpack(data[len(HIRE) :])
            if fds:
                self._hire(number, socket.socket(fileno=fds[0]))
            else:  # the kernel had no room for it
                self._tell(number, -errno.EMFILE)
        else:
            self._over = True
            self._told_to_end = data == END

    def _hire(self, number: int, line: socket.socket) -> None:
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(number, -(error.errno or errno.EAGAIN))
            line.close()
            return
        if pid == 0:
            self._become_worker(line, zygote)
        line.close()
        self._workers[pid] = number

    def _become_worker(self, line: socket.socket, zygote: int) -> NoReturn:
        try:
            os.setsid()  # a signal to a task's own process group reaches no other task
            self._alarm.take_down()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._control.close()
            worker.main(line, self._tasks, self._folder, zygote)
        finally:  # whatever happens, a second zygote must not come of it
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)

    def _reap(self) -> bool:
        """Whether anything is left; all that is orphaned below comes here."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid in self._workers:
                self._tell(self._workers.pop(pid), status)

    def _tell(self, number: int, status: int) -> None:
        with suppress(OSError):  # the caller is gone: that is seen elsewhere
            self._control.send(NEWS.pack(number, status))

    def _caller_is_gone(self, *_: object) -> None:
        self._over = True
