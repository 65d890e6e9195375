"""The queue of mails: durable, patient, and never in the way of a run."""

import asyncio
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

from msgspec import Struct
from msgspec.structs import replace

from longcase.domain.event import Event, MailFailed, MailQueued, MailSent, Trouble
from longcase.edge.post.outbox import Mail, Outbox
from longcase.edge.post.smtp import Exchange, Verdict
from longcase.host import full_host_name
from longcase.texts.letter import Letter
from longcase.texts.message import compose_message
from longcase.texts.settings import MailSettings


class Patience(Struct, frozen=True, kw_only=True):
    """How long a mail server is waited for: seconds for an answer, for a whole try, and between tries."""

    answer: float = 30
    whole: float = 120
    first: float = 5
    longest: float = 3600

    def delay(self, failures: int) -> float:
        """Seconds until the next try after `failures` (at least 1) in a row: doubling, up to `longest`."""
        return float(min(self.first * 2 ** min(failures - 1, 32), self.longest))


class _Waiting:
    """A mail in the queue. `path`: None where the disk didn't take it. `due`: on the loop's clock."""

    def __init__(self, mail: Mail, path: Path | None, *, fresh: bool) -> None:
        self.mail = mail
        self.path = path
        self.fresh = fresh
        self.put_off = 0
        self.due = 0.0


class OutboxPost:
    """Post by way of an outbox on disk and one thread, which talks with the mail server.

    All methods are called on the loop's thread, and `tell` is called there. While the server fails, only new
    mails are tried at once: each is a sign that somebody should know by now.
    """

    def __init__(
        self,
        outbox: Path,
        mail: MailSettings,
        tell: Callable[[Event], None],
        patience: Patience = Patience(),  # noqa: B008 - it is frozen
    ) -> None:
        self._outbox = Outbox(outbox)
        self._settings = mail
        self._sender = mail.sender or f"longcase@{full_host_name()}"
        self._tell = tell
        self._patience = patience
        self._queue: list[_Waiting] = []
        self._tries: SimpleQueue[tuple[_Waiting, Exchange] | None] = SimpleQueue()
        self._exchange: Exchange | None = None
        self._failures = 0
        self._server_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._moved = asyncio.Event()
        self._open = False

    def start(self) -> None:
        """Take up what waits in the outbox. To be called in a running loop."""
        self._loop = asyncio.get_running_loop()
        self._open = True
        threading.Thread(target=self._work, name="post", daemon=True).start()
        try:
            for path in self._outbox.waiting():
                self._take_up(path)
        except OSError as error:
            self._trouble(f"can't be read: {error.strerror}; what waits in it is tried at the next start")
        self._next()

    def send(self, letter: Letter) -> None:
        """Take a letter durably. Returns at once, and raises nothing."""
        now = datetime.now(UTC)
        unique = f"{now:%Y%m%dT%H%M%S.%f}.{secrets.token_hex(6)}"
        try:
            message = compose_message(letter, sender=self._sender, when=now, unique=unique).as_bytes()
        except Exception as error:  # noqa: BLE001 - a mail that can't be composed must not end a run
            self._tell_failed(letter.to, letter.subject, f"it can't be composed: {error}", None)
            return
        mail = Mail(to=tuple(dict.fromkeys(letter.to)), subject=letter.subject, message=message)
        waiting = _Waiting(mail, None, fresh=True)
        if self._keep(waiting):
            self._tell(MailQueued(when=now, to=mail.to, subject=mail.subject))
        self._queue.append(waiting)
        self._next()

    async def close(self, wait: float) -> int:
        """Wait at most `wait` seconds for the queue to empty, and stop. Returns how many mails still wait.

        What can't be tried again before then isn't waited for. Once closed, it returns the same at once.
        """
        if self._open:
            await self._empty(wait)
            self._stop()
        return len(self._queue)

    async def _empty(self, wait: float) -> None:
        deadline = self._loop.time() + wait
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while self._exchange or (self._queue and self._earliest() <= deadline):
                    self._moved.clear()
                    await self._moved.wait()

    def _stop(self) -> None:
        self._open = False
        self._tries.put(None)
        self._cancel_timer()
        if self._exchange:
            self._exchange.abort("the daemon stops")
        lost = sum(waiting.path is None for waiting in self._queue)
        if lost:
            self._trouble(f"took no mail until the end: {lost} not sent and lost")

    def _take_up(self, path: Path) -> None:
        try:
            self._queue.append(_Waiting(self._outbox.read(path), path, fresh=False))
        except (OSError, ValueError) as error:
            self._trouble(f"{path.name} is no mail that waits: {error}; it is left alone")

    def _keep(self, waiting: _Waiting) -> bool:
        """Bring what is in memory only to disk, if the disk takes it."""
        if waiting.path is not None:
            return True
        try:
            waiting.path = self._outbox.keep(waiting.mail, datetime.now(UTC))
        except OSError as error:
            self._trouble(f"can't be written: {error.strerror}; the mail is sent from memory")
        return waiting.path is not None

    def _next(self) -> None:
        """Begin the next try, or wait until one is due."""
        self._moved.set()
        if self._exchange or not (self._open and self._queue):
            return
        self._cancel_timer()
        now = self._loop.time()
        waiting = next((each for each in self._queue if self._due(each) <= now), None)
        if waiting is None:
            self._timer = self._loop.call_at(self._earliest(), self._next)
            return
        self._exchange = Exchange(
            self._settings, waiting.mail, sender=self._sender, timeout=self._patience.answer
        )
        bound = f"no end within {self._patience.whole:g} s"
        self._timer = self._loop.call_later(self._patience.whole, self._exchange.abort, bound)
        self._tries.put((waiting, self._exchange))

    def _due(self, waiting: _Waiting) -> float:
        return 0.0 if waiting.fresh else max(waiting.due, self._server_due)

    def _earliest(self) -> float:
        return min(self._due(waiting) for waiting in self._queue)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _work(self) -> None:
        """The thread."""
        while (given := self._tries.get()) is not None:
            waiting, exchange = given
            verdict = exchange.run()
            trouble = self._settle_on_disk(waiting, verdict)
            with suppress(RuntimeError):  # the loop is closed: the process ends
                self._loop.call_soon_threadsafe(self._settle, waiting, verdict, trouble)

    def _settle_on_disk(self, waiting: _Waiting, verdict: Verdict) -> str:
        """At once, before anything is told: what was sent must not be sent again after a crash."""
        if verdict.server or not (verdict.sent or verdict.refused):
            return ""
        path, mail = waiting.path, waiting.mail
        try:
            if verdict.refused:
                name = path.name if path else f"{secrets.token_hex(8)}.eml"
                self._outbox.refuse(replace(mail, to=tuple(verdict.refused)), name)
            if path and verdict.put_off:
                self._outbox.replace(path, replace(mail, to=tuple(verdict.put_off)))
            elif path:
                self._outbox.remove(path)
        except OSError as error:
            return f"can't be written: {error.strerror}; a mail may be sent again after a restart"
        return ""

    def _settle(self, waiting: _Waiting, verdict: Verdict, trouble: str) -> None:
        """Back on the loop: tell what became of a try, and go on."""
        if not self._open:
            return
        self._exchange = None
        self._cancel_timer()
        waiting.fresh = False
        if trouble:
            self._trouble(trouble)
        if verdict.server:
            self._put_off_all(waiting, verdict.server)
        else:
            self._failures = 0
            self._server_due = 0.0
            self._settle_each(waiting, verdict)
        self._next()

    def _put_off_all(self, waiting: _Waiting, reason: str) -> None:
        now = self._loop.time()
        if self._server_due <= now:
            self._failures += 1
            self._server_due = now + self._patience.delay(self._failures)
        self._keep(waiting)
        self._tell_failed(waiting.mail.to, waiting.mail.subject, reason, self._server_due - now)

    def _settle_each(self, waiting: _Waiting, verdict: Verdict) -> None:
        subject = waiting.mail.subject
        if verdict.sent:
            self._tell(MailSent(when=datetime.now(UTC), to=verdict.sent, subject=subject))
        if verdict.refused:
            self._tell_failed(tuple(verdict.refused), subject, _reasons(verdict.refused), None)
        if not verdict.put_off:
            self._queue.remove(waiting)
            return
        waiting.put_off += 1
        delay = self._patience.delay(waiting.put_off)
        waiting.due = self._loop.time() + delay
        waiting.mail = replace(waiting.mail, to=tuple(verdict.put_off))
        self._keep(waiting)
        self._tell_failed(waiting.mail.to, subject, _reasons(verdict.put_off), delay)

    def _tell_failed(self, to: tuple[str, ...], subject: str, reason: str, delay: float | None) -> None:
        retry_in = None if delay is None else timedelta(seconds=delay)
        now = datetime.now(UTC)
        self._tell(MailFailed(when=now, to=to, subject=subject, reason=reason, retry_in=retry_in))

    def _trouble(self, reason: str) -> None:
        self._tell(Trouble(when=datetime.now(UTC), place=str(self._outbox.folder), reason=reason))


def _reasons(by_address: Mapping[str, str]) -> str:
    """Each of the server's words once."""
    return "; ".join(dict.fromkeys(by_address.values()))
