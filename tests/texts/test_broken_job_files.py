"""Broken job files: each error is told at its line and key, with what was found and what would be right."""

import difflib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from longcase.texts.faults import MOST_COMPARED
from longcase.texts.job_keys import FILE_KEYS, MAIL_KEYS, SHARED_KEYS, TASK_KEYS
from longcase.texts.jobfile import JobFileErrors, read_job_file

TABLE = Path(__file__).with_name("broken_job_files.txt")
OTHERS = """
[tasks.b]
call = "m:f"
[tasks.c]
run = "true"
[tasks.d-e]
call = "m:f"
[tasks.j]
run = "true"
result = "json"
[tasks.n]
run = "true"
result = "none"
[tasks.LONGCASE_b]
call = "m:f"
"""
VARIABLES = 'env = { REGION = "eu" }\nsecrets = { DB = { env = "DB" } }\n'
AROUND = {
    # What stands before and after each line of a section.
    "at the top of a file": ("# first line\n", '\n[tasks.a]\nrun = "true"\n'),
    "keys and values of later versions, at the top of a file": ("", '\n[tasks.a]\nrun = "true"\n'),
    "in a task that is a callable": ('[tasks.a]\ncall = "m:f"\n', OTHERS),
    "in a task that is a command": (f'{VARIABLES}[tasks.a]\nrun = "x"\n', OTHERS),
    "in a task that is nothing yet": ("[tasks.a]\n", OTHERS),
}


class Error(NamedTuple):
    """An error that must be told. Of `message` some may be left out, where " … " stands."""

    line: int
    key: str
    message: str

    def __str__(self):
        return f"{self.line}: {self.key}: {self.message}"

    def is_told_by(self, problem):
        parts = map(re.escape, self.message.split(" … "))
        told = re.match(".*".join(parts), problem.message, re.DOTALL)
        return (problem.line, problem.key) == (self.line, self.key) and told


class Broken(NamedTuple):
    """A job file without its marks, and what they say."""

    source: str
    errors: list[Error]


def unmarked(text):
    lines, errors = [], []
    for number, line in enumerate(text.split("\n"), 1):
        rest, *marks = re.split(r" *# ← | ← ", line)
        lines.append(rest)
        for mark in marks:
            key, _, message = mark.partition(": ")
            is_syntax = key == "no valid TOML"
            errors.append(Error(number, "" if is_syntax else key, mark if is_syntax else message))
    return Broken("\n".join(lines), errors)


def cases():
    _, *sections = TABLE.read_text("utf-8").split("\n@@ ")
    for section in sections:
        title, _, body = section.partition("\n")
        if title in AROUND:
            before, after = AROUND[title]
            texts = [f"{before}{line}\n{after}" for line in body.split("\n") if line]
        else:
            texts = body.split("\n---\n")
        yield from map(unmarked, texts)


CASES = list(cases())


def problems(source, name="p", **more):
    with pytest.raises(JobFileErrors) as error:
        read_job_file(source, name=name, path="p.toml", **more)
    return error.value.problems


@pytest.mark.parametrize("broken", CASES, ids=[str(case.errors[0]) for case in CASES])
def test_each_error_is_told_at_its_line_and_key_and_no_other(broken):
    found = problems(broken.source)
    wrong = "".join(f"\n{problem}" for problem in found)
    assert len(found) == len(broken.errors), wrong
    for error, problem in zip(broken.errors, found, strict=True):
        assert error.is_told_by(problem), wrong
        assert str(problem) == f"p.toml:{error.line}: {error.key}{': ' * bool(error.key)}{problem.message}"


def test_there_are_at_least_150_and_every_key_is_broken_in_some():
    assert len({source for source, _ in CASES}) >= 150
    keys = {error.key for _, errors in CASES for error in errors}
    broken = {re.sub(r"^(tasks\.a|mail|defaults)\.|[.\[].*", "", key) for key in keys}
    assert {key.name for key in (*FILE_KEYS, *MAIL_KEYS, *TASK_KEYS, *SHARED_KEYS)} <= broken


VALUES = {
    # Of every TOML type, as a file spells it and a message tells it.
    "string": ('"\\u0000"', 'string "\\u0000"'),
    "integer": ("-1", "integer -1"),
    "float": ("-0.5", "float -0.5"),
    "boolean": ("true", "boolean true"),
    "date": ("2026-01-02", "date 2026-01-02"),
    "time": ("10:30:00", "time 10:30:00"),
    "date-time": ("2026-01-02T10:30:00Z", "date-time 2026-01-02 10:30:00+00:00"),
    "array": ('["\\u0000"]', "an array of 1"),
    "empty array": ("[]", "an empty array"),
    "table": ("{ x = 1 }", "a table of 1"),
    "empty table": ("{}", "an empty table"),
}
ARRAYS, TABLES = {"array", "empty array"}, {"table", "empty table"}
ACCEPTED = {
    # The types in which a key may hold something right. Others are wrong whatever they hold.
    "enabled": {"boolean"},
    "log_compress": {"boolean"},
    "schedule": {"string", *ARRAYS},
    "env_file": {"string", *ARRAYS},
    "pythonpath": ARRAYS,
    "args": ARRAYS,
    "depends_on": ARRAYS,
    "to": ARRAYS,
    "on": ARRAYS,
    "run": {"string", "array"},
    "env": TABLES,
    "secrets": TABLES,
    "params": TABLES,
    "kwargs": TABLES,
}
HIDDEN = {"env", "secrets", "params"}  # only the type is told of what stands in their place
PLACES = [
    ("{}", "", FILE_KEYS),
    ("[mail]\n{}", "mail.", MAIL_KEYS),
    ("[defaults]\n{}", "defaults.", SHARED_KEYS),
    ("[tasks.a]\ncall = 'm:f'\n{}", "tasks.a.", SHARED_KEYS),
    ("[tasks.a]\ncall = 'm:f'\n{}", "tasks.a.", [key for key in TASK_KEYS if key.name in {"args", "kwargs"}]),
    ("[tasks.a]\n{}", "tasks.a.", [key for key in TASK_KEYS if key.name in {"call", "run"}]),
    (
        "[tasks.a]\nrun = 'x'\n{}",
        "tasks.a.",
        [key for key in TASK_KEYS if key.name in {"result", "depends_on"}],
    ),
]
TYPED = [
    (place, prefix + key.name, kind)
    for place, prefix, keys in PLACES
    for key in keys
    for kind in VALUES.keys() - ACCEPTED.get(key.name, set())
]


@pytest.mark.parametrize(("place", "key", "kind"), sorted(TYPED))
def test_a_value_that_no_kind_of_its_key_is_right_in_is_told_as_what_it_is(place, key, kind):
    written, told = VALUES[kind]
    line = f"{key.rpartition('.')[2]} = {written}"
    source = place.format(line) + ('\n[tasks.b]\nrun = "true"\n')
    (problem,) = problems(source)
    assert (problem.line, problem.key) == (source.split("\n").index(line) + 1, key)
    assert problem.message.startswith("expected ")
    if key in HIDDEN:
        assert problem.message.endswith(kind.removeprefix("empty "))
    else:
        assert f"found {told}" in problem.message


WHOLE = [
    # What can't be marked in a text: (source, line, key, message)
    ("", 1, "tasks", "expected at least one task: [tasks.NAME] with call or run, found none"),
    (b"x = 1\ny = '\xff'\n", 2, "", "not in UTF-8: found byte 0xff; save the file in UTF-8"),
    (b"\xff\xfex\0", 1, "", "not in UTF-8: found byte 0xff; save the file in UTF-8"),
    ('[tasks.a]\nrun = "x"\n'.encode("utf-16"), 1, "", "not in UTF-8: found byte 0xff"),
    (b"x = 1\r\ny = '\xe9'\r\n", 2, "", "not in UTF-8: found byte 0xe9"),
    (
        "[tasks.a]\r\nrun = 'x'\r\nretrys = 1\r\n",
        3,
        "tasks.a.retrys",
        "not a known key; the nearest known one is",
    ),
    ("\ufeffretrys = 1\n[tasks.a]\nrun = 'x'", 1, "retrys", "not a known key"),
    ("a\0b = 1", 1, "", "Expected '=' after a key"),
    ("\x0b\x0c\x1c[", 1, "", "no valid TOML"),
    ("x = 1\n\ny = " + "[" * 100_000, 3, "", "nested too deeply; use fewer levels of brackets"),
    ("x = 1\ny = " + "{a = " * 100_000, 2, "", "nested too deeply; use fewer levels of brackets"),
    ("x = 1\ny = [1,\n2,\n" + "[" * 5000, 4, "", "nested too deeply; use fewer levels of brackets"),
    (
        f"x = 1\ny = {'9' * 5000}\nz = 2",
        2,
        "",
        "not a value that can be read; an integer has at most 64 bits",
    ),
    (f"x = 12\ny = [-1_0,\n-{'9_9' * 5000}]\nz = 2222", 3, "", "not a value that can be read"),
    (f"x = 1\n{'a.' * 100}a = 2", 2, "", "a key of more than 100 parts; use fewer dots"),
    (f"x = 1\n\n[{'a . ' * 20_000}a]", 3, "", "a key of more than 100 parts; use fewer dots"),
    (f"retries = 0x{'f' * 5000}", 1, "retries", "it belongs in [defaults]"),
    (f'[tasks.{"a" * 101}]\nrun = "x"', 1, f"tasks.{'a' * 101}", "not a task's name"),
    (f"[tasks.a]\nrun = 'x'\nretries = 0x{'f' * 5000}", 3, "tasks.a.retries", "found integer of 20000 bits"),
    (
        f"[tasks.a]\nrun = 'x'\nretry_backoff = 0x{'f' * 5000}",
        3,
        "tasks.a.retry_backoff",
        "expected a number from 1 on, found integer of 20000 bits",
    ),
    (
        f"[tasks.a]\ncall = 'm:f'\nargs = {'[' * 60}{']' * 60}",
        3,
        f"tasks.a.args{'[0]' * 51}",
        "nested deeper than 50 levels; let the callable read it from a file",
    ),
]


@pytest.mark.parametrize(("source", "line", "key", "message"), WHOLE, ids=range(len(WHOLE)))
def test_a_file_that_is_wrong_in_its_bytes_its_depth_or_its_length(source, line, key, message):
    found = [problem for problem in problems(source) if problem.key != "tasks" or key == "tasks"]
    assert [(problem.line, problem.key) for problem in found] == [(line, key)]
    assert message in found[0].message


@pytest.mark.parametrize("name", ["a b", "", ".hidden", "ü", "x" * 101])
def test_a_file_whose_name_makes_no_pipelines_name(name):
    (problem,) = problems('[tasks.a]\nrun = "true"', name)
    assert (problem.line, problem.key) == (1, "")
    assert f"makes {name!r} the pipeline's; rename the file: 1 to 100 of" in problem.message


@pytest.mark.parametrize("written", ["'4711'", "4711", "['4711']", "4711.5", "{ value = '4711' }"])
def test_a_secret_that_stands_in_the_file_is_not_repeated(written):
    (problem,) = problems(f"secrets.PIN = {written}\n[tasks.a]\nrun = 'x'")
    assert problem.key.startswith("secrets.PIN")
    assert "4711" not in str(problem)


@pytest.mark.parametrize(
    "written",
    [
        '"hunter2"',
        "{ env = 47112 }",
        '{ env = "hunter 2" }',
        '{ file = "~hunter2" }',
        '{ file = ["hunter2"] }',
        "{ file = 47112.5 }",
        '{ credential = "hunter2/x" }',
        '{ credential = "hunter2\\u0000" }',
        "{ credential = 1947-11-02 }",
        '{ credential = "hunter2/x", fil = "x" }',
    ],
)
def test_what_stands_in_place_of_a_secret_s_source_is_not_repeated(written):
    for problem in problems(f"secrets.PIN = {written}\n[tasks.a]\nrun = 'x'"):
        assert problem.key.startswith("secrets.PIN")
        assert not re.search("hunter|4711|1947", str(problem))


@pytest.mark.parametrize("written", ['"hunter2"', "47112", '["hunter2"]', "1947-11-02"])
@pytest.mark.parametrize("table", ["secrets", "env", "params"])
def test_what_stands_in_place_of_a_table_of_variables_is_not_repeated(table, written):
    (problem,) = problems(f"{table} = {written}\n[tasks.a]\nrun = 'x'")
    assert problem.message.startswith("expected a table of ")
    assert not re.search("hunter|4711|1947", str(problem))


SYNTAX = [
    # (what stands under [secrets], the line of it, what is told of that line)
    ('A = "hunter2', 1, "at `A`"),
    ("A = 'hunter2", 1, "at `A`"),
    ('"A B" . c = "hunter2', 1, 'at `"A B" . c`'),
    ("A = hunter2", 1, "at `A`"),
    ("A = 4711hunter2", 1, "at `A`"),
    ('A = "x" hunter2', 1, "at `A`"),
    ('A = "hunter2\\q"', 1, "at `A`"),
    ('A = """x\nhunter2 = \\q"""', 2, "at `A`"),
    ('A = """x\nhunter2 = \\q x', 2, "at `A`"),
    ('A = """x "y"\nhunter2 = \\q x', 2, "at `A`"),
    ('A = """x "\nhunter2 = \\q x', 2, "at `A`"),
    ('A = """x\n\n  hunter2 = 1', 1, "at `A`"),
    ("A = '''x\n\n  hunter2 = 1", 1, "at `A`"),
    ('A = ["x",\nhunter2 = 1]', 2, "at `A`"),
    ('A = [\n"hunter2 = 1]', 2, "at `A`"),
    ("A = [[\n],\n[hunter2]]", 3, "at `A`"),
    ('A = { env = "hunter2 }', 1, "at `A`"),
    ('A = { file = "x",\nhunter2 = 1 }', 1, "at `A`"),
    ('A = """\n""" hunter2 = 1', 2, "at `A`"),
    ("A = 1\nhunter2", 2, ""),
    ("A = 1\nA: hunter2", 2, ""),
    ('A = 1\n"hunter2', 2, ""),
    ('A = 1\n[B] hunter2 = "x"', 2, "at `[B]`"),
    ('A = 1\n[[B . "c"] # hunter2', 2, 'at `[[B . "c"]`'),
    ('A = 1\n[hunter2, "x"', 2, "at `[hunter2`"),
    ("A = 1\n= hunter2", 2, ""),
    (f"A = {'9' * 5000}", 1, "not a value"),
]


@pytest.mark.parametrize(("written", "line", "told"), SYNTAX)
def test_an_error_of_syntax_tells_the_line_and_its_key_and_no_value(written, line, told):
    (problem,) = problems(f'[tasks.a]\nrun = """\n"""\n[secrets]\n{written}')
    assert (problem.line, problem.key) == (4 + line, "")
    assert told in problem.message
    assert ("at `" in problem.message) is told.startswith("at `")
    assert "999" not in problem.message
    assert "hunter" not in problem.message.replace("at `[hunter2`", "")


def broken_tasks(count):
    return "".join(f'[tasks.t{n}]\nrun = "x"\ndepends_on = ["u{n}"]\n' for n in range(count))


@pytest.mark.parametrize("count", [100, 101, 999])
def test_a_hundred_errors_are_told_each_and_of_more_how_many(count):
    *found, last = problems(broken_tasks(count) + "# the end")
    if count == 100:
        found = [*found, last]
    else:
        assert str(last) == f"p.toml:303: … and {count - 100} more"
    assert [problem.line for problem in found] == list(range(3, 301, 3))


THOUSANDS = {
    "keys": "{}[tasks.a]\nrun = 'x'".format("".join(f"zz{n} = 1\n" for n in range(3000))),
    "tasks": broken_tasks(3000),
    "empty tasks": "".join(f"[tasks.t{n}]\n" for n in range(3000)),
    "tasks that are none": "[tasks]\n" + "t = 1\n".join(f"t{n}" for n in range(3000)) + " = 1",
    "elements": f"tasks.a.run = ['x', {'1, ' * 3000}]",
    "dependencies": f"tasks.a.run = 'x'\ntasks.a.depends_on = [{'{}, ' * 3000}]",
    "variables": "tasks.a.run = 'x'\n[env]\n" + "".join(f"v{n} = 1\n" for n in range(3000)),
    "secrets": "tasks.a.run = 'x'\n[secrets]\n" + "".join(f"v{n} = {{}}\n" for n in range(3000)),
}


@pytest.mark.parametrize("source", THOUSANDS.values(), ids=THOUSANDS)
def test_beyond_a_thousand_errors_nothing_is_read_any_more(source):
    *found, last = problems(source)
    assert len(found) == 100
    assert last.message == "… and at least 900 more"


def test_of_many_errors_those_that_stand_first_are_told():
    """Names that are none are found after all that is wrong in one table alone."""
    tasks = "".join(f'[tasks."-{n}"]\nrun = "x"\nretries = -1\n' for n in range(300))
    found = problems(tasks)
    assert [problem.line for problem in found[:100]] == [n + 1 for n in range(150) if n % 3 != 1]
    assert found[100].message == "… and 500 more"


def comparisons(monkeypatch, source):
    """How many names are compared with another to read a file."""
    compared = []
    ratio = difflib.SequenceMatcher.real_quick_ratio
    monkeypatch.setattr(
        difflib.SequenceMatcher, "real_quick_ratio", lambda self: compared.append(1) or ratio(self)
    )
    problems(source)
    return len(compared)


@pytest.mark.parametrize("count", [200, 2000])
def test_near_names_are_looked_for_as_long_as_there_are_few_to_compare(monkeypatch, count):
    assert count < comparisons(monkeypatch, broken_tasks(count)) < MOST_COMPARED + 2 * count


def test_near_keys_are_looked_for_as_long_as_there_are_few_to_compare(monkeypatch):
    source = "".join(f"schedul{n} = 1\n" for n in range(1000)) + '[tasks.a]\nrun = "x"'
    assert comparisons(monkeypatch, source) < MOST_COMPARED + 100
    found = problems(source)[:100]
    assert all('the nearest known one is "schedule"' in problem.message for problem in found)
