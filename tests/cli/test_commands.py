"""The commands as they are typed: what they print, and their exit codes."""

import json
import re
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from home import LONGCASE, Home, eventually

JOB = 'schedule = "30 2 * * *"\ntimezone = "Europe/Berlin"\n[tasks.a]\nrun = "echo hello"\n'
FAILING = '[tasks.a]\nrun = "exit 3"\n[tasks.b]\nrun = "true"\ndepends_on = ["a"]\n'


def test_version_and_help_load_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "longcase", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "click" in loaded
    assert not loaded & {"apscheduler", "asyncio", "structlog", "jinja2", "starlette", "msgspec", "rich"}
    assert re.fullmatch(r"longcase \d+\.\d+\.\d+\n", done.stdout)


DAEMON_ONLY = {"apscheduler", "asyncio", "structlog", "jinja2", "aiosmtpd", "watchfiles", "longcase.service"}
JOB_FILES = {"longcase.edge.jobs_folder", "longcase.texts.jobfile"}


def imported(*arguments):
    """The modules that a command imports, and the packages they are in."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *LONGCASE[1:], *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    return modules | {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"asyncio", "msgspec"}),
        (["run", "--help"], DAEMON_ONLY | JOB_FILES),
        (["demo", "--help"], DAEMON_ONLY | JOB_FILES),
        (["serve", "--help"], DAEMON_ONLY | JOB_FILES),
        (["list"], DAEMON_ONLY),
        (["next"], DAEMON_ONLY | {"longcase.edge.history"}),
        (["history"], DAEMON_ONLY | JOB_FILES),
        (["show", "etl@20260101T000000Z"], DAEMON_ONLY | JOB_FILES),
        (["logs", "etl"], DAEMON_ONLY | JOB_FILES | {"longcase.edge.history"}),
    ],
)
def test_commands_load_nothing_that_they_do_not_need(home, arguments, heavy):
    home.job("etl", JOB)
    loaded = imported("--config", home.config, *arguments)
    assert "click" in loaded
    assert not loaded & heavy


def test_every_command_of_the_help_page_has_a_help_page_of_its_own():
    page = subprocess.run([*LONGCASE, "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.findall(r"^  (\w+)  ", page.partition("Commands:")[2], flags=re.MULTILINE)
    assert {"serve", "check", "list", "next", "history", "show", "logs", "run", "demo"} <= set(commands)
    for command in commands:
        done = subprocess.run([*LONGCASE, command, "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nosuch",),
        ("show",),
        ("history", "--limit", "x"),
        ("history", "-n", "0"),
        ("history", "-n", "-1"),
        ("next", "--to", "yesterday"),
        ("next", "--from", "9999-12-31T23:59:59+00:00"),
        ("next", "--from", "0001-01-01T00:00:00+14:00"),
        ("next", "--to", "9999-12-31T23:59:59-14:00"),
        ("logs", "etl", "--since", "soon"),
        ("logs", "etl", "--follow", "--json"),
    ],
)
def test_a_wrong_argument_is_exit_code_2(home, arguments):
    done = home.run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_settings_that_do_not_exist_are_named(tmp_path):
    done = subprocess.run(
        [*LONGCASE, "--config", tmp_path / "none.toml", "list"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert str(tmp_path / "none.toml") in done.stderr
    assert "Traceback" not in done.stderr


def test_check_prints_every_error_at_its_line_and_exits_with_1(home):
    good = home.job("good", JOB)
    bad = home.job("bad", 'schedule = "61 * * * *"\n[tasks.a]\nrun = "true"\ntimeout = "5 parsecs"\n')
    done = home.run("check")
    assert done.returncode == 1
    assert f"{bad}:1: schedule: " in done.stdout
    assert f"{bad}:4: tasks.a.timeout: " in done.stdout
    assert "good: ok, 1 task" in done.stdout
    assert home.run("check", good).returncode == 0
    report = home.json("check")
    assert [entry["pipeline"] for entry in report] == ["bad", "good"]
    assert len(report[0]["errors"]) == 2
    assert len(report[1]["next"]) == 3


def test_check_says_who_is_mailed_or_that_nobody_is(home, tmp_path):
    home.job("etl", JOB)
    assert "mails  nobody: set [mail] to here, or operator in longcase.toml" in home.run("check").stdout
    other = Home(tmp_path / "other", mail_port=25)
    other.job("etl", JOB)
    assert "mails  failure, recovery → op@example.com" in other.run("check").stdout


def test_check_of_a_file_that_is_not_there(home):
    done = home.run("check", "nothing.toml")
    assert done.returncode == 1
    assert "nothing.toml:1: can't be read: No such file or directory" in done.stdout


def test_next_shows_instants_sorted_over_all_pipelines(home):
    home.job("etl", JOB)
    home.job("report", 'schedule = "0 12 * * *"\ntimezone = "UTC"\n[tasks.a]\nrun = "true"\n')
    home.job("off", 'enabled = false\nschedule = "* * * * *"\n[tasks.a]\nrun = "true"\n')
    home.job("by-hand", '[tasks.a]\nrun = "true"\n')
    shown = home.json("next", "--from", "2026-10-24T00:00+00:00", "--to", "2026-10-26T12:00+00:00")
    assert shown == [
        {"pipeline": "etl", "instant": "2026-10-24T02:30:00+02:00"},
        {"pipeline": "report", "instant": "2026-10-24T12:00:00Z"},
        {"pipeline": "etl", "instant": "2026-10-25T02:30:00+02:00"},
        {"pipeline": "report", "instant": "2026-10-25T12:00:00Z"},
        {"pipeline": "etl", "instant": "2026-10-26T02:30:00+01:00"},
    ]


def test_next_includes_its_first_moment_and_not_its_last(home):
    home.job("etl", 'schedule = "0 * * * *"\ntimezone = "UTC"\n[tasks.a]\nrun = "true"\n')
    shown = home.json("next", "etl", "--from", "2026-01-01T00:00Z", "--to", "2026-01-01T02:00Z")
    assert [each["instant"] for each in shown] == ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"]


def test_next_shows_one_each_or_ten_of_one(home):
    home.job("etl", JOB)
    home.job("hourly", 'schedule = "@hourly"\n[tasks.a]\nrun = "true"\n')
    assert len(home.json("next")) == 2
    assert len(home.json("next", "etl")) == 10
    done = home.run("next", "elt")
    assert done.returncode == 2
    assert "did you mean etl?" in done.stderr


def test_next_of_a_span_that_ends_before_it_begins_is_empty(home):
    home.job("etl", JOB)
    span = ("next", "--from", "2026-01-02T00:00Z", "--to", "2026-01-01T00:00Z")
    assert home.run(*span).stdout == "Nothing is due.\n"
    assert home.json(*span) == []


def test_run_local_runs_to_the_end_and_keeps_the_history(home):
    home.job("etl", JOB)
    done = home.run("run", "--local", "etl")
    assert done.returncode == 0, done.stderr
    assert "etl: the run succeeded" in done.stdout
    (line,) = home.json("history")
    assert (line["pipeline"], line["state"], line["instant"]) == ("etl", "succeeded", None)
    assert line["trigger"].startswith("hand (")
    record = home.json("show", line["run"])
    assert record["tasks"]["a"]["exit_code"] == 0
    assert record["job_file"] == JOB
    listed = home.json("list")
    assert listed[0]["last"]["run"] == line["run"]
    assert listed[0]["enabled"] is True
    assert datetime.fromisoformat(listed[0]["next"]) > datetime.now(UTC)


def test_run_local_of_a_failing_pipeline_exits_with_1_and_says_what_is_blocked(home):
    home.job("etl", FAILING)
    done = home.run("run", "--local", "etl")
    assert done.returncode == 1
    assert "exited with code 3" in done.stdout
    assert "b is blocked by the failure of a" in done.stdout
    shown = home.run("show", home.json("history")[0]["run"]).stdout
    assert re.search(r"^a +failed", shown, flags=re.MULTILINE)
    assert re.search(r"^b +blocked +- +by a$", shown, flags=re.MULTILINE)


def test_run_local_takes_a_job_file_by_its_path_and_the_callers_environment(home, tmp_path):
    path = tmp_path / "elsewhere.toml"
    path.write_text('[tasks.a]\nrun = "echo $WHO"\n')
    done = home.run("run", "--local", str(path), env={"WHO": "caller", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr + done.stdout
    assert " out caller\n" in home.task_log("elsewhere", "a")


def test_run_local_of_a_disabled_pipeline_runs(home):
    home.job("etl", "enabled = false\n" + JOB)
    assert home.run("run", "--local", "etl").returncode == 0


def test_run_local_of_a_refused_job_file_exits_with_1_and_its_errors(home):
    path = home.job("etl", "[tasks.a]\n")
    done = home.run("run", "--local", "etl")
    assert done.returncode == 1
    assert f"{path}:1: tasks.a: " in done.stderr


def test_run_without_a_daemon_is_exit_code_3(home):
    home.job("etl", JOB)
    done = home.run("run", "etl")
    assert done.returncode == 3
    assert "--local" in done.stderr


def test_run_local_prints_the_record_as_json(home):
    home.job("etl", FAILING)
    done = home.run("run", "--local", "etl", "--json")
    assert done.returncode == 1
    record = json.loads(done.stdout)
    assert record["state"] == "failed"
    assert record["tasks"]["b"]["blocked_by"] == "a"


def test_show_and_history_of_what_is_not_there(home):
    done = home.run("show", "etl@20260101T000000Z")
    assert done.returncode == 2
    assert "there is no run 'etl@20260101T000000Z'" in done.stderr
    done = home.run("history", "nosuch")
    assert done.returncode == 2
    assert home.run("history").stdout == "No run yet.\n"
    assert home.json("history") == []


def test_a_pipeline_that_never_ran_has_no_history_and_no_logs_yet(home):
    home.job("etl", JOB)
    home.job("bad", "x = 1\n")
    for name in ("etl", "bad"):
        done = home.run("history", name)
        assert (done.returncode, done.stdout) == (0, "No run yet.\n")
        assert home.json("history", name) == []
        done = home.run("logs", name)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", f"No log of {name} yet.\n")
        assert home.json("logs", name) == []
    assert home.run("logs", "etl/a").returncode == 0


def test_list_shows_the_last_run_and_not_an_instant_that_got_none(home):
    home.job("etl", JOB)
    assert home.run("run", "--local", "etl").returncode == 0
    (run,) = home.json("history")
    skipped = {"pipeline": "etl", "state": "skipped", "instant": "2099-01-01T00:00:00Z", "reason": "x"}
    with (home.state / "history/etl/index.jsonl").open("a") as index:
        index.write(json.dumps(skipped) + "\n")
    assert home.json("history")[0]["state"] == "skipped"
    assert home.json("list")[0]["last"] == run


def test_history_is_newest_first_and_limited(home):
    home.job("a", JOB)
    home.job("b", JOB)
    for name in ("a", "b", "a"):
        assert home.run("run", "--local", name).returncode == 0
    assert [line["pipeline"] for line in home.json("history")] == ["a", "b", "a"]
    assert [line["pipeline"] for line in home.json("history", "--limit", "2")] == ["a", "b"]
    assert [line["pipeline"] for line in home.json("history", "b")] == ["b"]


def test_list_shows_refused_files_too(home):
    home.job("bad", "x = 1\n")
    home.job("off", "enabled = false\n" + JOB)
    listed = {row["pipeline"]: row for row in home.json("list")}
    assert listed["bad"]["enabled"] is None
    assert listed["bad"]["errors"]
    assert (listed["off"]["enabled"], listed["off"]["next"]) == (False, None)
    text = home.run("list").stdout
    assert "invalid: see longcase check" in text
    assert "disabled" in text


def test_without_a_job_file_the_commands_say_where_to_put_one(home):
    for command in ("list", "check"):
        assert str(home.jobs) in home.run(command).stdout


def test_an_interrupted_local_run_ends_its_tasks(home):
    home.job("etl", '[defaults]\nkill_grace = "1s"\n[tasks.a]\nrun = "sleep 600"\n')
    process = subprocess.Popen(
        [*LONGCASE, "--config", home.config, "run", "--local", "etl"], stdout=subprocess.DEVNULL
    )
    assert eventually((home.log / "etl" / "a.log").exists)
    process.terminate()
    time.sleep(0.3)
    process.terminate()
    assert process.wait(20) == 1
    assert home.json("history")[0]["state"] == "interrupted"
