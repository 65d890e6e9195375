"""The log of a task: its lines to the letter, and nobody else's."""

import io
import logging
import os
import re
import threading
import time
from pathlib import Path

import pytest

from longcase import Process, Task
from longcase.library.task_log import TaskLog

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"


def lines(path):
    return Path(path).read_text().splitlines()


def plain(path):
    """Each line without its time, which is checked."""
    found = []
    for line in lines(path):
        match = re.fullmatch(f"{STAMP} - (.*)", line)
        assert match, line
        found.append(match[1])
    return found


def test_the_log_file_exists_from_the_constructor_on_with_its_folders(tmp_path):
    path = tmp_path / "some/where/t.log"
    Task("t", path, print)
    assert path.read_bytes() == b""


def test_a_log_is_appended_to(tmp_path):
    path = tmp_path / "t.log"
    path.write_text("before\n")
    task = Task("t", str(path), lambda: None)
    assert path.read_text() == "before\n"
    task.run()
    assert lines(path)[0] == "before"
    assert len(lines(path)) == 3


def test_a_task_that_succeeds_writes_two_lines(task, run, tmp_path):
    run([task("t")])
    assert plain(tmp_path / "t.log") == ["t - INFO - Starting t.", "t - INFO - Finished t."]


def test_a_task_that_fails_writes_its_message_as_an_error_and_then_the_traceback(task, run, tmp_path):
    def divide():
        return 1 / 0

    run([task("t", divide)])
    found = lines(tmp_path / "t.log")
    assert re.fullmatch(f"{STAMP} - t - INFO - Starting t.", found[0])
    assert re.fullmatch(f"{STAMP} - t - ERROR - division by zero", found[1])
    assert found[2] == "Traceback (most recent call last):"
    assert found[3].startswith(f'  File "{__file__}", line ')
    assert found[3].endswith(", in divide")
    assert found[-1] == "ZeroDivisionError: division by zero"
    assert len(found) <= 7


def test_a_call_that_does_not_fit_shows_where_it_was_made(task, run, tmp_path):
    run([task("t", len)])
    found = lines(tmp_path / "t.log")
    assert found[1].endswith("- ERROR - len() takes exactly one argument (0 given)")
    assert found[2] == "Traceback (most recent call last):"
    assert found[-1] == "TypeError: len() takes exactly one argument (0 given)"


@pytest.mark.parametrize(
    ("error", "message"),
    [(ValueError("two\nlines"), "two lines"), (ValueError(), "ValueError"), (SystemExit(3), "3")],
)
def test_the_message_is_one_line_and_never_empty(task, run, tmp_path, error, message):
    def fail():
        raise error

    run([task("t", fail)])
    assert lines(tmp_path / "t.log")[1].endswith(f" - t - ERROR - {message}")


def test_a_long_message_is_cut_in_its_line_and_whole_in_the_traceback(task, run, tmp_path):
    def fail():
        raise ValueError("x" * 5_000 + "\n  end")

    run([task("t", fail)])
    text = (tmp_path / "t.log").read_text()
    assert len(lines(tmp_path / "t.log")[1]) < 2_100
    assert text.endswith(f"ValueError: {'x' * 5_000}\n  end\n")


def test_tasks_may_share_a_file(task, run, tmp_path):
    shared = tmp_path / "shared.log"
    run([task(name, log_path=shared) for name in ("a", "b", "c")])
    found = plain(shared)
    assert sorted(found) == sorted(f"{name} - INFO - {word} {name}." for name in "abc" for word in WORDS)


WORDS = ("Starting", "Finished")


def test_every_run_is_logged_anew_also_after_the_loggers_are_closed(task, run, tmp_path):
    made = task("t")
    run([made])
    run([made])
    made.run()
    assert [line.split(" - ")[-1] for line in plain(tmp_path / "t.log")] == ["Starting t.", "Finished t."] * 3


@pytest.mark.parametrize("names", [("root", "other"), ("a", "a.b"), ("a.b.c", "a.b")])
def test_no_line_strays_whatever_the_names(task, run, tmp_path, names, caplog):
    caplog.set_level(logging.DEBUG)
    run([task(name) for name in names])
    for name in names:
        assert plain(tmp_path / f"{name}.log") == [f"{name} - INFO - {word} {name}." for word in WORDS]
    assert caplog.records == []


def test_two_processes_with_a_task_of_one_name_write_each_its_own(tmp_path):
    tasks = [Task("t", tmp_path / f"{number}.log", lambda: None) for number in (1, 2)]
    with Process(tasks[:1]) as one, Process(tasks[1:]) as two:
        two.run()
        one.run()
    assert [len(lines(tmp_path / f"{number}.log")) for number in (1, 2)] == [2, 2]
    assert "t" not in logging.Logger.manager.loggerDict


def test_a_logger_of_the_same_name_elsewhere_is_another_one(task, tmp_path):
    made = task("twin")
    assert logging.getLogger("twin") is not made.logger
    logging.getLogger("twin").error("not for the task's file")
    assert (tmp_path / "twin.log").read_text() == ""


def test_a_task_may_log_by_its_own_logger(task, run, tmp_path):
    def talk():
        made.logger.info("half way")
        made.logger.debug("not shown")

    made = task("t", talk)
    run([made])
    assert [line.split(" - ")[-1] for line in plain(tmp_path / "t.log")] == [
        "Starting t.",
        "half way",
        "Finished t.",
    ]


def test_a_handler_that_is_added_gets_every_record_too(task, tmp_path):
    seen = []

    class Listener(logging.Handler):
        def emit(self, record):
            seen.append((record.levelname, record.getMessage(), bool(record.exc_info)))

    made = task("t", lambda: {}["gone"])
    made.logger.addHandler(Listener())
    made.run()
    assert seen == [("INFO", "Starting t.", False), ("ERROR", "'gone'", True)]
    assert lines(tmp_path / "t.log")[-1] == "KeyError: 'gone'"


def test_a_formatter_of_the_users_is_used(task, tmp_path):
    made = task("t")
    made.logger.handlers[0].setFormatter(logging.Formatter("%(levelname)s|%(message)s"))
    made.run()
    assert lines(tmp_path / "t.log") == ["INFO|Starting t.", "INFO|Finished t."]


def test_all_lines_of_a_log_have_the_time_of_one_zone(task, tmp_path, monkeypatch):
    def fail():
        made.logger.info("mine")
        raise ValueError("no rows")

    made = task("t", fail)
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0625)
    monkeypatch.setattr(logging.Formatter, "converter", lambda _, seconds: time.gmtime(seconds + 8 * 3600))
    made.run()
    stamps = {line.partition(" - ")[0] for line in lines(tmp_path / "t.log") if " - t - " in line}
    assert stamps == {"2027-01-15 16:00:00,062"}


def test_what_a_child_of_the_logger_logs_is_in_the_log(task, run, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)

    def talk():
        made.logger.getChild("load.users").info("three rows")
        made.logger.getChild("load").debug("not shown")

    made = task("t", talk)
    run([made])
    assert plain(tmp_path / "t.log")[1:-1] == ["t.load.users - INFO - three rows"]
    assert caplog.records == []


def test_a_child_of_the_logger_is_the_same_each_time(task, tmp_path):
    made = task("t")
    made.logger.getChild("load").setLevel(logging.ERROR)
    made.logger.getChild("load").info("not shown")
    made.logger.getChild("load.users").info("not shown")
    assert made.logger.getChild("load").getChild("users") is made.logger.getChild("load.users")
    assert lines(tmp_path / "t.log") == []


def test_a_handler_that_is_added_gets_what_the_log_leaves_out(task, tmp_path):
    stream = io.StringIO()
    made = task("t")
    made.logger.addHandler(logging.StreamHandler(stream))
    made.logger.debug("a detail")
    assert stream.getvalue() == "a detail\n"
    assert lines(tmp_path / "t.log") == []


def test_a_level_counts_at_once(task, tmp_path):
    made = task("t")
    made.logger.info("one")
    made.logger.setLevel(logging.ERROR)
    made.logger.info("two")
    logging.disable(logging.ERROR)
    try:
        made.logger.error("three")
    finally:
        logging.disable(logging.NOTSET)
    made.logger.error("four")
    assert plain(tmp_path / "t.log") == ["t - INFO - one", "t - ERROR - four"]


def test_a_name_that_is_no_utf_8_is_written_all_the_same(task, tmp_path):
    task("t\udc80", log_path=tmp_path / "t.log").run()
    assert plain(tmp_path / "t.log")[0] == "t\\udc80 - INFO - Starting t\\udc80."


def test_a_log_that_can_not_be_opened_fails_the_task_before_it_runs(task, run, tmp_path):
    folder = tmp_path / "folder"
    made = task("t", (tmp_path / "ran").touch, log_path=folder / "t.log")
    (folder / "t.log").unlink()
    folder.rmdir()
    found = run([made])
    assert isinstance(found.failures["t"].exception, FileNotFoundError)
    assert str(folder / "t.log") in found.failures["t"].line
    assert not (tmp_path / "ran").exists()


def test_a_log_on_a_full_disk_fails_nothing_and_is_told_as_logging_does(task, run, capfd):
    found = run([task("t", lambda: 1, log_path="/dev/full")])
    assert found.passed_tasks_results["t"].result == 1
    assert "No space left on device" in capfd.readouterr().err


def test_a_log_is_open_only_while_it_is_held(tmp_path):
    log = TaskLog(tmp_path / "t.log")

    def is_open():
        return str(tmp_path / "t.log") in {
            os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
        }

    assert not is_open()
    log.hold()
    log.hold()
    log.let_go()
    assert is_open()
    log.let_go()
    assert not is_open()
    log.hold()
    log.close()
    assert not is_open()
    log.let_go()
    log.handle(logging.makeLogRecord({"name": "t", "levelname": "INFO", "msg": "still there"}))
    assert not is_open()
    assert plain(tmp_path / "t.log") == ["t - INFO - still there"]


def test_a_task_that_runs_in_two_threads_at_once_keeps_its_log(task, tmp_path):
    inside = threading.Barrier(2)
    made = task("t", inside.wait, args=(20,))
    threads = [threading.Thread(target=made.run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(plain(tmp_path / "t.log")) == 4
