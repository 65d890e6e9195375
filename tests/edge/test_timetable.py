"""The alarm clock: wakes at each instant, and neither dies nor drops."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from longcase.domain.schedule import Cron, Schedule
from longcase.edge.timetable import Timetable

EVERY_SECOND = Schedule(expressions=(Cron("* * * * * *"),))


class Bell:
    """Collects who was woken."""

    def __init__(self):
        self.rung = []
        self.changed = asyncio.Event()

    def __call__(self, pipeline):
        self.rung.append(pipeline)
        self.changed.set()

    async def until(self, count, seconds=10):
        async with asyncio.timeout(seconds):
            while len(self.rung) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def bell():
    return Bell()


@pytest.fixture
async def timetable(bell):
    timetable = Timetable(bell)
    timetable.start()
    yield timetable
    timetable.stop()
    await asyncio.sleep(0)


async def test_a_pipeline_is_woken_at_one_instant_after_the_other(timetable, bell):
    timetable.set("etl", EVERY_SECOND)
    await bell.until(2)
    assert set(bell.rung) == {"etl"}


async def test_it_is_armed_for_the_schedule_that_was_set_last(timetable, bell):
    timetable.set("etl", Schedule(expressions=(Cron("@yearly"),)))
    timetable.set("etl", EVERY_SECOND)
    await bell.until(1)
    following, name = timetable.following()
    assert name == "etl"
    assert following - datetime.now(UTC) < timedelta(seconds=2)


async def test_a_pipeline_that_was_removed_is_not_woken(timetable, bell):
    timetable.set("a", EVERY_SECOND)
    timetable.set("b", EVERY_SECOND)
    timetable.remove("a")
    timetable.remove("never set")
    await bell.until(1)
    assert bell.rung == ["b"]


async def test_a_schedule_that_has_no_more_instants_harms_nobody(timetable, bell):
    class Never:
        def next(self, after):
            return None

    timetable.set("never", Never())
    timetable.set("etl", EVERY_SECOND)
    await bell.until(1)
    assert bell.rung == ["etl"]


async def test_a_beat_wakes_what_the_timers_slept_through(timetable, bell):
    """After suspend or a step of the clock the timer, which counts elapsed time, is late."""
    timetable.set("etl", EVERY_SECOND)
    await asyncio.sleep(0.01)  # it is armed
    timetable._scheduler._stop_timer()
    bell.rung.clear()
    await asyncio.sleep(1.1)
    assert bell.rung == []
    timetable.beat(datetime.now(UTC))
    await bell.until(1)


async def test_nothing_follows_where_nothing_is_set(timetable):
    assert timetable.following() is None
