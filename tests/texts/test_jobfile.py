"""Good job files: every key, and where defaults come from."""

from datetime import date, timedelta

import pytest

from longcase.domain.pipeline import (
    Call,
    Command,
    Dependency,
    Environment,
    Passing,
    Pipeline,
    Task,
)
from longcase.domain.policy import CatchUp, MailOn, MailPolicy, Overlap, RetryPolicy, Rotation
from longcase.domain.schedule import Cron, Schedule
from longcase.texts.jobfile import DEFAULTS, FILE, MAIL, TASK, JobFileErrors, read_job_file

EVERY_KEY = """
enabled = false
description = "Nightly users report"
schedule = ["30 2 * * *", "0 */5 * * * MON", "@daily"]
timezone = "Europe/Berlin"
overlap = "skip"
catch_up = "one"
working_dir = "/opt/etl"
python = "/opt/etl/.venv/bin/python"
pythonpath = ["/opt/lib", "lib"]
env = { REGION = "eu", EMPTY = "" }

[mail]
to = ["data@example.com", "ops+etl@mail.example.com"]
on = ["failure", "success", "missed"]

[defaults]
timeout = "10m"
retries = 2
retry_delay = "1m"
kill_grace = 5
log_max_bytes = "1M"
log_backups = 2
log_compress = true

[tasks.fetch_data]
call = "etl.users:Fetch.all"
args = ["https://…", 1, 2.5, true, [1, { a = 2026-01-02 }]]
kwargs = { pages = 3 }
timeout = 90
retries = 0
retry_delay = "0s"
kill_grace = "1s"
log_max_bytes = 4096
log_backups = 0
log_compress = false

[tasks.validate]
run = ["validate", "--strict", ""]

[tasks."stats.v2"]
call = "etl:stats"
depends_on = [
    { task = "fetch_data", pass = "arg" },
    "validate",
]

[tasks.report]
call = "etl:report"
depends_on = [
    { task = "stats.v2", pass = "kwarg", as = "stats" },
    { task = "fetch_data", pass = "kwarg" },
    { task = "validate" },
]

[tasks.clean]
run = "rm -rf $TMP/x | cat"
"""

FROM_DEFAULTS = {
    "timeout": timedelta(minutes=10),
    "kill_grace": timedelta(seconds=5),
    "retry": RetryPolicy(retries=2, delay=timedelta(minutes=1)),
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
                retry=RetryPolicy(retries=0, delay=timedelta()),
                rotation=Rotation(max_bytes=4096, backups=0, compress=False),
            ),
            Task(name="validate", action=Command(("validate", "--strict", "")), **FROM_DEFAULTS),
            Task(
                name="stats.v2",
                action=Call("etl:stats"),
                depends_on=(Dependency("fetch_data", Passing.ARG), Dependency("validate")),
                **FROM_DEFAULTS,
            ),
            Task(
                name="report",
                action=Call("etl:report"),
                depends_on=(
                    Dependency("stats.v2", Passing.KWARG, "stats"),
                    Dependency("fetch_data", Passing.KWARG, "fetch_data"),
                    Dependency("validate"),
                ),
                **FROM_DEFAULTS,
            ),
            Task(name="clean", action=Command("rm -rf $TMP/x | cat"), **FROM_DEFAULTS),
        ),
        description="Nightly users report",
        enabled=False,
        schedule=Schedule((Cron("30 2 * * *"), Cron("0 */5 * * * MON"), Cron("@daily")), "Europe/Berlin"),
        overlap=Overlap.SKIP,
        catch_up=CatchUp.ONE,
        environment=Environment(
            python="/opt/etl/.venv/bin/python",
            pythonpath=("/opt/lib", "/etc/longcase/jobs.d/lib"),
            working_dir="/opt/etl",
            env={"REGION": "eu", "EMPTY": ""},
        ),
        mail=MailPolicy(
            to=("data@example.com", "ops+etl@mail.example.com"),
            on=frozenset({MailOn.FAILURE, MailOn.SUCCESS, MailOn.MISSED}),
        ),
        path="/etc/longcase/jobs.d/users.toml",
        job_file=EVERY_KEY,
    )


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
