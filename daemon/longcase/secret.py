"""Reading secrets from where they lie: when they are needed, so that a changed one counts at once."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from longcase.disk import read_regular
from longcase.domain.errors import LongcaseError
from longcase.domain.pipeline import Environment, SecretSource
from longcase.workers.mask import Mask

_MOST = 64 * 1024  # bytes of a secret: more is a wrong file


class SecretError(LongcaseError):
    """A secret that can't be read: names the place and what is wrong with it."""


def read_secret(source: SecretSource, environ: Mapping[str, str] = os.environ) -> str:
    """The secret, without the newlines at its end. Raises SecretError where there is none.

    `environ`: the environment of the daemon, which also names the folder of its credentials. Only regular
    files are read: nobody is waited for.
    """
    if source.env:
        value = environ.get(source.env, "")
        absence = f"the daemon's environment has no {source.env}"
    elif source.file:
        absence, value = _read(Path(source.file))
    else:
        absence, value = _read_credential(source.credential, environ)
    if not value:
        raise SecretError(absence)
    return value


def read_secrets(environment: Environment, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """All secrets of a pipeline by the names of their variables. Raises SecretError, naming the secret."""
    found = {}
    for name, source in environment.secrets.items():
        try:
            found[name] = read_secret(source, environ)
        except SecretError as error:
            raise SecretError(f"secret {name}: {error}") from None
    return found


def mask_of(environment: Environment, environ: Mapping[str, str] = os.environ) -> Mask:
    """Hides the secrets of a pipeline as they are now; one that can't be read is passed over."""
    values = []
    for source in environment.secrets.values():
        with suppress(SecretError):
            values.append(read_secret(source, environ))
    return Mask(values)


def _read_credential(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        return f"there is no credential {name!r}: $CREDENTIALS_DIRECTORY is not set", ""
    return _read(Path(folder, name))


def _read(path: Path) -> tuple[str, str]:
    """What to say where it is empty, and the text."""
    try:
        text = read_regular(path, _MOST).decode().rstrip("\r\n")
    except OSError as error:
        raise SecretError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecretError(f"{path} can't be read: it is no text in UTF-8") from None
    if "\0" in text:
        raise SecretError(f"{path} holds a NUL, which no variable can")
    return f"{path} is empty", text
