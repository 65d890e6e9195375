import tomllib

from hypothesis import given
from hypothesis import strategies as st

from longcase.texts.toml_lines import line_of, locate

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
