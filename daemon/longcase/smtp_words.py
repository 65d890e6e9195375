"""What is said of a mail server that did not take a mail: by the daemon and the library alike."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

from longcase.domain.errors import LongcaseError


def explain(error: Exception) -> str:
    """What the server did, or failed to do, in its own words where it gave any."""
    return next(say(error) for kind, say in _SAYINGS if isinstance(error, kind))


def refusals(refused: Mapping[str, tuple[int, bytes]]) -> str:
    """Each recipient that was refused, and why."""
    return "; ".join(f"refused {address}: {reply(*answer)}" for address, answer in refused.items())


def reply(code: int, text: bytes | str) -> str:
    """An answer of the server: `550 no such user`."""
    return f"{code} {text if isinstance(text, str) else text.decode(errors='replace')}"


def _reply(error: smtplib.SMTPResponseException) -> str:
    return reply(error.smtp_code, error.smtp_error)


_SAYINGS: Final[tuple[tuple[type[Exception], Callable[[Any], str]], ...]] = (
    (smtplib.SMTPRecipientsRefused, lambda error: refusals(error.recipients)),
    (smtplib.SMTPSenderRefused, lambda error: f"refused the sender {error.sender}: {_reply(error)}"),
    (smtplib.SMTPAuthenticationError, lambda error: f"refused the login: {_reply(error)}"),
    (smtplib.SMTPResponseException, _reply),
    (smtplib.SMTPServerDisconnected, lambda _: "broke off the connection"),
    (smtplib.SMTPException, str),
    (LongcaseError, str),
    (
        ssl.SSLCertVerificationError,
        lambda error: (
            f"its certificate is not trusted: {error.verify_message}; "
            "the environment's SSL_CERT_FILE can name an authority of your own"
        ),
    ),
    (ssl.SSLError, lambda error: f"TLS failed ({error.reason})"),
    (socket.gaierror, lambda error: f"its name can't be resolved: {error.strerror}"),
    (OSError, lambda error: error.strerror or str(error)),
    (Exception, lambda error: f"{type(error).__name__}: {error}"),
)
"""What is said of an error: the first kind that fits counts."""
