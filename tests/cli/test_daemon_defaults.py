"""What longcase.toml says in [defaults] holds for every job file, whoever reads it."""

import pytest

JOB = '[tasks.a]\nrun = "exit 3"\nretry_delay = 0\n[tasks.b]\nrun = "exit 3"\nretries = 0\n'


@pytest.fixture
def persistent_home(home):
    home.config.write_text(home.config.read_text() + "[defaults]\nretries = 1\n")
    return home


@pytest.mark.parametrize("by_path", [False, True])
def test_a_run_by_hand_follows_them(persistent_home, by_path):
    path = persistent_home.job("etl", JOB)
    record = persistent_home.json("run", "--local", str(path) if by_path else "etl")
    assert {name: len(task["attempts"]) for name, task in record["tasks"].items()} == {"a": 2, "b": 1}


def test_the_daemon_follows_them(persistent_home):
    persistent_home.job("etl", f'schedule = "* * * * * *"\n{JOB}')
    with persistent_home.serve() as daemon:
        daemon.wait_for("run ended", pipeline="etl")
        first = daemon.wait_for("run started", pipeline="etl")["run"]
        started = [e["task"] for e in daemon.events if e["event"] == "task started" and e["run"] == first]
    assert sorted(started) == ["a", "a", "b"]
