"""What every pool promises, held against the real one and its in-memory twin."""

from datetime import UTC, datetime

import pytest_asyncio

from longcase.domain.outcome import Outcome, TaskState
from longcase.domain.pipeline import Command
from longcase.ports import Pool
from longcase.testing import InMemoryPool
from pool_harness import Harness, until

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)


class Twin:
    """Ends attempts of the in-memory pool, as the processes of the real one do by themselves."""

    def __init__(self, tmp_path):
        self.harness = Harness(tmp_path)  # for its attempts
        self.delivered = []
        self.pool = InMemoryPool(lambda attempt, outcome: self.delivered.append((attempt, outcome)))

    async def settle(self):
        for attempt in self.pool.running:
            late = self.pool.late.get(attempt.key)
            state = (
                TaskState.TIMED_OUT if late else TaskState.SUCCEEDED if late is None else TaskState.CANCELLED
            )
            self.pool.finish(attempt, Outcome(state=state, started=NOW, ended=NOW, reason=late))

    async def close(self):
        await self.settle()


class Real:
    """Waits until the real pool's processes have ended."""

    def __init__(self, tmp_path):
        self.harness = Harness(tmp_path)
        self.delivered = self.harness.delivered
        self.pool = self.harness.pool

    async def settle(self):
        await until(lambda: not self.pool.running)

    async def close(self):
        await self.pool.close(grace=0.1)


@pytest_asyncio.fixture(params=[Twin, Real])
async def world(request, tmp_path):
    world = request.param(tmp_path)
    yield world
    await world.close()


async def test_it_is_a_pool(world):
    pool: Pool = world.pool
    assert pool.log_path("p", "a.b").endswith("/p/a.b.log")


async def test_an_attempt_that_was_started_runs_until_its_outcome_is_delivered_once(world):
    attempt = world.harness.attempt(Command("true"))
    world.pool.start(attempt)
    assert world.delivered == []
    assert world.pool.running == (attempt,)
    await world.settle()
    assert [(who, what.state) for who, what in world.delivered] == [(attempt, TaskState.SUCCEEDED)]
    assert world.pool.running == ()


async def test_a_cancelled_attempt_ends_as_cancelled_but_not_within_the_call(world):
    attempt = world.harness.attempt(Command("sleep 1000"))
    world.pool.start(attempt)
    world.pool.cancel(attempt)
    assert world.delivered == []
    await world.settle()
    assert [(who, what.state) for who, what in world.delivered] == [(attempt, TaskState.CANCELLED)]


async def test_an_attempt_that_is_late_has_timed_out_for_the_reason_that_is_given(world):
    attempt = world.harness.attempt(Command("sleep 1000"))
    world.pool.start(attempt)
    world.pool.cancel(attempt, "the run is late")
    await world.settle()
    ((_, outcome),) = world.delivered
    assert (outcome.state, outcome.reason) == (TaskState.TIMED_OUT, "the run is late")


async def test_an_attempt_that_has_ended_can_not_be_cancelled(world):
    attempt = world.harness.attempt(Command("true"))
    world.pool.start(attempt)
    await world.settle()
    world.pool.cancel(attempt)
    await world.settle()
    assert [what.state for _, what in world.delivered] == [TaskState.SUCCEEDED]


async def test_attempts_that_differ_in_run_task_or_number_run_side_by_side(world):
    attempts = [
        world.harness.attempt(Command("true"), run=run, name=name, number=number)
        for run in ("one", "two")
        for name in ("a", "b")
        for number in (1, 2)
    ]
    for attempt in attempts:
        world.pool.start(attempt)
    assert len(world.pool.running) == len(attempts)
    await world.settle()
    assert sorted(who.key for who, _ in world.delivered) == sorted(attempt.key for attempt in attempts)


async def test_what_hears_of_an_outcome_may_start_the_next_attempt(world):
    first, second = (world.harness.attempt(Command("true"), name=name) for name in ("a", "b"))
    heard = world.delivered.append

    def deliver(attempt, outcome):
        heard((attempt, outcome))
        if attempt is first:
            world.pool.start(second)

    world.pool._deliver = deliver
    world.pool.start(first)
    await world.settle()
    await world.settle()
    assert [who for who, _ in world.delivered] == [first, second]
