"""The job file that `longcase new` writes: every key once, explained, and right."""

import re
import tomllib

import pytest

from longcase.domain.pipeline import Command, Task
from longcase.texts.job_keys import DEFAULTS, FILE, MAIL, TASK, Tasks
from longcase.texts.job_template import job_template
from longcase.texts.jobfile import read_job_file
from longcase.texts.keys import Section

URL = "file:///opt/longcase/share/longcase/job.schema.json"
TEXT = job_template("nightly", URL)
TABLES = {
    "": [key for key in FILE.keys if not isinstance(key.kind, Section | Tasks)],
    "mail": list(MAIL.keys),
    "defaults": list(DEFAULTS.keys),
    "tasks.hello": [key for key in TASK.keys if key.name not in DEFAULTS.by_name],
}
KEYS = [(table, key) for table, keys in TABLES.items() for key in keys]
IDS = [key.name for _, key in KEYS]


def lines():
    """Each key that stands there, commented out or not: its table, its name, its line."""
    table = ""
    for line in TEXT.splitlines():
        if header := re.match(r"\[(.+?)\]", line):
            table = header[1]
        elif said := re.match(r"#?([a-z_]+) = ", line):
            yield table, said[1], line


def line_of(table, key):
    (line,) = (line for where, name, line in lines() if (where, name) == (table, key.name))
    return line


def test_every_key_stands_there_once_in_its_table():
    assert sorted((table, name) for table, name, _ in lines()) == sorted(
        (table, key.name) for table, key in KEYS
    )


@pytest.mark.parametrize(("table", "key"), KEYS, ids=IDS)
def test_what_a_key_says_is_its_default_or_an_example_that_is_right(table, key):
    value = tomllib.loads(line_of(table, key).removeprefix("#"))[key.name]
    key.kind.read(value)
    if key.default not in (None, "", [], {}):
        assert value == key.default


@pytest.mark.parametrize("key", [key for _, key in KEYS], ids=IDS)
def test_every_key_is_explained(key):
    comments = re.sub(r"\n *# ", " ", TEXT)
    assert key.help in re.sub(r"^ *# ", "", comments, flags=re.MULTILINE)


def test_it_is_a_pipeline_with_a_task_that_works_and_no_schedule():
    pipeline = read_job_file(TEXT, name="nightly", path="nightly.toml")
    assert pipeline.tasks == (Task(name="hello", action=Command(("echo", "hello"))),)
    assert not pipeline.schedule.expressions


def test_every_key_of_the_file_its_mail_and_its_defaults_can_be_switched_on_at_once():
    above, task = TEXT.split("[tasks.hello]")
    switched_on = re.sub(r"^#(?=[a-z_]+ = )", "", above, flags=re.MULTILINE)
    pipeline = read_job_file(f"{switched_on}[tasks.hello]{task}", name="nightly", path="nightly.toml")
    assert pipeline.schedule.expressions
    assert pipeline.mail.to == ("ops@example.com",)
    assert set(pipeline.environment.secrets) == {"DB_PASSWORD"}


def test_its_first_line_tells_editors_where_the_schema_is():
    assert TEXT.splitlines()[0] == f"#:schema {URL}"


def test_it_is_short_enough_to_be_read():
    assert len(TEXT.splitlines()) < 3 * len(KEYS)
    assert max(map(len, TEXT.splitlines())) <= 110
    assert "The pipeline nightly." in TEXT
