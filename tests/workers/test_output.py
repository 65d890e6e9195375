"""From a task's pipes into its log."""

import os
import time
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcase.workers import output
from longcase.workers.mask import Mask
from longcase.workers.output import AttemptLog, Stream


class Memory:
    """Stands for a log file of 1 MiB."""

    def __init__(self, max_bytes=2**20):
        self.max_bytes = max_bytes
        self.text = b""

    def write(self, block):
        self.text += block

    def lines(self):
        return [line.split(" ", 3)[3] for line in self.text.decode().split("\n")[:-1]]


@contextmanager
def stream(memory):
    reader, writer = os.pipe()
    stream = Stream(reader, "out", AttemptLog(memory, "run"), 1.0)
    try:
        yield stream, writer
    finally:
        os.close(writer)
        stream.close()


@pytest.fixture
def zone(monkeypatch):
    def set_zone(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        ("Europe/Berlin", "2026-11-24T02:30:00.123+01:00"),
        ("UTC", "2026-11-24T01:30:00.123+00:00"),
        ("America/St_Johns", "2026-11-23T22:00:00.123-03:30"),
        ("Asia/Kathmandu", "2026-11-24T07:15:00.123+05:45"),
    ],
)
def test_a_stamp_is_in_the_zone_of_the_machine(zone, name, stamp):
    zone(name)
    assert output.stamp(1795483800.1239) == stamp


@given(st.lists(st.text("aé€😀 \t", max_size=9), min_size=1), st.integers(1, 5))
def test_lines_are_whole_however_the_bytes_come(lines, width):
    memory = Memory()
    data = "".join(line + "\n" for line in lines).encode()
    with stream(memory) as (reading, writer):
        for at in range(0, len(data), width):
            os.write(writer, data[at : at + width])
            assert reading.read(0.0)
    assert memory.lines() == lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"one\r\ntwo\n", ["one", "two"]),
        (b"10%\r20%\n", ["10%\\r20%"]),
        (b"nul\0 bell\a del\x7f\n", ["nul\\x00 bell\\x07 del\\x7f"]),
        (b"tab\t \x1b[31mred\n", ["tab\t \x1b[31mred"]),
        (b"caf\xe9\n\xff\xfe\n", ["caf\\xe9", "\\xff\\xfe"]),
        ("\x85\u2028\x0b\x0c\n".encode(), ["\x85\u2028\\x0b\\x0c"]),
        (b"\n\n", ["", ""]),
        (b"no end", ["no end"]),
        (b"cut \xe2\x82", ["cut \\xe2\\x82"]),
    ],
)
def test_nothing_but_a_newline_ends_a_line(data, lines):
    memory = Memory()
    with stream(memory) as (reading, writer):
        os.write(writer, data)
        reading.drain(0.0)
    assert memory.lines() == lines


def test_a_line_that_has_begun_is_due_when_patience_ends():
    memory = Memory()
    with stream(memory) as (reading, writer):
        assert reading.due is None
        os.write(writer, b"one\nhalf")
        reading.read(5.0)
        os.write(writer, b" a line")
        reading.read(5.5)
        assert reading.due == 6.0
        assert memory.lines() == ["one"]
        reading.flush()
        assert reading.due is None
        os.write(writer, b" more\n")
        reading.read(7.0)
    assert memory.lines() == ["one", "half a line", " more"]


def test_a_long_line_is_cut_to_pieces_of_which_several_fit_into_the_file():
    memory = Memory(max_bytes=800)
    with stream(memory) as (reading, writer):
        os.write(writer, b"x" * 250 + b"\ny\n")
        reading.read(0.0)
    assert memory.lines() == ["x" * 100, "x" * 100, "x" * 50, "y"]


def test_the_end_of_a_pipe_is_seen():
    memory = Memory()
    with stream(memory) as (reading, writer):
        assert reading.read(0.0)
        spare = os.dup(writer)
        os.close(writer)
        os.close(spare)
        assert not reading.read(0.0)
        os.dup2(reading.fd, writer)  # given back to be closed


def test_the_tail_holds_the_last_words_of_the_task_alone():
    log = AttemptLog(Memory(), "run")
    log.note("header")
    log.lines("out", [f"{number}" for number in range(25)])
    log.traceback("Traceback\nError\n")
    log.lines("err", ["x" * 600])
    log.note("footer")
    assert list(log.tail) == [*(f"{number}" for number in range(6, 25)), "x" * 500]


def test_a_note_is_one_line_whatever_is_in_it():
    memory = Memory()
    AttemptLog(memory, "run").note("a\nb\rc\udcff")
    assert memory.lines() == ["a\\nb\\rc\\udcff"]


SECRET = "hünter-2\nand two"


@contextmanager
def masked_stream(memory, *secrets):
    reader, writer = os.pipe()
    stream = Stream(reader, "out", AttemptLog(memory, "run", Mask(secrets)), 1.0)
    try:
        yield stream, writer
    finally:
        os.close(writer)
        stream.close()


@pytest.mark.parametrize("width", [1, 2, 3, 5, 64])
def test_a_secret_is_hidden_however_its_bytes_come(width):
    memory = Memory()
    data = b"\xff\xc3" + SECRET.encode() + b"\xfe and\n" + SECRET.encode() + b"\n"
    with masked_stream(memory, SECRET) as (reading, writer):
        for at in range(0, len(data), width):
            os.write(writer, data[at : at + width])
            reading.read(0.0)
        reading.drain(0.0)
    assert memory.lines() == ["\\xff\\xc3•••\\xfe and", "•••"]


def test_the_beginning_of_a_secret_is_not_shown_after_a_second():
    memory = Memory()
    with masked_stream(memory, "hunter2") as (reading, writer):
        os.write(writer, b"login with hunt")
        reading.read(0.0)
        reading.flush()
        assert memory.lines() == ["login with "]
        assert reading.due is None
        os.write(writer, b"er2 works\nhunting")
        reading.read(2.0)
        reading.flush()
    assert memory.lines() == ["login with ", "••• works", "hunting"]


def test_a_long_line_is_not_cut_within_a_secret():
    memory = Memory(max_bytes=80)  # lines of 10
    with masked_stream(memory, "hunter2") as (reading, writer):
        os.write(writer, b"x" * 6 + b"hunter2" + b"y" * 6 + b"\n")
        reading.read(0.0)
    assert memory.lines() == ["xxxxxx•••y", "yyyyy"]


@pytest.mark.parametrize(("rest", "lines"), [("hunt", ["last •••"]), ("hun", ["last hun"])])
def test_a_beginning_at_the_end_is_hidden_unless_it_tells_nothing(rest, lines):
    memory = Memory()
    with masked_stream(memory, "hunter2") as (reading, writer):
        os.write(writer, f"last {rest}".encode())
        reading.drain(0.0)
    assert memory.lines() == lines


def test_a_part_of_a_secret_of_several_lines_does_not_come_out_at_the_end():
    memory = Memory()
    with masked_stream(memory, "abc\ndef\nghi") as (reading, writer):
        os.write(writer, b"key:\nabc\ndef\n")
        reading.read(0.0)
        assert memory.lines() == ["key:"]
        reading.drain(0.0)
    assert memory.lines() == ["key:", "•••"]


def test_only_the_text_of_a_line_is_masked():
    memory = Memory()
    log = AttemptLog(memory, "etl@2026", Mask(["etl@2026", "attempt"]))
    log.note("attempt 1 of etl@2026")
    log.traceback("in etl@2026\n")
    assert memory.lines() == ["••• 1 of •••", "in •••"]
    assert [line.split(" ")[1] for line in memory.text.decode().splitlines()] == ["etl@2026"] * 2


def test_the_last_words_are_masked_before_they_are_cut():
    memory = Memory()
    log = AttemptLog(memory, "run", Mask(["hunter2"]))
    reader, writer = os.pipe()
    stream = Stream(reader, "out", log, 1.0)
    os.write(writer, b"x" * 497 + b"hunter2\n")
    os.close(writer)
    stream.drain(0.0)
    stream.close()
    assert list(log.tail) == ["x" * 497 + "•••"]
