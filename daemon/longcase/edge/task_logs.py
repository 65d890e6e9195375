"""The tasks' logs, read across rotated files: `TASK.log` is the newest, `TASK.log.1` was before it.

The files are renamed, and compressed, while they are read. They only ever move to higher numbers: who opens
them from the newest to the oldest may meet one twice, but overlooks none.
"""

import contextlib
import errno
import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

_CHUNK = 256 * 1024
_GAP = 2  # one number may be without a file for a moment, while files are renamed
_DIGITS = 5  # of a file's number, fewer than these
_TRAILER = 8  # bytes at the end of a gzip file: CRC-32 and size of what is in it


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a task's log: `2026-11-24T02:30:00.123+01:00 RUN STREAM TEXT`."""

    task: str
    when: datetime
    run: str
    text: str


def tasks_with_logs(folder: Path) -> list[str]:
    """The names of the tasks whose logs lie in a pipeline's log folder; none without one. Raises OSError."""
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except FileNotFoundError:
        return []
    return sorted(name.removesuffix(".log") for name in names if name.endswith(".log"))


class TaskLog:
    """A task's log from its oldest line on: each line is read once, however the files are rotated."""

    def __init__(self, folder: Path, task: str) -> None:
        self._path = folder / f"{task}.log"
        self._task = task
        self._current: _File | None = None
        self._position = 0  # where the current file's next line begins

    def close(self) -> None:
        if self._current:
            self._current.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self) -> Iterator[LogLine]:
        """All that there is, at the first call; later what has come since.

        Raises OSError where a file can't be read.
        """
        if self._current is None or self._current.was_replaced(self._path):
            yield from self._go_on()
        if self._current is None:
            return
        if self._current.size < self._position:
            self._position = 0  # somebody has emptied it
        for raw in self._current.lines(self._position):
            if not raw.endswith(b"\n"):
                break  # it is being written
            self._position += len(raw)
            yield from _parse(self._task, raw)

    def _go_on(self) -> Iterator[LogLine]:
        """What is left of the current file, and all of those between it and the newest: the next current."""
        newer = self._newer()
        if not newer:
            return
        done = [*newer[1:], self._current] if self._current else newer[1:]
        position = self._position
        self._current, self._position = newer[0], 0
        try:
            for file in reversed(done):
                for raw in file.lines(position):
                    yield from _parse(self._task, raw)
                position = 0
        finally:
            _close(done)

    def _newer(self) -> "list[_File]":
        """The files that are newer than the current one, opened, the newest first."""
        found: list[_File] = []
        try:
            for file in self._files():
                if self._current and (file.is_copy_of(self._current) or file.predates(self._current)):
                    file.close()
                    break
                if any(file.is_copy_of(other) for other in found):
                    file.close()
                else:
                    found.append(file)
        except OSError:
            _close(found)
            raise
        return found

    def _files(self) -> "Iterator[_File]":
        """All files there are, opened one by one, the newest first. Raises OSError."""
        number, missing = 0, 0
        highest = max(self._numbers(), default=0)
        while number <= highest or missing < _GAP:
            missing += 1
            for suffix in ("", ".gz"):
                file = _open(f"{self._path}.{number}{suffix}" if number else f"{self._path}{suffix}")
                if file:
                    missing = 0
                    yield file
            number += 1

    def _numbers(self) -> Iterator[int]:
        for path in self._path.parent.glob(f"{self._path.name}.*"):
            number = path.name.removeprefix(f"{self._path.name}.").removesuffix(".gz")
            if number.isdecimal() and len(number) < _DIGITS:
                yield int(number)


class _File:
    """One file of a log, open for as long as it is of use, whatever becomes of its name."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.is_packed = path.endswith(".gz")
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        """Bytes of text, as far as it is written."""
        return int.from_bytes(self.trailer()[4:], "little") if self.is_packed else self.status.st_size

    def lines(self, position: int) -> Iterator[bytes]:
        """The lines from there on. Raises OSError."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            text = gzip.GzipFile(fileobj=file) if self.is_packed else file
            try:
                text.seek(position)
                yield from text
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise OSError(errno.EIO, f"is damaged: {error}", self._path) from error

    def was_replaced(self, path: Path) -> bool:
        """Whether another file bears the name by now."""
        try:
            return not os.path.samestat(path.stat(), self.status)
        except FileNotFoundError:
            return False

    def is_copy_of(self, other: "_File") -> bool:
        """Whether both are the same file, or this one holds, compressed, what the other one does."""
        if os.path.samestat(self.status, other.status):
            return True
        if other.is_packed or not self.is_packed or self.size != other.size:
            return False
        return self.trailer() == other.as_trailer()

    def predates(self, other: "_File") -> bool:
        """Whether this one is older than one that was removed, and so is not found among the others."""
        mine, its = self.status, other.status
        return its.st_nlink == 0 and mine.st_mtime_ns < its.st_mtime_ns

    @property
    def status(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def trailer(self) -> bytes:
        return os.pread(self._descriptor, _TRAILER, max(self.status.st_size - _TRAILER, 0))

    def as_trailer(self) -> bytes:
        """What a compressed copy would end with."""
        crc, position = 0, 0
        while chunk := os.pread(self._descriptor, _CHUNK, position):
            crc = zlib.crc32(chunk, crc)
            position += len(chunk)
        return crc.to_bytes(4, "little") + position.to_bytes(8, "little")[:4]


def _open(path: str) -> _File | None:
    with contextlib.suppress(FileNotFoundError):
        return _File(path)
    return None


def _close(files: Iterable[_File]) -> None:
    for file in files:
        file.close()


def _parse(task: str, raw: bytes) -> Iterator[LogLine]:
    """The line, unless somebody else wrote it into the file."""
    text = raw.removesuffix(b"\n").decode(errors="replace")
    stamp, _, rest = text.partition(" ")
    with contextlib.suppress(ValueError):
        when = datetime.fromisoformat(stamp)
        if when.tzinfo is not None:
            yield LogLine(task, when, rest.partition(" ")[0], text)
