"""Results travel by file: pickle protocol 5, its buffers out of band, mapped privately by the reader.

A file or a pack holds, for each result, its layout (the count and the sizes of its parts) and then the parts,
each at a multiple of 64 bytes: where its modules lie, then the pickle stream, then its buffers. What a
command wrote is kept as it came, as text or JSON.
"""

import errno
import io
import json
import mmap
import os
import pickle
import reprlib
import stat
import struct
from contextlib import suppress
from itertools import islice
from typing import Any, Iterable, Mapping, Sequence

from . import files
from .mask import NO_MASK, Mask

PACKED = 64 * 1024
"""Results below this size in bytes share the worker's pack file; a larger one gets a file of its own."""
REPR = 200

_COUNT = struct.Struct("<Q")
_ALIGN = 64


class ResultError(Exception):
    """A result that can't be stored, or can't be read back."""


def write(value: Any, folder: str, name: str, pack: str, mask: Mask = NO_MASK) -> dict[str, Any]:
    """Store a result below `folder`, in the pack file or in a file `name`; return its reference.

    Raises ResultError for a value that can't be pickled or stored.
    """
    parts = _dump(value)
    layout = struct.pack(f"<{len(parts) + 1}Q", len(parts), *(len(part) for part in parts))
    blocks = _align([memoryview(layout), *parts])
    size = sum(len(block) for block in blocks)
    path = os.path.join(folder, pack if size < PACKED else name)
    offset = _append(path, blocks) if size < PACKED else create(path, blocks)
    return {**reference(path, "pickle", size, short_repr(value, mask)), "offset": offset}


def reference(path: str, form: str, size: int, shown: str) -> dict[str, Any]:
    """What is told of a result that has a file of its own: pickle, json or text."""
    return {"path": path, "offset": 0, "size": size, "format": form, "repr": shown}


def read(reference: Mapping[str, Any], *, mapped: bool = True) -> Any:
    """The value behind a reference. Raises OSError, ResultError, or whatever its unpickling raises.

    A mapped one keeps a descriptor for as long as it lives; else, and where many are kept, it costs a copy.
    """
    view = _load(reference["path"], reference["offset"], reference["size"], mapped=mapped)
    if reference["format"] == "text":
        return str(view, "utf-8")
    if reference["format"] == "json":
        return _from_json(str(view, "utf-8"))
    (count,) = _COUNT.unpack_from(view)
    sizes = struct.unpack_from(f"<{count}Q", view, _COUNT.size)
    at = _COUNT.size * (count + 1)
    parts = []
    for size in sizes:
        at += -at % _ALIGN
        parts.append(view[at : at + size])
        at += size
    return _unpickle(bytes(parts[0]), parts[1], parts[2:])


def _from_json(text: str) -> Any:
    """A command may say what is JSON, and still more than this interpreter takes."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise ResultError("it is nested more deeply than Python reads JSON") from None
    except ValueError:
        raise ResultError(
            "it holds an integer of more digits than Python reads; "
            'PYTHONINTMAXSTRDIGITS = "0" in env lifts that limit'
        ) from None


def open_stored(path: str) -> int:
    """A descriptor of a file that is to be read. Raises OSError, also for a FIFO: nobody is waited for."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no regular file", path)
    os.set_blocking(fd, True)  # it may become a command's standard input
    return fd


def create(path: str, blocks: Iterable[Any] = ()) -> int:
    """Write a file that only its owner may read. Returns 0, the offset. Raises ResultError."""
    try:
        with open(open_new(path), "wb", buffering=PACKED) as file:
            file.writelines(blocks)
    except BaseException as error:
        with suppress(OSError):  # a part of it would fill the disk for nothing
            os.unlink(path)
        if isinstance(error, OSError):
            raise not_written(path, error) from None
        raise
    return 0


def open_new(path: str) -> int:
    """A descriptor of a file that was not there: whatever was is gone. Raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def not_written(path: str, error: OSError) -> ResultError:
    return ResultError(f"the result can't be written to {path}: {error.strerror}")


class _Unpickler(pickle.Unpickler):
    """Takes classes from the files that they came from."""

    def __init__(self, stream: memoryview, buffers: Sequence[memoryview], modules: Mapping[str, str]) -> None:
        super().__init__(io.BytesIO(stream), buffers=buffers)
        self._modules = modules

    def find_class(self, module: str, name: str) -> Any:
        if module not in self._modules:
            return super().find_class(module, name)
        found: Any = files.known_as(module, self._modules[module])
        for part in name.split("."):
            found = getattr(found, part)
        return found


def _unpickle(origins: bytes, stream: memoryview, buffers: Sequence[memoryview]) -> Any:
    if not origins:
        return pickle.loads(stream, buffers=buffers)  # noqa: S301  by a task, from tasks of its own pipeline
    known = json.loads(origins)
    files.search(known)
    return _Unpickler(stream, buffers, known["modules"]).load()


def _dump(value: Any) -> list[memoryview]:
    buffers: list[pickle.PickleBuffer] = []
    try:
        stream = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        origins = files.origins()
        place = json.dumps(origins).encode() if origins else b""
        return [memoryview(place), memoryview(stream), *(buffer.raw() for buffer in buffers)]
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


def _append(path: str, blocks: list[memoryview]) -> int:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            offset = os.lseek(fd, 0, os.SEEK_END)
            with open(fd, "wb", buffering=PACKED, closefd=False) as file:
                file.writelines(blocks)
        finally:
            os.close(fd)
    except OSError as error:
        raise not_written(path, error) from None
    return offset


def _load(path: str, offset: int, size: int, *, mapped: bool) -> memoryview:
    with open(open_stored(path), "rb") as file:
        if mapped and size >= PACKED and _may_be_mapped(file.fileno()):
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY))
        file.seek(offset)
        data = bytearray(size)
        got = file.readinto(data)
    if got < size:
        raise OSError(None, f"ends after {got} of {size} bytes", path)
    return memoryview(data)


def _may_be_mapped(fd: int) -> bool:
    """Mapped results take half of the descriptors, which are given from 0 up; the task needs some, too."""
    try:
        next_one = os.dup(fd)
    except OSError:
        return False
    os.close(next_one)
    return next_one < os.sysconf("SC_OPEN_MAX") // 2


class _ShortRepr(reprlib.Repr):
    """Looks at the beginning of large values only."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask
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
        return self._mask.cut(repr(value[: REPR + self._mask.longest]), REPR)

    repr_bytearray = repr_bytes

    def repr_str(self, value: str, level: int) -> str:
        if not self._mask:
            return super().repr_str(value, level)
        shown = self._mask.cut(value, REPR)  # where reprlib cuts something out of the middle
        return repr(shown) if len(value) <= REPR + self._mask.longest else repr(f"{shown}…")

    def repr_int(self, value: int, level: int) -> str:
        return self._mask.cut(repr(value), REPR) if self._mask else super().repr_int(value, level)

    def repr_instance(self, value: Any, level: int) -> str:
        return self._mask.cut(repr(value), REPR) if self._mask else super().repr_instance(value, level)


def short_repr(value: Any, mask: Mask = NO_MASK) -> str:
    """At most 200 characters that show a value, whatever its own repr does. Masked before anything is cut."""
    try:
        text = mask.hide(_ShortRepr(mask).repr(value))
    except Exception:  # noqa: BLE001  a repr is the value's own code
        text = f"<{type(value).__qualname__}>"
    return text if len(text) <= REPR else text[: REPR - 1] + "…"
