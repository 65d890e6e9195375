"""One daemon a state folder."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from longcase.domain.errors import LongcaseError

_TRIES = 5
_PAUSE = 0.05  # seconds


class LockedError(LongcaseError):
    """Another process uses the state folder."""


class StateLock:
    """Holds the state folder from construction to `close`; the kernel lets it go when the process dies."""

    def __init__(self, state_dir: Path) -> None:
        """Raises LockedError, or OSError where the folder can't be written."""
        path = state_dir / "lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        if not _locked(self._descriptor):
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise LockedError(
                f"the state folder {state_dir} is in use by another longcase, process {holder}: "
                "stop that one, or name another state_dir in longcase.toml"
            )
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _locked(descriptor: int) -> bool:
    """Try for a moment: someone who only looks (`is_held`) has the lock for an instant."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return True
    return False


def is_held(state_dir: Path) -> bool:
    """Whether a daemon uses the state folder. Raises OSError where that can't be seen."""
    try:
        descriptor = os.open(state_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
