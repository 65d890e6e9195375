"""What a daemon does before it is one: it takes its folders, and puts in order what one before it left."""

import contextlib
import errno
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from longcase.domain.errors import LongcaseError
from longcase.domain.event import Event, RunEnded, Tell, Trouble
from longcase.edge.clock import SystemClock
from longcase.edge.history import History
from longcase.edge.lock import StateLock
from longcase.texts.settings import Folders


class StartError(LongcaseError):
    """The daemon can't start, because of a folder that it can't use."""


def harmless(tell: Tell) -> Tell:
    """Who watches may go away, or be unable to write: that is no reason to end a run."""

    def guarded(event: Event) -> None:
        with contextlib.suppress(OSError, ValueError):
            tell(event)

    return guarded


@contextlib.contextmanager
def prepared(folders: Folders, tell: Tell) -> Iterator[History]:
    """Hold the state folder's lock; the history, with what a daemon before left unfinished put in order.

    Raises StartError, or LockedError where another daemon uses the state folder.
    """
    with contextlib.ExitStack() as stack:
        with _start_errors(folders.state_dir):
            _refuse_foreign(folders.state_dir)
            folders.jobs_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
            (folders.state_dir / "results").mkdir(mode=0o750, parents=True, exist_ok=True)
            stack.enter_context(StateLock(folders.state_dir))
            history = _recovered(folders.state_dir / "history", tell)
        for folder in (folders.log_dir, folders.runtime_dir):
            _make_or_tell(folder, tell)
        yield history


def _recovered(root: Path, tell: Tell) -> History:
    """The history, with what a daemon before left unfinished put in order, and told."""
    now = SystemClock().now()
    history = History(root)
    records, damaged = history.recover(now)
    for record in records:
        took = (record.ended or now) - (record.started or now)
        tell(RunEnded(when=now, pipeline=record.pipeline, run=record.run, state=record.state, took=took))
    for path in damaged:
        reason = "a journal that tells of no run; it was set aside"
        tell(Trouble(when=now, place=str(path), reason=reason))
    return history


def _refuse_foreign(state_dir: Path) -> None:
    """What root writes into another user's state folder, that user's daemon can't read any more."""
    if os.geteuid() != 0 or not state_dir.exists() or state_dir.stat().st_uid == 0:
        return
    owner = state_dir.stat().st_uid
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = f"#{owner}"
    raise StartError(
        f"{state_dir} belongs to {user}: do this as that user, by runuser -u {user} -- longcase …"
    )


@contextlib.contextmanager
def _start_errors(state_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "give the daemon's user the right to write there, or name another folder in longcase.toml"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "make room there"
        raise StartError(f"{error.filename or state_dir}: {error.strerror}: {remedy}") from error


def _make_or_tell(folder: Path, tell: Tell) -> None:
    """A log folder that can't be made is no reason not to start: it fails each task, with its reason."""
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True)
        folder.chmod(0o750)  # whatever the umask: the group may tail
    except OSError as error:
        reason = f"{error.strerror}: the folder can't be made, and what needs it will fail"
        tell(Trouble(when=SystemClock().now(), place=str(folder), reason=reason))
