"""What an attempt's process tree used."""

import os
import resource
from typing import Any

from . import tree

INTERVAL = 0.1
"""Seconds between two looks at the tree's memory."""

_WHOLE_LOOK = (
    10  # every so many looks: a number of a process that was not ours may be used again by one that is
)


class Meter:
    """Adds up the processor time of all that is reaped, and keeps the largest memory that was seen."""

    def __init__(self) -> None:
        self._user = 0.0
        self._system = 0.0
        self._largest = 0
        self._sampled = 0
        self._looks = 0
        self._others: set[int] = set()

    def reaped(self, usage: resource.struct_rusage) -> None:
        """A process has ended; its usage includes the descendants that it reaped itself."""
        self._user += usage.ru_utime
        self._system += usage.ru_stime
        self._largest = max(self._largest, usage.ru_maxrss * 1024)

    def sample(self) -> None:
        """Look at the memory of every descendant of this process.

        A process that is none of them doesn't become one: it isn't looked at again.
        """
        if self._looks % _WHOLE_LOOK == 0:
            self._others.clear()
        self._looks += 1
        seen = tree.snapshot(leave_out=self._others)
        own = tree.descendants((os.getpid(),), seen)
        self._others.update({process.pid for process in seen} - {process.pid for process in own})
        self._sampled = max(self._sampled, sum(process.resident for process in own))

    def report(self, wall: float) -> dict[str, Any]:
        """Seconds and bytes, and how each was measured."""
        return {
            "wall": wall,
            "cpu_user": self._user,
            "cpu_system": self._system,
            "memory_peak": self._sampled or self._largest,
            "cpu_measured": "wait4",
            "memory_measured": f"sampled every {INTERVAL * 1000:.0f} ms" if self._sampled else "wait4",
        }
