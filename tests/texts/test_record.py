"""The history as text: what is written is read back, and a journal says all that its run's document says."""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from longcase.domain.outcome import Outcome, ResultRef, RunState, TaskState, Usage
from longcase.domain.run import RunHeader
from longcase.texts.record import (
    Begin,
    End,
    Finish,
    Intent,
    Settle,
    decode_line,
    decode_record,
    decode_step,
    encode,
    missed_row,
    run_line,
    skipped_line,
)
from longcase.texts.recorder import JournalError, Recorder

AT = datetime(2026, 11, 24, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
USAGE = Usage(wall=1.5, cpu_user=1.0, cpu_system=0.25, memory_peak=1024, memory_measured="wait4")


def later(seconds):
    return AT + timedelta(seconds=seconds)


def outcome(state, **more):
    return Outcome(state=state, started=later(1), ended=later(2), usage=USAGE, **more)


STEPS = [
    Intent(
        at=later(0),
        header=RunHeader(run="etl@20261124T013000Z", pipeline="etl", asked=AT, instant=AT),
        job_file="# text",
        tasks=("a", "b", "c"),
    ),
    Begin(at=later(1), task="a", attempt=1, log="/log/a.log"),
    End(
        at=later(2),
        task="a",
        attempt=1,
        after=TaskState.WAITING,
        outcome=outcome(TaskState.TIMED_OUT, reason="no end within its timeout of 1s"),
    ),
    Begin(at=later(3), task="a", attempt=2, log="/log/a.log"),
    End(
        at=later(4),
        task="a",
        attempt=2,
        after=TaskState.FAILED,
        outcome=outcome(TaskState.FAILED, exception="E: e", traceback="Traceback", exit_code=1),
    ),
    Settle(at=later(4), task="b", after=TaskState.BLOCKED, because="a"),
    Begin(at=later(5), task="c", attempt=1, log="/log/c.log"),
    End(
        at=later(6),
        task="c",
        attempt=1,
        after=TaskState.SUCCEEDED,
        outcome=outcome(TaskState.SUCCEEDED, result=ResultRef(path="/r", size=3, repr="42")),
    ),
    Finish(at=later(7), state=RunState.FAILED),
]


def test_a_journal_read_back_makes_the_same_document():
    recorder = Recorder(STEPS[0])
    for step in STEPS[1:]:
        recorder.apply(step)
    lines = [encode(step) for step in STEPS]
    assert all(b"\n" not in line for line in lines)
    assert Recorder.replay(map(decode_step, lines)).record() == recorder.record()
    assert decode_record(encode(recorder.record())) == recorder.record()


def test_the_document_says_what_became_of_each_task_and_attempt():
    record = Recorder.replay(STEPS).record()
    assert (record.state, record.started, record.ended) == ("failed", later(0), later(7))
    a, b, c = (record.tasks[name] for name in "abc")
    assert (a.state, a.exception, a.traceback, a.exit_code, a.log) == (
        "failed",
        "E: e",
        "Traceback",
        1,
        "/log/a.log",
    )
    assert [(each.number, each.state, each.reason) for each in a.attempts] == [
        (1, "timed_out", "no end within its timeout of 1s"),
        (2, "failed", None),
    ]
    assert (b.state, b.blocked_by, b.attempts) == ("blocked", "a", ())
    assert (c.state, c.result.repr, c.usage) == ("succeeded", "42", USAGE)


def test_a_run_in_the_midst_is_recorded_as_it_stands():
    record = Recorder.replay(STEPS[:4]).record()
    assert (record.state, record.ended) == ("running", None)
    assert record.tasks["a"].state == "running"
    assert record.tasks["a"].attempts[1].ended is None
    assert record.tasks["b"].state == "waiting"


STRAY = Begin(at=AT, task="nobody", attempt=1, log="")


@pytest.mark.parametrize(
    "steps", [[], STEPS[1:], [STEPS[0], STEPS[0]], [STEPS[0], STRAY], [STEPS[0], STEPS[2]]]
)
def test_steps_that_make_no_run_are_refused(steps):
    with pytest.raises(JournalError):
        Recorder.replay(steps).record()


def test_the_documented_fields_stand_in_documents_and_lines_alike():
    record = Recorder.replay(STEPS).record()
    fields = ["version", "run", "pipeline", "state", "instant", "started", "ended", "trigger"]
    document = json.loads(encode(record))
    assert list(document)[:8] == fields
    assert {"params", "job_file", "tasks"} <= set(document)
    line = json.loads(encode(run_line(record)))
    assert list(line) == fields
    assert line == {name: document[name] for name in fields}
    task = document["tasks"]["a"]
    assert {
        "state",
        "attempts",
        "exit_code",
        "signal",
        "exception",
        "traceback",
        "blocked_by",
        "result",
        "usage",
    } <= set(task)
    assert document["instant"] == "2026-11-24T02:30:00+01:00"


def test_lines_without_a_run_say_why():
    skipped = skipped_line("etl", AT, "run x was still on")
    assert json.loads(encode(skipped)) == {
        "version": 1,
        "run": None,
        "pipeline": "etl",
        "state": "skipped",
        "instant": "2026-11-24T02:30:00+01:00",
        "started": None,
        "ended": None,
        "trigger": "schedule",
        "reason": "run x was still on",
    }
    row = missed_row("etl", AT, later(120), 3, "down")
    assert json.loads(encode(row)) == {
        "version": 1,
        "pipeline": "etl",
        "state": "missed",
        "reason": "down",
        "first": "2026-11-24T02:30:00+01:00",
        "last": "2026-11-24T02:32:00+01:00",
        "count": 3,
    }
    for line, latest in ((skipped, AT), (row, later(120))):
        assert decode_line(encode(line)) == line
        assert line.latest_instant == latest
        assert line.begins == latest


@pytest.mark.parametrize("text", [b"", b"{}", b'{"step":"nothing"}', b"\xff", encode(STEPS[1])[:-3]])
def test_a_line_that_is_none_is_refused(text):
    with pytest.raises(msgspec.DecodeError):
        decode_step(text)


def test_a_task_whose_end_nobody_saw_is_cancelled_with_the_run():
    record = Recorder.replay([*STEPS[:4], Finish(at=later(9), state=RunState.INTERRUPTED)]).record()
    task = record.tasks["a"]
    assert (task.state, task.reason) == ("cancelled", "nobody saw its end: the daemon ended before")
    assert [(each.state, each.ended) for each in task.attempts] == [
        ("timed_out", later(2)),
        ("cancelled", None),
    ]
    assert record.tasks["b"].state == "waiting"


def test_a_run_by_hand_has_a_place_in_time_before_its_first_task():
    header = RunHeader(run="etl@20261124T013000Z-ab", pipeline="etl", asked=AT, trigger="hand (me)")
    record = Recorder(Intent(at=AT, header=header, job_file="", tasks=("a",))).record()
    assert (record.state, record.started) == ("running", AT)
    assert run_line(record).begins == AT
