"""Finds and reads the daemon's settings, and what the machine says of its time zone."""

import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct, structs

from longcase.domain.errors import LongcaseError
from longcase.texts.settings import Folders, Settings, read_settings

SYSTEM_FILE = Path("/etc/longcase/longcase.toml")
SYSTEM_FOLDERS = Folders(
    jobs_dir=Path("/etc/longcase/jobs.d"),
    log_dir=Path("/var/log/longcase"),
    state_dir=Path("/var/lib/longcase"),
    runtime_dir=Path("/run/longcase"),
)


class SettingsFileError(LongcaseError):
    """A file of settings that can't be read."""


class Caller(Struct, frozen=True, kw_only=True):
    """Who looks for settings, and where the machine keeps its own."""

    is_root: bool
    environ: Mapping[str, str]
    system_file: Path = SYSTEM_FILE

    @property
    def home(self) -> Path:
        """Raises SettingsFileError where the user has none."""
        try:
            return Path(self.environ.get("HOME") or Path("~").expanduser())
        except RuntimeError:
            raise SettingsFileError(
                "no home folder is known: set HOME, or name the settings with --config"
            ) from None

    @property
    def folders(self) -> Folders:
        """Where things lie when nothing says otherwise."""
        if self.is_root:
            return SYSTEM_FOLDERS
        state = self.home / ".local/state/longcase"
        runtime = self.environ.get("XDG_RUNTIME_DIR", "")
        return Folders(
            jobs_dir=self.home / ".config/longcase/jobs.d",
            log_dir=state / "log",
            state_dir=state,
            runtime_dir=Path(runtime) / "longcase" if runtime.startswith("/") else state / "run",
        )


def load_settings(config: str | None, caller: Caller | None = None) -> Settings:
    """The settings of the first file that there is.

    In turn: `config`, LONGCASE_CONFIG, the user's own file (not for root), the machine's. One of the first
    two must exist. Raises SettingsErrors for what stands in it, SettingsFileError where it can't be read.
    """
    caller = caller or Caller(is_root=os.geteuid() == 0, environ=os.environ)
    named = config or caller.environ.get("LONGCASE_CONFIG")
    if named:
        return _load_named(Path(named).absolute(), caller)
    if not caller.is_root:
        own = _load(caller.home / ".config/longcase/longcase.toml", caller.folders)
        if own:
            return own
    return _load(caller.system_file, SYSTEM_FOLDERS) or Settings(folders=caller.folders)


def machine_timezone(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> str:
    """The IANA name of the machine's zone: of TZ, /etc/localtime, /etc/timezone; else UTC.

    A TZ that names no zone (`CET-1CEST`) is passed over: schedules need a name.
    """
    candidates = (
        _zone_of_path(environ.get("TZ", "").removeprefix(":")),
        _zone_of_path(str((root / "etc/localtime").resolve())),
        _first_line(root / "etc/timezone"),
    )
    return next((name for name in candidates if _is_zone(name)), "UTC")


def _load_named(path: Path, caller: Caller) -> Settings:
    is_system = path == caller.system_file
    settings = _load(path, SYSTEM_FOLDERS if is_system else caller.folders)
    if settings is None:
        raise SettingsFileError(f"{path}: there is no such file; name another, or make it")
    return structs.replace(settings, named=not is_system)


def _load(path: Path, folders: Folders) -> Settings | None:
    """None where there is no such file."""
    try:
        source = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsFileError(f"{path}: the settings can't be read: {error.strerror}") from error
    return read_settings(source, path=str(path), folders=folders)


def _zone_of_path(path: str) -> str:
    """`Europe/Berlin` of `/usr/share/zoneinfo/Europe/Berlin`; what is no such path stays as it is."""
    return path.rpartition("/zoneinfo/")[2]


def _first_line(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").partition("\n")[0].strip()
    except OSError:
        return ""


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
