"""Tables of a TOML document, each described once by its keys."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct

from longcase.texts.faults import NOT_YET, Faults, RefusedError, nearest, quoted
from longcase.texts.kinds import Kind


class Key(Struct, frozen=True):
    """One key of a table, stated once.

    `default` is written as it would be in a file; None: a file has no words for it, and `help` tells it.
    """

    name: str
    kind: Kind[Any]
    default: object
    help: str


class Section(Struct, frozen=True, dict=True):
    """A table and its keys.

    `homes` are the keys of all tables of the document with where each belongs, for a key that strayed.
    `later` are the keys that only later versions know.
    """

    keys: tuple[Key, ...]
    homes: tuple[tuple[str, tuple[Key, ...]], ...] = ()
    later: frozenset[str] = frozenset()

    @cached_property
    def by_name(self) -> Mapping[str, Key]:
        return {key.name: key for key in self.keys}

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The default of every key, read; None where it has none."""
        return {key.name: None if key.default is None else key.kind.read(key.default) for key in self.keys}

    def read(self, value: object) -> dict[str, Any]:
        """What the table says, without defaults. Raises RefusedError with all that is wrong in it."""
        faults = Faults()
        values = self.gather(value, faults)
        faults.settle()
        return values

    def gather(self, value: object, faults: Faults) -> dict[str, Any]:
        """As `read`, but returns what could be read, and adds the rest to `faults`; raises for no table."""
        if not isinstance(value, dict):
            raise RefusedError.expected("a table", value)
        values = {}
        for name, item in value.items():
            if faults.full:
                break
            key = self.by_name.get(name)
            if key is None:
                faults.add((name,), self._unknown(name, hint=faults.may_compare(len(self.by_name))))
                continue
            with faults.under(name):
                values[name] = key.kind.read(item)
        return values

    def _unknown(self, name: str, *, hint: bool) -> str:
        if name in self.later:
            return f"{NOT_YET}: remove it"
        for where, keys in self.homes:
            if any(name == key.name for key in keys):
                return f"not a known key here; it belongs {where}"
        near = nearest(name, self.by_name) if hint else None
        if near:
            return f"not a known key; the nearest known one is {quoted(near)}"
        return f"not a known key; known here are {', '.join(self.by_name)}"
