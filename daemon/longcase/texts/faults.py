"""What is wrong with a document, collected: reading goes on after a fault, so that all are told at once."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import NamedTuple

from longcase import __version__
from longcase.domain.errors import LongcaseError
from longcase.texts.toml_lines import KeyPath

NOT_YET = f"known to later versions, not yet to this one ({__version__})"
"""What is said of a key or a value that is documented, and no mistake of the reader's."""

MOST_COMPARED = 10_000
"""How many names are compared at most, all in all, to find the nearest of those that are known."""

MOST_KEPT = 1_000
"""How many faults of one document are kept: whoever collects them reads no further."""

_SHOWN = 60  # characters of a value that stand in a message
_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    datetime: "date-time",
    date: "date",
    time: "time",
    list: "array",
    dict: "table",
}


class Fault(NamedTuple):
    """What is wrong, and where: a path from the value that was read."""

    path: KeyPath
    message: str


class RefusedError(LongcaseError):
    """A value that can't be read, with everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(message for _, message in self.faults))

    @classmethod
    def expected(cls, right: str, value: object, hint: str = "") -> "RefusedError":
        """The usual message: what would be right, what was found, and perhaps how to mend it."""
        tail = f"; {hint}" if hint else ""
        return cls([Fault((), f"expected {right}, found {found(value)}{tail}")])


class Faults:
    """Collects faults, each at its path, up to MOST_KEPT."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    @property
    def full(self) -> bool:
        """Whether there are so many that reading on is of no use to anybody."""
        return len(self.found) >= MOST_KEPT

    def add(self, path: KeyPath, message: str) -> None:
        if not self.full:
            self.found.append(Fault(path, message))

    def may_compare(self, count: int) -> bool:
        """Whether the nearest of `count` names may be looked for once more, after all the faults so far."""
        return len(self.found) * count < MOST_COMPARED

    @contextmanager
    def under(self, *path: str | int) -> Iterator[None]:
        """Take what is refused within as faults below `path`, and go on."""
        try:
            yield
        except RefusedError as refused:
            for fault in refused.faults:
                self.add((*path, *fault.path), fault.message)
        except LongcaseError as error:
            self.add(path, str(error))

    def settle(self) -> None:
        """Raise RefusedError if there is any fault."""
        if self.found:
            raise RefusedError(self.found)


def found(value: object) -> str:
    """A value as a message tells it: its TOML type, and what it is where that is short."""
    if isinstance(value, list):
        return f"an array of {len(value)}" if value else "an empty array"
    if isinstance(value, dict):
        return f"a table of {len(value)}" if value else "an empty table"
    return f"{_TYPES[type(value)]} {spelled(value)}"


def type_name(value: object) -> str:
    """The TOML type of a value, with its article."""
    name = _TYPES[type(value)]
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def spelled(value: object) -> str:
    """A value that is no container, as a file would spell it."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 64:
        return f"of {value.bit_length()} bits"  # str() refuses to spell the largest
    return str(value)


def quoted(text: str) -> str:
    """A string in double quotes, shortened where it is long."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{excerpt(escaped)}"'


def excerpt(text: str) -> str:
    """A text for a message: shortened where it is long, and with nothing that moves a terminal's cursor."""
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in short)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be."""
    return next(iter(get_close_matches(name, list(known), n=1)), None)
