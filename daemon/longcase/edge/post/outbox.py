"""Mails that wait, on disk: a file each, `*.eml`, whole or absent, with its envelope in the first line."""

import secrets
from datetime import datetime
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Final

from msgspec import Struct

from longcase.disk import write_whole

_ENVELOPE: Final = b"X-Envelope-To: "  # never travels: what comes after it is the message


class Mail(Struct, frozen=True, kw_only=True):
    """A message in bytes, who still has to get it, and its subject for people to know it by."""

    to: tuple[str, ...]
    subject: str
    message: bytes


class Outbox:
    """A folder of mails; one process writes to it. Every method raises OSError where the disk fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused = folder / "refused"

    def keep(self, mail: Mail, when: datetime) -> Path:
        """Write a mail durably. Names sort by time."""
        path = self.folder / f"{when:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}.eml"
        self.replace(path, mail)
        return path

    def replace(self, path: Path, mail: Mail) -> None:
        """Write a mail in place of what `path` held."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        envelope = _ENVELOPE + ", ".join(mail.to).encode() + b"\r\n"
        write_whole(path, envelope + mail.message, 0o600)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def refuse(self, mail: Mail, name: str) -> None:
        """Put aside what the server will never take, for people to look at."""
        self.replace(self.refused / name, mail)

    def waiting(self) -> list[Path]:
        """What waits, oldest first. Clears away what a crash left half-written."""
        for half in self.folder.glob(".*.eml.new"):
            half.unlink(missing_ok=True)
        return sorted(self.folder.glob("*.eml"))

    def read(self, path: Path) -> Mail:
        """Raises ValueError where the file isn't one that `keep` wrote."""
        first, found, message = path.read_bytes().partition(b"\r\n")
        if not (found and first.startswith(_ENVELOPE)):
            raise ValueError(f"its first line isn't {_ENVELOPE.decode()}…")
        to = tuple(first.removeprefix(_ENVELOPE).decode().split(", "))
        headers = BytesHeaderParser(policy=policy.default).parsebytes(message)
        return Mail(to=to, subject=str(headers.get("Subject", "")), message=message)
