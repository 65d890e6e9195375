"""The real daemon in a temporary folder: job files go in; runs, logs and history come out."""

import os
import re
import signal
import time
from datetime import UTC, datetime

import pytest

from home import Home, eventually, processes_with

EVERY_SECOND = 'schedule = "* * * * * *"\n'
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"


def test_a_dropped_job_file_is_picked_up_within_two_seconds_and_runs_at_its_instant(home):
    with home.serve() as daemon:
        dropped = time.monotonic()
        home.job("etl", EVERY_SECOND + '[tasks.hello]\nrun = "echo hello"\n')
        accepted = daemon.wait_for("pipeline accepted", pipeline="etl")
        assert time.monotonic() - dropped < 2
        started = daemon.wait_for("run started", pipeline="etl")
        instant = datetime.fromisoformat(accepted["next"])
        assert started["run"] == f"etl@{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        assert 0 <= started["late"] < 1
        daemon.wait_for("run ended", run=started["run"], state="succeeded")
    log = home.task_log("etl", "hello").splitlines()
    mine = [line for line in log if started["run"] in line]
    assert re.fullmatch(rf"{STAMP} {re.escape(started['run'])} --- .*", mine[0])
    assert re.fullmatch(rf"{STAMP} {re.escape(started['run'])} out hello", mine[1])
    assert re.fullmatch(rf"{STAMP} {re.escape(started['run'])} --- succeeded .*", mine[2])


def test_a_broken_job_file_is_refused_with_its_line_and_the_others_go_on(home):
    home.job("good", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        path = home.job("broken", 'schedule = "61 * * * *"\n[tasks.a]\nrun = "true"\n')
        refused = daemon.wait_for("job file refused", pipeline="broken")
        assert refused["errors"][0].startswith(f"{path}:1: schedule: ")
        assert not refused["kept"]
        before = sum(event["event"] == "run ended" for event in daemon.events)
        daemon.wait_for("run ended", pipeline="good", state="succeeded", count=before + 1)
        home.job("broken", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
        daemon.wait_for("run ended", pipeline="broken", state="succeeded")


def test_a_broken_edit_leaves_the_last_good_version_in_force(home):
    home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        home.job("etl", EVERY_SECOND + "[tasks.a\n")
        assert daemon.wait_for("job file refused", pipeline="etl")["kept"]
        before = len([event for event in daemon.events if event["event"] == "run ended"])
        daemon.wait_for("run ended", count=before + 2, pipeline="etl", state="succeeded")


def test_a_fifo_among_the_job_files_stops_nobody(home):
    os.mkfifo(home.jobs / "pipe.toml")
    home.job("good", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        assert "is no regular file" in daemon.wait_for("job file refused", pipeline="pipe")["errors"][0]
        daemon.wait_for("run ended", pipeline="good", state="succeeded")


def test_a_removed_job_file_is_run_no_more(home):
    path = home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        daemon.wait_for("run ended", pipeline="etl")
        path.unlink()
        daemon.wait_for("pipeline removed", pipeline="etl")
        count = len(daemon.events)
        time.sleep(1.5)
        assert not [event for event in daemon.events[count:] if event["event"] == "run started"]


def test_serve_without_a_job_file_says_where_to_put_one(home):
    with home.serve() as daemon:
        ready = daemon.wait_for("daemon ready")
        assert (ready["pipelines"], ready["jobs_dir"]) == (0, str(home.jobs))


def test_results_become_arguments_and_stop_leaves_no_process(home):
    home.module("work", "def one():\n    return 1\ndef add(a, b, *, c):\n    print(a + b + c)\n")
    home.job(
        "etl",
        EVERY_SECOND
        + 'pythonpath = ["."]\n'
        + '[tasks.one]\ncall = "work:one"\n'
        + '[tasks.two]\ncall = "work:one"\n'
        + '[tasks.add]\ncall = "work:add"\nargs = [40]\nkwargs = { c = 0 }\n'
        + 'depends_on = [{ task = "one", pass = "arg" }, { task = "two", pass = "kwarg", as = "c" }]\n',
    )
    with home.serve() as daemon:
        daemon.wait_for("run ended", state="succeeded")
    assert " out 42\n" in home.task_log("etl", "add")
    assert processes_with(str(home.root)) == []


def test_a_second_daemon_on_the_same_state_folder_does_not_start(home):
    with home.serve() as daemon:
        second = home.run("serve")
        assert second.returncode == 78
        assert f"in use by another longcase, process {daemon.process.pid}" in second.stderr
        home.job("etl", '[tasks.a]\nrun = "true"\n')
        local = home.run("run", "--local", "etl")
        assert local.returncode == 1
        assert f"in use by another longcase, process {daemon.process.pid}" in local.stderr


def test_a_state_folder_that_cannot_be_written_stops_the_start(home):
    home.state.write_text("a file in place of the folder")
    done = home.run("serve")
    assert done.returncode == 78
    assert done.stderr.startswith("longcase: can't start: ")
    assert str(home.state) in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_are_refused_stop_the_start(home):
    home.config.write_text("max_parallel = 0\n")
    done = home.run("serve")
    assert done.returncode == 78
    assert f"{home.config}:1: max_parallel: " in done.stderr


def test_a_log_folder_that_cannot_be_made_fails_the_task_and_the_daemon_goes_on(home):
    home.log.mkdir()
    (home.log / "bad").write_text("a file in place of the folder")
    for name in ("bad", "good"):
        home.job(name, EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        ended = daemon.wait_for("task ended", pipeline="bad")
        assert ended["outcome"]["state"] == "failed"
        assert str(home.log / "bad") in ended["outcome"]["reason"]
        daemon.wait_for("run ended", pipeline="good", state="succeeded")


def test_a_log_folder_that_cannot_be_written_at_all_fails_attempts_and_not_the_daemon(home):
    home.log.write_text("a file in place of the folder")
    home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        for ended in daemon.wait_for("task ended", pipeline="etl", count=2):
            assert ended["outcome"]["state"] == "failed"
            assert str(home.log) in ended["outcome"]["reason"]


def test_a_stop_waits_for_what_runs_and_marks_the_run_interrupted(home):
    home.job(
        "etl",
        EVERY_SECOND + '[tasks.a]\nrun = "sleep 1; echo done"\n[tasks.b]\nrun = "true"\ndepends_on = ["a"]\n',
    )
    with home.serve() as daemon:
        daemon.wait_for("task started", task="a")
    (line,) = [line for line in home.json("history", "etl") if line["state"] == "interrupted"]
    record = home.json("show", line["run"])
    assert record["tasks"]["a"]["state"] == "succeeded"
    assert record["tasks"]["b"]["state"] == "waiting"
    assert " out done\n" in home.task_log("etl", "a")


def test_a_stop_ends_what_does_not_end_in_time(tmp_path):
    home = Home(tmp_path, stop_timeout="1s")
    home.job("etl", EVERY_SECOND + '[defaults]\nkill_grace = "1s"\n[tasks.a]\nrun = "sleep 600"\n')
    with home.serve() as daemon:
        daemon.wait_for("task started", task="a")
        begin = time.monotonic()
        daemon.stop()
        assert time.monotonic() - begin < 6
    (line,) = [line for line in home.json("history", "etl") if line["state"] == "interrupted"]
    assert home.json("show", line["run"])["tasks"]["a"]["state"] == "cancelled"
    assert processes_with(str(home.root)) == []


def test_after_kill_nothing_is_left_running_and_the_history_says_interrupted(home):
    home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "sleep 600 & sleep 600"\n')
    with home.serve() as daemon:
        daemon.wait_for("task started", task="a")
        daemon.kill()
        assert eventually(lambda: processes_with(str(home.root)) == [], 3.5)
        daemon.process.returncode = 0  # it was ended on purpose
    home.job("etl", 'enabled = false\n[tasks.a]\nrun = "true"\n')
    with home.serve():
        pass
    states = [line["state"] for line in home.json("history", "etl")]
    assert states.count("interrupted") == 1
    assert "running" not in states


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_idle_daemon_at_once(home, number):
    with home.serve() as daemon:
        begin = time.monotonic()
        daemon.stop(number)
        assert time.monotonic() - begin < 2


def test_a_killed_worker_fails_its_task_alone(home):
    home.module("work", "import os, signal\ndef shoot():\n    os.kill(os.getppid(), signal.SIGKILL)\n")
    home.job("shot", EVERY_SECOND + 'pythonpath = ["."]\n[tasks.a]\ncall = "work:shoot"\n')
    home.job("good", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        ended = daemon.wait_for("task ended", pipeline="shot")
        assert ended["outcome"]["state"] == "killed"
        assert "worker" in ended["outcome"]["reason"]
        daemon.wait_for("run ended", pipeline="good", state="succeeded", count=2)


def test_what_the_service_manager_told_the_daemon_does_not_reach_tasks(home):
    os.environ["CREDENTIALS_DIRECTORY"] = "/nowhere"
    try:
        home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "env"\n')
        with home.serve() as daemon:
            daemon.wait_for("run ended", state="succeeded")
    finally:
        del os.environ["CREDENTIALS_DIRECTORY"]
    log = home.task_log("etl", "a")
    assert "CREDENTIALS_DIRECTORY" not in log
    for name in ("PATH", "HOME", "USER", "TZ", "LONGCASE_RUN", "LONGCASE_SCHEDULED_FOR"):
        assert f" out {name}=" in log
