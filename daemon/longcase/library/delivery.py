"""Handing one mail to a mail server, in a time that is bounded whatever the server does."""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from typing import Any, Final

from msgspec import Struct

from longcase.domain.errors import LongcaseError
from longcase.host import full_host_name
from longcase.smtp_words import explain, refusals
from longcase.texts import words

_WAKING: Final = 0.5  # seconds for a thread that was told to end; only the resolver can't be told
_SHORTEST: Final = 0.01  # seconds to connect in, even if none are left: 0 would mean not to wait at all
_MOST_OF_REASON: Final = 300


class MailError(LongcaseError):
    """A mail that the server did not take, or not for everyone."""


class Server(Struct, frozen=True, kw_only=True):
    """A mail server. `timeout`: seconds for all of a conversation.

    `secure`: None is no TLS; else what the client brings to STARTTLS: nothing, (file of key and certificate),
    (key file, certificate file), (ssl.SSLContext,), or all three; of these, key and certificate may be None.
    """

    host: str
    port: int
    login: tuple[str, str] | None
    secure: tuple[Any, ...] | None
    timeout: float


def deliver(server: Server, message: EmailMessage, sender: str, to: list[str]) -> None:
    """Hand the mail over, within the server's timeout. Raises MailError.

    No socket is left, and no thread but one that waits for a name server that is silent: it ends with that.
    """
    conversation = _Conversation(server, message, sender, to)
    thread = threading.Thread(target=conversation.run, name="longcase-mail", daemon=True)
    thread.start()
    try:
        conversation.ended.wait(server.timeout)
    finally:
        conversation.abort()
        thread.join(_WAKING)
    if conversation.trouble:
        raise MailError(f"mail server {server.host}:{server.port}: {conversation.trouble}")


class _Conversation:
    """Runs in a thread of its own, and is ended from another. `trouble`: "" once everyone has the mail."""

    def __init__(self, server: Server, message: EmailMessage, sender: str, to: list[str]) -> None:
        self.trouble = f"no end within {server.timeout:g} s"
        self.ended = threading.Event()
        self._server = server
        self._message = message
        self._sender = sender
        self._to = to
        self._handle: socket.socket | None = None
        self._aborted = False

    def abort(self) -> None:
        """What waits for the server wakes up at once, and nothing is sent any more. Harmless at the end."""
        self._aborted = True
        if self._handle is not None:
            with suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """Never raises: what went wrong is told in the thread that waits."""
        try:
            self._converse()
        except Exception as error:  # noqa: BLE001 - see above
            if not self._aborted:
                self.trouble = self._without_password(explain(error))
        finally:
            if self._handle is not None:
                self._handle.close()
            self.ended.set()

    def _converse(self) -> None:
        smtp = _Client(self._server, self._reach)
        try:
            if self._server.secure is not None:
                smtp.starttls(context=_context(self._server.secure))
            if self._server.login is not None:
                smtp.login(*self._server.login)
            refused = smtp.send_message(self._message, self._sender, self._to)
            self.trouble = self._without_password(refusals(refused))
            with suppress(smtplib.SMTPException, OSError):  # the mail is delivered by then
                smtp.quit()
        finally:
            smtp.close()

    def _reach(self, host: str, port: int, timeout: float) -> socket.socket:
        """The handle outlives STARTTLS, which takes the socket itself away."""
        self._handle = _connect(host, port, time.monotonic() + timeout)
        self._handle.settimeout(None)  # from here on, `abort` ends what takes too long
        if self._aborted:
            raise TimeoutError
        return self._handle.dup()

    def _without_password(self, text: str) -> str:
        """Whatever a server repeats."""
        password = self._server.login[1] if self._server.login else ""
        return words.one_line(text.replace(password, "…") if password else text, _MOST_OF_REASON)


class _Client(smtplib.SMTP):
    """smtplib keeps a socket of its own making to itself until the server has greeted: no way to abort."""

    def __init__(self, server: Server, reach: Callable[[str, int, float], socket.socket]) -> None:
        self._reach = reach
        # The own name is given, since smtplib would ask the name server, which may hang.
        super().__init__(server.host, server.port, full_host_name(), server.timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._reach(host, port, timeout)


def _connect(host: str, port: int, deadline: float) -> socket.socket:
    """To the first address that answers. Those that don't share the time, so that none takes all of it."""
    addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for left in range(len(addresses), 0, -1):
        share = (deadline - time.monotonic()) / left
        try:
            return socket.create_connection((addresses[-left], port), max(share, _SHORTEST))
        except OSError:
            if left == 1:
                raise
    raise OSError(f"no address belongs to {host}")


def _context(secure: tuple[Any, ...]) -> ssl.SSLContext:
    """What `check_secure` lets through."""
    context = secure[-1] if secure else None
    if isinstance(context, ssl.SSLContext):
        files = secure[:-1]
    else:
        files, context = secure, ssl.create_default_context()
    if any(files):
        try:
            context.load_cert_chain(certfile=files[-1], keyfile=files[0])
        except OSError as error:
            reason = error.strerror or str(error)
            raise MailError(f"secure={secure!r} names no usable key and certificate: {reason}") from None
    return context
