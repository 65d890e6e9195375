import time
import tomllib

import pytest

from campaigns import mutated_job_files
from campaigns.mutated_job_files import Figures, campaign, check, spelled, spelled_key
from longcase.texts.document import Problem
from longcase.texts.jobfile import JobFileErrors


def test_mutated_job_files_are_read_or_refused_with_a_place_for_each_error_within_a_second():
    figures = campaign(500, seed=0)
    assert figures.outcomes.total() >= 500
    assert figures.outcomes.keys() == {"read", "refused at their keys", "no TOML"}


def read_with_a_traceback(*_, **__):
    raise KeyError("tasks")


def read_with_an_error_behind_the_end(*_, **__):
    raise JobFileErrors([Problem("p.toml", 3, "tasks", "expected a task")])


def read_with_an_error_that_moves_the_cursor(*_, **__):
    raise JobFileErrors([Problem("p.toml", 1, "tasks", "found \x1b[2J")])


def read_with_no_error(*_, **__):
    raise JobFileErrors([])


def read_slowly(*_, **__):
    while time.thread_time() - BEGIN[0] < 0.01:
        continue


BEGIN = [0.0]
READERS = [
    (read_with_a_traceback, KeyError, "tasks"),
    (read_with_an_error_behind_the_end, AssertionError, "no line of the file: p.toml:3: tasks"),
    (read_with_an_error_that_moves_the_cursor, AssertionError, r"found \x1b[2J"),
    (read_with_no_error, AssertionError, "refused without a reason"),
    (read_slowly, AssertionError, "took 0.0 s"),
]


@pytest.mark.parametrize(("reader", "error", "message"), READERS)
def test_a_reader_that_does_otherwise_is_found_out(monkeypatch, reader, error, message):
    monkeypatch.setattr(mutated_job_files, "read_job_file", reader)
    monkeypatch.setattr(mutated_job_files, "LONGEST", 0.005)
    BEGIN[0] = time.thread_time()
    with pytest.raises(error) as found:
        check(b"x = 1\n", Figures())
    assert message in str(found.value)


def test_what_a_mutated_table_is_spelled_as_is_the_same_table():
    table = mutated_job_files.TABLES[-1]
    text = "\n".join(f"{spelled_key(key)} = {spelled(value)}" for key, value in table.items())
    assert tomllib.loads(text) == table
