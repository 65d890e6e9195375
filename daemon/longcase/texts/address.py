"""Mail addresses."""

import re

EXAMPLE = "ops@example.com"

# Letters of any script are let through: whether it takes them the mail server says.
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LABEL = r"\w(?:[\w-]*\w)?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_LONGEST = 254  # RFC 5321, of which the part before @ has 64
_LONGEST_LOCAL = 64


def is_address(text: str) -> bool:
    """Whether `text` is a mail address, without a display name, that mail servers take."""
    if len(text) > _LONGEST or _ADDRESS.fullmatch(text) is None:
        return False
    return text.index("@") <= _LONGEST_LOCAL
