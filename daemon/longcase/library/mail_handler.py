"""The logging handler that mails: failures of tasks, and whatever else is logged through it."""

import logging
import smtplib
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from logging.handlers import SMTPHandler
from typing import Any, Final, Self

from msgspec.structs import replace

from longcase.host import full_host_name
from longcase.library.delivery import Server, deliver
from longcase.library.mail_arguments import (
    address,
    check_credentials,
    check_host,
    check_secure,
    check_timeout,
    check_use_tls,
    recipients,
)
from longcase.texts import words
from longcase.texts.log_entry import LogEntry, compose_log_entry
from longcase.texts.task_failure import TaskFailure, compose_task_failure
from longcase.texts.templating import Composed

_MOST_OF_SUBJECT: Final = 180
_OWN: Final = ("lock", "_name")  # what a handler shares with no other


class HTMLSMTPHandler(SMTPHandler):
    """Sends a mail for each record, as text and as HTML; for a task that failed, one that tells all of it.

    `mailhost`: the server's name, or (name, port). With `use_tls`, or with `secure` as `()`,
    `(file of key and certificate,)`, `(key file, certificate file)`, `(ssl.SSLContext,)` or all three,
    STARTTLS comes first, and a server that can't do it, or whose certificate isn't trusted, is sent nothing.
    `timeout`: seconds for all of the conversation. `subject` is every mail's, where it is set.

    Raises TypeError and ValueError for arguments that can't be. Trouble with a mail goes to `handleError`.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - people call it like this
        self,
        mailhost: str | tuple[str, int],
        fromaddr: str,
        toaddrs: str | list[str],
        credentials: tuple[str, str] | None = None,
        secure: tuple[Any, ...] | None = None,
        timeout: float = 5,
        *,
        use_tls: bool = False,
    ) -> None:
        check_host(mailhost)
        address("fromaddr", fromaddr)
        recipients(toaddrs)
        check_credentials(credentials)
        check_secure(secure)
        check_timeout(timeout)
        check_use_tls(use_tls)
        secure = () if use_tls and secure is None else secure
        super().__init__(mailhost, fromaddr, toaddrs, "", credentials, secure, timeout)
        self.toaddrs = list(self.toaddrs)
        if self.username is None:
            self.password = ""  # the base leaves it unset

    def copy(self) -> Self:
        """Another handler that does the same."""
        twin = type(self).__new__(type(self))
        logging.Handler.__init__(twin, self.level)
        twin.__dict__.update({key: value for key, value in self.__dict__.items() if key not in _OWN})
        twin.filters = list(self.filters)
        twin.toaddrs = list(self.toaddrs)
        return twin

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()  # a lock and an SSLContext can't be copied

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record's mail. Returns within the timeout, and raises nothing."""
        try:
            self._send(record)
        except Exception:  # noqa: BLE001 - what to do about it is for logging to say
            self.handleError(record)

    def _send(self, record: logging.LogRecord) -> None:
        author, readers = address("fromaddr", self.fromaddr), recipients(self.toaddrs)
        message = _message(author, readers, self._composed(record, full_host_name()))
        server = Server(
            host=self.mailhost,
            port=self.mailport or smtplib.SMTP_PORT,
            login=(self.username, self.password) if self.username else None,
            secure=self.secure,
            timeout=self.timeout,
        )
        deliver(server, message, author.addr_spec, [reader.addr_spec for reader in readers])

    def _composed(self, record: logging.LogRecord, host: str) -> Composed:
        failure = getattr(record, "task_failure", None)
        if isinstance(failure, TaskFailure):
            composed = compose_task_failure(replace(failure, host=failure.host or host))
        else:
            composed = compose_log_entry(self._entry(record, host))
        subject = words.one_line(self.getSubject(record), _MOST_OF_SUBJECT)
        return composed._replace(subject=subject) if subject else composed

    def _entry(self, record: logging.LogRecord, host: str) -> LogEntry:
        return LogEntry(
            level=record.levelname,
            logger=record.name,
            message=record.getMessage(),
            text=self.format(record),
            place=f"{record.pathname}:{record.lineno}, in {record.funcName}",
            host=host,
        )


def _message(author: Address, readers: tuple[Address, ...], composed: Composed) -> EmailMessage:
    """The mail that travels. No line is longer than 78 bytes, whatever it holds."""
    ascii_only = all(each.addr_spec.isascii() for each in (author, *readers))
    message = EmailMessage(policy.SMTP if ascii_only else policy.SMTPUTF8)
    message["From"] = author
    message["To"] = readers
    message["Subject"] = composed.subject
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=author.domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(composed.text, cte="quoted-printable")
    message.add_alternative(composed.html, subtype="html", cte="quoted-printable")
    return message
