"""A result on its way: small ones as bytes within the messages, large ones as files that are mapped."""

import io
import os
import pickle
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

from longcase.library.errors import TaskError
from longcase.workers import results

Parcel = bytes | Mapping[str, Any]
"""A pickle stream that holds all of it, or the reference of a file."""

_INLINE: Final = results.PACKED
_SCALARS: Final = frozenset({type(None), bool, int, float})


class Packer:
    """Packs what the tasks of one worker return. `folder`: where large results are put."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._numbers = count()

    def pack(self, value: Any) -> Parcel:
        """Raises TaskError for a value that can't be pickled or stored."""
        if type(value) in _SCALARS:
            return pickle.dumps(value, protocol=5)
        with suppress(Exception):  # what is wrong with it is said below
            return _small(value)
        own = f"{os.getpid()}"
        try:
            return results.write(value, self._folder, f"{own}.{next(self._numbers)}", pack=own)
        except results.ResultError as error:
            raise TaskError("", str(error)) from None


def unpack(parcel: Parcel, *, mapped: bool) -> Any:
    """The value, a new one each time. A mapped one keeps a descriptor for as long as it lives.

    Raises OSError, or whatever its unpickling raises.
    """
    if isinstance(parcel, bytes):
        return pickle.loads(parcel)  # noqa: S301 - by the caller's own forks
    return results.read(parcel, mapped=mapped)


def drop(parcel: Parcel) -> None:
    """Nobody needs it any more."""
    if not isinstance(parcel, bytes) and parcel["size"] >= results.PACKED:
        with suppress(OSError):
            Path(parcel["path"]).unlink()


class _TooLargeError(Exception):
    pass


class _Small(io.BytesIO):
    """Refuses to become large: the pickler ends, and little was done in vain."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > _INLINE:
            raise _TooLargeError
        return super().write(data)

    def take_in(self, buffer: pickle.PickleBuffer) -> bool:
        if buffer.raw().nbytes > _INLINE:
            raise _TooLargeError
        return True


def _small(value: Any) -> bytes:
    stream = _Small()
    pickle.Pickler(stream, protocol=5, buffer_callback=stream.take_in).dump(value)
    return stream.getvalue()
