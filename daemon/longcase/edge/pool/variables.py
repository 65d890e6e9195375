"""What is read anew for each attempt: the variables of its environment, and its secrets."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from longcase.disk import read_regular
from longcase.domain.pipeline import Environment
from longcase.secret import SecretError, read_secrets
from longcase.texts.env_file import EnvFileError, read_env_file

_MOST = 64 * 1024  # bytes of a file: the daemon does nothing else while it is read


class VariablesError(Exception):
    """A file of variables, or a secret, that can't be read: names it, the place, and what is wrong there."""


class Variables(Struct, frozen=True, kw_only=True):
    """`plain`: of `env_file`, then `env`. `secret`: they come after these, and are for the task alone."""

    plain: Mapping[str, str]
    secret: Mapping[str, str]


def read_variables(environment: Environment) -> Variables:
    """The variables of a pipeline as they are now. Raises VariablesError; never waits for a writer."""
    plain: dict[str, str] = {}
    try:
        for path in environment.env_file:
            plain |= _read(path)
        return Variables(plain={**plain, **environment.env}, secret=read_secrets(environment))
    except EnvFileError as error:
        raise VariablesError(f"env_file {error}") from None
    except SecretError as error:
        raise VariablesError(str(error)) from None


def _read(path: str) -> dict[str, str]:
    try:
        source = read_regular(Path(path), _MOST)
    except OSError as error:
        raise VariablesError(f"env_file {path} can't be read: {error.strerror}") from None
    return read_env_file(source, path)
