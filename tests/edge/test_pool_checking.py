# ruff: noqa: ASYNC240  the files are small, and nobody else waits
"""A worker that checks what a command has written goes on listening."""

import os
import signal
from pathlib import Path

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Command, ResultKind
from longcase.workers import tree
from pool_harness import RUN, is_alive, until

LONG = "echo $PPID $$ >&2; printf '['; yes '{},' | head -n 2000000 | tr -d '\\n'; printf '1]'"
"""A command whose output takes a while to be checked."""
LEAVES_ONE = "echo $$ >&2; trap '' TERM; sleep 1000 & echo text"
"""A command that leaves what only SIGKILL ends."""


async def being_checked(harness, **options):
    """An attempt of which the check has begun and stands still; with the pids of its worker and the check."""
    attempt = harness.start(Command(LONG, ResultKind.JSON), **options)
    await until(lambda: os.path.exists(harness.pool.log_path("p", "task")) and harness.said("err"))
    worker, command = map(int, harness.said("err")[0].split())
    found = []

    def begun():
        found[:] = [each.pid for each in tree.snapshot() if each.parent == worker and each.pid != command]
        return found

    await until(begun)
    os.kill(found[0], signal.SIGSTOP)
    assert harness.delivered == []
    return attempt, worker, found[0]


async def assert_nothing_is_left(harness, check):
    assert not is_alive(check)
    assert list((harness.results / "p" / RUN).iterdir()) == []
    following = await harness.run(Command("echo $PPID"), name="following")
    assert following.state is TaskState.SUCCEEDED
    return int(harness.said("out", "following")[0])


async def test_a_cancel_ends_the_check(harness):
    attempt, worker, check = await being_checked(harness, kill_grace=60)
    harness.pool.cancel(attempt)
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.result) == (TaskState.CANCELLED, None)
    assert outcome.reason == "cancelled, while its result was being checked"
    assert harness.said("---")[-1].endswith(": cancelled, while its result was being checked")
    assert await assert_nothing_is_left(harness, check) == worker


async def test_the_timeout_of_the_attempt_ends_the_check(harness):
    attempt, worker, check = await being_checked(harness, timeout=2, kill_grace=60)
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.result) == (TaskState.TIMED_OUT, None)
    assert outcome.reason == "no end within its timeout of 2s, while its result was being checked"
    assert await assert_nothing_is_left(harness, check) == worker


async def test_a_check_that_is_killed_fails_its_attempt_and_the_worker_goes_on(harness):
    attempt, worker, check = await being_checked(harness)
    os.kill(check, signal.SIGKILL)
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.exit_code, outcome.signal) == (TaskState.FAILED, 0, None)
    assert outcome.reason == "the check of its result, as json, ended with SIGKILL"
    assert await assert_nothing_is_left(harness, check) == worker


async def test_what_the_check_uses_is_told_with_the_attempt(harness):
    unchecked = await harness.run(Command(LONG), name="unchecked")
    checked = await harness.run(Command(LONG, ResultKind.JSON), name="checked")
    assert checked.state is TaskState.SUCCEEDED, checked.cause
    assert (
        checked.usage.cpu_user > unchecked.usage.cpu_user + 0.05
    )  # what parsing 2,000,000 objects takes at least


async def test_when_a_worker_dies_its_check_ends_with_it(harness):
    attempt, worker, check = await being_checked(harness, kill_grace=0)
    os.kill(worker, signal.SIGKILL)
    outcome = await harness.outcome(attempt)
    assert outcome.reason == "its worker was killed by SIGKILL"
    assert not is_alive(check)


async def ended_with_one_left(harness, **options):
    """An attempt whose command has ended, and has left a process."""
    attempt = harness.start(Command(LEAVES_ONE, ResultKind.TEXT), **options)
    await until(lambda: os.path.exists(harness.pool.log_path("p", "task")) and harness.said("err"))
    command = int(harness.said("err")[0])
    await until(lambda: not is_alive(command))
    return attempt


async def test_a_cancel_between_the_command_and_the_check_is_heard(harness):
    attempt = await ended_with_one_left(harness, kill_grace=0.5)
    harness.pool.cancel(attempt)
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.result) == (TaskState.CANCELLED, None)
    assert list((harness.results / "p" / RUN).iterdir()) == []


async def test_a_command_that_ended_in_time_has_its_result_though_what_it_left_took_longer(harness):
    outcome = await harness.outcome(await ended_with_one_left(harness, timeout=0.4, kill_grace=0.6))
    assert outcome.state is TaskState.SUCCEEDED, outcome.cause
    assert Path(outcome.result.path).read_text() == "text"
