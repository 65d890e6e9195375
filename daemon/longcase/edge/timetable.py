"""The alarm clock: APScheduler says when a pipeline is due. What is due, the engine asks the schedule itself.

One APScheduler job a pipeline. The trigger never raises (an exception in it would end the scheduler for
every pipeline) and never lists what is past (that would block the loop); the executor only tells, and counts
nothing as running (else every instant after the first would be dropped as one instance too many).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from longcase.domain.schedule import Schedule

_MICROSECOND = timedelta(microseconds=1)


class _Instants(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 ships no types
    """The first instant after both the previous one and now; None where there is no more."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        # `now` itself may be an instant, and is one still to come where nothing fired yet.
        after = now - _MICROSECOND if previous_fire_time is None else max(previous_fire_time, now)
        return self._schedule.next(after)


class _Teller(BaseExecutor):  # type: ignore[misc]  # APScheduler 3 ships no types
    """Tells that a pipeline is due, and is done at once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def submit_job(self, job: Any, run_times: list[datetime]) -> None:
        self._do_submit_job(job, run_times)

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:  # noqa: ARG002 - APScheduler's
        self._tell(job.id)


class Timetable:
    """Calls `on_due(pipeline)` at every instant of every schedule that is set, or soon after.

    Only a wake-up: it may come late or be lost without harm, and comes once for many instants in a row.
    """

    def __init__(self, on_due: Callable[[str], None]) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            executors={"default": _Teller(on_due)},
            job_defaults={"misfire_grace_time": None, "coalesce": True},
        )

    def start(self) -> None:
        """Arm it, within a running loop."""
        self._scheduler.start()

    def set(self, pipeline: str, schedule: Schedule) -> None:
        """Set, or replace, what a pipeline is woken by."""
        self._scheduler.add_job(_nothing, _Instants(schedule), id=pipeline, replace_existing=True)

    def remove(self, pipeline: str) -> None:
        """Wake a pipeline no more; one that is not set is left so."""
        try:
            self._scheduler.remove_job(pipeline)
        except JobLookupError:
            return

    def beat(self, now: datetime) -> None:
        """Compare the wall clock with the next instant: timers sleep through suspend and clock steps."""
        following = self.following()
        if following is not None and following[0] <= now:
            self._scheduler.wakeup()

    def following(self) -> tuple[datetime, str] | None:
        """The next instant of all, and its pipeline."""
        jobs = self._scheduler.get_jobs()  # sorted by the next instant
        if not jobs or jobs[0].next_run_time is None:
            return None
        return jobs[0].next_run_time, jobs[0].id

    def stop(self) -> None:
        """Wake nobody any more."""
        self._scheduler.shutdown(wait=False)


def _nothing() -> None:
    """What APScheduler believes it runs."""
