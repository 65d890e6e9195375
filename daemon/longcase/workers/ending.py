"""Ending processes: SIGTERM, a grace, then SIGKILL until none is left."""

import signal
from typing import Callable

from . import tree

PATIENCE = 30.0
"""Seconds of SIGKILL after which what still lives is left behind."""

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.1


class Ending:
    """Asks the processes that `targets` finds to end, and kills those that are there when `grace` is over.

    Times are seconds on the monotonic clock. New processes may appear among the targets all the while, so
    SIGKILL is sent again and again. The owner reaps, and knows when none is left.
    """

    def __init__(self, targets: Callable[[], list[tree.Process]], grace: float, now: float) -> None:
        self._targets = targets
        self._kill_at = self.due = now + grace
        self._pause = _FIRST_PAUSE
        tree.send(signal.SIGTERM if grace > 0 else signal.SIGKILL, targets())

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
