"""`run --param`: what a run is given, and where it is seen."""

import pytest

JOB = """\
params = { region = "eu", day = "" }
[tasks.a]
run = "echo region=$LONGCASE_PARAM_region day=$LONGCASE_PARAM_day"
[tasks.b]
run = "exit 3"
"""


def test_a_run_has_the_parameters_of_its_job_file(home):
    home.job("etl", JOB)
    home.run("run", "etl", "--local")
    assert " out region=eu day=\n" in home.task_log("etl", "a")


def test_a_parameter_that_is_given_overrides_it_and_is_shown(home):
    home.job("etl", JOB)
    home.run("run", "etl", "--local", "--param", "region=us=west", "--param", "day=2026-11-24")
    assert " out region=us=west day=2026-11-24\n" in home.task_log("etl", "a")
    run = home.json("history")[0]["run"]
    assert home.json("show", run)["params"] == {"region": "us=west", "day": "2026-11-24"}
    assert "  param    region=us=west\n" in home.run("show", run).stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("regoin=us", "etl has no parameter 'regoin'; known are region, day"),
        ("region", "--param region: expected NAME=VALUE"),
    ],
)
def test_a_parameter_that_there_is_not_is_refused_before_anything_runs(home, given, message):
    home.job("etl", JOB)
    done = home.run("run", "etl", "--local", "--param", given)
    assert done.returncode == 2
    assert message in done.stderr
    assert home.json("history") == []


def test_a_parameter_that_is_no_text_is_refused_before_anything_runs(home):
    home.job("etl", JOB)
    done = home.run("run", "etl", "--local", "--param", b"region=\xff")
    assert done.returncode == 1
    assert "region is no text in UTF-8: '\\udcff'" in done.stderr
    assert home.json("history") == []


def test_a_job_file_without_parameters_takes_none_and_says_so(home):
    home.job("etl", '[tasks.a]\nrun = "true"\n')
    done = home.run("run", "etl", "--local", "--param", "x=1")
    assert done.returncode == 2
    assert "etl has no parameter 'x'; known are none: it has no params in its job file" in done.stderr
