"""What becomes of commands, and what a task of either kind finds when it starts."""

import os
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Call, Command
from pool_harness import RUN, TASKS, Harness


async def test_a_string_is_run_by_the_shell(harness):
    outcome = await harness.run(Command('echo "$((20 + 22))" | cat; echo oops >&2'))
    assert (outcome.state, outcome.exit_code) == (TaskState.SUCCEEDED, 0)
    assert harness.said("out") == ["42"]
    assert harness.said("err") == ["oops"]
    assert harness.said("---")[0].endswith(': echo "$((20 + 22))" | cat; echo oops >&2')


async def test_a_list_is_run_without_a_shell(harness):
    outcome = await harness.run(Command(("echo", "$HOME", "a b")))
    assert outcome.state is TaskState.SUCCEEDED
    assert harness.said("out") == ["$HOME a b"]
    assert harness.said("---")[0].endswith(": echo '$HOME' 'a b'")


@pytest.mark.parametrize(
    ("run", "exit_code", "reason"),
    [
        ("exit 3", 3, "exited with code 3"),
        ("no-such-command", 127, "exited with code 127 (the command was not found)"),
        ("/etc/passwd", 126, "exited with code 126 (the command can't be executed)"),
        (("no-such-command", "x"), None, "command 'no-such-command': No such file or directory (PATH is "),
        (("/no/such/command",), None, "command '/no/such/command': No such file or directory"),
        (("/etc/passwd",), None, "command '/etc/passwd': Permission denied"),
    ],
)
async def test_a_command_that_fails_says_why(harness, run, exit_code, reason):
    outcome = await harness.run(Command(run))
    assert (outcome.state, outcome.exit_code) == (TaskState.FAILED, exit_code)
    assert outcome.reason.startswith(reason)
    assert f": {reason}" in harness.said("---")[-1]


async def test_a_command_too_long_to_be_started_says_so_in_a_short_line(harness):
    outcome = await harness.run(Command("echo " + "x" * 200_000))
    assert outcome.state is TaskState.FAILED
    assert outcome.reason.endswith("xxx': Argument list too long")
    assert len(outcome.reason) < 300


async def test_a_long_path_is_cut_where_a_command_is_not_found(harness):
    outcome = await harness.run(Command(("no-such-program",)), env={"PATH": "/x:" * 10_000})
    assert outcome.reason.startswith("command 'no-such-program': No such file or directory (PATH is /x:/x:")
    assert len(outcome.reason) <= 1001


async def test_a_command_killed_by_a_signal_is_killed(harness):
    outcome = await harness.run(Command("kill -KILL $$"))
    assert (outcome.state, outcome.signal, outcome.reason) == (
        TaskState.KILLED,
        "SIGKILL",
        "killed by SIGKILL",
    )


@pytest.mark.parametrize("action", [Command("pwd"), Call("os:getcwd")])
async def test_a_working_dir_that_is_none_fails_the_task_that_names_it(harness, action):
    outcome = await harness.run(action, working_dir="/no/such/folder")
    assert outcome.state is TaskState.FAILED
    assert outcome.reason == "working_dir /no/such/folder: No such file or directory"


async def test_a_home_that_is_none_says_what_to_set(harness):
    outcome = await harness.run(Command("pwd"), env={"HOME": "/no/such/home"})
    assert outcome.reason == "HOME /no/such/home: No such file or directory; set working_dir"


async def test_a_command_sees_only_the_environment_that_is_promised(harness, tmp_path, monkeypatch):
    monkeypatch.setenv("STRAY", "not for tasks")
    zone = ZoneInfo("Europe/Berlin")
    await harness.run(
        Command(("env",)),
        env={"REGION": "eu", "LONGCASE_RUN": "forged"},
        params={"day": "monday"},
        number=2,
        scheduled_for=datetime(2026, 11, 24, 2, 30, tzinfo=zone),
    )
    found = dict(line.split("=", 1) for line in harness.said("out"))
    assert set(found) == {
        *("PATH", "LANG", "TZ", "HOME", "USER", "LOGNAME", "SHELL", "REGION", "LONGCASE_PIPELINE"),
        *(
            "LONGCASE_TASK",
            "LONGCASE_RUN",
            "LONGCASE_ATTEMPT",
            "LONGCASE_SCHEDULED_FOR",
            "LONGCASE_PARAM_day",
        ),
    }
    assert (found["TZ"], found["REGION"], found["LONGCASE_PARAM_day"]) == ("Europe/Berlin", "eu", "monday")
    assert (found["LONGCASE_PIPELINE"], found["LONGCASE_TASK"]) == ("p", "task")
    assert (found["LONGCASE_RUN"], found["LONGCASE_ATTEMPT"]) == (RUN, "2")
    assert found["LONGCASE_SCHEDULED_FOR"] == "2026-11-24T02:30:00+01:00"


async def test_a_callable_sees_the_same_environment_as_a_command(harness):
    show = "import os; print(sorted(os.environ.items()))"
    for name, action in (("call", Call("builtins:exec", (show,))), ("command", Command(("env", "-0")))):
        await harness.run(action, name=name, env={"REGION": "eu"})
    by_call = dict(eval(harness.said("out", "call")[0]))
    by_command = dict(
        entry.split("=", 1) for entry in harness.said("out", "command")[0].split("\\x00") if entry
    )
    assert by_call.pop("LONGCASE_TASK") == "call"
    assert by_command.pop("LONGCASE_TASK") == "command"
    assert by_call == by_command


async def test_where_the_environment_is_inherited_systemds_words_to_the_daemon_are_not(tmp_path, monkeypatch):
    monkeypatch.setenv("STRAY", "for tasks")
    monkeypatch.setenv("REGION", "us")
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "CREDENTIALS_DIRECTORY"):
        monkeypatch.setenv(name, "/for/the/daemon")
    harness = Harness(tmp_path, inherit_env=True)
    await harness.run(Command(("env",)), env={"REGION": "eu"})
    await harness.pool.close(1)
    said = harness.said("out")
    assert {"STRAY=for tasks", "REGION=eu"} <= set(said)
    assert not any("/for/the/daemon" in line for line in said)


async def test_a_task_starts_as_the_leader_of_its_session_with_umask_022_and_without_input(harness, tmp_path):
    show = "import os, pool_tasks; print(pool_tasks.where())"
    await harness.run(Call("builtins:exec", (show,)), working_dir=str(tmp_path))
    found = eval(harness.said("out")[0])
    assert found["cwd"] == str(tmp_path)
    assert found["path"][:2] == [str(TASKS), str(tmp_path)]
    assert (found["umask"], found["stdin"], found["session"]) == (0o022, "/dev/null", True)
    assert found["argv"] == ["builtins:exec"]
    # Beside the three: the pipe of `logging`, that of the report, and the folder as it is being listed.
    assert len(found["descriptors"]) == 6
    await harness.run(Command("umask; readlink /proc/self/fd/0; pwd; ls /proc/self/fd"), name="command")
    said = harness.said("out", "command")
    assert said[:2] == ["0022", "/dev/null"]
    assert said[2] == os.environ.get("HOME")
    assert said[3:] == ["0", "1", "2", "3"]


async def test_a_task_is_in_the_zone_of_its_pipeline_and_its_log_in_the_machines(harness):
    zone = ZoneInfo("Asia/Tokyo")
    attempt = {"scheduled_for": datetime(2026, 11, 24, 11, 30, tzinfo=zone)}
    await harness.run(Call("builtins:exec", ("import time; print(time.tzname[0])",)), **attempt)
    assert harness.said("out") == ["JST"]
    machine = datetime.now().astimezone().strftime("%z")
    assert {line.split(" ")[0][-6:].replace(":", "") for line in harness.log()} == {machine}
