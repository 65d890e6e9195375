"""Looks at callables before anything runs: imports them as their tasks would, and says what they take.

Each module is imported in a fresh process, as each attempt would do it, so that one that prints, exits, dies,
hangs or leaves processes behind spoils nothing but its own callables.
"""

import faulthandler
import json
import os
import re
import resource
import select
import signal
import sys
import time
import traceback
from typing import Any, Mapping, NoReturn, Optional

from . import signatures, target, task, tree, wire
from .alarm import Alarm
from .ending import Ending
from .link import Link
from .mask import Mask
from .words import duration, signal_name

_TAIL = 4000  # characters of what a module prints that are told
_POLL = 0.01
_GRACE = 0.5  # seconds for the stack to be written, once the time is up
_READ = 65536
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_NOT_THE_USERS = re.compile(
    rf'  File "({re.escape(_OURS)}|<frozen |{re.escape(_LIBRARY)}(importlib|runpy))|Current thread 0x|'
    "Fatal Python error: Aborted$"
)


def main(fd: int) -> None:
    """Serve what the other end of socket `fd` asks for, once, and end."""
    tree.become_subreaper()
    alarm = Alarm.set_up()
    link = Link(fd)
    link.send({"type": "ready"})
    while not (link.inbox or link.closed):
        link.receive()
    request = link.inbox.popleft() if link.inbox else {"modules": []}
    for module in request["modules"]:
        if link.closed:
            return
        for answer in Look(request, module, link, alarm).run():
            link.send(answer)
    link.send({"type": "done"})


class Look:
    """One module. `run` gives an answer for each of its callables, in their order."""

    def __init__(
        self, request: Mapping[str, Any], module: Mapping[str, Any], link: Link, alarm: Alarm
    ) -> None:
        self._request = request
        self._calls: list[str] = module["calls"]
        self._module = module
        self._link = link
        self._alarm = alarm
        self._answers: dict[str, dict[str, Any]] = {}
        self._frames = wire.Frames(wire.LIMIT)
        self._output = bytearray()
        self._mask = Mask(request["secrets"])
        self._kept = 4 * (_TAIL + self._mask.longest)  # bytes of the output: as many characters at least
        self._status: Optional[int] = None
        self._aborted = False

    def run(self) -> list[dict[str, Any]]:
        (self._report, report), (self._printed, printed) = os.pipe(), os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._become_child(report, printed)
        os.close(report)
        os.close(printed)
        self._deadline = time.monotonic() + self._request["timeout"]
        self._supervise()
        self._end_tree()
        self._drain(self._report)
        self._drain(self._printed)
        return [self._answer(call) for call in self._calls]

    def _become_child(self, report: int, printed: int) -> NoReturn:
        try:
            self._alarm.take_down()
            for fd in (self._report, self._printed, self._link.fileno()):
                os.close(fd)
            _look(self._request, self._module, report, printed)
        finally:  # whatever happens, a second supervisor must not come of it
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)

    def _supervise(self) -> None:
        """Until the process has ended, its time is up, or nobody waits for the answer any more."""
        poll = select.poll()
        for fd in (self._report, self._printed, self._alarm.reader, self._link.fileno()):
            poll.register(fd, select.POLLIN)
        for fd in (self._report, self._printed):
            os.set_blocking(fd, False)
        while self._status is None and not self._link.closed:
            left = self._deadline - time.monotonic()
            if left <= 0:
                if self._aborted:
                    return
                self._abort()
                continue
            for fd, _ in poll.poll(left * 1000 + 1):
                self._serve(fd, poll)
            self._reap()

    def _serve(self, fd: int, poll: select.poll) -> None:
        if fd == self._alarm.reader:
            self._alarm.clear()
        elif fd == self._link.fileno():
            self._link.receive()
        elif not self._read(fd):
            poll.unregister(fd)

    def _abort(self) -> None:
        """Have the process write its stack: it shows where the import hangs."""
        self._aborted = True
        self._deadline = time.monotonic() + _GRACE
        os.kill(self._pid, signal.SIGABRT)

    def _read(self, fd: int) -> bool:
        """Take what is there. False: there will be no more."""
        try:
            data = os.read(fd, _READ)
            self._take(fd, data)
        except BlockingIOError:
            return True
        except (ValueError, RecursionError):  # the module's own code may write anything here
            return False
        return bool(data)

    def _drain(self, fd: int) -> None:
        """Nobody is left who writes: take the rest."""
        while self._read(fd) and select.select([fd], [], [], 0)[0]:
            pass
        os.close(fd)

    def _take(self, fd: int, data: bytes) -> None:
        if fd == self._printed:
            self._output += data
            del self._output[: -self._kept]
            return
        for body in self._frames.feed(data):
            answer = json.loads(body)
            if isinstance(answer, dict) and answer.get("call") in self._calls:
                self._answers.setdefault(answer["call"], answer)

    def _reap(self) -> bool:
        """Whether anything is left of the process and what came of it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._pid:
                self._status = status

    def _end_tree(self) -> None:
        ending = Ending(lambda: tree.below(os.getpid()), 0.0, time.monotonic())
        while self._reap() and not ending.left_behind(time.monotonic()):
            ending.act(time.monotonic())
            time.sleep(_POLL)

    def _answer(self, call: str) -> dict[str, Any]:
        answer = self._answers.get(call) or {"type": "broken", "call": call, "error": self._death()}
        return {**answer, "output": self._shown()} if answer.get("type") == "broken" else answer

    def _death(self) -> str:
        if self._aborted:
            return f"the import had not ended after {duration(self._request['timeout'])}"
        if self._status is None:
            return "the import was given up"
        if os.WIFSIGNALED(self._status):
            return f"the import was killed by {signal_name(os.WTERMSIG(self._status))}"
        if os.WEXITSTATUS(self._status) == task.CANT_REPORT:
            return "the import closed the descriptor by which it is reported"
        return f"the import ended the interpreter with exit code {os.WEXITSTATUS(self._status)}"

    def _shown(self) -> str:
        text = self._output.decode("utf-8", "backslashreplace")
        lines = self._mask.tail(text, _TAIL).splitlines()
        return "\n".join(line for line in lines if line and not _NOT_THE_USERS.match(line))


def _look(request: Mapping[str, Any], module: Mapping[str, Any], report: int, printed: int) -> NoReturn:
    """In a process of its own: set it up as a task's, import, tell, and end."""
    pid = os.getpid()
    spoilt: Optional[dict[str, Any]] = None
    mask = Mask(request["secrets"])
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        fds = task.Descriptors(os.dup(printed), os.dup(printed), printed, report)
        task.set_up({**request, **module, "call": module["calls"][0]}, fds)
        faulthandler.enable(2)
    except Exception as error:  # noqa: BLE001  it is told, and this process ends
        spoilt = {"type": "broken", "error": task.say(error, mask)}
    for call in module["calls"]:
        answer = spoilt or _found(call, mask)
        if os.getpid() != pid:  # a child that the module forked has come back out of it
            task.leave(0)
        if "trace" in answer:
            spoilt = answer  # to import the module again would do all that it does again
        if not task.send(report, {**answer, "call": call}):
            task.leave(task.CANT_REPORT)
    task.leave(0)


def _found(call: str, mask: Mask) -> dict[str, Any]:
    """The callable's signature, or why there is none. `trace`: it is the module's own code that fails."""
    try:
        return {"type": "found", "signature": signatures.describe(target.find(call), mask)}
    except BaseException as error:  # noqa: BLE001  SystemExit and KeyboardInterrupt, too
        answer = {"type": "broken", "error": task.say(error, mask)}
        frames = task.users_frames(error.__traceback__)
        if frames is not None or isinstance(error, SyntaxError):
            answer["trace"] = task.format_error(error, frames, mask)
        return answer
