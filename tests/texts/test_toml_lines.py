import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcase.texts.toml_lines import LONGEST_KEY, head, line_of, locate, overlong_key, unclosed

TEXT = '''\
# a comment with = [ { " in it
title = "not # a comment"  # one
"quoted key" = 1
site."a.b".'c d' = 2.5

list = [ 1,
  [2,
   # a comment in between: ]
   3], { x = 1, y = [4,
     5] },
]
text = """
[not.a.table]
key = "no"
""""
raw = \'\'\'
x = ]
\'\'\'
after = 1979-05-27 07:32:00
[tasks.first]
call = "a:b"
[tasks]
second.call = "c:d"
[[row]]
cell = 1
[[row]]
cell = 2
[row.deep]
x = { y = { z = [ [ ], { w = 1 } ] } }
[[row.inner]]
v = 1
[[row]]
'''

LINES = {
    ("title",): 2,
    ("quoted key",): 3,
    ("site", "a.b", "c d"): 4,
    ("list",): 6,
    ("list", 0): 6,
    ("list", 1): 7,
    ("list", 1, 0): 7,
    ("list", 1, 1): 9,
    ("list", 2, "y"): 9,
    ("list", 2, "y", 0): 9,
    ("list", 2, "y", 1): 10,
    ("text",): 12,
    ("raw",): 16,
    ("after",): 19,
    ("tasks", "first"): 20,
    ("tasks", "first", "call"): 21,
    ("tasks",): 20,
    ("tasks", "second", "call"): 23,
    ("row",): 24,
    ("row", 0, "cell"): 25,
    ("row", 1): 26,
    ("row", 1, "cell"): 27,
    ("row", 1, "deep", "x", "y", "z", 1, "w"): 29,
    ("row", 1, "inner", 0, "v"): 31,
    ("row", 2): 32,
}


def paths(value, at=()):
    """Every path of a parsed document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*at, key)
        if isinstance(item, dict | list):
            yield from paths(item, (*at, key))


def test_every_key_and_element_has_the_line_it_stands_on():
    lines = locate(TEXT)
    assert {path: lines[path] for path in LINES} == LINES


def test_exactly_the_paths_of_the_parsed_document_have_a_line():
    assert set(locate(TEXT)) == set(paths(tomllib.loads(TEXT)))


def test_carriage_returns_change_no_line():
    assert locate(TEXT.replace("\n", "\r\n")) == locate(TEXT)


def test_what_is_missing_stands_where_it_would_belong():
    lines = locate("\n[tasks.a]\n")
    assert line_of(("tasks", "a", "call"), lines) == 2
    assert line_of(("nowhere",), lines) == 1


VALUES = [
    "1",
    "-1.5e3",
    "true",
    '"a # \\" ] b"',
    "'c \" d'",
    '"""e\n"" ] f\\\n  g"""',
    "'''h\n'' } i'''",
    "1979-05-27 07:32:00Z",
    "[1, # ]\n 2,\n]",
    "[]",
    "{}",
    "{ a.b = [\n1], 'c' = { d = 1 } }",
    "[[\n'x'], [{ e = 1 }]]",
    '""',
    '""""""',
    '"""\\""""""',
    "''",
]
STATEMENTS = st.tuples(
    st.sampled_from(["", "\n", "# c = [\n", "[t{}]\n", "[[r]]\n", "[[r]]\n[r.s]\n"]),
    st.sampled_from(["k{}", "k{} . x", '"q {}"', "'p {}'.y"]),
    st.sampled_from(VALUES),
    st.sampled_from(["", " # end ]", "\t"]),
)


@given(st.lists(STATEMENTS, max_size=8))
def test_no_way_of_writing_values_leads_astray(statements):
    """A key is found on the line where its statement was written, whatever stands before it."""
    text = ""
    expected = []
    for number, (before, key, value, after) in enumerate(statements):
        text += before.format(number)
        expected.append(text.count("\n") + 1)
        text += f"{key.format(number)} = {value}{after}\n"
    lines = locate(text)
    assert set(lines) == set(paths(tomllib.loads(text)))
    marks = {path[-1]: line for path, line in lines.items() if isinstance(path[-1], str)}
    found = [
        line
        for key, line in marks.items()
        if key in [f"{sign}{n}" for n in range(8) for sign in ("k", "q ", "p ")]
    ]
    assert sorted(found) == expected


def test_what_is_wanted_is_found_as_it_is_without_reading_on():
    whole = locate(TEXT)
    for path, line in whole.items():
        part = locate(TEXT, {path})
        assert part[path] == line
        assert part.items() <= whole.items()
    assert len(locate(TEXT, {next(iter(whole))})) == 1
    assert locate(TEXT, {("not", "there")}) == whole


@given(st.lists(STATEMENTS, max_size=8))
def test_the_head_of_a_statement_is_that_of_each_of_its_lines(statements):
    text = ""
    expected = []
    for number, (before, key, value, after) in enumerate(statements):
        text += before.format(number)
        expected.append((text.count("\n") + 1, key.format(number)))
        text += f"{key.format(number)} = {value}{after}\n"
        expected.append((text.count("\n"), key.format(number)))
    assert [(line, head(text, line)) for line, _ in expected] == expected


@pytest.mark.parametrize(
    "value", ['"""x "y"', '"""x "', "'''x", "'''it's", '"""', "'x", '["x",\n[', '{ a = """ "b"']
)
def test_what_is_never_closed_is_found_where_it_opens(value):
    assert unclosed(f'a = """\n"""\nb = {value}\nc = "1"\n') == 3


DOTTED = "a . 'b'." * (LONGEST_KEY // 2)


@pytest.mark.parametrize(
    "key",
    [
        f"{DOTTED}a = 1",
        f"[{DOTTED}a]",
        f"[[{DOTTED}a]]",
        f"x = {{ {DOTTED}a = 1 }}",
        f"{DOTTED}a",
        DOTTED + "a",
    ],
)
def test_a_key_of_too_many_parts_is_found_at_its_line(key):
    assert overlong_key(f'x = """\n\n"""\n{key}\n') == 4


@pytest.mark.parametrize(
    "text",
    [
        f"{DOTTED[:-1]} = 1",
        f"# {DOTTED}a",
        f'x = "{DOTTED}a"',
        f"x = '''\n{DOTTED}a'''",
        f"x = [{'1.5, ' * LONGEST_KEY}]",
        "a.b = 1\n" * LONGEST_KEY,
        f"x = 'not closed\n{'some words. ' * LONGEST_KEY}",
    ],
)
def test_what_is_no_key_of_too_many_parts_is_none_however_many_dots_it_has(text):
    assert overlong_key(text) is None
