"""A letter as the mail that travels: headers and both bodies."""

import hashlib
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from longcase.domain.errors import LongcaseError
from longcase.texts.address import EXAMPLE, is_address
from longcase.texts.letter import Letter

_LONGEST_LABEL = 40  # a longer List-Id would be folded into encoded words, which filters don't read


class AddressError(LongcaseError):
    """What should be a mail address is none."""


def compose_message(letter: Letter, *, sender: str, when: datetime, unique: str) -> EmailMessage:
    """`when` has a zone; `unique` becomes part of the Message-ID and must differ for every mail.

    All mails of a thread refer to one id that no mail bears: so programs group them, whichever comes first.
    No line is longer than 78 bytes, whatever the letter holds. Raises AddressError.
    """
    author = _address(sender, "Longcase")
    readers = [_address(text) for text in letter.to]
    ascii_only = all(text.isascii() for text in (sender, *letter.to))
    message = EmailMessage(policy.SMTP if ascii_only else policy.SMTPUTF8)
    message["From"] = author
    message["To"] = readers
    message["Subject"] = letter.subject
    message["Date"] = when
    message["Message-ID"] = f"<{unique}@{author.domain}>"
    message["In-Reply-To"] = message["References"] = f"<run-{_digest(letter.thread, 24)}@{author.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["List-Id"] = f"<{_label(letter.pipeline)}.longcase.{author.domain}>"
    message["X-Longcase-Pipeline"] = letter.pipeline
    message["X-Longcase-Run"] = letter.thread
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message


def _address(text: str, name: str = "") -> Address:
    if not is_address(text):
        raise AddressError(f"{text!r} is no mail address; right would be one such as {EXAMPLE!r}")
    local, _, domain = text.partition("@")
    return Address(name, local, domain)


def _label(pipeline: str) -> str:
    if len(pipeline) <= _LONGEST_LABEL:
        return pipeline
    return f"{pipeline[: _LONGEST_LABEL - 9]}-{_digest(pipeline, 8)}"


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
