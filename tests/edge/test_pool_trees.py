"""Whatever ends an attempt, its whole process tree ends with it; what it used is told."""

import asyncio
import os
import re
import signal
import sys
import time

import pytest

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Call, Command
from longcase.domain.policy import Rotation
from pool_harness import PATIENCE, TASKS, is_alive, until


@pytest.mark.usefixtures("each_python")
async def test_a_timeout_ends_a_task_and_its_child_in_another_session_that_ignores_sigterm(harness):
    started = time.monotonic()
    attempt = harness.start(Call("pool_tasks:leave_stubborn_child", (60,)), timeout=1, kill_grace=0.5)
    child = int(await harness.word())
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.reason) == (TaskState.TIMED_OUT, "no end within its timeout of 1s")
    assert not is_alive(child)
    assert time.monotonic() - started < PATIENCE / 2  # the child alone would have taken 1000 s
    assert harness.said("---")[-1].endswith(": no end within its timeout of 1s")


@pytest.mark.parametrize(
    "action",
    [Command("trap '' TERM; echo on; while :; do sleep 1000; done"), Call("pool_tasks:stop_myself")],
)
async def test_commands_and_stopped_processes_are_ended_by_their_timeout(harness, action):
    outcome = await harness.run(action, timeout=0.3, kill_grace=0.2)
    assert (outcome.state, outcome.reason) == (
        TaskState.TIMED_OUT,
        "no end within its timeout of 0.3s",
    )


@pytest.mark.usefixtures("each_python")
async def test_a_task_that_ends_itself_on_sigterm_is_not_killed_and_still_timed_out(harness):
    outcome = await harness.run(Call("pool_tasks:end_well_on_sigterm"), timeout=0.5)
    assert outcome.state is TaskState.TIMED_OUT
    assert outcome.usage.wall < 10


@pytest.mark.parametrize("target", ["pool_tasks:sleep", "pool_tasks:sleep_through_sigterm"])
async def test_a_cancelled_task_is_cancelled(harness, target):
    attempt = harness.start(Call(target, (60,)), kill_grace=0.2)
    pid = int(await harness.word())
    harness.pool.cancel(attempt)
    assert harness.delivered == []
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.reason) == (TaskState.CANCELLED, "cancelled")
    assert not is_alive(pid)
    assert harness.said("---")[-1].endswith(": cancelled")


async def test_a_task_whose_run_is_late_says_so_in_its_log(harness):
    attempt = harness.start(Command("echo on; sleep 1000"))
    await harness.word()
    harness.pool.cancel(attempt, "the run is late")
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.reason) == (TaskState.TIMED_OUT, "the run is late")
    assert re.match(r"timed out after .*: the run is late$", harness.said("---")[-1])


async def test_an_attempt_can_be_cancelled_before_its_worker_is_ready(harness):
    attempt = harness.start(Call("pool_tasks:sleep", (60,)))
    harness.pool.cancel(attempt)
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.reason) == (TaskState.CANCELLED, "cancelled")


async def test_a_cancel_that_arrives_together_with_its_attempt_is_heard(harness):
    await harness.run(Command("echo $PPID"), name="first")
    worker = int(harness.said("out", "first")[0])
    os.kill(worker, signal.SIGSTOP)
    attempt = harness.start(Command("sleep 1000"))
    harness.pool.cancel(attempt)
    os.kill(worker, signal.SIGCONT)
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.reason) == (TaskState.CANCELLED, "cancelled")


async def test_a_cancel_that_comes_too_late_does_not_hit_the_next_attempt(harness):
    for number in range(5):
        first = harness.start(Call("pool_tasks:nothing"), number=number)
        await harness.outcome(first)
        second = harness.start(Call("pool_tasks:add", (1,)), name="second", number=number)
        harness.pool.cancel(first)
        assert (await harness.outcome(second)).state is TaskState.SUCCEEDED


@pytest.mark.usefixtures("each_python")
async def test_a_daemonized_grandchild_that_holds_the_pipes_open_ends_with_the_task(harness):
    outcome = await harness.run(Call("pool_tasks:leave_daemon"), kill_grace=5)
    assert outcome.state is TaskState.SUCCEEDED
    assert not is_alive(int(harness.said("out")[0]))
    assert outcome.usage.wall < 5


async def test_children_in_the_background_end_with_a_command(harness):
    outcome = await harness.run(Command("sleep 1000 & setsid sleep 1000 & echo $!; exit 0"))
    assert outcome.state is TaskState.SUCCEEDED
    assert not is_alive(int(harness.said("out")[0]))


async def test_processes_that_fork_faster_than_they_are_counted_are_all_killed(harness):
    multiply = "f() { (trap '' TERM; sleep 0.01; f) & }; trap '' TERM; f; f; f; sleep 1000"
    outcome = await harness.run(Command(multiply), timeout=0.3, kill_grace=0.1)
    assert outcome.state is TaskState.TIMED_OUT
    assert outcome.left_behind == ()


async def test_output_without_end_holds_up_no_deadline(harness):
    rotation = Rotation(max_bytes=10_000, backups=0)
    outcome = await harness.run(Command("yes"), timeout=0.3, rotation=rotation)
    assert outcome.state is TaskState.TIMED_OUT
    assert harness.said("out")[-1] == "y"


async def test_closing_the_pool_cancels_what_is_on_and_hurries_it(harness):
    attempt = harness.start(Call("pool_tasks:sleep_through_sigterm", (60,)), kill_grace=1000)
    pid = int(await harness.word())
    async with asyncio.timeout(PATIENCE):
        await harness.pool.close(grace=0.1)
    assert [(attempt, TaskState.CANCELLED)] == [(who, what.state) for who, what in harness.delivered]
    assert not is_alive(pid)
    with pytest.raises(RuntimeError, match="closed"):
        harness.pool.start(attempt)


DAEMON = """
import asyncio, sys
from pathlib import Path
from pool_harness import Harness
from longcase.domain.pipeline import Call

async def main():
    harness = Harness(Path(sys.argv[1]))
    harness.start(Call("pool_tasks:leave_stubborn_child", (1000,)), name="child")
    harness.start(Call("pool_tasks:sleep_through_sigterm", (1000,)), name="sleep")
    print(await harness.word("child"), await harness.word("sleep"), flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


async def test_when_the_daemon_is_killed_its_workers_end_everything(tmp_path):
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DAEMON, tmp_path),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(TASKS.parent)},
    )
    pids = [int(word) for word in (await daemon.stdout.readline()).split()]
    daemon.kill()
    await daemon.wait()
    started = time.monotonic()
    assert len(pids) == 2
    await until(lambda: not any(map(is_alive, pids)))
    assert time.monotonic() - started < PATIENCE / 2
    log = tmp_path / "log" / "p" / "sleep.log"
    await until(lambda: log.read_text().endswith(": the daemon is gone\n"))


async def test_processor_time_of_the_whole_tree_is_told(harness):
    outcome = await harness.run(Call("pool_tasks:burn", (0.1,)))
    usage = outcome.usage
    assert 0.2 <= usage.cpu_user + usage.cpu_system < 10
    assert usage.wall >= 0.2
    assert usage.cpu_measured == "wait4"


@pytest.mark.usefixtures("each_python")
async def test_the_memory_of_the_whole_tree_is_sampled(harness):
    outcome = await harness.run(Call("pool_tasks:hold_memory", (40, 1)))
    assert outcome.usage.memory_measured == "sampled every 100 ms"
    assert outcome.usage.memory_peak > 80 * 2**20
