"""The standard output of a command, kept as its result."""

import json
import os
import resource

import pytest

from longcase.workers import jsonfile, results, spawn, spool
from longcase.workers.alarm import Alarm
from longcase.workers.mask import Mask
from longcase.workers.spool import Spool


@pytest.fixture
def open_spool(tmp_path):
    return lambda form="text", **options: Spool(str(tmp_path), "task.1", form, **options)


def report(opened, *pieces):
    """What is told of these pieces of output."""
    for piece in pieces:
        opened.write(piece)
    report = opened.report()
    if report["state"] == "succeeded":
        opened.close()
    else:
        opened.discard()
    return report


def kept(opened, *pieces):
    """The reference of the result."""
    return report(opened, *pieces)["result"]


def refused(opened, *pieces):
    """Why it is no result."""
    return report(opened, *pieces)["reason"]


def test_characters_that_were_cut_in_two_are_whole_again(open_spool, monkeypatch):
    monkeypatch.setattr(spool, "_CHUNK", 3)
    text = "aüßè😀\n" * 5
    reference = kept(open_spool(as_json=True), *(bytes([byte]) for byte in text.encode()))
    assert results.read(reference) == text[:-1]
    with open(reference["json"]) as file:
        assert json.load(file) == text[:-1]


@pytest.mark.parametrize(
    "text", ["", "x", "x" * 1600 + "ü" + "y" * 1600, "ü" * 10_000, "\n\n" * 400_000 + "x"]
)
def test_a_text_is_shown_as_its_value_would_be(open_spool, text):
    assert kept(open_spool(), text.encode())["repr"] == results.short_repr(text)


@pytest.mark.parametrize("size", [0, 1, 4, 5, 9])
def test_newlines_at_the_end_are_cut_off_however_many(open_spool, monkeypatch, size):
    monkeypatch.setattr(spool, "_CHUNK", 4)
    reference = kept(open_spool(), b"ab\ncd" + b"\n" * size)
    assert results.read(reference) == "ab\ncd"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_result_that_is_too_large_is_given_up_at_once(open_spool, monkeypatch, tmp_path, form):
    monkeypatch.setattr(spool, "LARGEST", 2 << 20)
    opened = open_spool(form)
    opened.write(b"1" * (2 << 20))
    opened.write(b"1")
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size == 0
    assert refused(opened, b"1") == "the result is larger than the 2 MiB that one may have"
    assert list(tmp_path.iterdir()) == []


def in_a_fork(do):
    """What a function returns in a process of its own."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, json.dumps(do()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(answer)


def test_json_whose_check_takes_too_much_memory_is_no_result_and_the_limit_is_told(open_spool, monkeypatch):
    with open("/proc/self/statm") as file:
        mine = int(file.read().split()[0]) * resource.getpagesize()
    monkeypatch.setattr(jsonfile, "_ROOM", mine + (16 << 20))
    opened = open_spool("json")
    opened.write(b"[" + b"{}," * 6_000_000 + b"1]")  # more than what pytest may have freed before, too

    def confined():
        opened.confine()
        return [opened.report(), resource.getrlimit(resource.RLIMIT_AS)[0]]

    told, limit = in_a_fork(confined)
    opened.discard()
    assert limit == mine + (16 << 20) + 8 * 18_000_003
    why = f"the result is JSON, and can't be read: it takes more than {limit >> 20} MiB of memory"
    assert told == {"state": "failed", "reason": why}


def test_a_check_stays_within_a_limit_that_there_is_already(open_spool):
    opened = open_spool("json")

    def confined():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
        opened.confine()
        return resource.getrlimit(resource.RLIMIT_AS)

    assert in_a_fork(confined) == [1 << 29, 1 << 29]
    opened.discard()


def test_where_no_process_can_be_forked_for_the_check_that_is_said(open_spool):
    opened = open_spool()

    def starved():
        alarm = Alarm.set_up()
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        if os.getuid() == 0:  # who may have any number of processes
            os.setuid(65534)
        before = os.listdir("/proc/self/fd")
        try:
            spawn.check(opened, alarm, [])
        except spawn.SpawnError as error:
            return [str(error), os.listdir("/proc/self/fd") == before]

    assert in_a_fork(starved) == ["no process can be forked: Resource temporarily unavailable", True]
    opened.discard()


def test_what_is_discarded_leaves_nothing_not_even_a_part_of_its_json(open_spool, tmp_path):
    opened = open_spool(as_json=True)
    (tmp_path / "task.1.json").write_text('"a par')
    opened.discard()
    assert list(tmp_path.iterdir()) == []


def test_an_integer_is_shown_as_it_stands_however_long(open_spool):
    for digits in ("0", "-" + "1" * 100, "1" * 600, "1" * 601, "-" + "12" * 5000):
        shown = kept(open_spool("json"), digits.encode())["repr"]
        assert shown == digits if len(digits) < 200 else digits.startswith(shown[:90])


def test_half_a_secret_in_a_long_integer_is_not_shown(open_spool):
    opened = open_spool("json", mask=Mask(["4711081547110815"]))
    assert "4711" not in kept(opened, b"1" * 190 + b"4711081547110815" + b"2" * 5000)["repr"]
