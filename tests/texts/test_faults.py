"""Reading goes on after a fault, but not for ever."""

import pytest

from longcase.texts.faults import MOST_KEPT, Faults, RefusedError
from longcase.texts.job_kinds import Edge
from longcase.texts.jobfile import JobFileErrors, read_job_file
from longcase.texts.keys import Key, Section
from longcase.texts.kinds import read_each
from longcase.texts.variables import Variables

MANY = 3 * MOST_KEPT


class Wrong:
    """Takes nothing, and counts what it refused."""

    def __init__(self):
        self.count = 0

    def read(self, value):
        self.count += 1
        raise RefusedError.expected("nothing", value)


def read_array(kind):
    read_each(kind, [1] * MANY)


def read_variables(kind):
    Variables("a table", kind).read({f"v{number}": 1 for number in range(MANY)})


def read_section(kind):
    keys = tuple(Key(f"k{number}", kind, None, "") for number in range(MANY))
    Section(keys).read({key.name: 1 for key in keys})


@pytest.mark.parametrize("read", [read_array, read_variables, read_section])
def test_what_has_a_thousand_faults_is_read_no_further(read):
    kind = Wrong()
    with pytest.raises(RefusedError) as refused:
        read(kind)
    assert len(refused.value.faults) == kind.count == MOST_KEPT


def test_no_more_than_a_thousand_faults_are_kept_wherever_they_come_from():
    faults = Faults()
    for number in range(MANY):
        faults.add((number,), "wrong")
        with faults.under("a", number):
            read_each(Wrong(), [1, 2])
    assert len(faults.found) == MOST_KEPT
    assert [path for path, _ in faults.found[:4]] == [(0,), ("a", 0, 0), ("a", 0, 1), (1,)]


@pytest.mark.parametrize(
    "source",
    [
        f"[tasks.a]\nrun = 'x'\ndepends_on = [{'1, ' * MANY}]",
        "".join(f"[tasks.t{number}]\nrun = 'x'\ndepends_on = [1]\n" for number in range(MANY)),
    ],
    ids=["one task", "many tasks"],
)
def test_a_file_with_a_thousand_faults_is_read_no_further(monkeypatch, source):
    read, count = Edge.read, []
    monkeypatch.setattr(Edge, "read", lambda self, value: count.append(1) or read(self, value))
    with pytest.raises(JobFileErrors):
        read_job_file(source, name="p", path="p.toml")
    assert len(count) == MOST_KEPT
