"""Process trees, as /proc shows them, and how to end one."""

import ctypes
import os
import signal
from contextlib import suppress
from typing import Container, Iterable, NamedTuple

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STOPPED = "Tt"


class Process(NamedTuple):
    """A line of /proc. `resident` in bytes; `began` in clock ticks since boot: a pid may be used again."""

    pid: int
    name: str
    state: str
    parent: int
    session: int
    began: int
    resident: int

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def become_subreaper() -> None:
    """Inherit every descendant whose parent dies, whatever it did to detach itself."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(number: int) -> None:
    """Get a signal when the thread that forked this process ends. One that has ended already sends none."""
    _prctl(_PR_SET_PDEATHSIG, number)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def snapshot(leave_out: Container[int] = ()) -> list[Process]:
    """Every process of the machine that this one may look at, without those pids that are to be left out."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in leave_out:
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                found.append(_read(entry))
    return found


def _read(pid: str) -> Process:
    fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    try:
        line = os.read(fd, 1024).decode("utf-8", "replace")
    finally:
        os.close(fd)
    opening, closing = line.index("("), line.rindex(")")
    rest = line[closing + 2 :].split()
    return Process(
        pid=int(pid),
        name=line[opening + 1 : closing],
        state=rest[0],
        parent=int(rest[1]),
        session=int(rest[3]),
        began=int(rest[19]),
        resident=int(rest[21]) * _PAGE,
    )


def descendants(roots: Iterable[int], processes: Iterable[Process]) -> list[Process]:
    """All processes below `roots`, parents before their children, without the roots themselves."""
    children: dict[int, list[Process]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    for root in roots:
        found += children.pop(root, ())
    for process in found:  # grows as it goes
        found += children.pop(process.pid, ())
    return found


def below(pid: int) -> list[Process]:
    """All living descendants of a process."""
    return descendants((pid,), snapshot())


def send(number: int, processes: Iterable[Process]) -> None:
    """A signal to each; one that is stopped is woken to take it."""
    for process in processes:
        _kill(process.pid, number)
        if process.state in _STOPPED and number != signal.SIGKILL:
            _kill(process.pid, signal.SIGCONT)


def _kill(pid: int, number: int) -> None:
    # One that is gone needs no signal; one that may not be killed is named as left behind in the end.
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
