"""The standard output of a command, kept as its result."""

import codecs
import json
import os
from collections import deque
from contextlib import suppress
from typing import Any, Iterator

from . import jsonfile
from .mask import NO_MASK, Mask
from .results import REPR, ResultError, create, not_written, open_new, reference, short_repr

LARGEST = 1024**3
"""Bytes that a command's result may have."""

_CHUNK = 256 * 1024
_SHOWN = 4 * REPR  # bytes at either end of a text that its short repr can show


class Spool:
    """A file that takes bytes as they come, and never more than `LARGEST`.

    Raises ResultError where none can be made. What goes wrong later hurts nobody who writes: the file is
    emptied, and `report` says why.
    """

    def __init__(
        self, folder: str, name: str, form: str, *, as_json: bool = False, mask: Mask = NO_MASK
    ) -> None:
        self._mask = mask
        self._form = form
        base = os.path.join(folder, name)
        self._path = f"{base}.{'json' if form == 'json' else 'txt'}"
        self._json_path = f"{base}.json" if as_json else ""
        self._size = 0
        self._trouble = ""
        try:
            self._fd = open_new(self._path)
        except OSError as error:
            raise not_written(self._path, error) from None

    def write(self, data: bytes) -> None:
        """Never raises."""
        if self._trouble:
            return
        self._size += len(data)
        if self._size > LARGEST:
            self._give_up(f"the result is larger than the {LARGEST >> 20} MiB that one may have")
            return
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self._give_up(str(not_written(self._path, error)))

    def _give_up(self, why: str) -> None:
        self._trouble = why
        with suppress(OSError):
            os.ftruncate(self._fd, 0)  # the log may need the room

    def confine(self) -> None:
        """Bound what `report` may take, in a process of its own."""
        jsonfile.confine(self._size)

    def report(self) -> "dict[str, Any]":
        """The state of an attempt whose command has succeeded: with its result, or why that is none."""
        try:
            return {"state": "succeeded", "result": self._result()}
        except ResultError as error:
            return {"state": "failed", "reason": str(error)}
        except OSError as error:
            return {"state": "failed", "reason": str(not_written(self._path, error))}

    def close(self) -> None:
        os.close(self._fd)

    def discard(self) -> None:
        """Close it, and remove what is there of the result."""
        self.close()
        for path in filter(None, (self._path, self._json_path)):
            with suppress(OSError):
                os.unlink(path)

    def _result(self) -> "dict[str, Any]":
        if self._trouble:
            raise ResultError(self._trouble)
        if self._form == "json":
            shown = jsonfile.check(self._fd, self._size, self._mask)
        else:
            shown = self._take_text()
        return {**reference(self._path, self._form, self._size, shown), "json": self._json_path}

    def _take_text(self) -> str:
        """Cut the newlines off, and store it as JSON, too, where that is wanted; its short repr."""
        self._size = self._without_newlines()
        os.ftruncate(self._fd, self._size)
        if self._json_path:
            create(self._json_path, self._spelled())
        else:
            deque(self._texts(), maxlen=0)
        return self._shown()

    def _without_newlines(self) -> int:
        """The size without the newlines at the end, as `$(…)` takes it."""
        end = self._size
        while end:
            start = max(0, end - _CHUNK)
            kept = os.pread(self._fd, end - start, start).rstrip(b"\n")
            if kept:
                return start + len(kept)
            end = start
        return 0

    def _texts(self) -> Iterator[str]:
        """All of it, piece by piece: it may be larger than a worker is to become."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        line, at = 1, 0
        while at < self._size:
            chunk = os.pread(self._fd, _CHUNK, at)
            at += len(chunk) or self._size  # somebody else has cut it: take what is there
            try:
                text = decoder.decode(chunk, final=at >= self._size)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                wrong = f"byte 0x{error.object[error.start]:02x} in line {line} of the standard output"
                raise ResultError(f"the result is text, and {wrong} is no UTF-8") from None
            line += text.count("\n")
            yield text

    def _spelled(self) -> Iterator[bytes]:
        """All of it as one string of JSON."""
        yield b'"'
        for text in self._texts():
            yield json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8")
        yield b'"\n'

    def _shown(self) -> str:
        shown = _SHOWN + 4 * self._mask.longest
        head = os.pread(self._fd, min(self._size, 2 * shown), 0)
        if self._size > len(head):
            head = head[:shown] + os.pread(self._fd, shown, self._size - shown)
        return short_repr(head.decode("utf-8", "ignore"), self._mask)
