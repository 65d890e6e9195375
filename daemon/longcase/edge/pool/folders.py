"""The folders that logs and results go to."""

from pathlib import Path

_LOGS = 0o2750  # the group of the log folder may read what is put into it
_RESULTS = 0o700


class FolderError(Exception):
    """A folder can't be made."""


def make_folders(logs: Path, results: Path | None) -> None:
    """Make what is missing of both. Raises FolderError."""
    _make(logs, _LOGS, "log folder")
    if results is not None:
        _make(results, _RESULTS, "results folder")


def _make(folder: Path, mode: int, what: str) -> None:
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True, mode=mode & 0o777)
            folder.mkdir()
            folder.chmod(mode)  # mkdir itself heeds the umask, and no setgid bit
    except OSError as error:
        place = error.filename or folder
        raise FolderError(f"can't make the {what} {folder}: {place}: {error.strerror}") from None
