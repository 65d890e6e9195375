"""What a key of a TOML document may hold: each kind reads a value, or refuses it with what would be right.

A kind is a value: it can be asked what it takes, so that a JSON Schema and commented examples can be made of
the same tables of keys.
"""

import sys
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from longcase.texts.address import EXAMPLE, is_address
from longcase.texts.faults import NOT_YET, Faults, RefusedError, quoted, spelled
from longcase.texts.units import DURATION_RULE, SIZE_RULE, parse_duration, parse_size

T_co = TypeVar("T_co", covariant=True)


class Kind(Protocol[T_co]):
    """Reads a TOML value."""

    def read(self, value: object) -> T_co:
        """The value as the domain holds it. Raises RefusedError, or a LongcaseError that says it all."""


class Flag(Struct, frozen=True):
    """true or false."""

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise RefusedError.expected("true or false, without quotes", value)
        return value


class Text(Struct, frozen=True):
    """A string. A NUL can't stand in paths, environments and command lines, so it stands nowhere."""

    what: str = "a string"
    may_be_empty: bool = False

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            hint = "" if isinstance(value, list | dict) else f'put it in quotes: "{spelled(value)}"'
            raise RefusedError.expected(self.what, value, hint)
        if "\0" in value or not (value or self.may_be_empty):
            raise RefusedError.expected(
                f"{self.what} without NUL" if value else f"{self.what}, not empty", value
            )
        return value


class Address(Struct, frozen=True):
    """A mail address, without a display name."""

    def read(self, value: object) -> str:
        if not isinstance(value, str) or not is_address(value):
            raise RefusedError.expected(f"a mail address such as {quoted(EXAMPLE)}", value)
        return value


class PathText(Struct, frozen=True):
    """A path as it stands there, relative or absolute."""

    what: str = "a path"
    absolute: bool = False

    def read(self, value: object) -> str:
        path = Text(self.what).read(value)
        if path.startswith("~"):
            raise RefusedError.expected(f"{self.what} written in full", value, "~ is not replaced")
        if self.absolute and not path.startswith("/"):
            raise RefusedError.expected(f"{self.what} from the root on, beginning with /", value)
        return path


class Whole(Struct, frozen=True):
    """A whole number between two bounds, both included."""

    minimum: int
    maximum: int

    def read(self, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self.minimum <= value <= self.maximum:
            raise RefusedError.expected(f"a whole number from {self.minimum} to {self.maximum}", value)
        return value


class Number(Struct, frozen=True):
    """A number, with or without a point, between two bounds, both included. `maximum=None`: none."""

    minimum: float
    maximum: float | None = None

    def read(self, value: object) -> float:
        highest = sys.float_info.max if self.maximum is None else self.maximum
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not self.minimum <= value <= highest
        ):
            bounds = f"from {self.minimum:g} " + ("on" if self.maximum is None else f"to {self.maximum:g}")
            raise RefusedError.expected(f"a number {bounds}", value)
        return float(value)


class Duration(Struct, frozen=True):
    """A duration."""

    may_be_zero: bool = True

    def read(self, value: object) -> timedelta:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise RefusedError.expected(DURATION_RULE, value)
        length = parse_duration(value)
        if not (length or self.may_be_zero):
            raise RefusedError.expected(
                f"more than zero: {DURATION_RULE}", value, "leave the key out for no limit"
            )
        return length


class Size(Struct, frozen=True):
    """A number of bytes; `minimum` as people write it."""

    minimum: str

    def read(self, value: object) -> int:
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise RefusedError.expected(SIZE_RULE, value)
        count = parse_size(value)
        if count < parse_size(self.minimum):
            raise RefusedError.expected(f"at least {quoted(self.minimum)}", value)
        return count


class Choice(Struct, frozen=True):
    """One of some words; read as the option itself. `later`: words that only later versions know."""

    options: tuple[str, ...]
    later: tuple[str, ...] = ()

    def read(self, value: object) -> str:
        for option in self.options:
            if isinstance(value, str) and value == option:
                return option
        *words, last = [quoted(str(option)) for option in self.options]
        hint = f"that is {NOT_YET}" if value in self.later else ""
        raise RefusedError.expected(f"{', '.join(words)} or {last}" if words else last, value, hint)


class ListOf(Struct, frozen=True):
    """An array whose elements are all of one kind."""

    element: Kind[Any]
    what: str
    may_be_empty: bool = True

    def read(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise RefusedError.expected(f"{self.what} in brackets: […]", value)
        if not (value or self.may_be_empty):
            raise RefusedError.expected(f"{self.what}, at least one", value)
        return read_each(self.element, value)


class OneOrMore(Struct, frozen=True):
    """An element, or an array of them: read as a tuple either way."""

    element: Kind[Any]
    what: str

    def read(self, value: object) -> tuple[Any, ...]:
        if isinstance(value, list):
            return read_each(self.element, value)
        if not isinstance(value, str | dict):
            raise RefusedError.expected(self.what, value)
        return (self.element.read(value),)


def read_each(element: Kind[T_co], values: list[Any]) -> tuple[T_co, ...]:
    """Every element read. Raises RefusedError with the faults of all, each below its index."""
    faults = Faults()
    read = []
    for index, value in enumerate(values):
        if faults.full:
            break
        with faults.under(index):
            read.append(element.read(value))
    faults.settle()
    return tuple(read)
