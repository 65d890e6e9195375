"""The journal of a run while it lives: a step a line."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from longcase.texts.record import Step, decode_step, encode


class Journal:
    """The open journal of one live run.

    What can't be written is held, and written before what follows.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.recorded = False  # whether the run's document and index line are written
        self._descriptor = descriptor
        self._unwritten = bytearray()

    def append(self, step: Step) -> None:
        """Add a step. Raises OSError where it can't be written: it is held, and the next call tries again."""
        self._unwritten += encode(step) + b"\n"
        self.flush()

    def flush(self) -> None:
        """Write what is held. Raises OSError."""
        while self._unwritten:
            written = os.write(self._descriptor, self._unwritten)
            del self._unwritten[:written]

    def sync(self) -> None:
        """Write what is held, and make all of it durable. Raises OSError."""
        self.flush()
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def read_journal(path: Path) -> Iterator[Step]:
    """The steps of a journal up to a line that a crash, or a failing disk, cut. Raises FileNotFoundError."""
    *whole, _ = path.read_bytes().split(b"\n")
    with contextlib.suppress(msgspec.DecodeError):
        yield from map(decode_step, whole)
