"""Workers that can't be started, die, hang or lie: their own attempt fails, and nothing else."""

import asyncio
import os
import resource
import signal
import sys

import pytest

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Call, Command
from longcase.edge.pool import process_pool, staff
from longcase.edge.pool.orphans import Orphans
from longcase.workers import tree
from pool_harness import Harness, children, is_alive, until

LIAR = """#!{python}
import json, os, socket, struct, sys, time
link = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
def say(body):
    link.sendall(struct.pack(">I", len(body)) + body)
say(b'{{"type":"ready","version":[3,11,0]}}')
link.recv(1000000)
{lie}
time.sleep(1000)
"""
ENDED = {
    "type": "ended",
    "state": "succeeded",
    "started": 1.0,
    "ended": 2.0,
    "usage": {
        "wall": 1.0,
        "cpu_user": 1.0,
        "cpu_system": 1.0,
        "memory_peak": 1,
        "cpu_measured": "",
        "memory_measured": "",
    },
}


async def number_in(path):
    await until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def interpreter(folder, script):
    path = folder / "python"
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("python", "reason"),
    [
        ("/no/such/python", "interpreter /no/such/python can't be started: No such file or directory"),
        ("/etc/passwd", "interpreter /etc/passwd can't be started: Permission denied"),
        ("/bin/true", "interpreter /bin/true ended before it was ready (exit code 0)"),
    ],
)
async def test_an_interpreter_that_is_none_fails_the_attempt(harness, python, reason):
    outcome = await harness.run(Call("pool_tasks:nothing"), python=python)
    assert (outcome.state, outcome.reason) == (TaskState.FAILED, reason)
    assert harness.said("---") == [f"failed: {reason}"]
    assert (await harness.run(Command("true"), python=python)).state is TaskState.SUCCEEDED


async def test_the_last_words_of_an_interpreter_that_fails_are_quoted(harness, tmp_path):
    python = interpreter(tmp_path, "#!/bin/sh\necho one >&2\necho 'no library' >&2\nexit 9\n")
    outcome = await harness.run(Call("pool_tasks:nothing"), python=python)
    assert outcome.reason == f"interpreter {python} ended before it was ready (exit code 9: one no library)"


async def test_a_python_that_is_too_old_is_named_with_its_version(harness, tmp_path):
    pretend = "import sys, runpy; sys.version_info = (3, 8, 18); sys.argv = sys.argv[1:]"
    script = f"#!/bin/sh\nexec {sys.executable} -c '{pretend}; runpy.run_path(sys.argv[0])' \"$@\"\n"
    python = interpreter(tmp_path, script)
    outcome = await harness.run(Call("pool_tasks:nothing"), python=python)
    assert outcome.reason == (
        f"interpreter {python} ended before it was ready "
        "(exit code 1: Longcase runs tasks with Python 3.9 or newer, and this is 3.8.18)"
    )


async def test_an_interpreter_that_does_not_get_ready_is_killed(harness, tmp_path, monkeypatch):
    monkeypatch.setattr(process_pool, "START_SECONDS", 0.1)
    python = interpreter(tmp_path, "#!/bin/sh\nexec sleep 1000\n")
    outcome = await harness.run(Call("pool_tasks:nothing"), python=python)
    assert outcome.reason == f"interpreter {python} was not ready within 0 s"


async def test_a_worker_that_is_killed_fails_its_own_task_and_what_it_left_is_ended(harness):
    other = harness.start(Call("pool_tasks:sleep", (0.5,)), name="other")
    foreign = await asyncio.create_subprocess_exec("sleep", "1000")
    try:
        before = {process.pid for process in tree.below(os.getpid())}  # other tests leave their dead here
        attempt = harness.start(Call("pool_tasks:kill_my_worker"), kill_grace=0.3)
        outcome = await harness.outcome(attempt)
        assert (outcome.state, outcome.signal) == (TaskState.KILLED, "SIGKILL")
        assert outcome.reason == "its worker was killed by SIGKILL"
        assert harness.said("---")[-1] == "killed: its worker was killed by SIGKILL"
        left = [process for process in tree.below(os.getpid()) if process.pid not in before]
        assert not any(process.name == "sleep" for process in left)
        assert foreign.returncode is None
    finally:
        foreign.kill()
        await foreign.wait()
    assert (await harness.outcome(other)).state is TaskState.SUCCEEDED


async def test_a_worker_that_stands_still_is_killed_some_seconds_after_the_timeout(
    harness, monkeypatch, tmp_path
):
    monkeypatch.setattr(process_pool, "WORKER_PATIENCE", 0.1)
    call = Call("pool_tasks:stop_my_worker")
    attempt = harness.start(call, timeout=0.5, kill_grace=0.1, working_dir=str(tmp_path))
    outcome = await harness.outcome(attempt)
    assert outcome.state is TaskState.TIMED_OUT
    assert outcome.reason == ("no end within its timeout of 0.5s; its worker did not answer and was killed")


async def test_a_worker_that_stands_still_is_killed_some_seconds_after_a_cancel(
    harness, monkeypatch, tmp_path
):
    monkeypatch.setattr(process_pool, "WORKER_PATIENCE", 0.1)
    call = Call("pool_tasks:stop_my_worker")
    attempt = harness.start(call, kill_grace=0.1, working_dir=str(tmp_path))
    worker = await number_in(tmp_path / "worker")
    harness.pool.cancel(attempt)
    outcome = await harness.outcome(attempt)
    assert outcome.state is TaskState.CANCELLED
    assert outcome.reason == "cancelled; its worker did not answer and was killed"
    assert not is_alive(worker)


def _ended(**changes):
    import json

    return f"say({json.dumps({**ENDED, **changes}).encode()!r})"


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        ("say(b'no json')", "JSON is malformed"),
        ("link.sendall(b'\\xff\\xff\\xff\\xff')", "a message of 4294967295 bytes, where 1048576 are allowed"),
        ('say(b\'{"type":"launch"}\')', "Invalid value 'launch'"),
        ('say(b\'{"type":"ended"}\')', "missing required field `state`"),
        (_ended(state="running"), "an attempt can't end as 'running'"),
        (_ended(state="bored"), "Invalid enum value 'bored'"),
        (_ended(started="yesterday"), "Expected `float`, got `str` - at `$.started`"),
        (_ended(extra=1), "unknown field `extra`"),
        (_ended(reason="x" * 5000), "length <= 4000 - at `$.reason`"),
        (
            _ended(result={"path": "/etc/shadow", "offset": 0, "size": 1, "format": "pickle", "repr": ""}),
            "its result '/etc/shadow' is not in ",
        ),
        (_ended(result={"path": "x", "offset": -1, "size": 1, "format": "pickle", "repr": ""}), "`int` >= 0"),
    ],
)
async def test_a_worker_that_sends_what_is_no_report_is_ended(harness, tmp_path, lie, why):
    python = interpreter(tmp_path, LIAR.format(python=sys.executable, lie=lie))
    outcome = await harness.run(Call("pool_tasks:nothing"), python=python, kill_grace=0.1)
    assert outcome.state is TaskState.FAILED
    assert outcome.reason.startswith("its worker was ended, since it sent what is no report: ")
    assert why in outcome.reason


async def test_a_result_beside_the_folder_of_its_run_is_refused(harness, tmp_path):
    path = f"{harness.results}/p/../other/x"
    lie = _ended(result={"path": path, "offset": 0, "size": 1, "format": "pickle", "repr": ""})
    python = interpreter(tmp_path, LIAR.format(python=sys.executable, lie=lie))
    outcome = await harness.run(Call("pool_tasks:nothing"), python=python, kill_grace=0.1)
    assert f"its result '{path}' is not in {harness.results}/p/" in outcome.reason


async def test_a_worker_that_reports_twice_is_ended_and_the_pool_goes_on(harness, tmp_path):
    python = interpreter(tmp_path, LIAR.format(python=sys.executable, lie=_ended() + "\n" + _ended()))
    assert (await harness.run(Call("pool_tasks:nothing"), python=python)).state is TaskState.SUCCEEDED
    assert (await harness.run(Call("pool_tasks:nothing"))).state is TaskState.SUCCEEDED


async def test_workers_are_used_again_by_tasks_of_the_same_environment(harness):
    for environment in ({"A": "1"}, {"A": "1"}, {"A": "2"}):
        await harness.run(Call("builtins:exec", ("import os; print(os.getppid())",)), env=environment)
    first, second, third = harness.said("out")
    assert first == second != third


async def test_an_idle_worker_is_retired(harness, monkeypatch):
    monkeypatch.setattr(staff, "IDLE_SECONDS", 0.05)
    before = children()
    await harness.run(Call("pool_tasks:nothing"))
    await until(lambda: children() == before)
    assert (await harness.run(Call("pool_tasks:nothing"))).state is TaskState.SUCCEEDED


async def test_an_idle_worker_that_is_killed_is_replaced(harness):
    await harness.run(Call("builtins:exec", ("import os; print(os.getppid())",)))
    worker = int(harness.said("out")[0])
    os.kill(worker, signal.SIGKILL)
    await until(lambda: worker not in children())
    assert (await harness.run(Call("pool_tasks:nothing"))).state is TaskState.SUCCEEDED


async def test_an_interpreter_that_floods_its_stderr_fills_no_disk(harness, tmp_path, monkeypatch):
    monkeypatch.setattr(process_pool, "START_SECONDS", 0.3)
    before = children()
    python = interpreter(tmp_path, "#!/bin/sh\nexec yes >&2\n")
    attempt = harness.start(Call("pool_tasks:nothing"), python=python)
    (flooding,) = children() - before
    assert os.readlink(f"/proc/{flooding}/fd/2").startswith("pipe:")
    outcome = await harness.outcome(attempt)
    assert outcome.reason == f"interpreter {python} was not ready within 0 s"


async def test_the_death_of_a_worker_is_noticed_though_its_socket_is_held_open(harness, tmp_path):
    python = interpreter(tmp_path, "#!/bin/sh\nsetsid sleep 1000 &\nexit 3\n")
    outcome = await harness.run(Call("pool_tasks:nothing"), python=python, kill_grace=0.1)
    assert outcome.reason == f"interpreter {python} ended before it was ready (exit code 3)"


async def test_an_interpreter_that_is_a_script_around_one_serves(harness, tmp_path):
    python = interpreter(tmp_path, f'#!/bin/sh\n{sys.executable} "$@"\n')
    assert (await harness.run(Call("pool_tasks:nothing"), python=python)).state is TaskState.SUCCEEDED


async def test_an_outcome_does_not_wait_for_a_free_descriptor(harness):
    attempt = harness.start(Command("echo $PPID; echo $$; exec sleep 1000"))
    worker = int(await harness.word())
    await until(lambda: len(harness.said("out")) == 2)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        os.kill(worker, signal.SIGKILL)
        outcome = await harness.outcome(attempt)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert outcome.state is TaskState.KILLED
    assert outcome.left_behind == ("whatever its worker left: /proc can't be read: Too many open files",)
    left = int(harness.said("out")[1])
    assert is_alive(left)
    await harness.run(Call("pool_tasks:kill_my_worker"), name="other", kill_grace=0.1)
    assert not is_alive(left)


def test_how_a_worker_ended_is_known_where_sigchld_was_ignored():
    """So it is after `trap '' CHLD` in a shell."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        Orphans()
        assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, before)


async def test_many_attempts_at_once_are_kept_apart(harness):
    attempts = [harness.start(Call("pool_tasks:add", (n,)), name=f"task-{n}") for n in range(12)]
    assert list(harness.pool.running) == attempts
    outcomes = await asyncio.gather(*map(harness.outcome, attempts))
    assert [outcome.result.repr for outcome in outcomes] == [str(n) for n in range(12)]


async def test_a_large_request_reaches_the_worker_whole(harness):
    text = "ü" * 1_000_000
    outcome = await harness.run(Call("pool_tasks:length", (text,)))
    assert outcome.result.repr == "1000000"


def test_the_pool_needs_no_running_loop_to_be_built(tmp_path):
    assert Harness(tmp_path).pool.running == ()
