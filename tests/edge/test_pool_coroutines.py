"""Coroutine functions, under both Pythons."""

import pytest

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Call, Command, Dependency, Passing
from pool_harness import is_alive

pytestmark = pytest.mark.usefixtures("each_python")


@pytest.mark.parametrize(
    ("name", "args", "shown"),
    [
        ("in_order", ("a", "b"), "'a, b'"),
        ("ordered", ("b",), "'first, b!'"),
        ("later_object", (7,), "7"),
        ("hand_over", (), "'handed over'"),
        ("fork_later", (), "'parent'"),
    ],
)
async def test_whatever_returns_a_coroutine_is_awaited(harness, name, args, shown):
    outcome = await harness.run(Call(f"pool_tasks:{name}", args))
    assert outcome.result, outcome.cause
    assert outcome.result.repr == shown


async def test_a_coroutine_function_is_given_results_and_gives_its_own_as_json(harness):
    made = await harness.run(Call("pool_tasks:in_order", ("a",)), name="made", json_result=True)
    await harness.run(
        Command("cat"), depends_on=(Dependency("made", Passing.STDIN),), results={"made": made.result}
    )
    assert harness.said("out") == ['"a"']
    edges = (Dependency("made", Passing.ARG), Dependency("other", Passing.KWARG, "end"))
    results = {"made": made.result, "other": made.result}
    outcome = await harness.run(Call("pool_tasks:in_order"), depends_on=edges, results=results)
    assert outcome.result.repr == "'aa'"


@pytest.mark.parametrize(
    ("name", "exception", "has_traceback"),
    [
        ("fail_later", "ValueError: too late", True),
        ("leave_later", "SystemExit: 3", True),
        ("cancel_myself", "CancelledError", True),
        ("unpicklable_later", "ResultError: the result, of type lock, can't be pickled: ", False),
        (
            "yield_later",
            "TypeError: pool_tasks:yield_later is an async generator, and nobody asks it for values",
            False,
        ),
    ],
)
async def test_a_coroutine_that_fails_is_told_as_any_callable(harness, name, exception, has_traceback):
    outcome = await harness.run(Call(f"pool_tasks:{name}"))
    assert outcome.state is TaskState.FAILED
    assert outcome.exception.startswith(exception)
    assert (outcome.traceback is not None) is has_traceback
    if has_traceback:
        assert 'pool_tasks.py", line' in outcome.traceback.splitlines()[1]
        assert f"in {name}" in outcome.traceback
        assert "workers" not in outcome.traceback


async def test_a_task_that_a_coroutine_leaves_is_cancelled(harness):
    outcome = await harness.run(Call("pool_tasks:leave_a_task"))
    assert outcome.result.repr == "False"
    assert harness.said("out") == ["told to end"]


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("leave_a_stubborn_task", TaskState.SUCCEEDED),
        ("leave_an_executor", TaskState.SUCCEEDED),
        ("fail_beside_an_executor", TaskState.FAILED),
    ],
)
async def test_what_a_coroutine_leaves_and_asyncio_waits_for_is_not_waited_for_long(harness, name, state):
    outcome = await harness.run(Call(f"pool_tasks:{name}"), kill_grace=0.1)
    assert outcome.state is state
    assert outcome.usage.wall < 30


async def test_a_coroutine_ends_at_its_timeout(harness):
    outcome = await harness.run(Call("pool_tasks:sleep_later", (1000,)), timeout=0.5, kill_grace=0.5)
    assert outcome.state is TaskState.TIMED_OUT
    assert not is_alive(int(harness.said("out")[0]))


async def test_a_coroutine_that_handles_sigterm_ends_in_its_own_way_when_it_is_cancelled(harness):
    attempt = harness.start(Call("pool_tasks:end_later_on_sigterm"))
    pid = int(await harness.word())
    harness.pool.cancel(attempt)
    assert (await harness.outcome(attempt)).state is TaskState.CANCELLED
    assert harness.said("out")[1:] == ["asked to end"]
    assert not is_alive(pid)
