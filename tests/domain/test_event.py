"""How much events want attention."""

from datetime import UTC, datetime, timedelta

import pytest

from longcase.domain.event import (
    JobFileRefused,
    RunEnded,
    RunStarted,
    Severity,
    TaskBlocked,
    TaskEnded,
    severity,
)
from longcase.domain.outcome import ENDS, FAILURES, Outcome, RunState, TaskState

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
RUN = {"when": NOW, "pipeline": "etl", "run": "r"}


@pytest.mark.parametrize("state", sorted(ENDS))
def test_a_failed_attempt_is_an_error_and_a_cancelled_one_a_warning(state):
    event = TaskEnded(
        **RUN,
        task="a",
        attempt=1,
        attempts=1,
        outcome=Outcome(state=state, started=NOW, ended=NOW),
        retry_in=None,
        log="l",
    )
    expected = {TaskState.SUCCEEDED: Severity.INFO, TaskState.CANCELLED: Severity.WARNING}
    assert severity(event) is (Severity.ERROR if state in FAILURES else expected[state])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RunState.SUCCEEDED, Severity.INFO),
        (RunState.FAILED, Severity.ERROR),
        (RunState.CANCELLED, Severity.WARNING),
        (RunState.INTERRUPTED, Severity.WARNING),
    ],
)
def test_a_run_is_as_severe_as_its_end(state, expected):
    assert severity(RunEnded(**RUN, state=state, took=timedelta(0))) is expected


def test_all_else_goes_by_its_kind():
    assert severity(RunStarted(**RUN, late=timedelta(0))) is Severity.INFO
    assert severity(TaskBlocked(**RUN, task="b", because="a")) is Severity.WARNING
    refused = JobFileRefused(when=NOW, path="p", pipeline="p", errors=("p:1: x",), kept=False)
    assert severity(refused) is Severity.ERROR
