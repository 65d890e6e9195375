"""How the daemon starts, and what it does when those around it go away."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress

from home import LONGCASE, Home, eventually
from needs import need

EVERY_SECOND = 'schedule = "* * * * * *"\n'


def test_root_does_not_write_into_another_users_state_folder(home):
    need(os.geteuid() == 0, "root")
    home.job("etl", '[tasks.a]\nrun = "true"\n')
    home.state.mkdir()
    shutil.chown(home.state, "nobody")
    for command, code in ((("serve",), 78), (("run", "--local", "etl"), 1)):
        done = home.run(*command)
        assert done.returncode == code
        assert f"{home.state} belongs to nobody: do this as that user" in done.stderr
        assert list(home.state.iterdir()) == []


def test_a_full_disk_at_the_start_is_named_with_its_remedy(tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=12", "tmpfs", mount],
        capture_output=True,
        check=False,
    )
    need(mounted.returncode == 0, "root, and the Debian package mount")
    try:
        home = Home(tmp_path / "home", state_dir=str(mount))
        with (mount / "ballast").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        done = home.run("serve")
        assert done.returncode == 78
        assert "No space left on device: make room there" in done.stderr
        assert str(mount) in done.stderr
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def test_a_stale_socket_of_a_service_manager_is_no_reason_to_fail(home, monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with home.serve():
        pass


def test_the_end_of_its_terminal_stops_the_daemon_in_order(home):
    home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "sleep 0.5; echo done"\n')
    with home.serve() as daemon:
        daemon.wait_for("task started")
        daemon.stop(signal.SIGHUP)
    assert " out done\n" in home.task_log("etl", "a")
    assert "running" not in {line["state"] for line in home.json("history")}


def test_whoever_reads_its_log_may_go_away(home):
    home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    daemon = subprocess.Popen(
        [*LONGCASE, "--config", home.config, "serve"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    try:
        daemon.stderr.readline()
        daemon.stderr.close()
        before = len(home.json("history"))
        assert eventually(lambda: len(home.json("history")) >= before + 2)
        assert daemon.poll() is None
    finally:
        daemon.terminate()
        daemon.wait(20)


def test_a_job_file_that_was_removed_while_no_daemon_ran_is_forgotten(home):
    path = home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        daemon.wait_for("run ended", pipeline="etl")
    path.unlink()
    time.sleep(1.1)
    with home.serve() as daemon:
        daemon.wait_for("pipeline removed", pipeline="etl")
    newest = home.json("history", "etl")[0]
    assert newest["state"] == "missed"
    assert newest["reason"].startswith("the daemon was down until ")
    home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        daemon.wait_for("run ended", pipeline="etl")
        assert not [event for event in daemon.events if event["event"] == "instants missed"]


def test_an_interrupted_run_is_told_at_the_next_start(home):
    home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "sleep 600"\n')
    with home.serve() as daemon:
        run = daemon.wait_for("task started")["run"]
        daemon.kill()
        daemon.process.returncode = 0  # it was ended on purpose
    home.job("etl", 'enabled = false\n[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        daemon.wait_for("run ended", run=run, state="interrupted")
    task = home.json("show", run)["tasks"]["a"]
    assert (task["state"], task["reason"]) == ("cancelled", "nobody saw its end: the daemon ended before")


def test_a_history_that_is_no_folder_is_named_and_the_daemon_does_not_start(home):
    home.state.mkdir()
    (home.state / "history").write_text("a file in place of the folder")
    done = home.run("serve")
    assert done.returncode == 78
    assert f"{home.state}/history: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_folder_without_write_permission_is_named_with_its_remedy(tmp_path):
    """As root only a read-only file system refuses."""
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", mount], capture_output=True, check=False
    )
    need(mounted.returncode == 0, "root, and the Debian package mount")
    try:
        done = Home(tmp_path / "home", state_dir=str(mount)).run("serve")
        assert done.returncode == 78
        assert str(mount) in done.stderr
        assert "Read-only file system" in done.stderr
        assert "give the daemon's user the right to write there" in done.stderr
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def test_one_pipeline_with_an_unreadable_acceptance_harms_no_other(home):
    broken = home.state / "history" / "gone" / "accepted.json"
    broken.mkdir(parents=True)
    home.job("etl", EVERY_SECOND + '[tasks.a]\nrun = "true"\n')
    with home.serve() as daemon:
        daemon.wait_for("trouble", place="gone")
        daemon.wait_for("run ended", pipeline="etl", state="succeeded")


def test_a_run_by_hand_that_cannot_be_recorded_ends_at_once(home):
    home.job("etl", '[tasks.a]\nrun = "true"\n')
    (home.state / "history").mkdir(parents=True)
    (home.state / "history" / "etl").write_text("a file in place of the folder")
    done = home.run("run", "--local", "etl")
    assert done.returncode == 1
    assert "etl: no run began" in done.stderr
    assert "Traceback" not in done.stderr
