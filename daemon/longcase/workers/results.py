"""Results travel by file: pickle protocol 5, its buffers out of band, mapped privately by the reader.

A file or a pack holds, for each result, its layout (the count and the sizes of its parts) and then the parts,
each at a multiple of 64 bytes: the pickle stream first, then its buffers.
"""

import mmap
import os
import pickle
import reprlib
import struct
from itertools import islice
from typing import Any, Mapping

PACKED = 64 * 1024
"""Results below this size in bytes share the worker's pack file; a larger one gets a file of its own."""
REPR = 200

_COUNT = struct.Struct("<Q")
_ALIGN = 64


class ResultError(Exception):
    """A result that can't be stored, or can't be read back."""


def write(value: Any, folder: str, name: str, pack: str) -> dict[str, Any]:
    """Store a result below `folder`, in the pack file or in a file `name`; return its reference.

    Raises ResultError for a value that can't be pickled or stored.
    """
    parts = _dump(value)
    layout = struct.pack(f"<{len(parts) + 1}Q", len(parts), *(len(part) for part in parts))
    blocks = _align([memoryview(layout), *parts])
    size = sum(len(block) for block in blocks)
    path = os.path.join(folder, pack if size < PACKED else name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_APPEND if size < PACKED else os.O_TRUNC)
    try:
        offset = _store(path, flags, blocks)
    except OSError as error:
        raise ResultError(f"the result can't be written to {path}: {error.strerror}") from None
    return {"path": path, "offset": offset, "size": size, "format": "pickle", "repr": short_repr(value)}


def read(reference: Mapping[str, Any]) -> Any:
    """The value behind a reference. Raises OSError, or whatever its unpickling raises."""
    view = _load(reference["path"], reference["offset"], reference["size"])
    (count,) = _COUNT.unpack_from(view)
    sizes = struct.unpack_from(f"<{count}Q", view, _COUNT.size)
    at = _COUNT.size * (count + 1)
    parts = []
    for size in sizes:
        at += -at % _ALIGN
        parts.append(view[at : at + size])
        at += size
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  by a task, from tasks of its own pipeline


def _dump(value: Any) -> list[memoryview]:
    buffers: list[pickle.PickleBuffer] = []
    try:
        stream = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        return [memoryview(stream), *(buffer.raw() for buffer in buffers)]
    except Exception as error:  # noqa: BLE001  pickling runs the value's own code
        raise ResultError(
            f"the result, of type {type(value).__qualname__}, can't be pickled: {error}; "
            "return a value that pickle takes"
        ) from None


def _align(parts: list[memoryview]) -> list[memoryview]:
    blocks = []
    for part in parts:
        blocks += [part, memoryview(bytes(-len(part) % _ALIGN))]
    return blocks


def _store(path: str, flags: int, blocks: list[memoryview]) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        offset = os.lseek(fd, 0, os.SEEK_END)
        with open(fd, "wb", buffering=PACKED, closefd=False) as file:
            file.writelines(blocks)
    finally:
        os.close(fd)
    return offset


def _load(path: str, offset: int, size: int) -> memoryview:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if size >= PACKED:
            return memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_COPY))
        data = bytearray(size)
        got = os.preadv(fd, [data], offset)
    finally:
        os.close(fd)
    if got < size:
        raise OSError(None, f"ends after {got} of {size} bytes", path)
    return memoryview(data)


class _ShortRepr(reprlib.Repr):
    """Looks at the beginning of large values only."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = REPR
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = 30
        self.maxlevel = 4

    def repr_dict(self, value: Mapping[Any, Any], level: int) -> str:
        """In the dict's own order, where reprlib sorts all of it."""
        if level <= 0:
            return "{…}" if value else "{}"
        shown = [
            f"{self.repr1(key, level - 1)}: {self.repr1(item, level - 1)}"
            for key, item in islice(value.items(), self.maxdict)
        ]
        return "{" + ", ".join(shown + ["…"] * (len(value) > self.maxdict)) + "}"

    def repr_bytes(self, value: bytes, _level: int) -> str:
        return repr(value[:REPR])

    repr_bytearray = repr_bytes


def short_repr(value: Any) -> str:
    """At most 200 characters that show a value, whatever its own repr does."""
    try:
        text = _ShortRepr().repr(value)
    except Exception:  # noqa: BLE001  a repr is the value's own code
        text = f"<{type(value).__qualname__}>"
    return text if len(text) <= REPR else text[: REPR - 1] + "…"
