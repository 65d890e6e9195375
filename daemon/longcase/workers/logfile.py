"""A log file that is bounded while it is being written."""

import errno
import os
import stat
from contextlib import suppress
from typing import Optional

_SUFFIXES = ("", ".gz")
_CHUNK = 256 * 1024
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO would be waited for


class LogFile:
    """Appends whole lines to `path`, never making it longer than `max_bytes`.

    A full file becomes `path.1` (`.gz` with `compress`), the one before it `path.2`, up to `backups` of them.
    Opening raises OSError; later errors lose what could not be written (`lost` bytes, `trouble` says why).
    """

    def __init__(self, path: str, max_bytes: int, backups: int, *, compress: bool = False) -> None:
        self.path = path
        self.lost = 0
        self.trouble: Optional[str] = None
        self.max_bytes = max_bytes
        self._backups = backups
        self._compress = compress
        self._fd, self._size = _open(path)

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        os.close(self._fd)

    def write(self, block: bytes) -> None:
        """Append lines, each with its newline. Never raises."""
        written = 0
        try:
            while written < len(block):
                written += self._write_some(block, written)
        except OSError as error:
            self.trouble = error.strerror
            self.lost += len(block) - self._cut_back(block, written)

    def _cut_back(self, block: bytes, written: int) -> int:
        """Take back a line that was written in part; how many bytes stay."""
        whole = block.rfind(b"\n", 0, written) + 1
        with suppress(OSError):
            self._size -= written - whole
            os.ftruncate(self._fd, self._size)
        return whole

    def _write_some(self, block: bytes, start: int) -> int:
        """Write as many lines from `start` on as the file has room for; how many bytes were taken."""
        room = self.max_bytes - self._size
        if len(block) - start <= room:
            return self._append(block if start == 0 else block[start:])
        end = block.rfind(b"\n", start, start + max(room, 0)) + 1
        if end > start:
            return self._append(block[start:end])
        if self._size > 0:
            self._rotate()
            return 0
        return self._write_cut(block, start)

    def _write_cut(self, block: bytes, start: int) -> int:
        """The beginning of a line that no file has room for."""
        end = block.index(b"\n", start) + 1
        self._append(block[start : start + self.max_bytes - 1] + b"\n")
        return end - start

    def _append(self, data: bytes) -> int:
        written = os.write(self._fd, data)
        self._size += written
        return written

    def _rotate(self) -> None:
        if self._backups:
            self._shift()
        else:
            with suppress(FileNotFoundError):
                os.unlink(self.path)
        fresh, size = _open(self.path)
        os.close(self._fd)
        self._fd, self._size = fresh, size
        if self._backups and self._compress:
            with suppress(OSError):  # no room for a copy: it stays as it is
                _compress(self._name(1))

    def _shift(self) -> None:
        for suffix in _SUFFIXES:
            with suppress(FileNotFoundError):
                os.unlink(self._name(self._backups) + suffix)
        for number in range(self._backups - 1, 0, -1):
            for suffix in _SUFFIXES:
                with suppress(FileNotFoundError):
                    os.rename(self._name(number) + suffix, self._name(number + 1) + suffix)
        with suppress(FileNotFoundError):  # somebody has removed it
            os.rename(self.path, self._name(1))

    def _name(self, number: int) -> str:
        return f"{self.path}.{number}"


def _open(path: str) -> "tuple[int, int]":
    """A descriptor, and the size of the file."""
    fd = os.open(path, _FLAGS, 0o640)
    status = os.fstat(fd)
    if stat.S_ISFIFO(status.st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is a FIFO", path)
    return fd, status.st_size


def _compress(path: str) -> None:
    import gzip  # noqa: PLC0415  most logs are not compressed, and a worker is kept small

    half = path + ".gz.new"
    try:
        fd = os.open(half, _FLAGS | os.O_TRUNC, 0o640)
        with open(path, "rb") as plain, open(fd, "wb") as raw, gzip.open(raw, "wb", 1) as packed:
            while chunk := plain.read(_CHUNK):
                packed.write(chunk)
        os.rename(half, path + ".gz")
    except OSError:
        with suppress(OSError):
            os.unlink(half)
        raise
    os.unlink(path)
