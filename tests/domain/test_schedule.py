"""When a pipeline is due: cron by Debian's rules, changes of the clocks included, and errors that help."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longcase.domain.errors import ScheduleError
from longcase.domain.schedule import NICKNAMES, Cron, Schedule


def due(text, after, count, zone="UTC"):
    """The first `count` instants after a time of UTC, as `MM-DD HH:MM:SS` of UTC."""
    instants = Schedule((Cron(text),), zone).instants(datetime.fromisoformat(after).replace(tzinfo=UTC))
    return [format(instant, "%m-%d %H:%M:%S").removesuffix(":00") for instant in islice(instants, count)]


# --- expressions ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 2027-03-01 is a Monday, 2027-02-28 a Sunday.
        ("30 2 * * *", ["02-27 02:30", "02-28 02:30", "03-01 02:30"]),
        (
            "0 12 13 * FRI",
            ["03-05 12:00", "03-12 12:00", "03-13 12:00"],
        ),  # either, where neither begins with *
        ("0 12 */2 * MON", ["03-01 12:00", "03-15 12:00", "03-29 12:00"]),  # both, where one begins with *
        ("0 12 1-7 * */7", ["03-07 12:00", "04-04 12:00", "05-02 12:00"]),
        ("0 0 * * 7", ["02-28 00:00", "03-07 00:00", "03-14 00:00"]),
        ("0 0 * * 0", ["02-28 00:00", "03-07 00:00", "03-14 00:00"]),
        ("0 0 * * sun", ["02-28 00:00", "03-07 00:00", "03-14 00:00"]),
        ("0 0 * * 5-7", ["02-27 00:00", "02-28 00:00", "03-05 00:00"]),
        ("0 0 L * *", ["02-28 00:00", "03-31 00:00", "04-30 00:00"]),
        ("0 0 LW * *", ["03-31 00:00", "04-30 00:00", "05-31 00:00"]),
        ("0 0 * * 5L", ["03-26 00:00", "04-30 00:00", "05-28 00:00"]),
        ("0 0 * * 5#2", ["03-12 00:00", "04-09 00:00", "05-14 00:00"]),
        ("0 0 1 JAN,apr *", ["04-01 00:00", "01-01 00:00", "04-01 00:00"]),
        ("10-50/20 8 * * *", ["02-27 08:10", "02-27 08:30", "02-27 08:50"]),
        ("10-10/20 8 * * *", ["02-27 08:10", "02-28 08:10", "03-01 08:10"]),
        ("*/25 8 * * *", ["02-27 08:00", "02-27 08:25", "02-27 08:50"]),
        ("15,45 0 8 * * *", ["02-27 08:00:15", "02-27 08:00:45", "02-28 08:00:15"]),
        ("  0\t0   29 2 *  ", ["02-29 00:00", "02-29 00:00", "02-29 00:00"]),
    ],
)
def test_an_expression_is_due_as_crontab_says(text, expected):
    assert due(text, "2027-02-26T23:59:59", 3) == expected


@pytest.mark.parametrize(("nickname", "spelled_out"), NICKNAMES.items())
def test_a_nickname_is_due_as_what_it_stands_for(nickname, spelled_out):
    assert due(nickname, "2027-02-27", 3) == due(spelled_out, "2027-02-27", 3)
    assert due(nickname.upper(), "2027-02-27", 1) == due(spelled_out, "2027-02-27", 1)


def test_the_nicknames_of_crontab_are_known():
    assert due("@yearly", "2027-02-27", 1) == due("@annually", "2027-02-27", 1) == ["01-01 00:00"]
    assert due("@monthly", "2027-02-27", 1) == ["03-01 00:00"]
    assert due("@weekly", "2027-02-27", 1) == ["02-28 00:00"]
    assert due("@daily", "2027-02-27", 1) == due("@midnight", "2027-02-27", 1) == ["02-28 00:00"]
    assert due("@hourly", "2027-02-27", 1) == ["02-27 01:00"]


# --- changes of the clocks ---

SPRING = "2026-03-28T12:00"  # Berlin: 2026-03-29, 02:00 becomes 03:00, at 01:00 UTC
AUTUMN = "2026-10-24T12:00"  # Berlin: 2026-10-25, 03:00 becomes 02:00, at 01:00 UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["03-29 01:00", "03-30 00:30"]),
        ("0,15,30 2 * * *", ["03-29 01:00", "03-30 00:00"]),  # three times in the gap are one instant
        ("30 2,3 * * *", ["03-29 01:00", "03-29 01:30"]),
        ("0 2,3 * * *", ["03-29 01:00", "03-30 00:00"]),  # and one with the time due there anyway
        ("30 1 * * *", ["03-29 00:30", "03-29 23:30"]),
        ("10,20 30 2 * * *", ["03-29 01:00", "03-30 00:30:10"]),
        ("30 2 29 3 *", ["03-29 01:00", "03-29 00:30"]),
        ("*/30 2 * * *", ["03-30 00:00", "03-30 00:30"]),  # a wildcard job has no 02:30 on that day
        ("30 * 29 3 *", ["03-28 23:30", "03-29 00:30"]),
    ],
)
def test_in_a_gap_fixed_times_are_one_instant_after_it_and_wildcards_are_none(text, expected):
    assert due(text, SPRING, 2, "Europe/Berlin") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["10-25 00:30", "10-26 01:30"]),
        ("0 2,3 * * *", ["10-25 00:00", "10-25 02:00"]),
        ("10,20 30 2 * * *", ["10-25 00:30:10", "10-25 00:30:20", "10-26 01:30:10"]),
        ("*/30 2 * * *", ["10-25 00:00", "10-25 00:30", "10-25 01:00", "10-25 01:30", "10-26 01:00"]),
        # The second time 02:30 is found although the next one on paper is a year and three changes away.
        ("*/30 2 25 10 *", ["10-25 00:00", "10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 00:00"]),
        ("30 * 25 10 *", ["10-24 22:30", "10-24 23:30", "10-25 00:30", "10-25 01:30", "10-25 02:30"]),
    ],
)
def test_in_a_fold_fixed_times_are_due_once_and_wildcards_by_elapsed_time(text, expected):
    assert due(text, AUTUMN, len(expected), "Europe/Berlin") == expected


def test_clocks_that_turn_by_half_an_hour_lose_no_time_of_the_same_day():
    midday = due("*/5 12 * * *", "2027-04-03T12:00", 12, "Australia/Lord_Howe")
    assert midday == [f"04-04 {1 + (30 + n) // 60:02}:{(30 + n) % 60:02}" for n in range(0, 60, 5)]


def test_a_day_that_a_zone_left_out_makes_one_instant():
    assert due("0 8,20 * * *", "2011-12-30T00:00", 4, "Pacific/Apia") == [
        "12-30 06:00",  # the 29th, 20:00
        "12-30 10:00",  # the 30th did not exist: at the first moment of the 31st
        "12-30 18:00",  # the 31st, 08:00
        "12-31 06:00",
    ]


def test_which_job_is_a_fixed_time_job():
    fixed = {
        text: Cron(text).is_fixed_time
        for text in (
            "30 2 * * *",
            "* 2 * * *",
            "30 */2 * * *",
            "* 30 2 * * *",
            "*/5 30 * * * *",
            "@daily",
            "@hourly",
        )
    }
    assert fixed == {
        "30 2 * * *": True,
        "* 2 * * *": False,
        "30 */2 * * *": False,
        "* 30 2 * * *": True,
        "*/5 30 * * * *": False,
        "@daily": True,
        "@hourly": False,
    }


# --- asking a schedule ---

MINUTELY = Schedule((Cron("* * * * *"),))
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_the_next_instant_is_later_than_the_time_asked_for_and_in_utc():
    assert MINUTELY.next(NOON) == NOON + MINUTE
    assert MINUTELY.next(NOON - timedelta(microseconds=1)) == NOON
    assert MINUTELY.next(NOON.astimezone(timezone(timedelta(hours=5)))) == NOON + MINUTE
    assert Schedule((Cron("@daily"),), "Asia/Kathmandu").next(NOON).tzinfo is UTC


def test_what_is_due_includes_the_end_and_not_the_beginning_and_stops_at_the_limit():
    assert MINUTELY.due(NOON, NOON + 3 * MINUTE, 10) == [NOON + n * MINUTE for n in (1, 2, 3)]
    assert MINUTELY.due(NOON, NOON + 3 * MINUTE, 2) == [NOON + MINUTE, NOON + 2 * MINUTE]
    assert MINUTELY.due(NOON, NOON, 10) == []
    assert MINUTELY.due(NOON, NOON - MINUTE, 10) == []


def test_a_schedule_without_expressions_is_never_due():
    assert Schedule().next(NOON) is None
    assert Schedule().due(NOON, NOON + MINUTE, 10) == []


def test_expressions_that_are_due_together_make_one_instant():
    schedule = Schedule((Cron("0 * * * *"), Cron("*/30 * * * *"), Cron("@hourly")))
    assert schedule.due(NOON, NOON + 60 * MINUTE, 10) == [NOON + 30 * MINUTE, NOON + 60 * MINUTE]


# --- what is refused ---


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("61 * * * *", "minute is '61'; right is 0-59,"),
        ("*/0 * * * *", "minute is '*/0'; right is 0-59,"),
        ("5-1 * * * *", "minute is '5-1'; right is 0-59,"),
        ("1,,2 * * * *", "minute is '1,,2'; right is 0-59,"),
        ("-1 * * * *", "minute is '-1'; right is 0-59,"),
        ("5-5/0 * * * *", "minute is '5-5/0'; right is 0-59,"),
        ("* 24 * * *", "hour is '24'; right is 0-23,"),
        ("* noon * * *", "hour is 'noon'; right is 0-23,"),
        ("* * 0 * *", "day-of-month is '0'; right is 1-31, L or LW,"),
        ("* * 32 2 *", "day-of-month is '32'; right is 1-31, L or LW,"),
        ("* * W * *", "day-of-month is 'W'; right is 1-31, L or LW,"),
        ("* * * 13 *", "month is '13'; right is 1-12 or JAN-DEC,"),
        ("* * * MAI *", "month is 'MAI'; right is 1-12 or JAN-DEC,"),
        ("* * * * 8", "day-of-week is '8'; right is 0-7 or SUN-SAT"),
        ("* * * * FRI-MON", "day-of-week is 'FRI-MON'; right is 0-7 or SUN-SAT"),
        ("* * * * 5#6", "day-of-week is '5#6'; right is 0-7 or SUN-SAT"),
        ("* * * * 5#1-1/2", "day-of-week is '5#1-1/2'; right is 0-7 or SUN-SAT"),
        ("* * * * L", "day-of-week is 'L'; right is 0-7 or SUN-SAT"),
        ("60 * * * * *", "second is '60'; right is 0-59,"),
        ("0 60 * * * *", "minute is '60'; right is 0-59,"),
        ("0 0 30 2 *", "it never fires: no month of '2' has a day '30'"),
        ("0 0 31 4,6,9,11 *", "it never fires: no month of '4,6,9,11' has a day '31'"),
        ("* * * *", "it has 4 fields; right are five (minute hour day-of-month month day-of-week), or six"),
        ("* * * * * * *", "it has 7 fields; right are five"),
        ("", "it has 0 fields; right are five"),
    ],
)
def test_a_wrong_expression_is_refused_with_the_field_what_it_says_and_what_would_be_right(text, what):
    with pytest.raises(ScheduleError) as caught:
        Cron(text)
    assert str(caught.value).startswith(f"{text!r} is no cron expression: {what}")


def test_an_expression_that_no_calendar_fulfils_is_refused():
    with pytest.raises(ScheduleError) as caught:
        Cron("0 0 */30 2 1#5")  # a fifth Monday of February is the 29th, never the 1st or 31st
    assert str(caught.value) == "'0 0 */30 2 1#5' never fires: no such date in 50 years"


@pytest.mark.parametrize("text", ["@reboot", "@every 5m", "@", "@Daily2"])
def test_an_unknown_nickname_is_refused_with_those_that_are_known(text):
    with pytest.raises(ScheduleError) as caught:
        Cron(text)
    assert str(caught.value) == f"{text!r} is unknown; known are {' '.join(NICKNAMES)}"


@given(
    st.one_of(
        st.text(),
        st.text("0123456789*/-,L#W ", max_size=20),
        st.lists(st.text("*/-,LW#15", min_size=1)).map(" ".join),
    )
)
@example("9" * 5000 + " * * * *")
@example("*/" + "9" * 5000 + " * * * *")
@example("² * * * *")
@example("* * * * ²L")
@example("* * * * 5#")
@example("* * L/2 * L/2")
@example("* * LW-3 * *")
def test_any_text_is_an_expression_or_refused(text):
    try:
        cron = Cron(text)
    except ScheduleError as error:
        refusal = str(error)
        assert repr(text) in refusal
    else:
        assert cron.next(NOON, Schedule().zone) > NOON
