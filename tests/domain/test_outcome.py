"""An outcome is the end of one attempt, and nothing else can be built."""

import pytest

from domain.runs import WHEN, ended
from longcase.domain.outcome import ENDS, FAILURES, Outcome, TaskState


@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_attempt_ends_in_one_of_five_states(state):
    assert ended(state).state is state


@pytest.mark.parametrize("state", sorted(set(TaskState) - ENDS))
def test_a_state_that_is_no_end_is_refused_with_those_that_are(state):
    with pytest.raises(ValueError) as caught:
        ended(state)
    assert str(caught.value) == (
        f"an attempt can't end as '{state.value}'; "
        "it ends as one of cancelled, failed, killed, succeeded, timed_out"
    )


def test_the_ends_are_the_failures_success_and_cancelled():
    assert {TaskState.SUCCEEDED, TaskState.CANCELLED} == ENDS - FAILURES


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"exception": "ValueError: no rows", "reason": "exit code 1"}, "ValueError: no rows"),
        ({"reason": "killed by SIGKILL"}, "killed by SIGKILL"),
        ({}, "failed"),
    ],
)
def test_the_cause_is_the_exception_else_the_reason_else_the_state(said, cause):
    assert Outcome(state=TaskState.FAILED, started=WHEN, ended=WHEN, **said).cause == cause


def test_an_outcome_is_frozen():
    with pytest.raises(AttributeError):
        ended(TaskState.FAILED).state = TaskState.SUCCEEDED
