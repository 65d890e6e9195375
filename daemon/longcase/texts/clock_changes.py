"""What a schedule does where the clocks are changed, in words."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from longcase.domain.schedule import Cron, Schedule, next_change

_HORIZON = timedelta(days=732)  # a year has two changes, or none
_MOST = 2
_MOST_TIMES = 3
_EVERY_HOUR = "*"


class Change(Struct, frozen=True):
    """A change of a zone's offset. `begins` and `ends`: what clocks leave out, or show twice (wall clock)."""

    begins: datetime
    ends: datetime
    is_gap: bool


def clock_changes(schedule: Schedule, now: datetime) -> list[str]:
    """What happens at the next two changes: a line each, none where nothing is due at such times."""
    lines = []
    for change in _changes(schedule, now):
        told = dict.fromkeys(filter(None, (_told(cron, change) for cron in schedule.expressions)))
        if told:
            lines.append(f"{change.begins:%Y-%m-%d} {'; '.join(told)}")
    return lines


def _changes(schedule: Schedule, now: datetime) -> Iterator[Change]:
    moment, end = now.astimezone(UTC), now.astimezone(UTC) + _HORIZON
    for _ in range(_MOST):
        change = next_change(moment, end, schedule.zone)
        if change is None:
            return
        before = (change - timedelta(seconds=1)).astimezone(schedule.zone).replace(tzinfo=None)
        before += timedelta(seconds=1)
        after = change.astimezone(schedule.zone).replace(tzinfo=None)
        yield Change(min(before, after), max(before, after), is_gap=after > before)
        moment = change


def _told(cron: Cron, change: Change) -> str:
    """What becomes of the times of one expression: "" where it has none then."""
    times = _times(cron, change)
    begins, ends = (f"{moment:%H:%M}" for moment in (change.begins, change.ends))
    match bool(times), change.is_gap, cron.is_fixed_time:
        case True, True, True:
            return f"{times} → runs at {ends}, as clocks go forward"
        case True, True, False if cron.fields.split()[-4] == _EVERY_HOUR:
            return f"clocks go from {begins} to {ends} → goes on by elapsed time"
        case True, True, False:
            return f"{times} → does not run, as clocks go forward"
        case True, False, True:
            return f"{times} → runs the first time only, as clocks go back"
        case True, False, False:
            return f"{times} → runs both times, as clocks go back"
        case _:
            return ""


def _times(cron: Cron, change: Change) -> str:
    """The times of day at which the expression is due within the change, the first of them."""
    found: list[str] = []
    wall = cron.next_wall(change.begins - timedelta(seconds=1))
    while wall is not None and wall < change.ends and len(found) <= _MOST_TIMES:
        found.append(f"{wall:%H:%M}" + (f":{wall:%S}" if wall.second else ""))
        wall = cron.next_wall(wall)
    return ", ".join(found[:_MOST_TIMES]) + (" …" if len(found) > _MOST_TIMES else "")
