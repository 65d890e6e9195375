"""The JSON Schema of job files: it takes what the reader takes, and refuses what a schema can refuse."""

import json
import re
import tomllib
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
import tomli_w
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from longcase.domain.errors import LongcaseError
from longcase.shipped import shipped
from longcase.texts.faults import quoted
from longcase.texts.job_keys import FILE, MAIL, TASK, Tasks
from longcase.texts.jobfile import read_job_file
from longcase.texts.keys import Section
from longcase.texts.kinds import Duration, Size
from longcase.texts.schema import job_schema, schema_of
from texts.test_broken_job_files import CASES

SCHEMA = json.loads(json.dumps(job_schema()))
VALIDATOR = Draft202012Validator(SCHEMA)
EVERY_KEY = Path(__file__).with_name("every_key.toml")
JOB_FILES = [*sorted(shipped("examples").glob("*/*.toml")), EVERY_KEY]

# Of draft 7, and known to taplo, which checks TOML in editors.
WORDS = """
    $schema title description default examples type const enum not anyOf if then else
    properties patternProperties additionalProperties propertyNames required minProperties maxProperties
    items minItems pattern minLength maxLength minimum exclusiveMinimum maximum
"""


def keywords(schema):
    """Every word that a schema uses; names of properties are none."""
    for word, value in schema.items() if isinstance(schema, dict) else ():
        yield word
        if word in {"properties", "patternProperties"}:
            inner = value.values()
        elif word in {"default", "const", "enum", "examples"}:
            inner = ()
        else:
            inner = value if isinstance(value, list) else [value]
        for each in inner:
            yield from keywords(each)


def test_it_is_a_schema_of_draft_2020_12_that_those_who_know_draft_7_only_read_alike():
    Draft202012Validator.check_schema(SCHEMA)
    Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(keywords(SCHEMA)) == set(WORDS.split())


def sections(section, schema):
    """Every table of a job file, with its schema."""
    yield section, schema
    for key in section.keys:
        inner = schema["properties"][key.name]
        if isinstance(key.kind, Section):
            yield from sections(key.kind, inner)
        elif isinstance(key.kind, Tasks):
            (task,) = inner["patternProperties"].values()
            yield from sections(key.kind.table, task)


def test_every_key_stands_in_it_with_its_help_and_its_default():
    tables = list(sections(FILE, SCHEMA))
    assert [section for section, _ in tables] == [FILE, MAIL, FILE.by_name["defaults"].kind, TASK]
    for section, schema in tables:
        assert schema["additionalProperties"] is False
        assert list(schema["properties"]) == [key.name for key in section.keys]
        for key in section.keys:
            said = schema["properties"][key.name]
            assert said["description"] == key.help
            assert said.get("default") == key.default


def test_a_kind_that_has_no_schema_is_named():
    class Unknown:
        pass

    with pytest.raises(
        TypeError, match=r"Unknown has no JSON Schema yet: register one in longcase\.texts\.schema"
    ):
        schema_of(Unknown())


@pytest.mark.parametrize("path", JOB_FILES, ids=[path.stem for path in JOB_FILES])
def test_it_takes_every_example_and_every_key(path):
    assert list(VALIDATOR.iter_errors(tomllib.loads(path.read_text()))) == []


TASK_A = '\n[tasks.a]\nrun = "true"\n'
OTHERS = '\n[tasks.b]\ncall = "m:f"\n[tasks.c]\nrun = "true"\nresult = "json"\n'

RIGHT = [
    "enabled = false" + TASK_A,
    'schedule = "  30\\t2  * * MON-FRI "' + TASK_A,
    'schedule = ["@Daily", "*/5 0 0 L * *"]' + TASK_A,
    'timezone = "Etc/GMT+1"' + TASK_A,
    'timezone = "America/Port-au-Prince"' + TASK_A,
    'env = { _a1 = "" }\nparams = { LONGCASE_x = "" }' + TASK_A,
    'env_file = "/etc/env"' + TASK_A,
    'secrets = { A = { env = "LONGCASE_TOKEN" }, B = { credential = "b.c" } }' + TASK_A,
    "mail = { to = [] }" + TASK_A,
    'mail = { to = ["Größe@bücher.example"] }' + TASK_A,
    'defaults = { timeout = "010m", retry_delay = "0s", kill_grace = 0, retry_backoff = 1.5 }' + TASK_A,
    "defaults = { timeout = 0.5, log_max_bytes = 4096 }" + TASK_A,
    '[tasks."a.b-c"]\nrun = ["echo", "", "x"]',
    '[tasks.a]\ncall = "mödul.ünter:Klaße.ƒ"',
    '[tasks.a]\ncall = "lib dir/a.b-c.py:f"',
    "[tasks.a]\ncall = 'm:f'\nargs = [2026-01-02, 10:00:00, nan, [{ a = 2026-01-02T10:00:00Z }]]",
    "[tasks.a]\ncall = 'm:f'\nkwargs = { 'any key' = 2026-01-02 }",
    "[tasks.a]\ncall = 'm:f'\ndepends_on = ['b', { task = 'c' }]" + OTHERS,
    "[tasks.a]\ncall = 'm:f'\ndepends_on = [{ task = 'b', pass = 'kwarg', as = 'ü' }]" + OTHERS,
    "[tasks.a]\nrun = 'x'\ndepends_on = [{ task = 'c', pass = 'env', as = 'B' }]" + OTHERS,
    "[tasks.a]\nrun = 'x'\ndepends_on = [{ task = 'c', pass = 'stdin' }]" + OTHERS,
]


@pytest.mark.parametrize("text", RIGHT)
def test_it_takes_what_is_right(text):
    assert read_job_file(text, name="p", path="p.toml")
    assert list(VALIDATOR.iter_errors(tomllib.loads(text))) == []


BEYOND = [
    # What a schema can't see, as patterns of the reader's messages: numbers that stand in strings,
    "(second|minute|hour|day-of-month|month|day-of-week) is '",
    "never fires",
    "100 years, found string",
    "8388607T",
    'at least "4K", found string',
    # names of which there are too many, or all of whose capitals count,
    "'Europe/Berln' is no IANA time zone",
    "known are @yearly",
    'Python parameter\'s name, found string "class"',
    # differences that JSON doesn't make,
    r"found float (1\.0|1000000\.0|nan|inf)",
    # what would cost more to read than it tells,
    "without NUL",
    "integer of 64 bits",
    "found an array of 2",
    # and how keys and tasks hang together.
    "no task is named",
    "depends on itself",
    "stands there twice",
    "in a cycle",
    "without a result to pass",
    "stands in (env|secrets) too",
    "name one of them otherwise",
    "one standard input",
    "give one: as =",
]


def as_data(source):
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError:
        return None


def place(path):
    """A path into the data, as the reader's errors tell it."""
    bare = re.compile(r"[A-Za-z0-9_-]+")
    spelled = (
        f"[{part}]" if isinstance(part, int) else f".{part if bare.fullmatch(part) else quoted(part)}"
        for part in path
    )
    return "".join(spelled).removeprefix(".")


READABLE = [(case, data) for case in CASES if (data := as_data(case.source)) is not None]


@pytest.mark.parametrize(("case", "data"), READABLE, ids=[str(case.errors[0]) for case, _ in READABLE])
def test_it_refuses_what_the_reader_refuses_and_where(case, data):
    """At the key, within it, or, as schemas do, at the table or the list that it is in."""
    missed = [error for error in case.errors if not is_seen(error, data)]
    assert [
        str(error) for error in missed if not any(re.search(each, error.message) for each in BEYOND)
    ] == []


def is_seen(error, data):
    places = {place(error.absolute_path) for error in VALIDATOR.iter_errors(data)}
    return any(each == around(error.key) or each.startswith(error.key) for each in places)


def around(key):
    """The table or the list that a key is in."""
    return re.fullmatch(r'(.*?)\.?("[^"]*"|[^.\[\]"]+|\[\d+\])', key)[1]


@pytest.mark.parametrize("pattern", BEYOND)
def test_what_is_said_to_be_beyond_it_is(pattern):
    told = [
        (error, data) for case, data in READABLE for error in case.errors if re.search(pattern, error.message)
    ]
    assert any(not is_seen(error, data) for error, data in told)


POOL = [
    *(True, 0, 1, -1, 2**70, 10_000, 0.5, 1.5, -0.5, 1e300, float("inf"), float("nan")),
    *(
        "",
        " ",
        "a",
        "A",
        "10",
        "10m",
        "1h30m",
        "0s",
        "90s ",
        "10M",
        "4K",
        "1K",
        "none",
        "json",
        "skip",
        "one",
    ),
    *("@daily", "@DAILY", "0 0 * * *", "0 0 0 * * *", "UTC", "Europe/Berlin", "~/x", "/x", "x/y", "x@y.z"),
    *(
        "m:f",
        "m.n:f.g",
        "/x/y.py:f",
        "x.py:f",
        ".py:f",
        "LONGCASE_X",
        "a-b",
        "ü",
        "1a",
        "..",
        "failure",
        "a\n",
    ),
    *([], ["a"], ["a", "b"], [1], ["failure"], ["x@y.z"], ["@daily"], [[]], ["m:f"], [{"task": "a"}]),
    *({}, {"A": "x"}, {"A": 1}, {"A": {"file": "/x"}}, {"A": {"env": "X"}}, {"task": "a", "pass": "arg"}),
    *({"1": "x"}, {"LONGCASE_X": "x"}, {"file": "x"}, {"A": {"file": "/x", "env": "X"}}),
    *tomllib.loads("a = 2026-01-02\nb = 10:00:00\nc = 2026-01-02T10:00:00Z").values(),
]
KEYS = {
    (type(key.kind).__name__, key.name): key
    for section, _ in sections(FILE, SCHEMA)
    for key in section.keys
    if not isinstance(key.kind, Section | Tasks)
}


@pytest.mark.parametrize("key", KEYS.values(), ids=["-".join(name) for name in KEYS])
def test_it_never_refuses_a_value_that_a_key_takes(key):
    validator = Draft202012Validator(json.loads(json.dumps(schema_of(key.kind))))
    taken = [value for value in POOL if takes(key.kind, value)]
    assert taken
    assert [value for value in taken if not validator.is_valid(value)] == []


def places_in(value, path=()):
    """The path of every value within."""
    for key, inner in enumerate(value) if isinstance(value, list) else value.items():
        yield (*path, key)
        if isinstance(inner, list | dict):
            yield from places_in(inner, (*path, key))


@given(
    st.sampled_from(sorted(places_in(tomllib.loads(EVERY_KEY.read_text())), key=str)), st.sampled_from(POOL)
)
def test_it_never_refuses_a_file_that_the_reader_takes(path, value):
    """Every key, with any one value replaced."""
    data = tomllib.loads(EVERY_KEY.read_text())
    *above, last = path
    reduce(getitem, above, data)[last] = value
    try:
        read_job_file(tomli_w.dumps(data), name="p", path="p.toml")
    except LongcaseError:
        return
    assert list(VALIDATOR.iter_errors(data)) == []


def takes(kind, value):
    try:
        kind.read(value)
    except LongcaseError:
        return False
    return True


@given(st.text("0015dhms KMGT-", max_size=8))
@example("1d1h1m1s")
@example("0h0m")
@example("")
def test_durations_and_sizes_are_those_that_the_reader_takes(text):
    """Short ones: how long a duration may be at most is beyond a pattern, and so is how small a size."""
    for kind in (Duration(), Duration(may_be_zero=False), Size("0K")):
        assert Draft202012Validator(schema_of(kind)).is_valid(text) is takes(kind, text)
