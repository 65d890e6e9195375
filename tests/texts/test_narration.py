"""What is told to someone who watches."""

from datetime import UTC, datetime, timedelta

import pytest

from longcase.domain import event as events
from longcase.domain.event import (
    Event,
    JobFileRefused,
    MailFailed,
    RunEnded,
    RunStarted,
    TaskBlocked,
    TaskEnded,
)
from longcase.domain.outcome import Outcome, RunState, TaskState
from longcase.texts.narration import narrate

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
ENDED = {"when": NOW, "pipeline": "etl", "run": "r", "task": "load", "log": "/log/load.log"}


def outcome(state, **more):
    return Outcome(state=state, started=NOW, ended=NOW + timedelta(seconds=90), **more)


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (RunStarted(when=NOW, pipeline="etl", run="r", late=timedelta(0)), ["etl: a run started"]),
        (
            RunStarted(when=NOW, pipeline="etl", run="r", late=timedelta(minutes=5)),
            ["etl: a run started, 5 min late"],
        ),
        (
            TaskEnded(**ENDED, attempt=1, attempts=1, outcome=outcome(TaskState.SUCCEEDED), retry_in=None),
            ["  load succeeded after 1 min 30 s"],
        ),
        (
            TaskEnded(
                **ENDED,
                attempt=2,
                attempts=2,
                outcome=outcome(TaskState.FAILED, exception="ValueError: two\nlines"),
                retry_in=None,
            ),
            [
                "  load failed after 1 min 30 s (attempt 2 of 2)",
                "    ValueError: two lines",
                "    its log: /log/load.log",
            ],
        ),
        (
            TaskEnded(
                **ENDED,
                attempt=1,
                attempts=2,
                outcome=outcome(TaskState.TIMED_OUT, reason="no end within its timeout of 1s"),
                retry_in=timedelta(seconds=10),
            ),
            [
                "  load timed out after 1 min 30 s (attempt 1 of 2)",
                "    no end within its timeout of 1s",
                "    tried again in 10 s",
            ],
        ),
        (
            TaskBlocked(when=NOW, pipeline="etl", run="r", task="report", because="load"),
            ["  report is blocked by the failure of load"],
        ),
        (
            RunEnded(
                when=NOW, pipeline="etl", run="r", state=RunState.INTERRUPTED, took=timedelta(seconds=2)
            ),
            ["etl: the run was interrupted after 2 s"],
        ),
        (
            JobFileRefused(when=NOW, path="/f", pipeline="etl", errors=("/f:1: x: y",), kept=True),
            ["etl: job file refused; its last good version stays in force", "  /f:1: x: y"],
        ),
        (
            MailFailed(when=NOW, to=("a@b.c",), subject="s", reason="refused", retry_in=timedelta(seconds=5)),
            ["mail to a@b.c not sent, tried again in 5 s: refused"],
        ),
    ],
)
def test_an_event_in_words(event, lines):
    assert narrate(event) == lines


def test_every_event_but_those_of_no_interest_has_words():
    silent = {"TaskStarted", "MailQueued"}
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    wordless = {kind.__name__ for kind in kinds if narrate.dispatch(kind) is narrate.dispatch(Event)}
    assert wordless - {"Event"} == silent
