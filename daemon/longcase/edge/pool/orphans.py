"""What a dead worker leaves: its descendants, which this process inherits and ends."""

import asyncio
import os
import signal
import time
from contextlib import suppress

from longcase.edge.pool.worker import LIVE
from longcase.workers import tree
from longcase.workers.ending import Ending

_POLL = 0.02


class Orphans:
    """Finds and ends the processes that were a dead worker's.

    They are the children of this process that are in another session than its own (a worker's tree can't be
    in ours), no workers, and weren't there at the beginning; with all their descendants. No mark in their
    environment is needed, which a task could remove, or forge.
    """

    def __init__(self) -> None:
        tree.become_subreaper()
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # nobody would learn how a worker ended
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._session = os.getsid(0)
        self._foreign = {(child.pid, child.began) for child in self._children(tree.snapshot())}

    async def end(self, grace: float) -> list[str]:
        """End them all, with `grace` seconds from SIGTERM to SIGKILL; names what could not be killed."""
        if not self._find():
            return []
        ending = Ending(self._find, grace, time.monotonic())
        while self._reap():
            now = time.monotonic()
            ending.act(now)
            left = ending.left_behind(now)
            if left:
                return left
            await asyncio.sleep(min(_POLL, max(0.0, ending.due - now)))
        return []

    def _find(self) -> list[tree.Process]:
        processes = tree.snapshot()
        orphans = self._roots(processes)
        return orphans + tree.descendants([orphan.pid for orphan in orphans], processes)

    def _roots(self, processes: list[tree.Process]) -> list[tree.Process]:
        return [
            child
            for child in self._children(processes)
            if child.session != self._session
            and child.pid not in LIVE
            and (child.pid, child.began) not in self._foreign
        ]

    def _children(self, processes: list[tree.Process]) -> list[tree.Process]:
        own = os.getpid()
        return [process for process in processes if process.parent == own]

    def _reap(self) -> bool:
        """Whether any is left."""
        for orphan in self._roots(tree.snapshot()):
            with suppress(ChildProcessError):
                os.waitpid(orphan.pid, os.WNOHANG)
        return bool(self._find())
