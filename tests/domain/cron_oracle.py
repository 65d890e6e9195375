"""When a cron expression is due, by brute force: every minute is asked, nothing is computed ahead.

Written from crontab(5) and the rules for changes of the clocks: it shares nothing with what it judges.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from zoneinfo import ZoneInfo

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def numbers(text: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    """The numbers that a field of lists, ranges and steps stands for."""

    def value(word: str) -> int:
        return names[word] if names and word in names else int(word)

    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            found.update(range(low, high + 1, int(step or 1)))
        elif dash:
            found.update(range(value(first), value(last) + 1, int(step or 1)))
        else:
            found.update(range(value(first), (high if step else value(first)) + 1, int(step or 1)))
    return found


def is_last_of_its_month(day: date, ahead: timedelta = DAY) -> bool:
    return (day + ahead).month != day.month


def is_last_weekday_of_its_month(day: date) -> bool:
    later = [day + DAY * n for n in range(1, 31) if (day + DAY * n).month == day.month]
    return day.isoweekday() <= 5 and all(other.isoweekday() > 5 for other in later)


def matches_day_of_month(text: str, day: date) -> bool:
    return any(
        is_last_of_its_month(day)
        if part == "L"
        else is_last_weekday_of_its_month(day)
        if part == "LW"
        else day.day in numbers(part, 1, 31)
        for part in text.split(",")
    )


def matches_day_of_week(text: str, day: date) -> bool:
    names = {name: number for number, name in enumerate(DAYS)}

    def matches(part: str) -> bool:
        part, _, nth = part.partition("#")
        if nth and (day.day - 1) // 7 + 1 != int(nth):
            return False
        if part.endswith("L"):
            return is_last_of_its_month(day, 7 * DAY) and matches(part[:-1])
        return day.isoweekday() % 7 in {number % 7 for number in numbers(part, 0, 7, names)}

    return any(matches(part) for part in text.split(","))


class Oracle:
    """A cron expression of five or six fields in a time zone whose offsets are whole minutes."""

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        seconds, minutes, hours, self.days, months, self.weekdays = ["0", *text.upper().split()][-6:]
        self.zone = zone
        self.seconds = sorted(numbers(seconds, 0, 59))
        self.minutes = numbers(minutes, 0, 59)
        self.hours = numbers(hours, 0, 23)
        self.months = numbers(months, 1, 12, {name: number for number, name in enumerate(MONTHS, 1)})
        self.is_fixed_time = minutes[0] != "*" and hours[0] != "*"

    def matches_date(self, day: date) -> bool:
        by_month, by_week = (
            matches_day_of_month(self.days, day),
            matches_day_of_week(self.weekdays, day),
        )
        both = self.days[0] == "*" or self.weekdays[0] == "*"
        return day.month in self.months and (by_month and by_week if both else by_month or by_week)

    def instants(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        """The first `most` instants in (after, until], in UTC."""
        if self.is_fixed_time:
            return sorted({found for found in self.fixed(after, until) if after < found <= until})[:most]
        return list(islice((found for found in self.elapsed(after, until) if after < found <= until), most))

    def elapsed(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Wildcard jobs: every minute of UTC is asked what the clocks on the wall then say."""
        minute = after.replace(second=0, microsecond=0)
        dates: dict[date, bool] = {}
        while minute <= until:
            wall = minute.astimezone(self.zone)
            if wall.minute in self.minutes and wall.hour in self.hours:
                day = wall.date()
                if day not in dates:
                    dates[day] = self.matches_date(day)
                if dates[day]:
                    yield from (minute + timedelta(seconds=second) for second in self.seconds)
            minute += MINUTE

    def fixed(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Fixed-time jobs: every time of day is asked when it first comes, or else which gap swallowed it."""
        day = after.astimezone(self.zone).date() - 2 * DAY
        while day <= until.astimezone(self.zone).date() + 2 * DAY:
            if self.matches_date(day):
                for hour, minute in product(self.hours, self.minutes):
                    wall = datetime(day.year, day.month, day.day, hour, minute)
                    first = wall.replace(tzinfo=self.zone).astimezone(UTC)
                    if first.astimezone(self.zone).replace(tzinfo=None) == wall:
                        yield from (first + timedelta(seconds=second) for second in self.seconds)
                    else:
                        yield latest_change(first, self.zone)
            day += DAY


def latest_change(instant: datetime, zone: ZoneInfo) -> datetime:
    """The latest minute, `instant`'s own included, that begins a new offset."""
    minute = instant.replace(second=0)
    for step in (HOUR, MINUTE):
        while (minute - step).astimezone(zone).utcoffset() == minute.astimezone(zone).utcoffset():
            minute -= step
    return minute


def changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """Every minute of a year of UTC that begins a new offset."""
    found = []
    hour = datetime(year, 1, 1, tzinfo=UTC)
    while hour.year == year:
        hour += HOUR
        if hour.astimezone(zone).utcoffset() != (hour - HOUR).astimezone(zone).utcoffset():
            found.append(latest_change(hour, zone))
    return found
