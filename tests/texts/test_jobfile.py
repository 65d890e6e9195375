"""Good job files: every key, and where defaults come from."""

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

from longcase.domain.pipeline import (
    Call,
    Command,
    Dependency,
    Environment,
    Passing,
    Pipeline,
    ResultKind,
    SecretSource,
    Task,
)
from longcase.domain.policy import CatchUp, MailOn, MailPolicy, Overlap, RetryPolicy, Rotation
from longcase.domain.schedule import Cron, Schedule
from longcase.texts.job_keys import DEFAULTS, FILE, MAIL, TASK
from longcase.texts.jobfile import JobFileErrors, read_job_file

EVERY_KEY = Path(__file__).with_name("every_key.toml").read_text("utf-8")

FROM_DEFAULTS = {
    "timeout": timedelta(minutes=10),
    "kill_grace": timedelta(seconds=5),
    "retry": RetryPolicy(
        retries=2, delay=timedelta(minutes=1), backoff=1.5, max_delay=timedelta(minutes=30), jitter=0.25
    ),
    "rotation": Rotation(max_bytes=1024**2, backups=2, compress=True),
}


def read(text, **more):
    return read_job_file(text, name="users", path="/etc/longcase/jobs.d/users.toml", **more)


def test_every_key_reaches_the_pipeline():
    assert read(EVERY_KEY) == Pipeline(
        name="users",
        tasks=(
            Task(
                name="fetch_data",
                action=Call(
                    "etl.users:Fetch.all",
                    ("https://…", 1, 2.5, True, [1, {"a": date(2026, 1, 2)}]),
                    {"pages": 3},
                ),
                timeout=timedelta(seconds=90),
                kill_grace=timedelta(seconds=1),
                retry=RetryPolicy(retries=0, delay=timedelta(), max_delay=timedelta()),
                rotation=Rotation(max_bytes=4096, backups=0, compress=False),
            ),
            Task(
                name="validate",
                action=Command(("validate", "--strict", ""), ResultKind.JSON),
                **FROM_DEFAULTS,
            ),
            Task(
                name="stats.v2",
                action=Call("/opt/etl/stats.py:stats"),
                depends_on=(Dependency("fetch_data", Passing.ARG), Dependency("validate")),
                **FROM_DEFAULTS,
            ),
            Task(
                name="report",
                action=Call("/etc/longcase/jobs.d/lib/report.py:Report.make"),
                depends_on=(
                    Dependency("stats.v2", Passing.KWARG, "stats"),
                    Dependency("fetch_data", Passing.KWARG, "fetch_data"),
                    Dependency("validate"),
                ),
                **FROM_DEFAULTS,
            ),
            Task(
                name="publish",
                action=Command("publish --stats $STATS < users.json"),
                depends_on=(
                    Dependency("stats.v2", Passing.ENV, "STATS"),
                    Dependency("validate", Passing.ENV, "validate"),
                    Dependency("fetch_data", Passing.STDIN),
                ),
                **FROM_DEFAULTS,
            ),
            Task(
                name="clean",
                action=Command('rm -rf "$TMP/x" |\n  cat', ResultKind.TEXT),
                **FROM_DEFAULTS,
            ),
        ),
        description="Nightly users report",
        enabled=False,
        schedule=Schedule((Cron("30 2 * * *"), Cron("0 */5 * * * MON"), Cron("@daily")), "Europe/Berlin"),
        overlap=Overlap.SKIP,
        catch_up=CatchUp.ONE,
        run_timeout=timedelta(minutes=90),
        params={"day": "today", "LONGCASE_x": ""},
        environment=Environment(
            python="/opt/etl/.venv/bin/python",
            pythonpath=("/opt/lib", "/etc/longcase/jobs.d/lib"),
            working_dir="/opt/etl",
            env_file=("/etc/etl/env", "/etc/longcase/jobs.d/users.env"),
            env={"REGION": "eu", "EMPTY": ""},
            secrets={
                "DB_PASSWORD": SecretSource(file="/etc/etl/db"),
                "API_KEY": SecretSource(file="/etc/longcase/jobs.d/keys/api"),
                "TOKEN": SecretSource(env="ETL_TOKEN"),
                "PIN": SecretSource(credential="etl-pin"),
            },
        ),
        mail=MailPolicy(
            to=("data@example.com", "ops+etl@mail.example.com"),
            on=frozenset({MailOn.FAILURE, MailOn.SUCCESS, MailOn.MISSED}),
        ),
        path="/etc/longcase/jobs.d/users.toml",
        job_file=EVERY_KEY,
    )


def test_every_key_there_is_stands_in_that_file():
    table = tomllib.loads(EVERY_KEY)
    used = {key for task in table["tasks"].values() for key in task}
    assert table.keys() == {key.name for key in FILE.keys}
    assert table["mail"].keys() == {key.name for key in MAIL.keys}
    assert table["defaults"].keys() == {key.name for key in DEFAULTS.keys}
    assert used == {key.name for key in TASK.keys}


def test_a_file_with_nothing_but_a_task_gets_the_domains_defaults():
    text = '[tasks.a]\nrun = "true"\n'
    assert read(text, machine_timezone="Asia/Tokyo") == Pipeline(
        name="users",
        tasks=(Task(name="a", action=Command("true")),),
        schedule=Schedule((), "Asia/Tokyo"),
        path="/etc/longcase/jobs.d/users.toml",
        job_file=text,
    )


def test_a_call_has_no_arguments_by_default():
    (task,) = read('tasks.a.call = "m:f"').tasks
    assert task.action == Call("m:f", (), {})


def test_the_machines_zone_gives_way_to_the_files():
    pipeline = read('timezone = "Europe/Berlin"\ntasks.a.run = "true"', machine_timezone="Asia/Tokyo")
    assert pipeline.schedule.timezone == "Europe/Berlin"


def test_one_cron_line_needs_no_list():
    assert read('schedule = "@hourly"\ntasks.a.run = "true"').schedule.expressions == (Cron("@hourly"),)


def test_an_empty_list_of_addresses_mails_nobody_and_no_list_the_operator():
    assert read('mail.to = []\ntasks.a.run = "true"').mail.to == ()
    assert read('tasks.a.run = "true"').mail.to is None


def test_relative_folders_begin_at_the_job_files_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = 'working_dir = "work"\npythonpath = ["."]\ntasks.a.run = "true"'
    pipeline = read_job_file(text, name="a", path="jobs/a.toml")
    assert pipeline.environment.working_dir == f"{tmp_path}/jobs/work"
    assert pipeline.environment.pythonpath == (f"{tmp_path}/jobs",)


def test_one_file_of_variables_needs_no_list_and_begins_at_the_job_files_folder():
    pipeline = read('env_file = "users.env"\ntasks.a.run = "true"')
    assert pipeline.environment.env_file == ("/etc/longcase/jobs.d/users.env",)


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("etl.users:Fetch.all", "etl.users:Fetch.all"),
        ("größe:länge", "größe:länge"),
        ("/opt/etl/users.py:fetch", "/opt/etl/users.py:fetch"),
        ("/opt/etl v1:2/my-users.py:Fetch.all", "/opt/etl v1:2/my-users.py:Fetch.all"),
        ("lib/users.py:fetch", "/etc/longcase/jobs.d/lib/users.py:fetch"),
        ("./users.py:fetch", "/etc/longcase/jobs.d/users.py:fetch"),
        ("users.py:fetch", "/etc/longcase/jobs.d/users.py:fetch"),
        ("../users.py:fetch", "/etc/longcase/jobs.d/../users.py:fetch"),
    ],
)
def test_a_callable_is_named_by_its_module_or_by_its_file_from_the_job_files_folder_on(written, target):
    (task,) = read(f'tasks.a.call = "{written}"').tasks
    assert task.action == Call(target)


def test_a_relative_file_of_a_callable_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (task,) = read_job_file('tasks.a.call = "users.py:fetch"', name="a", path="jobs/a.toml").tasks
    assert task.action == Call(f"{tmp_path}/jobs/users.py:fetch")


@pytest.mark.parametrize("written", ["1", "1.0", "2", "1.5", "1e3"])
def test_a_backoff_is_any_number_from_1_on(written):
    (task,) = read(f'[tasks.a]\nrun = "x"\nretry_backoff = {written}').tasks
    assert task.retry.backoff == float(written)


def test_the_task_comes_before_the_files_defaults_and_they_before_the_daemons():
    daemon = {"retries": 1, "retry_backoff": 2.0, "timeout": timedelta(hours=1)}
    text = '[defaults]\nretries = 2\ntimeout = "2h"\n[tasks.a]\nrun = "x"\n[tasks.b]\nrun = "x"\nretries = 3'
    a, b = read(text, defaults=daemon).tasks
    assert (a.retry.retries, b.retry.retries) == (2, 3)
    assert a.timeout == b.timeout == timedelta(hours=2)
    assert a.retry.backoff == b.retry.backoff == 2.0


@pytest.mark.parametrize("delays", ['retry_delay = "2h"', 'retry_delay = "2h"\nretry_max_delay = "5s"'])
@pytest.mark.parametrize("before", ['tasks.a.run = "x"\n[defaults]', '[tasks.a]\nrun = "x"'])
def test_a_delay_that_is_longer_than_the_longest_one_counts(before, delays):
    (task,) = read(f"{before}\n{delays}").tasks
    assert task.retry.wait(1, 0.5) == task.retry.wait(9, 0.5) == timedelta(hours=2)


def test_a_longest_delay_alone_may_be_shorter_than_the_delay_that_nobody_asked_for():
    (task,) = read('tasks.a.run = "x"\n[defaults]\nretry_max_delay = "5s"').tasks
    assert task.retry.wait(1, 0.5) == timedelta(seconds=10)


def test_variables_of_different_tasks_and_ways_may_bear_one_name():
    text = """
        env.REGION = "eu"
        tasks.a.call = "m:f"
        tasks.b.run = "x"
        tasks.b.depends_on = [{ task = "a", pass = "env", as = "DATA" }]
        tasks.c.call = "m:f"
        tasks.c.depends_on = [{ task = "a", pass = "kwarg", as = "REGION" }]
        tasks.stdin.call = "m:f"
        tasks.d.run = "x"
        tasks.d.depends_on = [{ task = "a", pass = "stdin" }, { task = "stdin", pass = "env" }]
    """
    assert len(read(text).tasks) == 5


@pytest.mark.parametrize(
    "source",
    [
        b'\xef\xbb\xbf[tasks.a]\nrun = "echo \xc3\xa9"\n',
        b'[tasks.a]\r\nrun = "echo \xc3\xa9"\r\n',
        '[tasks.a]\nrun = "echo é"',
    ],
)
def test_bytes_with_or_without_byte_order_mark_and_any_line_ends_are_read(source):
    (task,) = read(source).tasks
    assert task.action == Command("echo é")


def test_a_job_file_error_is_printed_with_file_line_key_and_remedy():
    with pytest.raises(JobFileErrors) as error:
        read('[tasks.a]\nrun = "true"\nretrys = 1\n')
    (problem,) = error.value.problems
    assert str(problem) == (
        "/etc/longcase/jobs.d/users.toml:3: tasks.a.retrys: "
        'not a known key; the nearest known one is "retries"'
    )
    assert str(error.value) == str(problem)


@pytest.mark.parametrize("section", [FILE, MAIL, DEFAULTS, TASK])
def test_every_key_is_described_and_its_default_can_be_written_in_a_file(section):
    for key in section.keys:
        assert key.help.endswith((".", "…"))
        if key.default is not None:
            assert section.read({key.name: key.default}) == {key.name: section.defaults[key.name]}


def test_a_long_chain_is_read():
    chain = "\n".join(f'[tasks.t{n}]\nrun = "true"\ndepends_on = ["t{n - 1}"]' for n in range(1, 2000))
    assert len(read(f'[tasks.t0]\nrun = "true"\n{chain}').tasks) == 2000
