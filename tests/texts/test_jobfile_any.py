"""Any job file at all: it is read, or refused at lines that it has; there is no third way."""

from hypothesis import given, settings
from hypothesis import strategies as st

from longcase.texts.jobfile import JobFileErrors, read_job_file

GOOD = """\
schedule = ["30 2 * * *", "@daily"]
timezone = "Europe/Berlin"
env = { REGION = "eu", 'B' = "\\u00e9" }
mail.to = ["a@example.com"]
[defaults]
timeout = "1h30m"
[tasks.fetch]
call = "etl.users:fetch"
args = [1, 2.5, { a = [1979-05-27, 07:32:00] }]
[tasks.report]
call = "etl:report"
depends_on = [
  { task = "fetch", pass = "kwarg", as = "data" }, # why
  "clean"]
[tasks.clean]
run = \"\"\"
rm "x" \\
  y\"\"\"
"""
PIECES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(
        [
            *"\n\r\0[]{}=,.\"'#\\:-",
            "\ufeff",
            '"""',
            "'''",
            "[[",
            "]]",
            "0x",
            "nan",
            "1e400",
            "tasks",
            "as",
            "true",
        ]
    ),
)


def check(source):
    """The source is read; or it is refused, with problems at lines that it has."""
    try:
        read_job_file(source, name="p", path="p.toml")
    except JobFileErrors as error:
        found = error.problems
    else:
        return
    text = source if isinstance(source, str) else source.decode("utf-8", "replace")
    assert found
    assert all(1 <= problem.line <= text.count("\n") + 1 for problem in found)
    assert all(problem.message and str(problem).isprintable() for problem in found)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), PIECES), min_size=1, max_size=4))
def test_a_good_file_with_pieces_replaced_is_read_or_refused_at_lines_that_it_has(cuts):
    text = GOOD
    for start, length, piece in cuts:
        text = text[:start] + piece + text[start + length :]
    check(text)


@settings(max_examples=100)
@given(st.binary(max_size=60), st.integers(0, len(GOOD)))
def test_any_bytes_are_read_or_refused_at_lines_that_they_have(source, start):
    check(source)
    check(GOOD.encode()[:start] + source + GOOD.encode()[start:])


KEYS = st.sampled_from(
    [
        "schedule",
        "timezone",
        "env",
        "mail",
        "defaults",
        "tasks",
        "a",
        "call",
        "run",
        "depends_on",
        "task",
        "pass",
        "as",
        "args",
    ]
)
LEAVES = st.one_of(
    st.text(max_size=8).map(lambda text: "'" + text.replace("'", "").replace("\n", "") + "'"),
    st.sampled_from(
        ["1", "-1", "1.5", "inf", "true", "1979-05-27", "07:32:00", '"a"', '"arg"', '"m:f"', "''"]
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda table: "{" + ",".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_value_at_any_key_is_read_or_refused(table):
    check("\n".join(f"{key} = {value}" for key, value in table.items()))
