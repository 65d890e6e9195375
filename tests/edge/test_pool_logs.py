"""What a task's log holds."""

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Call, Command
from longcase.domain.policy import RetryPolicy, Rotation
from pool_harness import RUN, mode_of, until

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d " + re.escape(RUN) + " (out|err|log|---) .*"
)


@pytest.mark.usefixtures("each_python")
async def test_every_line_has_a_time_the_run_and_the_stream(harness):
    await harness.run(Call("pool_tasks:show_logging"))
    await harness.run(Command("echo out; echo err >&2"))
    assert all(LINE.fullmatch(line) for line in harness.log())
    assert harness.said("log") == ["INFO shop: opened", "WARNING library: hear me", "INFO root: by root"]
    assert harness.said("out") == ["out"]


async def test_header_and_footer_frame_an_attempt(harness):
    await harness.run(
        Call("pool_tasks:fail", ("no\nrows",)), number=2, retry=RetryPolicy(retries=2), name="bad"
    )
    header, footer = harness.said("---", "bad")
    assert re.fullmatch(r"attempt 2 of 3, pid \d+: pool_tasks:fail\('no\\nrows'\)", header)
    assert re.fullmatch(
        r"failed after \d+\.\d\d s, CPU \d+\.\d\d s, peak memory \d+\.\d MiB: ValueError: no rows", footer
    )
    await harness.run(Call("pool_tasks:add", (1,), {"c": 2}))
    assert harness.said("---")[0].endswith(": pool_tasks:add(1, c=2)")
    assert harness.said("---")[1].startswith("succeeded after ")


@pytest.mark.usefixtures("each_python")
async def test_a_script_that_sets_up_its_own_logging_gets_what_it_would_get_alone(harness):
    await harness.run(Call("pool_tasks:show_basic_config"), name="basic")
    assert harness.said("out", "basic") == ["mine:shown"]
    assert harness.said("log", "basic") == []
    await harness.run(Call("pool_tasks:show_dict_config"), name="dict")
    assert harness.said("out", "dict") == ["once"]
    assert harness.said("log", "dict") == []


async def test_the_last_words_of_a_failing_task_come_with_its_outcome(harness):
    lines = [f"line {number}" for number in range(30)] + ["x" * 1000]
    outcome = await harness.run(Call("builtins:exec", ("print(*lines, sep='\\n'); 1/0", {"lines": lines})))
    assert outcome.log_tail == (*lines[11:30], "x" * 500)


@pytest.mark.usefixtures("each_python")
async def test_bytes_that_are_no_text_do_no_harm(harness):
    await harness.run(
        Call("pool_tasks:write_bytes", ("caf\xe9 \xc3\xa9 a\rb\r\nnull \x00 \x1b[1mbold\nno end",))
    )
    assert harness.said("out") == ["caf\\xe9 é a\\rb", "null \\x00 \x1b[1mbold", "no end"]


async def test_a_line_is_in_the_log_as_soon_as_it_is_printed(harness):
    attempt = harness.start(Call("builtins:exec", ("print('now'); __import__('time').sleep(60)",)))
    assert await harness.word() == "now"
    harness.pool.cancel(attempt)
    await harness.outcome(attempt)


async def test_a_line_without_an_end_is_shown_after_a_second(harness):
    attempt = harness.start(Call("pool_tasks:write_half_a_line"), kill_grace=0.1)
    assert await harness.word() == "half a"
    harness.pool.cancel(attempt)
    await harness.outcome(attempt)


async def test_a_line_of_a_megabyte_is_cut_and_nothing_of_it_lost(harness):
    await harness.run(Command("head -c 1000000 /dev/zero | tr '\\0' x"))
    assert "".join(harness.said("out")) == "x" * 1_000_000
    assert max(map(len, harness.said("out"))) <= 64 * 1024


async def test_fifty_megabytes_leave_three_files_of_one_and_the_last_line(harness):
    rotation = Rotation(max_bytes=2**20, backups=2)
    outcome = await harness.run(Call("pool_tasks:print_megabytes", (50,)), rotation=rotation)
    assert outcome.state is TaskState.SUCCEEDED
    files = sorted((harness.logs / "p").iterdir())
    assert [file.name for file in files] == ["task.log", "task.log.1", "task.log.2"]
    assert all(file.stat().st_size <= 2**20 for file in files)
    assert harness.said("out")[-1] == "last words"
    assert harness.said("---")[-1].startswith("succeeded")
    whole = [line for file in reversed(files) for line in file.read_text().splitlines()]
    assert all(LINE.fullmatch(line) for line in whole)


async def test_rotated_logs_can_be_compressed(harness):
    rotation = Rotation(max_bytes=100_000, backups=2, compress=True)
    await harness.run(Call("pool_tasks:print_megabytes", (1,)), rotation=rotation)
    names = sorted(file.name for file in (harness.logs / "p").iterdir())
    assert names == ["task.log", "task.log.1.gz", "task.log.2.gz"]
    packed = harness.logs / "p" / "task.log.1.gz"
    assert gzip.decompress(packed.read_bytes()).endswith(b"x\n")


async def test_logs_are_for_the_group_and_no_others(harness):
    await harness.run(Command("true"))
    log = Path(harness.pool.log_path("p", "task"))
    assert (mode_of(log), mode_of(log.parent)) == (0o640, 0o2750)


@pytest.mark.parametrize("action", [Call("pool_tasks:say", ("begun",)), Command("echo begun")])
async def test_a_log_folder_that_can_not_be_made_fails_the_attempt_before_it_begins(harness, action):
    harness.logs.write_text("a file where the folder should be")  # stops root, too
    outcome = await harness.run(action)
    folder = harness.logs / "p"
    assert outcome.state is TaskState.FAILED
    assert outcome.reason == f"can't make the log folder {folder}: {harness.logs}: File exists"
    assert outcome.usage is None


@pytest.mark.parametrize("action", [Call("pool_tasks:say", ("begun",)), Command("echo begun")])
async def test_a_log_that_can_not_be_opened_fails_the_attempt_before_it_begins(harness, action, tmp_path):
    path = harness.logs / "p" / "task.log"
    path.mkdir(parents=True)  # a folder where the file should be stops root, too
    outcome = await harness.run(action)
    assert outcome.state is TaskState.FAILED
    assert outcome.reason == f"can't open the log {path}: Is a directory"
    assert outcome.log_tail == ()


@pytest.mark.parametrize("python", [None, "/no/such/python"])
async def test_a_fifo_where_the_log_should_be_is_waited_for_by_nobody(harness, python):
    path = harness.logs / "p" / "task.log"
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    outcome = await harness.run(Call("pool_tasks:nothing"), python=python)
    assert outcome.state is TaskState.FAILED
    if python is None:
        assert outcome.reason == f"can't open the log {path}: No such device or address"


async def test_a_results_folder_that_can_not_be_made_fails_calls_alone(harness):
    harness.results.write_text("a file where the folder should be")
    outcome = await harness.run(Call("pool_tasks:nothing"))
    assert outcome.reason == (
        f"can't make the results folder {harness.results}/p/{RUN}: {harness.results}/p: Not a directory"
    )
    assert harness.said("---") == [f"failed: {outcome.reason}"]
    assert (await harness.run(Command("true"))).state is TaskState.SUCCEEDED


@pytest.fixture
def small_disk(harness):
    """The log folder, on a disk of 64 KiB."""
    harness.logs.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", harness.logs]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        must = os.getuid() == 0 and os.environ.get("LONGCASE_REQUIRE_ALL") == "1"
        give_up = pytest.fail if must else pytest.skip
        give_up(f"only root can mount a small disk: {mounted.stderr.decode().strip()}")
    yield harness.logs
    subprocess.run(["umount", harness.logs], check=True)


async def test_a_log_that_fills_up_fails_nothing_and_says_how_much_is_lost(harness, small_disk, tmp_path):
    fill = "import pathlib; pathlib.Path('filler').write_bytes(bytes(40_000))"
    go_on = tmp_path / "go on"
    wait = f"while [ ! -e '{go_on}' ]; do sleep 0.02; done"
    script = f'{sys.executable} -c "{fill}"; seq 600; {wait}; rm filler; echo on'  # 33 KB where 20 are free
    attempt = harness.start(Command(script), working_dir=str(small_disk))
    await until(lambda: os.statvfs(small_disk).f_bavail == 0)
    go_on.touch()
    outcome = await harness.outcome(attempt)
    assert outcome.state is TaskState.SUCCEEDED
    assert all(LINE.fullmatch(line) for line in harness.log())
    assert harness.said("out")[-1] == "on"
    assert harness.said("---")[-2].endswith(" bytes of this log were lost: No space left on device")
