"""Calls are held against signatures and type hints: every certain mistake at its line, and nothing else."""

import datetime as dt
import enum
import functools
import inspect
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple, Union

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcase.domain.signature import Signature
from longcase.texts.call_check import check_calls
from longcase.texts.finding import at_lines
from longcase.texts.jobfile import read_job_file
from longcase.workers import signatures


def signature(func):
    """As it comes from the process that has imported the callable."""
    return msgspec.convert(signatures.describe(func), Signature)


def findings(text, hide=str, **functions):
    pipeline = read_job_file(text, name="p", path="p.toml")
    known = {f"m:{name}": signature(func) for name, func in functions.items()}
    return [str(finding) for finding in at_lines(check_calls(pipeline, known, hide), pipeline)]


def call(body, func, **functions):
    """What is found in a task `a` with this body, which begins on line 2 behind its call."""
    return findings(f'[tasks.a]\n{body}\ncall = "m:f"\n', f=func, **functions)


def two(a, b=2): ...


def position(a, /, b): ...


def keyword(*, key): ...


def rest(a, *args, **kwargs): ...


BINDING = [
    (two, "args = [1]", []),
    (two, "kwargs = { a = 1, b = 2 }", []),
    (rest, "args = [1, 2, 3]\nkwargs = { x = 1 }", []),
    (
        two,
        "args = [1,\n 2,\n 3]",
        [
            (
                "p.toml:4: tasks.a.args[2]: m:f(a, b=2) takes 2 positional arguments, and args[2] is number "
                "3; remove it, or write it into kwargs"
            )
        ],
    ),
    (
        lambda: None,
        "args = [1]",
        [
            (
                "p.toml:2: tasks.a.args[0]: m:f() takes no positional argument, and args[0] is number 1; "
                "remove it, or write it into kwargs"
            )
        ],
    ),
    (
        two,
        "kwargs = { a = 1, other = 2 }",
        ["p.toml:2: tasks.a.kwargs.other: m:f(a, b=2) has no parameter `other`; known are a, b"],
    ),
    (
        keyword,
        "kwargs = { key = 1, kez = 2 }",
        ["p.toml:2: tasks.a.kwargs.kez: m:f(*, key) has no parameter `kez`; the nearest is `key`"],
    ),
    (
        lambda: None,
        "kwargs = { x = 1 }",
        ["p.toml:2: tasks.a.kwargs.x: m:f() has no parameter `x`; known are none"],
    ),
    (
        two,
        "args = [1]\nkwargs = { a = 2 }",
        [
            (
                "p.toml:3: tasks.a.kwargs.a: args[0] fills parameter `a` of m:f(a, b=2) already; "
                "remove one of the two"
            )
        ],
    ),
    (
        position,
        "args = [1]\nkwargs = { a = 2, b = 3 }",
        [
            (
                "p.toml:3: tasks.a.kwargs.a: parameter `a` of m:f(a, /, b) is filled by position only; "
                "write it into args"
            )
        ],
    ),
    (
        position,
        "",
        [
            (
                "p.toml:3: tasks.a.call: nothing fills parameter `a`, `b` of m:f(a, /, b); "
                "fill it by args, kwargs or another task's result"
            )
        ],
    ),
]


@pytest.mark.parametrize(("func", "body", "expected"), BINDING)
def test_arguments_are_held_against_the_parameters(func, body, expected):
    assert call(body, func) == expected


DEPENDENCY = '[tasks.x]\ncall = "m:x"\n[tasks.y]\ncall = "m:y"\n[tasks.a]\ncall = "m:f"\n'


def passed(depends_on, func, x=lambda: 1, y=lambda: 1, more=""):
    return findings(f"{DEPENDENCY}{more}\ndepends_on = [\n{depends_on}]", f=func, x=x, y=y)


def test_results_fill_parameters_after_own_arguments_in_the_order_of_depends_on():
    edges = '{ task = "x", pass = "arg" },\n{ task = "y", pass = "arg" }'
    assert passed(edges, two) == []
    assert passed(edges, two, more="args = [1]") == [
        (
            "p.toml:10: tasks.a.depends_on[1]: m:f(a, b=2) takes 2 positional arguments, and the result of "
            '"y" is number 3; pass it by name with pass = "kwarg", or write the bare name to only order'
        )
    ]


def test_results_that_are_passed_by_name_fill_that_parameter():
    assert passed('{ task = "x", pass = "kwarg", as = "a" }', two) == []
    assert passed('{ task = "x", pass = "arg" }, { task = "y", pass = "kwarg", as = "a" }', two) == [
        (
            'p.toml:9: tasks.a.depends_on[1]: the result of "x" fills parameter `a` of m:f(a, b=2) already; '
            "remove one of the two"
        )
    ]
    assert passed('"x", { task = "y", pass = "kwarg" }', rest, more="args = [1]") == []


def test_a_dependency_that_only_orders_may_have_been_meant_to_pass():
    assert passed('"x"', two) == [
        (
            "p.toml:6: tasks.a.call: nothing fills parameter `a` of m:f(a, b=2); fill it by args, kwargs or "
            'another task\'s result, such as { task = "x", pass = "arg" } in depends_on'
        )
    ]


def test_an_own_argument_that_a_result_replaces_is_worth_a_hint():
    def takes(a: int): ...

    assert passed('{ task = "x", pass = "kwarg", as = "a" }', takes, more='kwargs = { a = "x" }') == [
        (
            'p.toml:7: hint: tasks.a.kwargs.a: the result of "x" takes this keyword, and the value here is '
            "never used"
        )
    ]


@st.composite
def functions(draw):
    kinds = draw(st.lists(st.sampled_from(list(inspect._ParameterKind)[:4]), max_size=4))
    names = "abcd"
    parameters = []
    optional = False
    for name, kind in zip(names, sorted(kinds), strict=False):
        if kind == inspect.Parameter.VAR_POSITIONAL:
            if any(each.kind == kind for each in parameters):
                continue
            parameters.append(inspect.Parameter(name, kind))
            continue
        has_default = draw(st.booleans()) or (optional and kind < inspect.Parameter.VAR_POSITIONAL)
        optional = has_default
        default = 0 if has_default else inspect.Parameter.empty
        parameters.append(inspect.Parameter(name, kind, default=default))
    if draw(st.booleans()):
        parameters.append(inspect.Parameter("rest", inspect.Parameter.VAR_KEYWORD))

    made = {}
    exec(f"def func{inspect.Signature(parameters)}: ...", made)
    return made["func"]


@given(functions(), st.integers(0, 5), st.sets(st.sampled_from("abcde")))
def test_a_call_is_refused_exactly_where_python_would_refuse_it(func, positions, names):
    args = list(range(positions))
    try:
        func(*args, **dict.fromkeys(names, 0))
    except TypeError:
        fits = False
    else:
        fits = True
    kwargs = ", ".join(f"{name} = 0" for name in sorted(names))
    assert (call(f"args = {args}\nkwargs = {{ {kwargs} }}", func) == []) == fits


VALUES = {
    "3": 3,
    "1.5": 1.5,
    "true": True,
    '"x"': "x",
    "[1, 2]": [1, 2],
    '["x"]': ["x"],
    "{ k = 1 }": {"k": 1},
    "2026-12-24T18:00:00": dt.datetime(2026, 12, 24, 18),
    "2026-12-24": dt.date(2026, 12, 24),
    "18:00:00": dt.time(18),
}
FITTING = [
    (int, ["3", "true"]),
    (float, ["3", "1.5", "true"]),
    (complex, ["3", "1.5", "true"]),
    (bool, ["true"]),
    (str, ['"x"']),
    (bytes, []),
    (Path, []),
    (Decimal, []),
    (list, ["[1, 2]", '["x"]']),
    (list[int], ["[1, 2]"]),
    (list[float], ["[1, 2]"]),
    (tuple[int, int], ["[1, 2]"]),
    (tuple[int, ...], ["[1, 2]"]),
    (tuple[int], []),
    (tuple[str], ['["x"]']),
    (set[int], []),
    (dict, ["{ k = 1 }"]),
    (dict[str, int], ["{ k = 1 }"]),
    (dict[int, int], []),
    (Mapping[str, str], []),
    (Sequence[int], ['"x"', "[1, 2]"]),
    (Iterable[str], ['"x"', '["x"]', "{ k = 1 }"]),
    (Collection, ['"x"', "[1, 2]", '["x"]', "{ k = 1 }"]),
    (dt.datetime, ["2026-12-24T18:00:00"]),
    (dt.date, ["2026-12-24T18:00:00", "2026-12-24"]),
    (dt.time, ["18:00:00"]),
    (int | None, ["3", "true"]),
    (Union[list[int], str], ['"x"', "[1, 2]"]),  # noqa: UP007 - it is another class than int | str
    (list[list[int] | int], ["[1, 2]"]),
    (Literal["x", 3], ["3", '"x"']),
    (os.PathLike, []),
    (object, list(VALUES)),
    (None, []),
]


@pytest.mark.parametrize(("annotation", "fitting"), FITTING, ids=[str(each) for each, _ in FITTING])
def test_a_value_is_held_against_the_type_hint(annotation, fitting):
    def func(x): ...

    func.__annotations__["x"] = annotation
    assert [value for value in VALUES if call(f"args = [{value}]", func) == []] == fitting


class Colour(enum.StrEnum):
    RED = "red"


class Pair(NamedTuple):
    a: int
    b: int


CONVERTED = [
    (Colour, '"red"'),
    (Path, '"x"'),
    (Path | None, '"x"'),
    (int | Path, '"x"'),
    (list[int] | Path, '["x"]'),
    (Decimal, '"1.5"'),
    (bytes, '"x"'),
    (set[int], "[1]"),
    (Pair, "[1, 2]"),
    (dt.timedelta, "3"),
    (os.PathLike, '"x"'),
    (list[Path], '["x"]'),
    (list[Path] | list[int], '["x"]'),
    (list[int] | list[Path], '["x"]'),
    (dict[str, Path], "{ k = 'x' }"),
    (dict[int, int], "{ 1 = 2 }"),
    (dict[Colour, int], "{ red = 2 }"),
]


@pytest.mark.parametrize(("annotation", "value"), CONVERTED, ids=[str(each) for each in CONVERTED])
def test_what_toml_can_not_spell_may_be_converted_so_it_is_worth_a_hint_and_no_refusal(annotation, value):
    (told,) = call(f"args = [{value}]", taking(annotation))
    assert told.startswith("p.toml:2: hint: tasks.a.args[0]")
    assert told.endswith("; nothing that can be written here is one, so the callable has to convert it")


CERTAIN = [
    (int, '"3"'),
    (int | None, '"3"'),
    (list[Path], '"x"'),
    (tuple[Path, int], "[1]"),
    (dict[Literal["a"], int], "{ b = 1 }"),
    (dict[str, int] | list[int], '["x"]'),
    (Literal["x"], '"y"'),
    (dt.date, '"2026-12-24"'),
]


@pytest.mark.parametrize(("annotation", "value"), CERTAIN, ids=[str(each) for each in CERTAIN])
def test_what_toml_can_spell_is_refused_where_it_is_spelled_otherwise(annotation, value):
    (told,) = call(f"args = [{value}]", taking(annotation))
    assert told.startswith("p.toml:2: tasks.a.args[0]")


def test_a_secret_is_held_against_the_type_hint_as_it_is_and_shown_as_it_may_be():
    secret = "s3cr3t" * 20

    def hide(text):
        return text.replace(secret, "•••")

    def takes(a: Literal[secret], b: int): ...

    assert findings(f'[tasks.a]\ncall = "m:f"\nargs = ["{secret}", "x{secret}"]', hide, f=takes) == [
        'p.toml:3: tasks.a.args[1]: expected int for parameter `b` of m:f, found string "x•••"'
    ]


def test_every_parameter_is_held_against_its_own_hint():
    def func(a: int, *args: float, key: bool, **kwargs: str): ...

    body = 'args = ["1",\n2.5,\n"3"]\nkwargs = { key = 1, other = 2,  right = "x" }'
    assert call(body, func) == [
        'p.toml:2: tasks.a.args[0]: expected int for parameter `a` of m:f, found string "1"',
        'p.toml:4: tasks.a.args[2]: expected float for parameter `args` of m:f, found string "3"',
        "p.toml:5: tasks.a.kwargs.key: expected bool for parameter `key` of m:f, found integer 1",
        "p.toml:5: tasks.a.kwargs.other: expected str for parameter `kwargs` of m:f, found integer 2",
    ]


def test_what_is_wrong_inside_a_value_is_told_at_its_own_place():
    def func(rows: list[dict[str, int]], pair: tuple[int, str] = (1, "")): ...

    body = 'args = [[\n{ a = 1 },\n{ a = "x" }],\n[1,\n2]]'
    assert call(body, func) == [
        'p.toml:4: tasks.a.args[0][1].a: expected int for parameter `rows` of m:f, found string "x"',
        "p.toml:6: tasks.a.args[1][1]: expected str for parameter `pair` of m:f, found integer 2",
    ]
    assert call("args = [[], [1]]", func) == [
        "p.toml:2: tasks.a.args[1]: expected tuple[int, str] for parameter `pair` of m:f, found an array of 1"
    ]


class Base: ...


class Derived(Base): ...


class Other: ...


def returning(annotation):
    def func(): ...

    func.__annotations__["return"] = annotation
    return func


def taking(annotation):
    def func(a): ...

    func.__annotations__["a"] = annotation
    return func


FLOWS = [
    # (returned, taken, whether it may fit)
    (int, int, True),
    (int, str, False),
    (int, float, True),
    (int, complex, True),
    (float, int, False),
    (bool, int, True),
    (int, bool, True),
    (list[int], list[str], True),
    (list, tuple, False),
    (list, Sequence, True),
    (Sequence, list, True),
    (int, Sequence, False),
    (Sequence, int, False),
    (Sequence, Mapping, True),
    (Mapping, list, False),
    (dict, Mapping[str, int], True),
    (int | None, int, True),
    (int | None, str, False),
    (str, int | None, False),
    (Derived, Base, True),
    (Base, Derived, True),
    (Base, Other, False),
    (Base, Sequence, True),
    (object, int, True),
    (int, object, True),
    (Literal["x"], str, True),
    (Literal["x"], int, False),
    (type("Base", (), {}), Base, True),  # the same class may have been imported by another name
]


@pytest.mark.parametrize(("returned", "taken", "fits"), FLOWS)
def test_a_result_is_held_against_what_its_producer_returns(returned, taken, fits):
    found = passed('{ task = "x", pass = "arg" }', taking(taken), x=returning(returned))
    assert bool(found) != fits
    if found:
        assert found[0].startswith("p.toml:9: tasks.a.depends_on[0]: expected ")
        assert " for parameter `a` of m:f, and the result of " in found[0]


async def coroutine() -> int: ...


def test_of_a_coroutine_function_the_result_is_what_is_awaited():
    edge = '{ task = "x", pass = "arg" }'
    assert passed(edge, taking(int), x=coroutine) == []
    assert passed(edge, taking(str), x=coroutine) == [
        'p.toml:9: tasks.a.depends_on[0]: expected str for parameter `a` of m:f, and the result of "x" is int'
    ]


def test_a_result_of_a_task_that_returns_nothing_is_worth_a_hint():
    assert passed('{ task = "x", pass = "arg" }', taking(int), x=returning(None)) == [
        'p.toml:9: hint: tasks.a.depends_on[0]: "x" returns nothing by its type hint: None is passed on'
    ]


@pytest.mark.parametrize(
    ("kind", "taken", "told"),
    [
        ("text", str, ""),
        ("text", int, "p.toml:6: tasks.a.depends_on[0]: expected int "),
        ("text", Path, "p.toml:6: hint: tasks.a.depends_on[0]: expected pathlib.Path "),
        ("json", int, ""),
    ],
)
def test_the_result_of_a_command_is_text_or_not_known(kind, taken, told):
    text = (
        f'[tasks.x]\nrun = "true"\nresult = "{kind}"\n[tasks.a]\ncall = "m:f"\n'
        'depends_on = [{ task = "x", pass = "arg" }]\n'
    )
    found = findings(text, f=taking(taken))
    assert [each.startswith(told) for each in found] == ([True] if told else [])


def with_session(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func("session", *args, **kwargs)

    return wrapper


@with_session
def load(session, rows): ...


def test_what_a_decorator_may_fill_in_is_worth_a_hint_and_no_refusal():
    (told,) = call("args = [1]", load)
    assert told.startswith(
        "p.toml:3: hint: tasks.a.call: nothing fills parameter `rows` of m:f(session, rows); "
    )
    assert told.endswith("(it is decorated: the decorator may know better)")


class Coercing:
    __signature__ = inspect.signature(lambda n: None)

    def __init__(self, **values): ...


def test_of_what_says_its_own_signature_no_argument_is_refused():
    assert [told.partition("tasks")[0] for told in call('kwargs = { N = "3" }', Coercing)] == [
        "p.toml:2: hint: ",
        "p.toml:3: hint: ",
    ]


def test_nothing_is_said_of_callables_that_are_not_known():
    assert findings('[tasks.a]\ncall = "m:f"\nargs = [1]\n[tasks.b]\nrun = "true"\n') == []
