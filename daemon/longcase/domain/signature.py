"""What a callable takes and returns, and what certainly doesn't fit: nothing is said of what may."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

_PROMOTED: Mapping[str, frozenset[str]] = {
    "builtins.float": frozenset({"builtins.int", "builtins.bool"}),
    "builtins.complex": frozenset({"builtins.int", "builtins.bool", "builtins.float"}),
}
_TUPLE = "builtins.tuple"
_NONE = "builtins.NoneType"
_STR = "builtins.str"
_IN_TOML = frozenset(
    {
        *(f"builtins.{name}" for name in ("str", "int", "float", "bool", "list", "dict", "tuple")),
        *(f"datetime.{name}" for name in ("datetime", "date", "time")),
    }
)
"""What values of a TOML file are, a list being taken for a tuple as well."""


class Misfit(NamedTuple):
    """Where in a value something doesn't fit, and what is expected there.

    `certain`: the file could hold what is expected. Where it can't, what it holds is all that it can hold,
    and the callable may turn that into what it wants.
    """

    path: tuple[str | int, ...]
    expected: "Hint"
    certain: bool


class Kind(Struct, frozen=True):
    """A class that a type hint names, by its full name.

    `takes`: which well-known classes are subclasses of it, and `known` whether it is one of them itself;
    `abstract`: others may be registered as subclasses. `args`: what stands in brackets, `fixed` where it is
    one for each element of a tuple. `values`: of Literal.
    """

    name: str
    bases: tuple[str, ...]
    takes: frozenset[str]
    known: bool
    abstract: bool
    args: tuple["Hint | None", ...] = ()
    fixed: bool = False
    values: tuple[Any, ...] | None = None

    @property
    def in_toml(self) -> bool:
        """Whether some value of a TOML file is one."""
        return not _IN_TOML.isdisjoint(self._names)

    @property
    def takes_text(self) -> bool:
        """Whether some str is one."""
        return _STR in self._names

    @property
    def _names(self) -> frozenset[str]:
        return self.takes | _PROMOTED.get(self.name, frozenset())

    def takes_value(self, value: object) -> bool:
        """Whether a value of a TOML file may be one; what is inside it is not looked at."""
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if self.values is not None and value not in self.values:
            return False
        if isinstance(value, list) and self.name == _TUPLE:
            return True  # TOML has no tuples
        return name in self._names

    def may_be(self, other: "Kind") -> bool:
        """Whether something of this kind may be of the other one too."""
        if self.name in other.bases or other.name in self.bases or _last(self.name) == _last(other.name):
            return True
        if self.name in _PROMOTED.get(other.name, ()):
            return True
        return self.may_have_registered(other) or other.may_have_registered(self)

    def may_have_registered(self, other: "Kind") -> bool:
        """Whether the other may be a subclass without saying so."""
        return self.abstract and (not other.known or other.name in self.takes)


class Hint(Struct, frozen=True):
    """A type hint as it is `shown`, and the kinds that are `any_of` it."""

    shown: str
    any_of: tuple[Kind, ...]

    @property
    def is_none(self) -> bool:
        """Whether it is None and nothing else."""
        return all(kind.name == _NONE for kind in self.any_of)

    @property
    def in_toml(self) -> bool:
        """Whether a TOML file can hold each kind that may be meant: None is meant by leaving it out."""
        return not self.is_none and all(kind.in_toml for kind in self.any_of if kind.name != _NONE)

    def misfits(self, value: object) -> list[Misfit]:
        """What of a TOML value is certainly none: the value itself, or things in it."""
        fitting = [kind for kind in self.any_of if kind.takes_value(value)]
        if not fitting:
            return [Misfit((), self, self.in_toml)]
        found = [list(self._inside(kind, value)) for kind in fitting]
        best = min(found, key=lambda misfits: (sum(misfit.certain for misfit in misfits), len(misfits)))
        return best if self.in_toml else [misfit._replace(certain=False) for misfit in best]

    def _inside(self, kind: Kind, value: object) -> Iterator[Misfit]:
        if isinstance(value, list) and kind.fixed and len(value) != len(kind.args):
            yield Misfit((), self, certain=True)
        elif isinstance(value, list):
            hints = kind.args if kind.fixed else kind.args * len(value) if len(kind.args) == 1 else ()
            yield from _each(dict(zip(range(len(value)), hints, strict=False)), dict(enumerate(value)))
        elif isinstance(value, dict) and len(kind.args) == 2:
            keys, values = kind.args
            if keys is not None and any(keys.misfits(key) for key in value):
                yield Misfit((), self, all(each.takes_text for each in keys.any_of))
            yield from _each(dict.fromkeys(value, values), value)

    def may_be(self, other: "Hint") -> bool:
        """Whether something that this describes may be what the other one describes."""
        return any(mine.may_be(theirs) for mine in self.any_of for theirs in other.any_of)


def _each(hints: Mapping[Any, Hint | None], values: Mapping[Any, object]) -> Iterator[Misfit]:
    for key, hint in hints.items():
        if hint is not None:
            for misfit in hint.misfits(values[key]):
                yield misfit._replace(path=(key, *misfit.path))


def _last(name: str) -> str:
    """A class may be imported by different names of its module."""
    return name.rpartition(".")[2]


class Parameter(Struct, frozen=True):
    """`kind` as `inspect` names it, in small letters; `optional`: it has a default."""

    name: str
    kind: str
    optional: bool = False
    hint: Hint | None = None


class Signature(Struct, frozen=True):
    """`shown` as Python writes it; `returns`: what the result is, None where that isn't known.

    `decorated`: a decorator stands before the function, and may fill in or convert arguments.
    """

    shown: str
    parameters: tuple[Parameter, ...] = ()
    returns: Hint | None = None
    decorated: bool = False

    @property
    def positional(self) -> tuple[Parameter, ...]:
        """What is filled by position, in order."""
        kinds = ("positional_only", "positional_or_keyword")
        return tuple(each for each in self.parameters if each.kind in kinds)

    @property
    def named(self) -> Mapping[str, Parameter]:
        """What is filled by name."""
        kinds = ("positional_or_keyword", "keyword_only")
        return {each.name: each for each in self.parameters if each.kind in kinds}

    def rest(self, kind: str) -> Parameter | None:
        """What takes all others: `var_positional` or `var_keyword`."""
        return next((each for each in self.parameters if each.kind == kind), None)
