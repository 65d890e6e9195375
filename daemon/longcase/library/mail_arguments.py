"""What HTMLSMTPHandler takes, and what is said of anything else. Nothing here shows a password."""

import math
import ssl
from email.headerregistry import Address
from email.utils import getaddresses
from os import PathLike
from typing import Any, Final

from longcase.texts.address import EXAMPLE, is_address

_HOSTS: Final = "'mail.example.com' or ('mail.example.com', 587)"
_SECURE: Final = (
    "None, (), (file of key and certificate,), (key file, certificate file), (ssl.SSLContext,) "
    "or (key file, certificate file, ssl.SSLContext)"
)
_MOST_PORT: Final = 65_535


def check_host(mailhost: Any) -> None:
    pair = mailhost if isinstance(mailhost, (tuple, list)) else (mailhost, 25)
    if len(pair) != 2 or not isinstance(pair[0], str) or type(pair[1]) is not int:
        raise TypeError(f"mailhost must be such as {_HOSTS}, not {mailhost!r}")
    host, port = pair
    if not (host and host.isprintable() and " " not in host):
        raise ValueError(f"mailhost must name the mail server, such as {_HOSTS}; found {mailhost!r}")
    if not 0 < port <= _MOST_PORT:
        raise ValueError(f"mailhost must have a port from 1 to {_MOST_PORT}; found {port}")


def address(place: str, text: Any) -> Address:
    """A mail address, with or without a name: `ops@example.com`, `Operations <ops@example.com>`."""
    if not isinstance(text, str):
        raise TypeError(f"{place} must be a mail address such as {EXAMPLE!r}, not {text!r}")
    found = getaddresses([text])
    if len(found) != 1 or not found[0][0].isprintable() or not is_address(found[0][1]):
        raise ValueError(f"{place} must be one mail address such as {EXAMPLE!r}; found {text!r}")
    name, spec = found[0]
    local, _, domain = spec.partition("@")
    return Address(name, local, domain)


def recipients(toaddrs: Any) -> tuple[Address, ...]:
    """One address, or a list of at least one."""
    if isinstance(toaddrs, str):
        toaddrs = [toaddrs]
    if not isinstance(toaddrs, (list, tuple)):
        raise TypeError(f"toaddrs must be a list of mail addresses such as [{EXAMPLE!r}], not {toaddrs!r}")
    if not toaddrs:
        raise ValueError(f"toaddrs is empty: nobody would get the mails; name somebody, as in [{EXAMPLE!r}]")
    return tuple(address(f"toaddrs[{index}]", text) for index, text in enumerate(toaddrs))


def check_credentials(credentials: Any) -> None:
    if credentials is None:
        return
    is_pair = isinstance(credentials, (tuple, list)) and len(credentials) == 2
    if not (is_pair and all(isinstance(part, str) for part in credentials)):
        kind = type(credentials).__name__
        raise TypeError(f"credentials must be None or two strings, (username, password); found a {kind}")
    for part, place in zip(credentials, ("username", "password"), strict=True):
        if not part:
            raise ValueError(
                f"the {place} in credentials is empty; for a server without login leave them out"
            )
        if not part.isascii():
            raise ValueError(
                f"the {place} in credentials has other characters than ASCII, which a login can't send"
            )


def check_secure(secure: Any) -> None:
    if secure is None:
        return
    if not isinstance(secure, tuple) or not _is_known(secure):
        raise TypeError(f"secure must be {_SECURE}, not {secure!r}")


def _is_known(secure: tuple[Any, ...]) -> bool:
    if secure and isinstance(secure[-1], ssl.SSLContext):
        files = secure[:-1]
        return files in ((), (None, None)) or (len(files) == 2 and _are_paths(files))
    return len(secure) <= 2 and _are_paths(secure)


def _are_paths(parts: tuple[Any, ...]) -> bool:
    return all(isinstance(part, (str, PathLike)) for part in parts)


def check_timeout(timeout: Any) -> None:
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be a number of seconds, not {timeout!r}")
    if not (timeout > 0 and math.isfinite(timeout)):
        raise ValueError(f"timeout must be more than 0 seconds, and some end; found {timeout!r}")


def check_use_tls(use_tls: Any) -> None:
    if not isinstance(use_tls, bool):
        raise TypeError(f"use_tls must be True or False, not {use_tls!r}")
