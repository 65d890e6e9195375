"""Where the clocks are changed, what happens is said in words, and is what does happen."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from longcase.domain.schedule import Cron, Schedule
from longcase.texts.clock_changes import clock_changes

NOW = datetime(2027, 1, 1, tzinfo=UTC)
SPRING, AUTUMN = "2027-03-28", "2027-10-31"


def told(*lines, timezone="Europe/Berlin"):
    return clock_changes(Schedule(tuple(map(Cron, lines)), timezone), NOW)


def runs(line, day):
    """The local times at which the schedule is due on a day in Berlin until five."""
    zone = ZoneInfo("Europe/Berlin")
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    due = Schedule((Cron(line),), zone.key).due(start - timedelta(seconds=1), start + timedelta(hours=5), 50)
    return [f"{instant.astimezone(zone):%H:%M%z}" for instant in due]


def test_a_fixed_time_in_the_gap_runs_after_it_and_once_in_the_fold():
    assert told("30 2 * * *") == [
        f"{SPRING} 02:30 → runs at 03:00, as clocks go forward",
        f"{AUTUMN} 02:30 → runs the first time only, as clocks go back",
    ]
    assert runs("30 2 * * *", SPRING) == ["03:00+0200"]
    assert runs("30 2 * * *", AUTUMN) == ["02:30+0200"]


def test_several_fixed_times_make_one_run():
    assert told("10,20,30,40 2 * * *")[0] == (
        f"{SPRING} 02:10, 02:20, 02:30 … → runs at 03:00, as clocks go forward"
    )
    assert runs("10,20,30,40 2 * * *", SPRING) == ["03:00+0200"]


def test_a_wildcard_of_an_hour_that_is_not_there_does_not_run():
    assert told("*/20 2 * * *") == [
        f"{SPRING} 02:00, 02:20, 02:40 → does not run, as clocks go forward",
        f"{AUTUMN} 02:00, 02:20, 02:40 → runs both times, as clocks go back",
    ]
    assert runs("*/20 2 * * *", SPRING) == []
    assert len(runs("*/20 2 * * *", AUTUMN)) == 6


def test_a_wildcard_of_every_hour_goes_on():
    assert told("15 * * * *") == [
        f"{SPRING} clocks go from 02:00 to 03:00 → goes on by elapsed time",
        f"{AUTUMN} 02:15 → runs both times, as clocks go back",
    ]
    assert runs("15 * * * *", SPRING)[:3] == ["00:15+0100", "01:15+0100", "03:15+0200"]


def test_seconds_are_told_where_there_are_some():
    assert told("15 30 2 * * *")[0].startswith(f"{SPRING} 02:30:15 → runs at 03:00")


def test_a_clock_that_turns_by_half_an_hour():
    assert told("10,40 2 * * *", timezone="Australia/Lord_Howe") == [
        "2027-10-03 02:10 → runs at 02:30, as clocks go forward"
    ]


def test_each_line_of_a_schedule_is_told_once():
    assert told("30 2 * * *", "30 2 * * 0", "15 * * * *")[0] == (
        f"{SPRING} 02:30 → runs at 03:00, as clocks go forward; "
        "clocks go from 02:00 to 03:00 → goes on by elapsed time"
    )


@pytest.mark.parametrize(
    ("line", "timezone"),
    [
        ("30 6 * * *", "Europe/Berlin"),
        ("0 3 * * *", "Europe/Berlin"),
        ("30 2 1 1 *", "Europe/Berlin"),
        ("30 2 * * *", "UTC"),
        ("30 2 * * *", "Asia/Tokyo"),
    ],
)
def test_nothing_is_told_where_it_does_not_matter(line, timezone):
    assert told(line, timezone=timezone) == []


def test_without_a_schedule_nothing_is_told():
    assert told() == []
