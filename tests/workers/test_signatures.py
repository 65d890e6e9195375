"""What is said of callables and type hints: only what is certain."""

import collections.abc
import datetime as dt
import enum
import functools
import inspect
import json
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Protocol, TypedDict, TypeVar

import pytest

from longcase.workers import signatures
from longcase.workers.mask import Mask

T = TypeVar("T")


class Sized2(Protocol):
    def size(self) -> int: ...


class Row(TypedDict):
    name: str


class Colour(enum.Enum):
    RED = "red"


class Strange(type):
    def __instancecheck__(cls, instance):
        return True


class Anything(metaclass=Strange):
    pass


def hint(annotation):
    def func(x): ...

    func.__annotations__["x"] = annotation
    described = signatures.describe(func)
    json.dumps(described)  # it can travel
    return described["parameters"][0]["hint"]


@pytest.mark.parametrize(
    "annotation",
    [
        Any,
        T,
        Sized2,
        Row,
        Anything,
        NewType("UserId", int),
        T | None,
        "typing.Union[int, Any]",
        Literal[b"x"],
        Literal[Colour.RED],
        "NoSuchName",
        "typing.Optional['NoSuchName']",
        "1 +",
        typing.NoReturn,
        3,
        "__import__('os').no_such",
    ],
)
def test_nothing_is_said_of_what_is_not_certain(annotation):
    assert hint(annotation) is None


@pytest.mark.parametrize(
    ("annotation", "names"),
    [
        (int, ["builtins.int"]),
        ("int", ["builtins.int"]),
        (None, ["builtins.NoneType"]),
        ("typing.Optional[int]", ["builtins.int", "builtins.NoneType"]),
        (int | None, ["builtins.int", "builtins.NoneType"]),
        ("int | str", ["builtins.int", "builtins.str"]),
        (Annotated[int, "of them"], ["builtins.int"]),
        (Literal["a", 1, "b"] | None, ["builtins.str", "builtins.int", "builtins.NoneType"]),
        (list[int], ["builtins.list"]),
        ("typing.List", ["builtins.list"]),
        (collections.abc.Mapping[str, int], ["collections.abc.Mapping"]),
        (Path, ["pathlib.Path"]),
        (Colour, [f"{__name__}.Colour"]),
    ],
)
def test_a_hint_names_the_classes_that_are_meant(annotation, names):
    assert [kind["name"] for kind in hint(annotation)["any_of"]] == names


def test_a_kind_says_which_well_known_classes_it_takes():
    (kind,) = hint(collections.abc.Sequence[int])["any_of"]
    assert set(kind["takes"]) == {
        f"builtins.{name}" for name in ("str", "bytes", "bytearray", "list", "tuple", "range")
    }
    assert kind["abstract"]
    (kind,) = hint(dt.date)["any_of"]
    assert kind["takes"] == ["datetime.datetime", "datetime.date"]


def test_elements_of_a_tuple_are_fixed_unless_there_may_be_more():
    (pair,) = hint(tuple[int, str])["any_of"]
    (many,) = hint(tuple[int, ...])["any_of"]
    assert (pair["fixed"], len(pair["args"])) == (True, 2)
    assert (many["fixed"], len(many["args"])) == (False, 1)


def decorated(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func(*(int(arg) for arg in args), **kwargs)

    return wrapper


@decorated
def converts(x: int) -> int: ...


def test_what_is_decorated_may_convert_its_arguments_so_its_hints_say_nothing():
    described = signatures.describe(converts)
    assert described["shown"] == "(x)"
    assert described["parameters"][0]["hint"] is None
    assert described["returns"] is None
    assert described["decorated"]
    assert not signatures.describe(decorated)["decorated"]


class Coercing:
    """As a model that converts what it is given says it."""

    __signature__ = inspect.Signature(
        [inspect.Parameter("x", inspect.Parameter.KEYWORD_ONLY, annotation=int)], return_annotation=int
    )

    def __init__(self, **values) -> None: ...


class Converting:
    def __init__(self, func):
        self.__signature__ = inspect.signature(func)

    def __call__(self, *args, **kwargs): ...


class Made:
    @decorated
    def __new__(cls, x: int): ...


def hinted(x: int) -> int: ...


@pytest.mark.parametrize("func", [Coercing, functools.partial(Coercing), Converting(hinted), Made])
def test_what_says_its_own_signature_may_convert_its_arguments_too(func):
    described = signatures.describe(func)
    assert described["decorated"]
    assert [parameter["hint"] for parameter in described["parameters"]] == [None]
    assert described["returns"] is None


class Job:
    def __init__(self, day: dt.date) -> None: ...

    def __call__(self, rows: "list[int]") -> str: ...

    async def later(self) -> int: ...

    @staticmethod
    def static(x: int) -> int: ...


async def coroutine() -> list[int]: ...


def returns_coroutine() -> collections.abc.Coroutine[Any, Any, int]: ...


def returns_awaitable() -> collections.abc.Awaitable[int]: ...


def bare(x, *args: int, y=1, **kwargs: str): ...


@pytest.mark.parametrize(
    ("func", "shown", "returns"),
    [
        (coroutine, "()", "list[int]"),
        (returns_coroutine, "()", "int"),
        (returns_awaitable, "()", None),
        (Job, "(day)", None),
        (functools.partial(Job), "(day)", None),
        (Job(1), "(rows)", "str"),
        (Job(1).later, "()", "int"),
        (Job.static, "(x)", "int"),
        (functools.partial(Job(1), []), "()", "str"),
        (functools.partial(converts, 1), "()", None),
        (bare, "(x, *args, y=1, **kwargs)", None),
        (len, "(obj, /)", None),
    ],
)
def test_a_callable_is_shown_with_what_its_result_is(func, shown, returns):
    described = signatures.describe(func)
    json.dumps(described)
    assert described["shown"] == shown
    assert (described["returns"] or {}).get("shown") == returns


def test_a_parameter_has_its_kind_and_whether_it_must_be_filled():
    parameters = signatures.describe(bare)["parameters"]
    assert [(each["name"], each["kind"], each["optional"]) for each in parameters] == [
        ("x", "positional_or_keyword", False),
        ("args", "var_positional", False),
        ("y", "keyword_only", True),
        ("kwargs", "var_keyword", False),
    ]


class Rude:
    def __repr__(self):
        raise RuntimeError("no")


def rude(x=Rude()): ...  # noqa: B008 - shown, never called


@pytest.mark.parametrize("func", [dict, rude, type("NoSignature", (), {"__signature__": 3})])
def test_what_has_no_signature_or_one_that_can_not_be_shown_is_none(func):
    assert signatures.describe(func) is None


def test_no_part_of_a_secret_is_shown_where_a_signature_is_cut():
    def long(y: "Literal['hunter2secret']", x="y" * 182 + "hunter2secret"): ...

    described = signatures.describe(long, Mask(["hunter2secret"]))
    assert "hunt" not in described["shown"]
    assert described["parameters"][0]["hint"]["shown"] == "Literal['•••']"


def test_a_long_signature_is_cut():
    def long(x="y" * 1000): ...

    assert len(signatures.describe(long)["shown"]) == 200
