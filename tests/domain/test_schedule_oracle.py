"""Schedules agree with brute force, in many zones, around changes of their clocks and on ordinary days."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.cron_oracle import DAYS, MONTHS, Oracle, changes
from longcase.domain.errors import ScheduleError
from longcase.domain.schedule import Cron, Schedule

ZONES = [
    ("Africa/Cairo", 2025),  # the gap begins at midnight
    ("Africa/Casablanca", 2026),  # back and forth around Ramadan
    ("America/Caracas", 2016),  # half an hour forward
    ("America/Havana", 2026),  # the gap begins at midnight, the fold at one
    ("America/New_York", 2026),
    ("America/St_Johns", 2006),  # at one minute past midnight
    ("America/St_Johns", 2026),
    ("Antarctica/Troll", 2026),  # by two hours
    ("Asia/Kathmandu", 1985),  # a quarter of an hour forward, at its very end
    ("Asia/Pyongyang", 2018),
    ("Australia/Lord_Howe", 2027),  # by half an hour
    ("Europe/Berlin", 2026),
    ("Europe/Dublin", 2026),  # whose winter is the one that "saves"
    ("Pacific/Apia", 2011),  # a whole day was left out
    ("Pacific/Kwajalein", 1993),  # likewise
]
ORDINARY = ["UTC", "Asia/Kathmandu", "America/Phoenix", "Pacific/Kiritimati"]
MOST = 100


def number_field(low, high):
    number = st.integers(low, high)
    step = st.integers(1, high)
    span = st.tuples(number, number).map(sorted).map("{0[0]}-{0[1]}".format)
    return st.one_of(
        number.map(str),
        st.just("*"),
        step.map("*/{}".format),
        span,
        st.builds("{}/{}".format, span, step),
        st.builds("{}/{}".format, number, step),
        st.lists(st.one_of(number.map(str), span), min_size=2, max_size=4).map(",".join),
    )


WEEKDAY = st.one_of(st.integers(0, 7).map(str), st.sampled_from(DAYS), st.sampled_from(DAYS).map(str.lower))
DAYS_OF_MONTH = st.one_of(
    number_field(1, 31), st.sampled_from(["L", "LW", "l", "1,L", "LW,15", "31", "29", "*/30"])
)
DAYS_OF_WEEK = st.one_of(
    number_field(0, 7),
    WEEKDAY,
    st.builds("{}L".format, st.integers(0, 7)),
    st.builds("{}#{}".format, WEEKDAY, st.integers(1, 5)),
    st.sampled_from(["MON-FRI", "sat,sun", "5-7", "1#1,3#2", "5L,MON", "SUN-TUE/2", "*/2"]),
)
MONTH = st.one_of(
    number_field(1, 12), st.sampled_from(MONTHS), st.sampled_from(["jan-JUN", "FEB,4", "MAR-NOV/2"])
)
EVERY_DAY = st.just("* * *")
DATES = st.builds("{} {} {}".format, DAYS_OF_MONTH, MONTH, DAYS_OF_WEEK)
FIXED_HOURS = st.lists(st.integers(0, 23).map(str), min_size=1, max_size=3).map(",".join)
FIXED_MINUTES = st.lists(st.integers(0, 59).map(str), min_size=1, max_size=2).map(",".join)
TIMES = st.builds(
    "{} {}".format, number_field(0, 59), st.one_of(number_field(0, 23), st.sampled_from("01234"))
)
SECONDS = st.one_of(st.just(""), st.just(""), number_field(0, 59))
NEAR_A_CHANGE = st.builds(
    "{} {} {}".format, SECONDS, TIMES, st.one_of(EVERY_DAY, EVERY_DAY, EVERY_DAY, DATES)
).map(str.strip)
CALENDARS = st.builds("{} {} {}".format, FIXED_MINUTES, FIXED_HOURS, DATES)
# Far enough for a day's instants before, and near enough for the second at which it happens.
DISTANCE = st.one_of(
    st.integers(-93_600, 10_800), st.integers(-7_200, 7_200), st.integers(-90, 90), st.just(0)
)


@cache
def changes_of(key, year):
    return changes(ZoneInfo(key), year)


def scheduled(texts, key):
    try:
        return Schedule(tuple(Cron(text) for text in texts), key)
    except ScheduleError as error:
        assume("never fires" not in str(error))
        raise


def found_by(schedule, after, until):
    return list(islice(takewhile(lambda instant: instant <= until, schedule.instants(after)), MOST))


@given(NEAR_A_CHANGE, st.sampled_from(ZONES), st.integers(0, 9), DISTANCE, st.integers(0, 1))
@settings(max_examples=400)
def test_around_a_change_of_the_clocks(text, place, which, seconds, microsecond):
    key, year = place
    happened = changes_of(key, year)
    after = happened[which % len(happened)] + timedelta(seconds=seconds, microseconds=microsecond)
    until = after + timedelta(days=2)
    expected = Oracle(text, ZoneInfo(key)).instants(after, until, MOST)
    assert found_by(scheduled([text], key), after, until) == expected


@given(CALENDARS, st.sampled_from([*ORDINARY, "Europe/Berlin", "Australia/Lord_Howe"]), st.integers(0, 364))
@settings(max_examples=200)
def test_over_a_year_of_dates(text, key, day):
    after = datetime(2027, 2, 1, tzinfo=UTC) + timedelta(days=day)
    until = after + timedelta(days=370)
    expected = Oracle(text, ZoneInfo(key)).instants(after, until, MOST)
    assert found_by(scheduled([text], key), after, until) == expected


@given(st.lists(NEAR_A_CHANGE, max_size=4), st.sampled_from(ZONES), DISTANCE)
@settings(max_examples=60)
def test_several_expressions_are_due_whenever_one_of_them_is_each_instant_once(texts, place, seconds):
    key, year = place
    after = changes_of(key, year)[0] + timedelta(seconds=seconds)
    until = after + timedelta(days=1)
    expected = {
        instant for text in texts for instant in Oracle(text, ZoneInfo(key)).instants(after, until, MOST)
    }
    assert found_by(scheduled(texts, key), after, until) == sorted(expected)[:MOST]


@given(st.integers(28, 31), st.lists(st.integers(1, 12), min_size=1, max_size=3))
def test_a_date_is_refused_exactly_where_no_year_has_it(day, months):
    text = f"0 0 {day} {','.join(map(str, months))} *"
    oracle = Oracle(text, ZoneInfo("UTC"))
    exists = any(oracle.matches_date(date(2027, 1, 1) + timedelta(days=n)) for n in range(4 * 366))
    try:
        Cron(text)
    except ScheduleError as error:
        refused = str(error)
    else:
        refused = ""
    assert ("it never fires" in refused) == (not exists)
