"""The demo: the examples, scheduled every few seconds, with a mail server that only stores what it gets."""

import asyncio
import contextlib
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import tomli_w
from aiosmtpd.smtp import SMTP, Envelope, Session
from msgspec import structs

from longcase.domain.errors import LongcaseError
from longcase.domain.event import Event, RunEnded, Tell
from longcase.domain.outcome import RunState
from longcase.service import opened
from longcase.shipped import shipped
from longcase.texts.settings import Folders, Settings, read_settings

_EXAMPLES = ("fails-on-purpose", "package-report")
_EVERY = 10  # seconds between two runs of an example
_FIRST = 2  # seconds until the first one
_APART = 5  # seconds between the first runs of two examples
_STOP_TIMEOUT = "5s"
_MARK = "# Made by `longcase demo`: each demo in this folder writes this file and jobs.d anew.\n"


class DemoFolderError(LongcaseError):
    """A folder that holds something else than a demo."""


class DemoFolder:
    """`DIR/{longcase.toml,jobs.d,state,log,run,mail}`: everything that the demo uses."""

    def __init__(self, root: Path) -> None:
        """Raises DemoFolderError where something else lies there, OSError where it can't be read."""
        self._file = root / "longcase.toml"
        self._folders = Folders(
            jobs_dir=root / "jobs.d", log_dir=root / "log", state_dir=root / "state", runtime_dir=root / "run"
        )
        self.mail = root / "mail"
        if root.exists() and any(root.iterdir()) and not self._is_marked():
            raise DemoFolderError(f"{root} holds other files: name a folder that is empty, or not there yet")

    def settings(self, mail_port: int) -> Settings:
        """Those that `fill` writes."""
        text = self._text(mail_port)
        return structs.replace(read_settings(text, path=str(self._file), folders=self._folders), named=True)

    def fill(self, mail_port: int, now: datetime) -> None:
        """Write the settings, and two examples with a schedule of every few seconds. Raises OSError."""
        self._file.write_text(self._text(mail_port))
        for folder in (self._folders.runtime_dir, self.mail, self._work):
            folder.mkdir(parents=True, exist_ok=True)
        for number, example in enumerate(_EXAMPLES):
            self._add(shipped("examples") / example, now + timedelta(seconds=_FIRST + number * _APART))

    def _is_marked(self) -> bool:
        try:
            return self._file.read_text().startswith(_MARK)
        except (FileNotFoundError, UnicodeDecodeError):
            return False

    @property
    def _work(self) -> Path:
        return self._folders.state_dir / "work"

    def _text(self, mail_port: int) -> str:
        said = {name: str(folder) for name, folder in structs.asdict(self._folders).items()}
        mail = {"server": f"127.0.0.1:{mail_port}", "operator": ["you@example.com"]}
        return _MARK + tomli_w.dumps({**said, "stop_timeout": _STOP_TIMEOUT, "mail": mail})

    def _add(self, example: Path, first: datetime) -> None:
        """Copy an example flat into the jobs folder, its job file last, so that it finds what it calls."""
        job_file = example / f"{example.name}.toml"
        for path in example.iterdir():
            if path.is_file() and path != job_file:
                shutil.copy(path, self._folders.jobs_dir)
        seconds = ",".join(str(second) for second in range(first.second % _EVERY, 60, _EVERY))
        text = _set(job_file.read_text(), "schedule", f"{seconds} * * * * *")
        text = _set(text, "working_dir", str(self._work))
        (self._folders.jobs_dir / job_file.name).write_text(text)


def _set(job_file: str, key: str, value: str) -> str:
    """The job file with another value for a key of its top level; all else, comments too, stays."""
    line = tomli_w.dumps({key: value}).rstrip()
    text, count = re.subn(rf"^{key} = .*$", lambda _: line, job_file, count=1, flags=re.MULTILINE)
    assert count == 1, f"the example has no line for {key}"
    return text


class MailSink:
    """Takes every mail, and stores it as `.eml`, and its HTML part beside it as `.html`."""

    def __init__(self, folder: Path, stored: Callable[[Path], None]) -> None:
        self._folder = folder
        self._stored = stored
        numbers = (path.name.partition("-")[0] for path in folder.glob("*.eml"))
        self._count = max((int(number) for number in numbers if number.isdecimal()), default=0)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd
        """Store one mail."""
        self._count += 1
        content = envelope.original_content
        assert content is not None
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        path = self._folder / f"{self._count:03}-{message['X-Longcase-Pipeline']}.eml"
        path.write_bytes(content)
        html = message.get_body(("html",))
        if html is not None:
            path.with_suffix(".html").write_text(html.get_content())
        self._stored(path)
        return "250 stored"


class Tally:
    """Counts what the summary tells."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.runs: Counter[tuple[str, RunState]] = Counter()

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunEnded):
            self.runs[event.pipeline, event.state] += 1
        self._tell(event)


async def run_demo(
    root: Path,
    seconds: float | None,
    begun: Callable[[], None],
    tell: Tell,
    mail_stored: Callable[[Path], None],
) -> Counter[tuple[str, RunState]]:
    """Run the demo in `root` until a signal, or for `seconds`: how many runs of which pipeline ended how.

    `begun` is called when the folder is in use; `mail_stored` with the path of each mail. Raises OSError or
    LongcaseError where the folder can't be used.
    """
    folder = DemoFolder(root)
    tally = Tally(tell)
    sink = MailSink(folder.mail, mail_stored)
    async with _mail_server(sink) as port, opened(folder.settings(port), tally) as service:
        folder.fill(port, datetime.now(UTC))  # now that no other demo is at work here
        begun()
        service.stop_on_signals()
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, service.stop)
        await service.serve()
        await service.deliver_mail(_APART)
    return tally.runs


@contextlib.asynccontextmanager
async def _mail_server(sink: MailSink) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, loop=loop), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
