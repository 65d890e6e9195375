"""The jobs folder: which job files are there, new, changed, broken or gone.

What a file event says is only a hint to look: the folder is scanned and each file's stamp compared. A file is
read when it has been quiet for a moment, so that one that is being written is not taken for an error.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longcase.disk import read_regular
from longcase.domain.pipeline import Pipeline
from longcase.texts.jobfile import JobFileErrors, read_job_file
from longcase.texts.words import size

QUIET = 0.3
"""Seconds without a change after which a file is read."""

PATIENCE = 1.0
"""Seconds without a change after which a file that is broken, or missing, is taken for what it seems."""

LARGEST = 1024 * 1024
"""Bytes that a job file may have at most: 20,000 tasks, and 2 s in which nothing else is done."""

_REFUSED = {
    errno.EINVAL: "is no regular file; put a file there, or a link to one",
    errno.EFBIG: f"is larger than {size(LARGEST)}; make several pipelines of it",
}

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Good:
    """A valid job file, new or changed."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Bad:
    """A job file with errors, each with its place."""

    name: str
    path: str
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gone:
    """A job file that was there is no more."""

    name: str


Change = Good | Bad | Gone


@dataclass(slots=True)
class _Seen:
    """What is known of a file: its stamp (None: missing), since when, and whether that was told."""

    stamp: _Stamp | None
    since: float
    told: bool = False


class JobsFolder:
    """Remembers what it told: each change is told once. Times are monotonic seconds.

    `defaults`: what the daemon's settings say for every task.
    """

    def __init__(self, folder: Path, machine_timezone: str, defaults: Mapping[str, Any]) -> None:
        self.folder = folder
        self._timezone = machine_timezone
        self._defaults = defaults
        self._seen: dict[str, _Seen] = {}
        self._fresh = True

    @property
    def unsettled(self) -> bool:
        """Whether a file waits to be quiet: scan again soon."""
        return any(not seen.told for seen in self._seen.values())

    def scan(self, now: float) -> list[Change]:
        """All changes that are certain by now. Raises OSError where the folder can't be listed."""
        stamps = dict(self._stamps())
        for name in stamps.keys() | self._seen.keys():
            stamp = stamps.get(name)
            seen = self._seen.get(name)
            if seen is None or seen.stamp != stamp:
                self._seen[name] = _Seen(stamp, now - _quiet_before(stamp) if self._fresh else now)
        self._fresh = False
        changes = (self._look(name, seen, now) for name, seen in sorted(self._seen.items()) if not seen.told)
        return [change for change in changes if change is not None]

    def read_all(self) -> list[Good | Bad]:
        """Every job file as it is now, by name, quiet or not. Raises OSError."""
        return [self._read(name) for name, _ in sorted(self._stamps())]

    @property
    def names(self) -> set[str]:
        """The names of all job files that are there, good, bad or still unsettled."""
        return {name for name, seen in self._seen.items() if seen.stamp is not None}

    async def watch(self, hint: Callable[[], None]) -> None:
        """Call `hint` whenever something in the folder may have changed, until cancelled.

        The folder is watched from the first turn of the loop on. Raises OSError where the kernel can't watch.
        """
        from watchfiles import awatch  # noqa: PLC0415 - commands that only read don't need it

        # It wakes at each step (in ms), hint or none: at 20 that took 0.35 % of a core, at 200 it is 0.05 %.
        async for _ in awatch(self.folder, watch_filter=None, debounce=400, step=200, recursive=False):
            hint()

    def _look(self, name: str, seen: _Seen, now: float) -> Change | None:
        quiet = now - seen.since
        if quiet < QUIET:
            return None
        change: Change = Gone(_shown(name)) if seen.stamp is None else self._read(name)
        if not isinstance(change, Good) and quiet < PATIENCE:
            return None
        seen.told = True
        if isinstance(change, Gone):
            del self._seen[name]
        return change

    def _read(self, name: str) -> Good | Bad:
        return read(name, self.folder / f"{name}.toml", self._timezone, self._defaults)

    def _stamps(self) -> Iterator[tuple[str, _Stamp]]:
        for entry in os.scandir(self.folder):
            name = entry.name.removesuffix(".toml")
            if name == entry.name or name.startswith("."):
                continue
            try:
                status = entry.stat()
            except OSError:
                yield name, (0, 0, 0)  # a dangling link, say: reading it tells what is wrong
            else:
                yield name, (status.st_ino, status.st_mtime_ns, status.st_size)


def _quiet_before(stamp: _Stamp | None) -> float:
    """For how long a file that lies there at the start is taken to have been quiet, in seconds.

    Long enough to be read; but one that was just written may not be whole: if it is broken it is waited for.
    """
    written = stamp[1] / 1e9 if stamp else 0.0
    return PATIENCE if abs(time.time() - written) >= PATIENCE else (QUIET + PATIENCE) / 2


def read(name: str, path: Path, timezone: str, defaults: Mapping[str, Any]) -> Good | Bad:
    """Read one job file, as it is now. Never raises: one file is no reason not to read the others.

    `defaults`: what the daemon's settings say for every task.
    """
    place = _shown(str(path))
    if place != str(path):
        why = "its path has signs that can't be printed; rename the file, or its folder"
        return Bad(_shown(name), place, (f"{place}:1: {why}",))
    try:
        content = read_regular(path, LARGEST)
        return Good(
            read_job_file(content, name=name, path=place, machine_timezone=timezone, defaults=defaults)
        )
    except JobFileErrors as error:
        return Bad(name, place, tuple(map(str, error.problems)))
    except OSError as error:
        why = _REFUSED.get(error.errno or 0, f"can't be read: {error.strerror}")
    except Exception as error:  # noqa: BLE001 - whatever a file holds, the others are read
        why = f"can't be read: {error!r}; that is a defect of Longcase: please report it, with the file"
    return Bad(name, place, (f"{place}:1: {why}",))


def _shown(name: str) -> str:
    """A name of the file system as it can be printed, also where it is no UTF-8."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in name)
