"""The history on a real folder: whole or absent, one entry an instant, and readable after a crash."""

import contextlib
import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from longcase.domain.outcome import Outcome, ResultRef, RunState, TaskState
from longcase.domain.run import RunHeader, run_id
from longcase.edge.history import Accepted, DamagedError, History, RunExistsError, read_journal
from longcase.texts.record import Begin, End, Finish, Intent, decode_record, missed_row, skipped_line
from longcase.texts.recorder import Recorder
from needs import need

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "history")


def intent(pipeline="etl", instant=NOW):
    header = RunHeader(run=run_id(pipeline, instant), pipeline=pipeline, asked=instant, instant=instant)
    return Intent(at=instant, header=header, job_file="text", tasks=("a", "b"))


def steps(at=NOW):
    outcome = Outcome(
        state=TaskState.SUCCEEDED, started=at, ended=at, result=ResultRef(path="r", size=3, repr="1")
    )
    return [
        Begin(at=at, task="a", attempt=1, log="a.log"),
        End(at=at, task="a", attempt=1, after=TaskState.SUCCEEDED, outcome=outcome),
        Finish(at=at + timedelta(seconds=1), state=RunState.SUCCEEDED),
    ]


def run(history, pipeline="etl", instant=NOW, finish=True):
    first = intent(pipeline, instant)
    journal = history.open(first)
    recorder = Recorder(first)
    for step in steps(instant):
        recorder.apply(step)
        journal.append(step)
    if finish:
        history.close(journal, recorder.record())
    return journal, recorder.record()


def test_a_run_that_ended_is_one_document_and_one_index_line(history):
    _, record = run(history)
    assert history.record(record.run) == record
    assert [(line.run, line.state) for line in history.latest("etl", 9)] == [(record.run, "succeeded")]
    files = {path.name for path in history.root.rglob("*") if path.is_file()}
    assert files == {"index.jsonl", f"{record.run}.json"}
    document = next(history.root.rglob(f"{record.run}.json"))
    assert decode_record(document.read_bytes()) == record
    assert document.parent.name == "2026-11"


def test_a_live_run_is_read_from_its_journal(history):
    _, record = run(history, finish=False)
    assert history.live("etl") == [record]
    assert history.record(record.run) == record
    assert history.latest("etl", 1)[0].run == record.run


def test_a_second_run_of_one_id_is_refused_while_it_lives_and_when_it_has_ended(history):
    journal, record = run(history, finish=False)
    with pytest.raises(RunExistsError, match=r"etl@20261124T023000Z"):
        history.open(intent())
    history.close(journal, record)
    with pytest.raises(RunExistsError, match=r"etl@20261124T023000Z"):
        history.open(intent())
    assert len(history.latest("etl", 9)) == 1


def test_what_a_dead_daemon_left_becomes_an_interrupted_run_with_all_its_steps(history):
    first = intent()
    journal = history.open(first)
    journal.append(steps()[0])
    journal.close()
    (recovered,), damaged = history.recover(NOW + timedelta(hours=1))
    assert damaged == []
    assert recovered.state is RunState.INTERRUPTED
    assert recovered.tasks["a"].state is TaskState.CANCELLED
    assert recovered.tasks["a"].attempts[0].ended is None
    assert recovered.ended == NOW + timedelta(hours=1)
    assert history.record(recovered.run) == recovered
    assert history.live("etl") == []
    assert history.recover(NOW) == ([], [])


def test_a_run_whose_end_is_in_the_journal_is_recovered_as_it_ended(history):
    _, record = run(history, finish=False)
    assert history.recover(NOW) == ([record], [])


def test_recovery_does_not_double_an_index_line_that_was_written_before_the_crash(history):
    journal, record = run(history, finish=False)
    journal_text = journal.path.read_bytes()
    history.close(journal, record)
    journal.path.write_bytes(journal_text)  # the crash came just before the journal was removed
    history.recover(NOW)
    assert len(history.latest("etl", 9)) == 1


def test_a_step_that_a_crash_cut_is_left_out(history):
    journal, _ = run(history, finish=False)
    text = journal.path.read_bytes()
    journal.path.write_bytes(text[:-20])
    assert len(list(read_journal(journal.path))) == len(steps())


def test_an_index_line_that_a_crash_cut_is_passed_over_and_the_next_stands_whole(history):
    run(history)
    index = history.root / "etl" / "index.jsonl"
    index.write_bytes(index.read_bytes() + b'{"version":1,"pipel')
    history.settle(skipped_line("etl", NOW + timedelta(days=1), "run x was still on"))
    assert [line.state for line in history.latest("etl", 9)] == ["skipped", "succeeded"]


def test_the_newest_lines_come_first_across_blocks_of_the_index(history):
    for minute in range(2000):
        history.settle(skipped_line("etl", NOW + timedelta(minutes=minute), "x" * 80))
    lines = history.latest("etl", 1500)
    assert [line.instant for line in lines] == [NOW + timedelta(minutes=m) for m in range(1999, 499, -1)]


def test_accounted_until_is_the_last_instant_of_any_kind_of_entry(history):
    assert history.accounted_until("etl") is None
    run(history)
    assert history.accounted_until("etl") == NOW
    history.settle(missed_row("etl", NOW + timedelta(1), NOW + timedelta(3), 3, "down"))
    assert history.accounted_until("etl") == NOW + timedelta(3)
    run(history, instant=NOW + timedelta(4), finish=False)
    assert history.accounted_until("etl") == NOW + timedelta(4)


def test_the_accepted_schedule_survives_and_is_forgotten_with_the_job_file(history):
    accepted = Accepted(since=NOW, expressions=("@daily",), timezone="UTC")
    history.accept("etl", accepted)
    assert History(history.root).accepted("etl") == accepted
    assert accepted.schedule.next(NOW) == datetime(2026, 11, 25, tzinfo=UTC)
    history.forget("etl")
    history.forget("etl")
    assert history.accepted("etl") is None


@pytest.mark.parametrize("name", ["../../etc/passwd", "etl", "etl@", "a/b@20261124T023000Z", ""])
def test_an_id_that_is_none_names_no_file(history, name):
    assert history.record(name) is None


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 KiB, so that it can be filled."""
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], capture_output=True, check=False
    )
    need(done.returncode == 0, "root, and the Debian package mount")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def fill(folder):
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return ballast


def test_on_a_full_disk_nothing_is_half_written_and_all_is_written_when_there_is_room(full_disk):
    history = History(full_disk / "history")
    journal, record = run(history, finish=False)
    history.settle(skipped_line("etl", NOW, "reason"))
    ballast = fill(full_disk)
    held = Begin(at=NOW, task="b", attempt=1, log="x" * 5000)
    with pytest.raises(OSError, match="No space"):
        journal.append(held)
    with pytest.raises(OSError, match="No space"):
        history.open(intent(instant=NOW + timedelta(1)))
    with pytest.raises(OSError, match="No space"):
        history.settle(skipped_line("etl", NOW, "y" * 5000))
    with pytest.raises(OSError, match="No space"):
        history.close(journal, record)
    assert [line.reason for line in history.latest("etl", 9) if line.state == "skipped"] == ["reason"]
    assert not list(history.root.rglob("*.json"))
    ballast.unlink()
    journal.flush()
    assert list(read_journal(journal.path))[-1] == held
    history.close(journal, record)
    assert history.record(record.run) == record


def test_files_are_readable_by_owner_and_group_only(history):
    _, record = run(history)
    document = next(history.root.rglob(f"{record.run}.json"))
    assert os.stat(document).st_mode & 0o777 == 0o640 & ~_umask()


def _umask():
    current = os.umask(0)
    os.umask(current)
    return current


def test_a_journal_that_tells_of_no_run_is_set_aside_and_harms_no_other(history):
    run(history, "good", finish=False)
    _, record = run(history, "bad", finish=False)
    path = history.root / "bad" / "live" / f"{record.run}.jsonl"
    path.write_bytes(b"\x00" * 4096)
    assert history.live("bad") == []
    with pytest.raises(DamagedError, match=r"bad@20261124T023000Z\.jsonl is damaged"):
        history.record(record.run)
    (good,), damaged = history.recover(NOW)
    assert good.pipeline == "good"
    assert [each.name for each in damaged] == [f"{record.run}.jsonl.damaged"]
    assert history.recover(NOW) == ([], [])


def test_of_a_journal_with_a_damaged_middle_what_came_before_is_kept(history):
    journal, _ = run(history, finish=False)
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join([*lines[:2], b"garbage\n", *lines[2:]]))
    (record,), _ = history.recover(NOW)
    assert (record.state, record.tasks["a"].state) == ("interrupted", "cancelled")


def test_a_damaged_document_is_named(history):
    _, record = run(history)
    document = next(history.root.rglob(f"{record.run}.json"))
    document.write_text("{")
    with pytest.raises(DamagedError, match=f"{record.run}.json is damaged".replace(".", r"\.")):
        history.record(record.run)


def test_a_damaged_acceptance_counts_anew(history):
    run(history)
    (history.root / "etl" / "accepted.json").write_text("{")
    assert history.accepted("etl") is None


def test_a_document_that_is_there_is_the_truth_whatever_its_journal_lost(history):
    """After a power cut: the document was synced, the end of the journal was not."""
    journal, record = run(history, finish=False)
    start = b"".join(journal.path.read_bytes().splitlines(keepends=True)[:2])
    history.close(journal, record)
    journal.path.write_bytes(start)
    (recovered,), _ = history.recover(NOW + timedelta(hours=1))
    assert recovered == record
    assert history.record(record.run) == record
    assert [line.state for line in history.latest("etl", 9)] == ["succeeded"]


def test_a_document_without_its_index_line_gets_it(history):
    journal, record = run(history, finish=False)
    text = journal.path.read_bytes()
    history.close(journal, record)
    journal.path.write_bytes(text)
    (history.root / "etl" / "index.jsonl").unlink()
    history.recover(NOW)
    assert [line.run for line in history.latest("etl", 9)] == [record.run]


def test_closing_again_after_the_disk_refused_writes_each_thing_once(history):
    journal, record = run(history, finish=False)
    index = history.root / "etl" / "index.jsonl"
    index.mkdir()
    with pytest.raises(IsADirectoryError):
        history.close(journal, record)
    index.rmdir()
    history.settle(skipped_line("etl", NOW + timedelta(minutes=1), "x"))
    history.close(journal, record)
    assert sorted(line.state for line in history.latest("etl", 9)) == ["skipped", "succeeded"]


def test_the_newest_is_the_newest_even_if_an_older_run_ended_after_it(history):
    journal, record = run(history, finish=False)
    for minute in range(1, 6):
        history.settle(skipped_line("etl", NOW + timedelta(minutes=minute), "still on"))
    history.close(journal, record)
    assert [line.instant for line in history.latest("etl", 2)] == [
        NOW + timedelta(minutes=5),
        NOW + timedelta(minutes=4),
    ]
    assert history.latest("etl", 6)[-1].run == record.run
    assert history.last_run("etl").run == record.run
    assert history.last_run("other") is None


def test_a_run_is_listed_once_while_it_is_being_closed(history):
    journal, record = run(history, finish=False)
    text = journal.path.read_bytes()
    history.close(journal, record)
    journal.path.write_bytes(text)  # its journal is the last thing to go
    assert [line.run for line in history.latest("etl", 9)] == [record.run]


@pytest.fixture
def failing_sync(monkeypatch):
    """A disk that takes what is written, and then can't make it durable: once, at the n-th sync."""

    def fail_at(count):
        calls = iter(range(1, 100))
        sync = os.fsync

        def fsync(descriptor):
            if next(calls) == count:
                raise OSError(5, "Input/output error")
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    yield fail_at
    monkeypatch.undo()


@pytest.mark.parametrize("count", [1, 2])
def test_a_line_that_cannot_be_made_durable_does_not_stand_there_and_is_written_once(
    history, failing_sync, count
):
    (history.root / "etl").mkdir(parents=True)
    failing_sync(count)
    line = skipped_line("etl", NOW, "x")
    with pytest.raises(OSError, match="Input/output error"):
        history.settle(line)
    assert history.latest("etl", 9) == []
    history.settle(line)
    assert history.latest("etl", 9) == [line]


@pytest.mark.parametrize("count", [1, 2])
def test_an_intent_that_cannot_be_made_durable_leaves_nothing_behind(history, failing_sync, count):
    (history.root / "etl" / "live").mkdir(parents=True)
    failing_sync(count)
    with pytest.raises(OSError, match="Input/output error"):
        history.open(intent())
    assert list((history.root / "etl" / "live").iterdir()) == []
    history.open(intent()).close()
    assert len(history.live("etl")) == 1
