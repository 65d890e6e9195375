"""`longcase logs`, as it is typed."""

import signal
import subprocess
import time

import pytest

from home import LONGCASE

JOB = '[tasks.a]\nrun = "echo hello"\n'


def test_logs_are_read_across_rotated_files_oldest_first(home):
    home.job(
        "etl",
        '[tasks.a]\nrun = ["/bin/sh", "-c", "seq 1 2000"]\nlog_max_bytes = "16K"\nlog_backups = 9\n'
        'log_compress = true\n[tasks.b]\nrun = "echo from b"\n',
    )
    assert home.run("run", "--local", "etl").returncode == 0
    assert len(list((home.log / "etl").glob("a.log.*.gz"))) > 2
    lines = home.run("logs", "etl/a").stdout.splitlines()
    numbers = [line.split()[-1] for line in lines if " out " in line]
    assert numbers == [str(number) for number in range(1, 2001)]
    both = home.run("logs", "etl").stdout.splitlines()
    assert any(line.startswith("b ") and line.endswith(" out from b") for line in both)
    run = home.json("history")[0]["run"]
    assert home.run("logs", "etl/b", "--run", run).stdout.count("\n") == 3
    unknown = home.run("logs", "etl/b", "--run", "etl@20200101T000000Z")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "there is no run 'etl@20200101T000000Z'" in unknown.stderr
    assert home.run("logs", "etl/b", "--since", "1h").stdout.count("\n") == 3
    assert {line["task"] for line in home.json("logs", "etl")} == {"a", "b"}


def test_logs_follow_what_comes_also_when_the_log_is_rotated(home):
    text = '[tasks.a]\nrun = "echo {}; seq 1 300"\nlog_max_bytes = "8K"\nlog_backups = 9\n'
    home.job("etl", text.format("first"))
    home.run("run", "--local", "etl")
    follower = subprocess.Popen(
        [*LONGCASE, "--config", home.config, "logs", "-f", "etl/a"], stdout=subprocess.PIPE, text=True
    )
    try:
        seen = [follower.stdout.readline() for _ in range(20)]  # the last lines of before
        assert " --- succeeded" in seen[-1]
        time.sleep(0.3)  # it stands at the end now
        home.job("etl", text.format("second"))
        home.run("run", "--local", "etl")
        while " --- succeeded" not in seen[-1] or len(seen) == 20:
            seen.append(follower.stdout.readline())
        new = [line.split(" ", 3)[-1].strip() for line in seen[20:] if " out " in line]
        assert new == ["second", *map(str, range(1, 301))]
    finally:
        follower.terminate()
        follower.communicate()


def test_logs_follow_waits_for_a_pipeline_that_has_not_run_and_for_tasks_that_come_later(home):
    home.job("etl", '[tasks.a]\nrun = "echo from a"\n')
    follower = subprocess.Popen(
        [*LONGCASE, "--config", home.config, "logs", "-f", "etl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert home.run("run", "--local", "etl").returncode == 0
        lines = [follower.stdout.readline() for _ in range(3)]
        home.job("etl", '[tasks.b]\nrun = "echo from b"\n')
        assert home.run("run", "--local", "etl").returncode == 0
        lines += [follower.stdout.readline() for _ in range(3)]
        assert [line.split()[0] for line in lines] == ["a"] * 3 + ["b"] * 3
        assert [line for line in lines if " out " in line] == [lines[1], lines[4]]
        follower.send_signal(signal.SIGINT)
        assert follower.communicate(timeout=10) == ("", "")
        assert follower.returncode == -signal.SIGINT
    finally:
        follower.kill()
        follower.communicate()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nosuch", "there is no pipeline 'nosuch' in "),
        ("elt", "did you mean etl?"),
        ("etl/nosuch", "pipeline 'etl' has no task 'nosuch'; those that there are: a"),
        ("nosuch/a", "pipeline 'nosuch' has no task 'a'; those that there are: none"),
        ("../../etc", "names no task"),
        ("etl/../../passwd", "names no task"),
    ],
)
def test_logs_of_what_is_not_there(home, target, message):
    home.job("etl", JOB)
    home.run("run", "--local", "etl")
    done = home.run("logs", target)
    assert done.returncode == 2
    assert message in done.stderr
