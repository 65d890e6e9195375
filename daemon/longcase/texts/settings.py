"""The daemon's own settings, `longcase.toml`."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from longcase.domain.pipeline import SecretSource
from longcase.texts.document import Document, DocumentErrors
from longcase.texts.faults import Faults, RefusedError
from longcase.texts.job_keys import FILE_KEYS, LATER_SHARED, SHARED_KEYS, TASK_KEYS
from longcase.texts.keys import Key, Section
from longcase.texts.kinds import Address, Choice, Duration, ListOf, PathText, Text, Whole
from longcase.texts.secret_kind import Secret, from_folder

Security = Literal["none", "starttls", "tls"]

_SERVER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")


class Folders(Struct, frozen=True, kw_only=True):
    """Where things lie."""

    jobs_dir: Path
    log_dir: Path
    state_dir: Path
    runtime_dir: Path


class MailSettings(Struct, frozen=True, kw_only=True):
    """The mail server and who is the operator. `sender=""`: longcase@ the host's full name."""

    host: str = "localhost"
    port: int = 25
    security: Security = "none"
    username: str = ""
    password: SecretSource | None = SecretSource(credential="smtp-password")
    sender: str = ""
    operator: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that `longcase.toml` says, with defaults filled in.

    `defaults`: what `[defaults]` says for the tasks of all pipelines, by key, as job files' values are read.
    `path`: "" where no file was found. `named`: the file isn't where commands look by themselves.
    """

    folders: Folders
    max_parallel: int = 8
    stop_timeout: timedelta = timedelta(seconds=30)
    mail: MailSettings = MailSettings()
    defaults: Mapping[str, Any] = {}
    path: str = ""
    named: bool = False


class SettingsErrors(DocumentErrors):
    """Settings that are refused."""


class Server(Struct, frozen=True):
    """A mail server, read as host and port."""

    def read(self, value: object) -> tuple[str, int]:
        match = _SERVER.fullmatch(value) if isinstance(value, str) else None
        if match is None or not 0 < int(match[3]) < 65536:
            raise RefusedError.expected('"HOST:PORT" such as "localhost:25" or "[::1]:25"', value)
        return match[1] or match[2], int(match[3])


class Sender(Struct, frozen=True):
    """A mail address; "" for the default one."""

    def read(self, value: object) -> str:
        return "" if value == "" else Address().read(value)


_FOLDER = PathText("a folder")
MAIL_KEYS = (
    Key("server", Server(), "localhost:25", "The mail server, HOST:PORT."),
    Key("security", Choice(("none", "starttls", "tls")), "none", "How the connection is encrypted."),
    Key("username", Text(may_be_empty=True), "", "The login; empty: none."),
    Key("password", Secret(), {"credential": "smtp-password"}, "Where the login's password comes from."),
    Key("sender", Sender(), "", "From whom mails come; empty: longcase@ the host's full name."),
    Key(
        "operator",
        ListOf(Address(), "a list of mail addresses"),
        [],
        "Who gets what belongs to no pipeline, and the mails of pipelines that name nobody.",
    ),
)
DAEMON_KEYS = (
    Key("jobs_dir", _FOLDER, None, "Where the job files lie."),
    Key("log_dir", _FOLDER, None, "Where the tasks' logs are written."),
    Key("state_dir", _FOLDER, None, "Where history, results and the daemon's own state are kept."),
    Key("runtime_dir", _FOLDER, None, "Where what lives as long as the daemon lies."),
    Key("max_parallel", Whole(1, 10_000), 8, "How many tasks run at once, over all pipelines."),
    Key("stop_timeout", Duration(), "30s", "How long a stop waits for running tasks; 0 kills at once."),
)
_HOMES = (
    ("at the top of the file, before the first [table]", DAEMON_KEYS),
    ("in [mail]", MAIL_KEYS),
    ("in [defaults]", SHARED_KEYS),
    ("in [tasks.NAME] of a job file", TASK_KEYS),
    ("at the top of a job file", FILE_KEYS),
)
MAIL = Section(MAIL_KEYS, _HOMES)
DEFAULTS = Section(SHARED_KEYS, _HOMES, LATER_SHARED | {"user"})
DAEMON = Section(
    (
        *DAEMON_KEYS,
        Key("mail", MAIL, {}, "The mail server, and who is told."),
        Key(
            "defaults",
            DEFAULTS,
            {},
            "What holds for every task of every pipeline that doesn't say otherwise.",
        ),
    ),
    _HOMES,
    frozenset({"listen", "resources", "retention"}),
)


def read_settings(source: str | bytes, *, path: str, folders: Folders) -> Settings:
    """The settings that a file at `path` makes; `folders` hold where it names none.

    Relative paths are taken from the folder of `path`. Raises SettingsErrors with every error in the file.
    """
    document = Document(source, path, SettingsErrors)
    faults = Faults()
    said = DAEMON.gather(document.data, faults)
    if faults.found:
        raise document.refused(faults.found)
    values = {**DAEMON.defaults, **said}
    base = Path(path).absolute().parent
    return Settings(
        folders=_folders(said, base, folders),
        max_parallel=values["max_parallel"],
        stop_timeout=values["stop_timeout"],
        mail=_mail({**MAIL.defaults, **values["mail"]}, base),
        defaults=values["defaults"],
        path=path,
    )


def _folders(said: Mapping[str, Any], base: Path, default: Folders) -> Folders:
    return Folders(
        **{
            name: base / said[name] if name in said else getattr(default, name)
            for name in Folders.__struct_fields__
        }
    )


def _mail(values: Mapping[str, Any], base: Path) -> MailSettings:
    host, port = values["server"]
    return MailSettings(
        host=host,
        port=port,
        security=values["security"],
        username=values["username"],
        password=from_folder(values["password"], base),
        sender=values["sender"],
        operator=values["operator"],
    )
