"""One try to hand one mail to the mail server. Runs in a thread: here, and only here, may it block."""

import smtplib
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from msgspec import Struct

from longcase.domain.errors import LongcaseError
from longcase.domain.pipeline import SecretSource
from longcase.edge.post.outbox import Mail
from longcase.secret import SecretError, read_secret
from longcase.smtp_words import explain, reply
from longcase.texts import words
from longcase.texts.settings import MailSettings

_TOO_LARGE: Final = 552
_GOODBYE: Final = 5.0  # seconds for the answer to QUIT: the mail is delivered by then
_MOST_OF_REASON: Final = 300

_Reply = tuple[int, bytes]


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of a try, by address; reasons are the server's words.

    `refused` is for good, `put_off` to be tried again. `server`: why no mail can be handed over at present.
    """

    sent: tuple[str, ...] = ()
    refused: Mapping[str, str] = {}
    put_off: Mapping[str, str] = {}
    server: str = ""


class PasswordError(LongcaseError):
    """There is a username, but no usable password where the settings say."""


class Exchange:
    """Hands over one mail. `abort` may be called from another thread, at any time."""

    def __init__(self, settings: MailSettings, mail: Mail, *, sender: str, timeout: float) -> None:
        """`timeout`: seconds for each answer of the server."""
        self._settings = settings
        self._mail = mail
        self._sender = sender
        self._timeout = timeout
        self._password = ""
        self._handle: socket.socket | None = None
        self._aborted = ""

    def abort(self, reason: str) -> None:
        """End the try: what waits for the server wakes up at once."""
        self._aborted = reason
        if self._handle is not None:
            with suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def run(self) -> Verdict:
        """Never raises."""
        try:
            return self._converse()
        except smtplib.SMTPRecipientsRefused as error:
            broken_off = dict.fromkeys(self._mail.to, (421, b"broken off"))  # for those not yet asked about
            return self._sort(broken_off | error.recipients)
        except smtplib.SMTPDataError as error:
            return self._all_alike(error)
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code == _TOO_LARGE:
                return self._all_alike(error)
            return self._server_fails(explain(error))
        except Exception as error:  # noqa: BLE001 - the thread must live: every other mail depends on it
            return self._server_fails(self._aborted or self._explain(error))
        finally:
            if self._handle is not None:
                self._handle.close()

    def _converse(self) -> Verdict:
        if self._settings.username:
            self._password = read_password(self._settings.password)
        # The own name is given, since smtplib would ask the name server, which may hang.
        smtp = smtplib.SMTP(local_hostname=self._sender.rpartition("@")[2], timeout=self._timeout)
        try:
            self._connect(smtp)
            if self._settings.security == "starttls":
                self._start_tls(smtp)
            if self._settings.username:
                smtp.login(self._settings.username, self._password)
            verdict = self._sort(self._submit(smtp))
            _take_leave(smtp)
            return verdict
        finally:
            smtp.close()

    def _connect(self, smtp: smtplib.SMTP) -> None:
        """By hand, since smtplib keeps the socket to itself until the server has greeted: no way to abort."""
        sock = socket.create_connection((self._settings.host, self._settings.port), self._timeout)
        smtp.sock = sock
        self._handle = sock.dup()
        if self._aborted:
            raise smtplib.SMTPServerDisconnected
        if self._settings.security == "tls":
            smtp.sock = self._wrap(sock)
        code, text = smtp.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)

    def _start_tls(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if not smtp.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError("offers no STARTTLS, which security in [mail] asks for")
        code, text = smtp.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        assert smtp.sock is not None
        smtp.sock = self._wrap(smtp.sock)
        # What was said in the clear may be forged: forget it (RFC 3207).
        smtp.file = None
        smtp.esmtp_features = {}
        smtp.ehlo()

    def _wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        return ssl.create_default_context().wrap_socket(sock, server_hostname=self._settings.host)

    def _submit(self, smtp: smtplib.SMTP) -> Mapping[str, _Reply]:
        """The recipients that were refused; raises where all of them were."""
        smtp.ehlo_or_helo_if_needed()
        options = () if all(text.isascii() for text in (*self._mail.to, self._sender)) else ("SMTPUTF8",)
        if options and not smtp.has_extn("smtputf8"):
            why = (550, b"the server takes no address with other characters than ASCII")
            raise smtplib.SMTPRecipientsRefused(dict.fromkeys(self._mail.to, why))
        return smtp.sendmail(self._sender, self._mail.to, self._mail.message, options)

    def _all_alike(self, error: smtplib.SMTPResponseException) -> Verdict:
        return self._sort(dict.fromkeys(self._mail.to, (error.smtp_code, _bytes(error.smtp_error))))

    def _sort(self, unsent: Mapping[str, _Reply]) -> Verdict:
        reasons = {
            address: words.one_line(reply(code, text), _MOST_OF_REASON)
            for address, (code, text) in unsent.items()
        }
        return Verdict(
            sent=tuple(address for address in self._mail.to if address not in unsent),
            refused={address: reasons[address] for address, (code, _) in unsent.items() if code >= 500},
            put_off={address: reasons[address] for address, (code, _) in unsent.items() if code < 500},
        )

    def _server_fails(self, what: str) -> Verdict:
        if self._password:
            what = what.replace(self._password, "…")  # whatever a server repeats
        what = words.one_line(what, _MOST_OF_REASON)
        return Verdict(server=f"mail server {self._settings.host}:{self._settings.port}: {what}")

    def _explain(self, error: Exception) -> str:
        """What the server did, or failed to do."""
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            return f"gave no answer within {self._timeout:g} s"
        if isinstance(error, smtplib.SMTPAuthenticationError):
            answer = reply(error.smtp_code, error.smtp_error)
            return f"refused the login of {self._settings.username!r}: {answer}"
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLCertVerificationError):
            return f"{explain(error)}; is security in [mail] right for this port?"
        return explain(error)


def read_password(source: SecretSource | None) -> str:
    """Read when needed, so that a changed one counts at once. Raises PasswordError, naming the place."""
    if source is None:
        raise PasswordError("a username is set in [mail], but no password")
    try:
        password = read_secret(source)
    except SecretError as error:
        raise PasswordError(f"a username is set in [mail], but {error}") from None
    if not password.isascii():
        raise PasswordError("the password has other characters than ASCII, which a login can't send")
    return password


def _take_leave(smtp: smtplib.SMTP) -> None:
    with suppress(smtplib.SMTPException, OSError):
        if smtp.sock is not None:
            smtp.sock.settimeout(_GOODBYE)
        smtp.quit()


def _bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text
