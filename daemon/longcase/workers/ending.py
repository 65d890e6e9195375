"""Ending processes: SIGTERM, a grace, then SIGKILL until none is left."""

import os
import signal
from contextlib import suppress
from typing import Callable, Container

from . import tree

PATIENCE = 30.0
"""Seconds of SIGKILL after which what still lives is left behind."""

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.1
_ROUNDS = 3  # of asking: what is forked later may be how a process cleans up, and is to end by itself


class Ending:
    """Asks the processes that `targets` finds to end, and kills those that are there when `grace` is over.

    Times are seconds on the monotonic clock. New processes may appear among the targets all the while, so
    SIGKILL is sent again and again. The owner reaps, and knows when none is left.
    """

    def __init__(self, targets: Callable[[], list[tree.Process]], grace: float, now: float) -> None:
        self._targets = targets
        self._kill_at = self.due = now + grace
        self._pause = _FIRST_PAUSE
        if grace > 0:
            self._ask()
        else:
            tree.send(signal.SIGKILL, targets())

    def _ask(self) -> None:
        """SIGTERM to each once, and to those that were forked while the others were being asked."""
        asked: set[tuple[int, int]] = set()
        for _ in range(_ROUNDS):
            fresh = [target for target in self._targets() if (target.pid, target.began) not in asked]
            if not fresh:
                return
            tree.send(signal.SIGTERM, fresh)
            asked.update((target.pid, target.began) for target in fresh)

    def hurry(self, grace: float, now: float) -> None:
        """Wait no longer than `grace` from now on."""
        if now + grace < self._kill_at:
            self._kill_at = self.due = now + grace

    def act(self, now: float) -> None:
        """Do what is due; `due` says when there is more to do."""
        if now >= self.due:
            tree.send(signal.SIGKILL, self._targets())
            self.due = now + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def left_behind(self, now: float) -> list[str]:
        """What could not be killed, once it makes no sense to wait any longer."""
        if now < self._kill_at + PATIENCE:
            return []
        return [str(process) for process in self._targets()] or ["a process that /proc does not show"]


class Inherited:
    """Finds and reaps what this process starts in sessions of their own, and all that comes of it.

    That is its children which are in another session than its own (what comes of them can't be in ours) and
    weren't there at the beginning, none of which is `spared` by its pid; with all their descendants. No mark
    in their environment is needed, which a task could remove, or forge.
    """

    def __init__(self, spared: Container[int] = ()) -> None:
        tree.become_subreaper()
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # nobody would learn how a child ended
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._spared = spared
        self._session = os.getsid(0)
        self._foreign = {(child.pid, child.began) for child in _children(tree.snapshot())}

    def find(self) -> list[tree.Process]:
        processes = tree.snapshot()
        roots = self._roots(processes)
        return roots + tree.descendants([root.pid for root in roots], processes)

    def reap(self) -> bool:
        """Whether any is left."""
        for root in self._roots(tree.snapshot()):
            with suppress(ChildProcessError):
                os.waitpid(root.pid, os.WNOHANG)
        return bool(self.find())

    def _roots(self, processes: list[tree.Process]) -> list[tree.Process]:
        return [
            child
            for child in _children(processes)
            if child.session != self._session
            and child.pid not in self._spared
            and (child.pid, child.began) not in self._foreign
        ]


def _children(processes: list[tree.Process]) -> list[tree.Process]:
    own = os.getpid()
    return [process for process in processes if process.parent == own]
