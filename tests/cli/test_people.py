"""What a person sees, on a terminal and beside it."""

import os
import pty
import re
import signal
import subprocess
import time

from home import LONGCASE, Home, eventually

FAILING = (
    "[defaults]\nretries = 1\nretry_delay = 0\n"
    '[tasks.a]\nrun = "exit 3"\n[tasks.b]\nrun = "true"\ndepends_on = ["a"]\n'
)


class Terminal:
    """A command on a terminal of its own, and what it has printed there."""

    def __init__(self, home, *arguments, **environ):
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*LONGCASE, "--config", home.config, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | environ,
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        self._text = ""

    @property
    def text(self):
        try:
            while chunk := os.read(self._master, 65536):
                self._text += chunk.decode().replace("\r\n", "\n")
        except OSError:  # nothing now, or nothing more
            pass
        return self._text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)
        os.close(self._master)


def test_the_daemon_on_a_terminal_tells_in_plain_words(home):
    home.job("etl", 'schedule = "* * * * * *"\n' + FAILING)
    with Terminal(home, "serve") as terminal:
        assert eventually(lambda: "etl: the run failed" in terminal.text)
        assert "ready: 1 pipeline; first is etl" in terminal.text
        assert "a failed after" in terminal.text
        assert "\x1b[" in terminal.text
        assert '{"' not in terminal.text


def test_the_second_signal_is_answered_at_once(home):
    home.job("etl", 'schedule = "* * * * * *"\n[tasks.a]\nrun = "sleep 600"\nkill_grace = "1s"\n')
    with Terminal(home, "serve") as terminal:
        assert eventually(lambda: "etl: a run started" in terminal.text)
        terminal.process.send_signal(signal.SIGINT)
        assert eventually(lambda: "a second signal ends it at once" in terminal.text.replace("\n", " "))
        terminal.process.send_signal(signal.SIGINT)
        assert eventually(lambda: "stopping: what runs is ended" in terminal.text)
        assert terminal.process.wait(10) == 0


def test_without_colour_where_none_is_wanted(home):
    home.job("etl", FAILING)
    with Terminal(home, "run", "--local", "etl", NO_COLOR="1") as terminal:
        terminal.process.wait(20)
        assert "etl: the run failed" in terminal.text
        assert "\x1b[" not in terminal.text


def test_show_tells_of_each_failure_its_attempts_and_its_log(home):
    home.job("etl", FAILING)
    home.run("run", "--local", "etl")
    shown = home.run("show", home.json("history")[0]["run"]).stdout
    assert "a failed\n  attempt 1: exited with code 3\n  attempt 2: exited with code 3\n" in shown
    assert f"its log: {home.log}/etl/a.log" in shown
    assert not re.search(r"^b (failed|is blocked)", shown, flags=re.MULTILINE)


def test_times_are_those_of_the_clock_on_the_wall(home):
    home.job("etl", 'schedule = "30 2 * * *"\ntimezone = "Asia/Tokyo"\n[tasks.a]\nrun = "true"\n')
    shown = home.run(
        "next", "etl", "--from", "2026-01-01T00:00+00:00", env=os.environ | {"TZ": "Europe/Berlin"}
    )
    assert shown.stdout.splitlines()[1].split() == ["2026-01-01", "18:30:00", "etl"]


def test_a_run_whose_daemon_was_killed_is_not_said_to_run(home):
    home.job("etl", 'schedule = "* * * * * *"\n[tasks.a]\nrun = "sleep 600"\n')
    with home.serve() as daemon:
        run = daemon.wait_for("task started")["run"]
        assert home.json("show", run)["state"] == "running"
        daemon.kill()
        daemon.process.returncode = 0  # it was ended on purpose
    assert home.json("show", run)["state"] == "interrupted"
    assert [line["state"] for line in home.json("history") if line["run"] == run] == ["interrupted"]
    assert home.json("list")[0]["last"]["state"] == "interrupted"


def test_a_run_by_hand_does_not_wait_for_the_mail_of_another(tmp_path):
    home = Home(tmp_path, mail_port=1)
    home.job("bad", '[tasks.a]\nrun = "false"\n')
    home.job("good", '[tasks.a]\nrun = "true"\n')
    bad = subprocess.Popen([*LONGCASE, "--config", home.config, "run", "--local", "bad"])
    assert eventually(lambda: list((home.state / "outbox").glob("*.eml")))
    begin = time.monotonic()
    bad.send_signal(signal.SIGINT)  # it waits for its mail no longer
    assert bad.wait(20) == 1
    assert time.monotonic() - begin < 5
    begin = time.monotonic()
    assert home.run("run", "--local", "good").returncode == 0
    assert time.monotonic() - begin < 5
    assert len(list((home.state / "outbox").glob("*.eml"))) == 1
