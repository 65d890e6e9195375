"""The caller's side of its workers: hiring them, talking to them, and ending them."""

import os
import select
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from longcase.domain.errors import LongcaseError
from longcase.library import zygote
from longcase.library.fork import fork, interrupt_held_back
from longcase.library.messages import LIMIT, Report, decode, encode, pair
from longcase.library.task import Task

_DEPTH: Final = 8
"""Tasks that a worker is given at once. What it hasn't begun can be taken back."""


class Gone(NamedTuple):
    """A worker is gone. `status`: as wait() gives it."""

    worker: "Worker"
    status: int


class Worker:
    """One process, or one that is about to be forked. `tasks`: what it was given and hasn't reported."""

    def __init__(self, number: int, folder: str, room: memoryview) -> None:
        self.number = number
        self._room = room
        self.tasks: deque[str] = deque()
        self._folder = folder
        self._line, self._its_end = pair()  # its end stays open here, too, so that tasks can be taken back
        self.fd = self._line.fileno()

    @property
    def its_fd(self) -> int:
        return self._its_end.fileno()

    @property
    def has_room(self) -> bool:
        return len(self.tasks) < _DEPTH

    def give(self, name: str, message: Any) -> bool:
        """False: its queue has no room for so long a message. Raises OSError where a file has none."""
        data = encode(message, self._folder)
        try:
            self._line.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        self.tasks.append(name)
        return True

    def take_back(self) -> list[str]:
        """The tasks that it has not begun. Each message gets either to it or here, whatever it does now."""
        taken: list[str] = []
        while (message := self._receive(self._its_end)) is not None:
            taken.append(message[0])
            self.tasks.remove(message[0])
        return taken

    def report(self) -> Report | None:
        """What it says of a task; None where it says nothing now."""
        message = self._receive(self._line)
        if message is None:
            return None
        report = Report(*message)
        self.tasks.remove(report.name)
        return report

    def _receive(self, end: socket.socket) -> Any:
        try:
            size = end.recv_into(self._room, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        return decode(self._room[:size])

    def close(self) -> None:
        self._line.close()
        self._its_end.close()


class Crew:
    """All workers of one run, and the zygote that forks them.

    Whatever comes between, `start` is followed by `end` or `abort`.
    """

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self._tasks = tasks
        self.workers: dict[int, Worker] = {}
        self._hired = 0
        self._room = memoryview(bytearray(LIMIT))
        self._by_fd: dict[int, Worker] = {}
        self._poll = select.poll()
        self._folder = ""
        self._control, self._zygotes_end = pair()
        self._zygote = 0

    def start(self) -> None:
        """Fork the zygote. Raises LongcaseError where there is no room for it, or for what tasks pass on."""
        with interrupt_held_back():
            self._folder = _new_folder()
            self._zygote = self._fork_zygote()
            self._zygotes_end.close()
            self._poll.register(self._control, select.POLLIN)

    def end(self) -> None:
        """End every process that has come of the run: all tasks are done."""
        self._end(zygote.END)

    def abort(self) -> None:
        """The same at once, however far the crew got: also where its start or end was interrupted."""
        self._end(zygote.ABORT)

    def hire(self) -> Worker:
        """A new worker: it can be given tasks at once, and comes as soon as it can.

        Raises OSError where there are no descriptors for it, and LongcaseError where the zygote is lost.
        """
        self._hired += 1
        worker = Worker(self._hired, self._folder, self._room)
        self.workers[worker.number] = self._by_fd[worker.fd] = worker
        self._poll.register(worker.fd, select.POLLIN)
        try:
            call = zygote.HIRE + zygote.NUMBER.pack(worker.number)
            socket.send_fds(self._control, [call], [worker.its_fd])
        except OSError:
            raise _lost() from None
        return worker

    def dismiss(self, worker: Worker) -> None:
        """It is gone."""
        self._poll.unregister(worker.fd)
        del self.workers[worker.number], self._by_fd[worker.fd]
        worker.close()

    def wait(self) -> Iterator[Report | Gone]:
        """What has happened, once something has. Raises LongcaseError where the zygote is lost."""
        for fd, _ in self._poll.poll():
            worker = self._by_fd.get(fd)
            if fd == self._control.fileno():
                yield self._news()
            elif worker is not None and (report := worker.report()) is not None:
                yield report

    def _news(self) -> Gone:
        try:
            data = self._control.recv(zygote.NEWS.size)
        except ConnectionError:  # it is gone, and had not read all that it was sent
            data = b""
        if not data:
            raise _lost()
        number, status = zygote.NEWS.unpack(data)
        return Gone(self.workers[number], status)

    def _fork_zygote(self) -> int:
        caller = os.getpid()
        try:
            pid = fork()
        except OSError as error:
            raise no_process(error.errno or 0) from None
        if pid == 0:
            zygote.main(self._zygotes_end, self._control, self._tasks, self._folder, caller)
        return pid

    def _end(self, how: bytes) -> None:
        with interrupt_held_back():
            if self._zygote:
                self._end_zygote(how)
            self._control.close()
            self._zygotes_end.close()
            for worker in self.workers.values():
                worker.close()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _end_zygote(self, how: bytes) -> None:
        with suppress(OSError):
            # Nobody reads its news any more, and it would wait for room for them.
            self._control.shutdown(socket.SHUT_RD)
            self._control.send(how)
        with suppress(ChildProcessError):  # the caller ignores SIGCHLD, or waits for every child
            os.waitpid(self._zygote, 0)
        self._zygote = 0


def _new_folder() -> str:
    try:
        return tempfile.mkdtemp(prefix="longcase-")
    except OSError as error:
        place = f" in {Path(error.filename).parent}" if error.filename else ""
        raise LongcaseError(
            f"there can be no folder for what tasks pass on{place}: {error.strerror}; "
            "set TMPDIR to a folder that can be written to"
        ) from None


def no_process(number: int) -> LongcaseError:
    """`number`: an errno."""
    return LongcaseError(f"no process can be forked to run tasks in: {os.strerror(number)}")


def _lost() -> LongcaseError:
    return LongcaseError("the process that forks the workers was killed; run again")
