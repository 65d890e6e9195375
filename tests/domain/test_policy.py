"""The rules that a job file sets, as numbers."""

from datetime import timedelta

import pytest

from longcase.domain.errors import InvalidError
from longcase.domain.policy import RetryPolicy


def waits(policy: RetryPolicy, chance: float = 0.5) -> list[float]:
    return [policy.wait(failed, chance).total_seconds() for failed in range(1, 6)]


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_without_backoff_every_retry_waits_as_long():
    assert waits(RetryPolicy(retries=9, delay=seconds(10))) == [10] * 5


def test_with_backoff_each_wait_is_longer_up_to_the_longest():
    policy = RetryPolicy(retries=9, delay=seconds(10), backoff=2, max_delay=seconds(60))
    assert waits(policy) == [10, 20, 40, 60, 60]


def test_a_delay_that_is_longer_than_the_longest_is_not_shortened():
    assert waits(RetryPolicy(retries=9, delay=seconds(7200), backoff=3)) == [7200] * 5


def test_jitter_adds_or_takes_off_its_share_and_never_more_than_the_longest():
    policy = RetryPolicy(retries=9, delay=seconds(10), backoff=2, max_delay=seconds(60), jitter=0.5)
    assert waits(policy, 0) == [5, 10, 20, 30, 30]
    assert waits(policy, 1) == [15, 30, 60, 60, 60]


def test_tasks_that_failed_together_do_not_all_wait_for_the_longest_time():
    policy = RetryPolicy(retries=9, delay=seconds(60), max_delay=seconds(60), jitter=0.5)
    assert len({policy.wait(5, step / 10) for step in range(11)}) == 11


def test_no_backoff_overflows():
    policy = RetryPolicy(retries=10_000, delay=seconds(1), backoff=1e300)
    assert policy.wait(10_000, 0.5) == timedelta(hours=1)


def test_no_delay_stays_none_whatever_the_backoff():
    policy = RetryPolicy(retries=10_000, delay=timedelta(), backoff=1e300)
    assert policy.wait(10_000, 0.5) == timedelta()


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ({"backoff": 0.9}, "a retry's backoff is a number from 1 on, not 0.9"),
        ({"backoff": float("nan")}, "a retry's backoff is a number from 1 on, not nan"),
        ({"backoff": float("inf")}, "a retry's backoff is a number from 1 on, not inf"),
        ({"jitter": 1.1}, "a retry's jitter is a share from 0 to 1, not 1.1"),
        ({"jitter": -0.1}, "a retry's jitter is a share from 0 to 1, not -0.1"),
        ({"jitter": float("nan")}, "a retry's jitter is a share from 0 to 1, not nan"),
        (
            {"max_delay": seconds(-1)},
            "retries and their delays are at least 0, not 0, 0:00:10 and -1 day, 23:59:59",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(value, right):
    with pytest.raises(InvalidError) as caught:
        RetryPolicy(**value)
    assert str(caught.value) == right
