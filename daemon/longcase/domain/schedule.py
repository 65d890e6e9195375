"""When a pipeline is due: cron expressions by Debian's rules in a time zone, as instants of UTC.

cronsim says which wall-clock times match. How those become instants around a change of the zone's offset is
decided here, since cronsim leaves six fields to the zone and loses times where clocks turn by half an hour.
"""

import heapq
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from msgspec import Struct

from longcase.domain.errors import ScheduleError

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ONE_WITH_STEP = re.compile(r"(?<![\w#-])(\w+)-\1/0*[1-9]\d*\b", re.ASCII | re.IGNORECASE)
_PROBE = timedelta(days=1)  # no zone has two changes of its offset within a day
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)  # a wall-clock time


class Cron(Struct, frozen=True, dict=True):
    """One cron expression: five fields, six with seconds in front, or a nickname such as `@daily`."""

    text: str

    def __post_init__(self) -> None:
        try:
            next(CronSim(self.fields, _EPOCH))
        except (CronSimError, ValueError) as error:  # a number of over 4,300 digits is a ValueError
            raise ScheduleError(
                f"{self.text!r} is no cron expression: {_explain(self.fields, error)}"
            ) from None
        except StopIteration:
            raise ScheduleError(f"{self.text!r} never fires: no such date in 50 years") from None

    @cached_property
    def fields(self) -> str:
        """The expression as cronsim is to read it, a nickname spelled out."""
        text = _ONE_WITH_STEP.sub(r"\1", " ".join(self.text.split()))  # cronsim takes 5-5/2 for 5-59/2
        if not text.startswith("@"):
            return text
        try:
            return NICKNAMES[text.lower()]
        except KeyError:
            raise ScheduleError(f"{self.text!r} is unknown; known are {' '.join(NICKNAMES)}") from None

    @cached_property
    def is_fixed_time(self) -> bool:
        """Whether minute and hour both name times of the day (Debian's rule): none is lost or doubled."""
        minute, hour = self.fields.split()[-5:-3]
        return not (minute.startswith("*") or hour.startswith("*"))

    def next_wall(self, after: datetime) -> datetime | None:
        """The first matching wall-clock time later than `after` (both naive), or None within 50 years."""
        try:
            return next(CronSim(self.fields, after))
        except (StopIteration, OverflowError):
            return None

    def next(self, after: datetime, zone: ZoneInfo) -> datetime | None:
        """The first instant later than `after`, in UTC.

        Between two changes of the zone's offset, wall-clock times and instants differ by a constant. At a
        change, a fixed-time job gets what a gap swallowed at the moment of the change, and does not repeat in
        a fold; a wildcard job goes on by elapsed time.
        """
        while True:
            offset = _offset(after, zone)
            wall = self.next_wall(after.replace(tzinfo=None) + offset)
            if wall is None:
                return None
            instant = wall.replace(tzinfo=UTC) - offset
            change = next_change(after, instant, zone)
            if change is not None:
                after = change
                if not self._is_due_at_change(change, offset, _offset(change, zone)):
                    continue
                instant = change
            if self.is_fixed_time and instant.astimezone(zone).fold:
                after = instant  # its first occurrence was before the clocks went back
                continue
            return instant

    def _is_due_at_change(self, change: datetime, old: timedelta, new: timedelta) -> bool:
        """Whether the job is due at the moment at which the offset goes from `old` to `new`."""
        wall = change.replace(tzinfo=None) + new
        swallowed = max(new - old, timedelta()) if self.is_fixed_time else timedelta()
        due = self.next_wall(wall - swallowed - _SECOND)
        return due is not None and due <= wall


class Schedule(Struct, frozen=True, dict=True):
    """Cron expressions in a time zone (an IANA name). None: never due by itself."""

    expressions: tuple[Cron, ...] = ()
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _ = self.zone

    @cached_property
    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ScheduleError(f"{self.timezone!r} is no IANA time zone such as 'Europe/Berlin'") from None

    def instants(self, after: datetime) -> Iterator[datetime]:
        """Every instant later than `after`, in UTC, oldest first, each once."""
        last = None
        for instant in heapq.merge(*(self._each(cron, after) for cron in self.expressions)):
            if instant != last:
                yield instant
                last = instant

    def next(self, after: datetime) -> datetime | None:
        """The first instant later than `after`, in UTC, or None."""
        return next(self.instants(after), None)

    def due(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """At most `limit` instants in (after, until], in UTC, oldest first."""
        found = []
        for instant in islice(self.instants(after), limit):
            if instant > until:
                break
            found.append(instant)
        return found

    def _each(self, cron: Cron, after: datetime) -> Iterator[datetime]:
        instant = cron.next(after.astimezone(UTC), self.zone)
        while instant is not None:
            yield instant
            instant = cron.next(instant, self.zone)


_FIELDS = {
    "second": "0-59",
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L or LW",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT (0 and 7 are Sunday; FRI-SUN is 5-7), 5L or 5#2",
}


def _explain(fields: str, error: Exception) -> str:
    """Which field is wrong, what it says, and what would be right."""
    parts = fields.split()
    if len(parts) not in (5, 6):
        right = "five (minute hour day-of-month month day-of-week), or six with seconds in front"
        return f"it has {len(parts)} fields; right are {right}"
    names = list(_FIELDS)[-len(parts) :]
    wrong = str(error).removeprefix("Bad ")
    if wrong not in names:
        return str(error)
    if wrong == "day-of-month" and _is_cron([*parts[:-2], "*", parts[-1]]):
        return f"it never fires: no month of {parts[-2]!r} has a day {parts[-3]!r}"
    return (
        f"{wrong} is {parts[names.index(wrong)]!r}; right is {_FIELDS[wrong]}, with lists, ranges and steps"
    )


def _is_cron(parts: list[str]) -> bool:
    try:
        CronSim(" ".join(parts), _EPOCH)
    except CronSimError:
        return False
    return True


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def next_change(after: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    """The first change of the zone's offset in (after, until], to the second, or None."""
    start = _offset(after, zone)
    low = after.replace(microsecond=0)
    while low < until:
        high = min(low + _PROBE, until)
        if _offset(high, zone) != start:
            while high - low > _SECOND:
                middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
                if _offset(middle, zone) == start:
                    low = middle
                else:
                    high = middle
            return high
        low = high
    return None
