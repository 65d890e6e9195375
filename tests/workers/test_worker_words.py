"""The words that a worker finds for numbers."""

import signal

import pytest

from longcase.workers import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1.0, "1s"),
        (1.5, "1.5s"),
        (60, "1m"),
        (90, "1m30s"),
        (7200, "2h"),
        (90061.25, "1d1h1m1.25s"),
    ],
)
def test_a_duration_reads_as_in_a_job_file(seconds, text):
    assert words.duration(seconds) == text


def test_a_signal_has_its_name_and_a_real_time_one_its_number():
    assert words.signal_name(9) == "SIGKILL"
    assert words.signal_name(signal.SIGRTMIN + 3) == f"signal {signal.SIGRTMIN + 3}"


def test_a_header_shows_what_is_passed_by_its_repr():
    passed = [
        {"task": "a", "how": "arg", "name": "", "result": {"repr": "[1, 2]"}},
        {"task": "b", "how": "kwarg", "name": "rows", "result": None},
    ]
    request = {"number": 1, "attempts": 2, "call": "m:f", "args": ["x"], "kwargs": {}, "passed": passed}
    assert words.header(request, 7) == "attempt 1 of 2, pid 7: m:f('x', [1, 2], rows=None)"


def test_a_header_of_a_command_names_what_it_is_given_and_by_whom():
    passed = [
        {"task": "stats", "how": "env", "name": "STATS", "result": None},
        {"task": "fetch", "how": "stdin", "name": "", "result": None},
    ]
    request = {"number": 1, "attempts": 1, "command": ["a", "b c"], "passed": passed}
    assert words.header(request, 7) == "attempt 1 of 1, pid 7: a 'b c' [STATS from stats, stdin from fetch]"


def test_a_long_header_is_cut():
    passed = [{"task": "fetch", "how": "stdin", "name": "", "result": None}]
    request = {"number": 1, "attempts": 1, "command": "x" * 5000, "passed": passed}
    assert words.header(request) == f"attempt 1 of 1: {'x' * 1000}… [stdin from fetch]"
