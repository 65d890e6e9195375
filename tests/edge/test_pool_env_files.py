"""Variables from files reach a task, or fail it before it begins."""

import json
import os
import sys

import pytest

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Call, Command, SecretSource

SHOW = "import json, os; print(json.dumps({name: os.environ.get(name) for name in ('A', 'B', 'C', 'D')}))"
SHOWING = [Call("builtins:exec", (SHOW,)), Command((sys.executable, "-c", SHOW))]


@pytest.mark.parametrize("action", SHOWING)
async def test_variables_come_from_the_files_then_from_env_then_from_secrets(harness, tmp_path, action):
    (tmp_path / "one").write_text("A=1\nB=1\nC=1\nD=1\n")
    (tmp_path / "two").write_text("# second\nexport B='$A'\nC=2\nD=2\n")
    (tmp_path / "secret").write_text("abc\n")  # too short to be hidden
    outcome = await harness.run(
        action,
        env_file=(str(tmp_path / "one"), str(tmp_path / "two")),
        env={"C": "3", "D": "3"},
        secrets={"D": SecretSource(file=str(tmp_path / "secret"))},
    )
    assert outcome.state is TaskState.SUCCEEDED, outcome
    assert json.loads(harness.said("out")[0]) == {"A": "1", "B": "$A", "C": "3", "D": "abc"}


async def test_a_changed_file_counts_at_the_next_attempt(harness, tmp_path):
    for value in ("1", "2"):
        (tmp_path / "env").write_text(f"A={value}\n")
        await harness.run(SHOWING[0], env_file=(str(tmp_path / "env"),))
    assert [json.loads(line)["A"] for line in harness.said("out")] == ["1", "2"]


async def test_the_interpreter_itself_starts_with_the_variables(harness, tmp_path):
    (tmp_path / "env").write_text("PYTHONWARNINGS=ignore\n")
    show = Call("builtins:exec", ("import sys; print(sys.warnoptions)",))
    await harness.run(show, env_file=(str(tmp_path / "env"),))
    assert harness.said("out") == ["['ignore']"]


def absent(path):
    return f"env_file {path} can't be read: No such file or directory"


def fifo(path):
    os.mkfifo(path)
    return f"env_file {path} can't be read: it is no regular file"


def folder(path):
    path.mkdir()
    return f"env_file {path} can't be read: it is no regular file"


def endless(path):
    path.write_text("A=1\n" * 20_000)
    return f"env_file {path} can't be read: it is longer than the 64 KiB that are allowed"


def no_pair(path):
    path.write_text("A=1\nB\n")
    why = "is not KEY=VALUE; put a value of several lines in quotes, and a # before a comment"
    return f"env_file {path}:2: {why}"


def longcases_own(path):
    path.write_text("LONGCASE_RUN=1\n")
    return f"env_file {path}:1: LONGCASE_RUN: LONGCASE_ begins what Longcase sets itself; choose another name"


@pytest.mark.parametrize("wrong", [absent, fifo, folder, endless, no_pair, longcases_own])
@pytest.mark.parametrize("action", [Call("pool_tasks:say", ("begun",)), Command("echo begun")])
async def test_a_file_that_can_not_be_read_fails_the_attempt_before_it_begins(
    harness, tmp_path, wrong, action
):
    reason = wrong(tmp_path / "env")
    attempt = harness.start(action, env_file=(str(tmp_path / "env"),))
    assert harness.delivered == []
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.reason, outcome.usage) == (TaskState.FAILED, reason, None)
    assert harness.said("out") == []
    assert harness.said("---") == [f"failed: {reason}"]
    assert harness.pool.running == ()


async def test_an_attempt_after_one_that_could_not_be_read_succeeds(harness, tmp_path):
    file = tmp_path / "env"
    assert (await harness.run(SHOWING[0], env_file=(str(file),))).state is TaskState.FAILED
    file.write_text("A=1\n")
    assert (await harness.run(SHOWING[0], env_file=(str(file),), number=2)).state is TaskState.SUCCEEDED
