"""Waking poll() when a child has ended: the signal alone would not."""

import os
import signal
from typing import NamedTuple


class Alarm(NamedTuple):
    """A pipe into which every SIGCHLD writes."""

    reader: int
    writer: int

    @classmethod
    def set_up(cls) -> "Alarm":
        alarm = cls(*os.pipe())
        for fd in alarm:
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(alarm.writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # it would be ignored, and wake nobody, without
        return alarm

    def clear(self) -> None:
        """Take note; the next child that ends makes it readable again."""
        os.read(self.reader, 4096)

    def take_down(self) -> None:
        """In a fork: leave signals as a program finds them at its start."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for fd in self:
            os.close(fd)
