"""The daemon's own settings, `longcase.toml`."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

from msgspec import Struct


class Folders(Struct, frozen=True, kw_only=True):
    """Where things lie."""

    jobs_dir: Path
    log_dir: Path
    state_dir: Path
    runtime_dir: Path


class SecretSource(Struct, frozen=True, kw_only=True):
    """Where a secret is read from: exactly one of the three."""

    file: str = ""
    env: str = ""
    credential: str = ""


class MailSettings(Struct, frozen=True, kw_only=True):
    """The mail server and who is the operator. `sender=""`: longcase@ the host's full name."""

    host: str = "localhost"
    port: int = 25
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: SecretSource | None = SecretSource(credential="smtp-password")
    sender: str = ""
    operator: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that `longcase.toml` says, with defaults filled in. `path`: "" where no file was found."""

    folders: Folders
    max_parallel: int = 8
    stop_timeout: timedelta = timedelta(seconds=30)
    mail: MailSettings = MailSettings()
    path: str = ""
    resources: Mapping[str, int] = {}
