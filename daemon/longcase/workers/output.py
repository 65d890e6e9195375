"""From a task's pipes into its log: lines with a time stamp, the run and the stream."""

import codecs
import os
import re
import time
from collections import deque
from typing import Callable, Deque, Optional, Sequence

from .logfile import LogFile
from .mask import NO_MASK, Flow, Mask

WIDTH = 64 * 1024
"""Characters after which a line without an end is cut."""

_READ = 64 * 1024
_TAIL_LINES = 20
_TAIL_WIDTH = 500
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]")  # not tab and escape: colours are welcome


def stamp(now: float) -> str:
    """Seconds since 1970 in the machine's zone: `2026-11-24T02:30:00.123+01:00`."""
    local = time.localtime(now)
    minutes = local.tm_gmtoff // 60
    sign = "-" if minutes < 0 else "+"
    hours, minutes = divmod(abs(minutes), 60)
    clock = time.strftime("%Y-%m-%dT%H:%M:%S", local)
    return f"{clock}.{int(now * 1000) % 1000:03d}{sign}{hours:02d}:{minutes:02d}"


def one_line(text: str) -> str:
    """A text without anything that would end its line."""
    return _CONTROLS.sub(_escape, text.replace("\n", "\\n"))


def _escape(match: re.Match[str]) -> str:
    return "\\r" if match[0] == "\r" else f"\\x{ord(match[0]):02x}"


class AttemptLog:
    """The log file of a task, written for one attempt.

    `mask`: what must not stand in it. `tail`: the last words of the task. `width`: characters after which a
    line is cut.
    """

    def __init__(self, file: LogFile, run: str, mask: Mask = NO_MASK) -> None:
        self.file = file
        self.mask = mask
        self.width = min(WIDTH, max(file.max_bytes // 8, 1))  # a character takes up to 4 bytes
        self.tail: Deque[str] = deque(maxlen=_TAIL_LINES)
        self._run = run

    def lines(self, stream: str, lines: Sequence[str]) -> None:
        """Lines of the task's own, each without its newline, masked before they were cut."""
        self._write(stream, lines)
        self.tail.extend(line[:_TAIL_WIDTH] for line in lines[-_TAIL_LINES:])

    def note(self, text: str) -> None:
        """A line of ours about the attempt: its header, its footer."""
        self._write("---", [one_line(self.mask.hide(text))])

    def traceback(self, text: str) -> None:
        """What a script would have left on its stderr. It isn't among the last words: it is told apart."""
        lines = self.mask.hide(text).rstrip("\n").split("\n")
        self._write("err", [one_line(line) for line in lines])

    def _write(self, stream: str, lines: Sequence[str]) -> None:
        prefix = f"{stamp(time.time())} {self._run} {stream} "
        block = prefix + ("\n" + prefix).join(lines) + "\n"
        self.file.write(block.encode("utf-8", "backslashreplace"))


class Stream:
    """The reading end of one of a task's pipes.

    `patience`: seconds after which the beginning of a line is shown, though it has no end yet. `copy` takes
    every byte, and never raises.
    """

    def __init__(
        self,
        fd: int,
        name: str,
        log: AttemptLog,
        patience: float,
        copy: Optional[Callable[[bytes], None]] = None,
    ) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self._name = name
        self._log = log
        self._patience = patience
        self._copy = copy
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._flow = Flow(log.mask)
        self._begun = ""
        self._since = 0.0

    @property
    def due(self) -> Optional[float]:
        """When the line that has begun is shown without its end, on the monotonic clock."""
        return self._since + self._patience if self._begun else None

    def read(self, now: float) -> bool:
        """Take what is there. False: there will be no more."""
        try:
            data = self._receive()
        except BlockingIOError:
            return True
        if data:
            self._take(self._decoder.decode(data), now)
        return bool(data)

    def _receive(self) -> bytes:
        data = os.read(self.fd, _READ)
        if self._copy is not None:
            self._copy(data)
        return data

    def drain(self, now: float) -> None:
        """Take all that is there, and the line that has begun. No more than a pipe can hold is waited for."""
        for _ in range(64):
            try:
                data = self._receive()
            except BlockingIOError:
                break
            if not data:
                break
            self._take(self._decoder.decode(data), now)
        self._take(self._decoder.decode(b"", final=True), now)
        self._add(self._flow.end(), now)
        self.flush()

    def flush(self) -> None:
        """Show the beginning of a line."""
        if self._begun:
            self._show(self._begun)
            self._begun = ""

    def close(self) -> None:
        os.close(self.fd)

    def _take(self, text: str, now: float) -> None:
        """Secrets are hidden before anything is cut: no half of one is ever shown."""
        self._add(self._flow.feed(text), now)

    def _add(self, text: str, now: float) -> None:
        body, newline, rest = (self._begun + text).rpartition("\n")
        if newline or not self._begun:
            self._since = now
        self._begun = rest
        if newline:
            self._show(body)
        if len(self._begun) >= self._log.width:
            self.flush()

    def _show(self, body: str) -> None:
        body = body.replace("\r\n", "\n").removesuffix("\r")
        if _CONTROLS.search(body):
            body = _CONTROLS.sub(_escape, body)
        lines = body.split("\n")
        width = self._log.width
        if len(body) > width:
            lines = [line[at : at + width] for line in lines for at in range(0, max(len(line), 1), width)]
        self._log.lines(self._name, lines)
