"""Faults of users' code: each fails its own task, and all that tell of it name the cause."""

import pytest

GOOD = '[tasks.good]\nrun = "true"\n'
MODULE = """
def needs_two(a, b): pass
def lock():
    import threading
    return threading.Lock()
"""

FAULTS = [
    # (the task, its state, what is said of the cause)
    ('call = "no_such_module:f"', "failed", "No module named 'no_such_module'"),
    ('call = "work:nowhere"', "failed", "has no 'nowhere'"),
    (
        'call = "work:needs_two"\nargs = [1]',
        "failed",
        "doesn't fit needs_two(a, b): missing a required argument: 'b'",
    ),
    ('call = "work:lock"', "failed", "the result, of type lock, can't be pickled"),
    ('run = ["no-such-command"]', "failed", "command 'no-such-command': No such file or directory"),
    ('run = "no-such-command"', "failed", "exited with code 127"),
    ('run = "kill -9 $$"', "killed", "killed by SIGKILL"),
]


@pytest.mark.parametrize(("task", "state", "cause"), FAULTS, ids=[task for task, _, _ in FAULTS])
def test_it_fails_its_task_alone_and_is_told_everywhere(home, task, state, cause):
    home.module("work", MODULE)
    home.job("etl", f'pythonpath = ["."]\n[tasks.bad]\n{task}\n{GOOD}')
    done = home.run("run", "--local", "etl")
    assert done.returncode == 1
    assert cause in said_of_bad(done.stdout)
    assert "Traceback" not in done.stdout + done.stderr
    tasks = home.json("show", home.json("history")[0]["run"])["tasks"]
    assert tasks["bad"]["state"] == state
    assert cause in (tasks["bad"]["exception"] or tasks["bad"]["reason"])
    assert tasks["good"]["state"] == "succeeded"
    assert cause in home.task_log("etl", "bad")


def said_of_bad(output):
    """The line below the one that says how the task ended."""
    lines = output.splitlines()
    (index,) = [index for index, line in enumerate(lines) if line[8:].startswith("    bad ")]
    return lines[index + 1]
