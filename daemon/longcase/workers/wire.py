"""Messages between the daemon and a worker: JSON behind its length, never pickle.

Neither side may run code in the other by what it sends. `pack` and `unpack` carry what TOML knows and JSON
doesn't: dates and times.
"""

import json
import struct
from datetime import date, datetime, time
from typing import Any, Optional

LIMIT = 1024 * 1024
"""The longest message that a worker may send, in bytes."""

_LENGTH = struct.Struct(">I")
_TAG = "$"
_TIMES: dict[str, Any] = {"datetime": datetime, "date": date, "time": time}


class WireError(ValueError):
    """What came is no message."""


def frame(message: Any, errors: str = "surrogatepass") -> bytes:
    """A message as bytes. `errors="replace"` gives clean UTF-8 whatever a task put into its texts."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts a stream of bytes back into the bodies of messages. `limit`: the longest body that is taken."""

    def __init__(self, limit: Optional[int] = None) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that `data` completes. Raises WireError for one that is too long."""
        self._buffer += data
        bodies = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if self._limit is not None and length > self._limit:
                raise WireError(f"a message of {length} bytes, where {self._limit} are allowed")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            bodies.append(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
        return bodies


def pack(value: Any) -> Any:
    """A value of a TOML file as JSON can carry it."""
    if isinstance(value, dict):
        packed = {key: pack(item) for key, item in value.items()}
        return {_TAG: "dict", "value": packed} if _TAG in packed else packed
    if isinstance(value, (list, tuple)):
        return [pack(item) for item in value]
    for tag, kind in _TIMES.items():  # a datetime is a date too, and comes first
        if isinstance(value, kind):
            return {_TAG: tag, "value": value.isoformat()}
    return value


def unpack(value: Any) -> Any:
    """What `pack` packed; tuples come back as lists."""
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _TAG not in value:
        return {key: unpack(item) for key, item in value.items()}
    if value[_TAG] == "dict":
        return {key: unpack(item) for key, item in value["value"].items()}
    return _TIMES[value[_TAG]].fromisoformat(value["value"])
