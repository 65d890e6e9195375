"""Messages between the daemon and a worker."""

import json
from datetime import date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcase.workers import wire

OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.datetimes()
    | st.datetimes(timezones=OFFSETS)
    | st.dates()
    | st.times()
)
KEYS = st.text() | st.sampled_from(["$", "value"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner))


@given(VALUES)
def test_whatever_toml_can_say_arrives_as_it_was(value):
    (body,) = wire.Frames().feed(wire.frame({"value": wire.pack(value)}))
    assert wire.unpack(json.loads(body)["value"]) == value


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 11, 24, 2, 30),
        datetime(2026, 11, 24, 2, 30, tzinfo=timezone(timedelta(hours=1))),
        date(2026, 11, 24),
        time(2, 30),
        True,
        1,
        1.0,
        {"$": "date", "value": "2026-11-24"},
    ],
)
def test_a_value_keeps_its_type(value):
    found = wire.unpack(json.loads(json.dumps(wire.pack(value))))
    assert (type(found), found) == (type(value), value)


def test_a_tuple_arrives_as_a_list():
    assert wire.unpack(wire.pack((1, (2,)))) == [1, [2]]


@given(st.lists(st.binary(max_size=20)), st.integers(1, 7))
def test_messages_are_found_however_the_stream_is_cut(bodies, width):
    stream = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    frames = wire.Frames()
    found = []
    for at in range(0, len(stream), width):
        found += frames.feed(stream[at : at + width])
    assert found == bodies


def test_a_message_that_is_too_long_is_refused_by_its_length_alone():
    with pytest.raises(wire.WireError) as caught:
        wire.Frames(limit=10).feed(b"\0\0\0\x0b")
    assert str(caught.value) == "a message of 11 bytes, where 10 are allowed"
    assert wire.Frames(limit=10).feed(b"\0\0\0\x0a" + b"x" * 10) == [b"x" * 10]


def test_what_no_text_can_be_is_replaced_where_the_reader_is_strict():
    assert wire.frame({"text": "a\udcffb"}, errors="replace")[4:].decode() == '{"text":"a?b"}'
    assert json.loads(wire.frame({"text": "a\udcffb"})[4:]) == {"text": "a\udcffb"}
