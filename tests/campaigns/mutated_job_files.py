"""Mutated job files by the thousand: each is read, or refused with a place for each error, within a second.

    python tests/campaigns/mutated_job_files.py --count 10000 --seed 1

What fails is shrunk to the smallest file that fails, and printed.
"""

import argparse
import json
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from longcase.texts.jobfile import JobFileErrors, read_job_file

LONGEST = 1.0
"""Seconds that one file may take."""

_LARGEST = 100 * 1024  # bytes of a file: 50 times what the largest example has
_ROOT = Path(__file__).parents[2]
_FILES = (*sorted(_ROOT.glob("examples/**/*.toml")), _ROOT / "tests/texts/every_key.toml")
_BASES = [path.read_bytes() for path in _FILES]
TABLES = [tomllib.loads(base.decode()) for base in _BASES]


@dataclass
class Figures:
    """What came of the files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    most_errors: int = 0
    largest: int = 0
    slowest: float = 0.0

    def __str__(self) -> str:
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        return (
            f"{self.outcomes.total()} files: {outcomes}; {self.errors} errors, at most {self.most_errors} in "
            f"one file; the largest file had {self.largest} bytes, the slowest took {self.slowest:.3f} s"
        )


def campaign(count: int, seed: int) -> Figures:
    """Read `count` files. Raises what the smallest that fails raises, with that file as a note."""
    figures = Figures()

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated_files())
    def every_file_is_read_or_refused(source):
        check(source, figures)

    every_file_is_read_or_refused()
    return figures


def check(source, figures):
    """The file is read; or it is refused, with errors at lines that it has. There is no third way."""
    errors = ()
    begin = time.thread_time()  # what else the machine does is not the reader's fault
    try:
        read_job_file(source, name="p", path="p.toml")
    except JobFileErrors as refused:
        errors = refused.problems
        assert errors, "refused without a reason"
    took = time.thread_time() - begin
    lines = source.removeprefix(b"\xef\xbb\xbf").count(b"\n") + 1
    for error in errors:
        assert 1 <= error.line <= lines, f"no line of the file: {error}"
        assert error.message
        assert str(error).isprintable(), ascii(str(error))
    assert took <= LONGEST, f"took {took:.1f} s"
    figures.outcomes[_outcome(errors)] += 1
    figures.errors += len(errors)
    figures.most_errors = max(figures.most_errors, len(errors))
    figures.largest = max(figures.largest, len(source))
    figures.slowest = max(figures.slowest, took)


def _outcome(errors):
    if not errors:
        return "read"
    return "refused at their keys" if any(error.key for error in errors) else "no TOML"


# What is put into files.

_SIGNS = st.sampled_from(
    [
        sign.encode()
        for sign in [*"\n\r\0\t[]{}=,.\"'#\\:-+_~/ü\ufeff\u2028", "\r\n", '"""', "'''", "[[", "]]"]
    ]
    + [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]
)
_PIECES = st.one_of(_SIGNS, st.binary(max_size=4), st.text(max_size=4).map(lambda text: text.encode()))
_RUNS = st.builds(
    lambda piece, times: piece * times,
    st.one_of(
        _PIECES, st.sampled_from([b"a.", b"[", b"{a=", b"'a'.", b"9", b"a=1,", b"[[a]]\n", b"\\u0000"])
    ),
    st.integers(1, 20_000),
)


def _known_keys(table):
    """All names of keys below a table."""
    for name, value in table.items():
        yield name
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from _known_keys(inner)


_NAMES = st.one_of(
    st.sampled_from(sorted({key for table in TABLES for key in _known_keys(table)})), st.text(max_size=6)
)
_TEXTS = st.one_of(
    _NAMES,
    st.sampled_from(
        ["arg", "env", "stdin", "json", "m:f", "lib/x.py:f", "~/x", "1h", "2G", "@daily", "* * * * *"]
    ),
    st.sampled_from(
        ["99d" * 9, "9" * 400 + "s", "0 0 30 2 *", "*/0 * * * *", "1-" * 999, "../..", "a" * 5_000]
    ),
)
_NUMBERS = st.one_of(
    st.integers(),
    st.integers(60, 20_000).map(lambda bits: 1 << bits),
    st.floats(),
)
_LEAVES = st.one_of(_TEXTS, _NUMBERS, st.booleans(), st.dates(), st.times(), st.datetimes())
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_NAMES, inner, max_size=4)),
    max_leaves=8,
)


@st.composite
def mutated_files(draw):
    """A job file of which something was changed: keys and values, lines, bytes, or some of each."""
    source = draw(
        st.one_of(st.sampled_from(_BASES), mutated_tables(), mutated_tables(), st.binary(max_size=60))
    )
    for mutate in draw(st.lists(st.sampled_from([_cut_bytes, _move_lines]), max_size=2)):
        source = mutate(draw, source)
    return source[:_LARGEST]


def _cut_bytes(draw, source):
    """Some bytes are replaced by others, or by many."""
    start = draw(st.integers(0, len(source)))
    end = start + draw(st.integers(0, 20) | st.integers(0, len(source)))
    return source[:start] + draw(_PIECES | _RUNS) + source[end:]


def _move_lines(draw, source):
    """Some lines are left out, written again, or written elsewhere."""
    lines = source.split(b"\n")
    start, end, to = (draw(st.integers(0, len(lines))) for _ in range(3))
    kept = lines if draw(st.booleans()) else lines[:start] + lines[end:]
    return b"\n".join(kept[:to] + lines[start:end] * draw(st.integers(0, 3)) + kept[to:])


@st.composite
def mutated_tables(draw):
    """A job file in which keys and values were changed, that is TOML all the same."""
    table = json_copy(draw(st.sampled_from(TABLES)))
    for _ in range(draw(st.integers(1, 4))):
        inner = _some_table(draw, table)
        key = draw(st.sampled_from(sorted(inner)) if inner else _NAMES)
        match draw(st.sampled_from(["replace", "add", "rename", "remove", "multiply"])):
            case "replace":
                inner[key] = draw(_VALUES)
            case "add":
                inner[draw(_NAMES)] = draw(_VALUES)
            case "rename":
                inner[draw(_NAMES)] = inner.pop(key, 1)
            case "remove":
                inner.pop(key, None)
            case "multiply":
                inner.update({f"{key}{n}": inner.get(key) or "x" for n in range(draw(st.integers(0, 2_000)))})
    return "\n".join(f"{spelled_key(key)} = {spelled(value)}" for key, value in table.items()).encode()


def _some_table(draw, table):
    """A table of the document: the whole one, or one somewhere below."""
    while True:
        below = [value for value in table.values() if isinstance(value, dict)]
        if not below or draw(st.booleans()):
            return table
        table = draw(st.sampled_from(below))


def json_copy(value):
    """A copy down to the leaves."""
    if isinstance(value, dict):
        return {key: json_copy(item) for key, item in value.items()}
    return [json_copy(item) for item in value] if isinstance(value, list) else value


def spelled_key(key):
    return json.dumps(key, ensure_ascii=False)


def spelled(value):
    """A value in TOML, tables inline."""
    match value:
        case dict():
            return (
                "{" + ", ".join(f"{spelled_key(key)} = {spelled(item)}" for key, item in value.items()) + "}"
            )
        case list():
            return "[" + ", ".join(map(spelled, value)) + "]"
        case str() | bool():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return f"{value:#x}" if value >= 0 else str(value)
        case _:
            return str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="how many files (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, help="which files (default: 1)")
    options = parser.parse_args()
    print(campaign(options.count, options.seed))


if __name__ == "__main__":
    sys.exit(main())
