"""The in-memory twins of Clock and Post; the pool's is in test_pool_port."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from longcase.edge.clock import SystemClock
from longcase.ports import Clock, Post
from longcase.testing import InMemoryPost, ManualClock
from longcase.texts.letter import Letter

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(NOW)])
def test_a_clock_tells_utc_and_never_goes_back(clock: Clock):
    assert clock.now().tzinfo is UTC
    before = clock.monotonic()
    assert clock.monotonic() >= before


def test_a_manual_clock_stands_still_until_it_is_moved():
    clock = ManualClock(NOW)
    assert (clock.now(), clock.monotonic()) == (NOW, 0.0)
    clock.advance(90)
    assert (clock.now(), clock.monotonic()) == (NOW + timedelta(seconds=90), 90.0)


def test_setting_the_wall_clock_lets_no_time_pass():
    clock = ManualClock(NOW)
    clock.step_wall(-3600)
    assert (clock.now(), clock.monotonic()) == (NOW - timedelta(hours=1), 0.0)
    with pytest.raises(ValueError) as caught:
        clock.advance(-1)
    assert str(caught.value) == "time can't pass by -1 s; step_wall turns the wall clock back"


def test_the_post_in_memory_keeps_letters_in_order():
    post = InMemoryPost()
    taker: Post = post
    letters = [
        Letter(to=("a@example.com",), subject=subject, text="", html="", pipeline="p", thread="p-1")
        for subject in ("one", "two")
    ]
    for letter in letters:
        taker.send(letter)
    assert post.letters == letters
