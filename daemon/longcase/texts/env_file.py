r"""Files of variables, as `env_file` names them.

    # a comment; empty lines are fine
    REGION=eu                         # so is a comment behind a value
    export GREETING='it\'s $HOME'     # and `export ` in front
    NOTE="two\nlines, or
    two lines"

The format is python-dotenv's without its interpolation: nothing is expanded, `$HOME` and `$(date)` stay as
they are. Without quotes a value is what stands there, up to white space and a #, and without the white space
around it. Within '…' `\'` and `\\` are escapes, within "…" `\"`, `\\` and `\n \r \t \a \b \f \v`; any other
backslash stays. Of two values for one name the last one counts.
"""

import re
from io import StringIO

from dotenv.parser import Binding, parse_stream

from longcase.domain.errors import LongcaseError
from longcase.texts.variables import RESERVED, VARIABLE, VARIABLE_RULE

_MOST_TOLD = 5
_MOST_BLANKS = 200
_BLANKS = re.compile(rf"[^\S\r\n]{{{_MOST_BLANKS + 1}}}")  # the parser's time grows with the square of them
_NO_PAIR = "is not KEY=VALUE; put a value of several lines in quotes, and a # before a comment"


class EnvFileError(LongcaseError):
    """A file of variables that can't be read: its first errors, each as FILE:LINE: what is wrong.

    No value is repeated: it may be a secret.
    """


def read_env_file(source: bytes, path: str) -> dict[str, str]:
    """The variables of a file, in its order. `path`: how errors name it. Raises EnvFileError."""
    try:
        text = source.decode()
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise EnvFileError(f"{path}:{line}: is no text in UTF-8; store it as UTF-8") from None
    if blanks := _BLANKS.search(text):
        line = text.count("\n", 0, blanks.start()) + 1
        raise EnvFileError(f"{path}:{line}: has more than {_MOST_BLANKS} blanks in a row; take them out")
    bindings = list(parse_stream(StringIO(text)))
    wrong = [f"{path}:{_line(binding)}: {fault}" for binding in bindings if (fault := _fault(binding))]
    if wrong:
        more = [f"and {len(wrong) - _MOST_TOLD} more"] if len(wrong) > _MOST_TOLD else []
        raise EnvFileError("; ".join(wrong[:_MOST_TOLD] + more))
    return {binding.key: binding.value or "" for binding in bindings if binding.key is not None}


def _line(binding: Binding) -> int:
    """Where it begins, behind the empty lines that the parser takes for a part of it."""
    statement = binding.original.string
    empty = statement[: len(statement) - len(statement.lstrip())]
    return binding.original.line + empty.count("\n")


def _fault(binding: Binding) -> str:
    """What is wrong, and what would be right; "" where nothing is."""
    name, value = binding.key, binding.value
    if binding.error:
        return _why_not_parsed(binding.original.string)
    if name is None:
        return ""
    if value is None:  # the name is not repeated: it may be a line of a secret that needs quotes
        return _NO_PAIR
    if not VARIABLE.fullmatch(name):
        return f"what stands before the = is not a variable's name; right are {VARIABLE_RULE}"
    if name.startswith(RESERVED):
        return f"{name}: {RESERVED} begins what Longcase sets itself; choose another name"
    return f"{name}: holds a NUL, which no variable can; take it out" if "\0" in value else ""


def _why_not_parsed(statement: str) -> str:
    name, _, value = statement.partition("=")
    if name.strip() and value.lstrip().startswith(("'", '"')):
        return "a quote begins its value, and is not closed, or not at its end; close it there, or escape it"
    return _NO_PAIR
