"""Files that are whole or absent, and lines that are."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_BLOCK = 64 * 1024
# A FIFO would be waited for, and a terminal would become the daemon's.
_READ_ONLY = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_regular(path: Path, most: int) -> bytes:
    """A file's content. Raises OSError: EINVAL for a FIFO, folder or device, EFBIG beyond `most` bytes."""
    descriptor = os.open(path, _READ_ONLY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is longer than the {most // 1024} KiB that are allowed", str(path))
    return content


def lines_backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file, last first, read from its end in blocks; nothing where there is no file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position:
            size = min(_BLOCK, position)
            position -= size
            file.seek(position)
            rest, *lines = (file.read(size) + rest).split(b"\n")
            yield from (line for line in reversed(lines) if line)
        if rest:
            yield rest


def make_folder(folder: Path, mode: int = 0o750) -> None:
    """Make a folder, and those above it, durably; one that is there is left as it is. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    folder.mkdir(mode, exist_ok=True)
    sync_folder(folder.parent)


def write_all(descriptor: int, text: bytes) -> None:
    """Write, however many calls it takes. Raises OSError."""
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view) :]


def append_line(path: Path, line: bytes) -> None:
    """Append a line and sync it. Raises OSError: a line that doesn't fit leaves no part behind."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        end = os.fstat(descriptor).st_size
        if not end:
            sync_folder(path.parent)  # before there is a line: a line that is there is never tried again
        torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        try:
            write_all(descriptor, (b"\n" if torn else b"") + line + b"\n")
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)  # it will be tried again, and must not stand there twice
            raise
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: bytes, mode: int = 0o640) -> None:
    """Write a file durably so that, whatever happens, it is the old one or the new one. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            write_all(descriptor, text)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
