"""Real mail servers on loopback, in a thread of their own: one that works, and some that don't."""

import asyncio
import email
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email import policy
from email.message import EmailMessage
from typing import Any, NamedTuple, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Received(NamedTuple):
    sender: str
    to: list[str]
    message: EmailMessage
    raw: bytes


class SmtpServer:
    """`replies`: by recipient, what the server answers in place of 250. `login`: (username, password).

    `context` with `implicit` is TLS from the first byte, without it STARTTLS, which is then demanded.
    """

    host = "localhost"

    def __init__(
        self,
        *,
        port: int = 0,
        replies: Mapping[str, str] | None = None,
        data_reply: str = "250 taken",
        context: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.port = port
        self.replies = dict(replies or {})
        self.data_reply = data_reply
        self.mails: list[Received] = []
        self._context = context
        self._implicit = implicit
        self._login = login
        self._loop = asyncio.new_event_loop()
        self._protocols: list[SMTP] = []
        self._thread = threading.Thread(target=self._run, name="smtp-server")
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.replies.get(address, "250 fine")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        raw = envelope.original_content
        assert isinstance(raw, bytes)
        if self.data_reply.startswith("250"):
            message = email.message_from_bytes(raw, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.mails.append(Received(str(envelope.mail_from), list(envelope.rcpt_tos), message, raw))
        return self.data_reply

    def _authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self._login, handled=False)

    def _protocol(self) -> SMTP:
        protocol = SMTP(
            self,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=None if self._implicit else self._context,
            require_starttls=self._context is not None and not self._implicit,
            authenticator=self._authenticate,
            auth_required=self._login is not None,
            auth_require_tls=False,
            loop=self._loop,
        )
        self._protocols.append(protocol)
        return protocol

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await self._loop.create_server(
            self._protocol, "127.0.0.1", self.port, ssl=self._context if self._implicit else None
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for protocol in self._protocols:
            if protocol.transport is not None:
                protocol.transport.abort()
        await asyncio.sleep(0)


@contextmanager
def scripted(*replies: str) -> Iterator[tuple[str, int]]:
    """A server that says these lines, each after what it heard last, and then nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as sock, _in_a_thread(lambda: _recite(sock, replies)):
        yield "localhost", sock.getsockname()[1]


@contextmanager
def dripping() -> Iterator[tuple[str, int]]:
    """A server that sends its greeting a byte at a time, without end."""
    with socket.create_server(("127.0.0.1", 0)) as sock, _in_a_thread(lambda: _drip(sock)):
        yield "localhost", sock.getsockname()[1]


@contextmanager
def _in_a_thread(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work, name="smtp-server", daemon=True)
    thread.start()
    yield
    thread.join()


def _recite(sock: socket.socket, replies: tuple[str, ...]) -> None:
    connection, _ = sock.accept()
    with connection, connection.makefile("rb") as heard, suppress(OSError):
        for reply in replies:
            connection.sendall(reply.encode() + b"\r\n")
            end = b".\r\n" if reply.startswith("354") else b""
            any(line.endswith(end) for line in heard)
        for _ in heard:
            pass


def _drip(sock: socket.socket) -> None:
    connection, _ = sock.accept()
    with connection, suppress(OSError):
        while True:
            connection.sendall(b"2")
            time.sleep(0.01)
