"""Bad job files: each mistake is told at its line and key, with what would be right."""

import pytest

from longcase import __version__
from longcase.texts.jobfile import JobFileErrors, read_job_file

TASK = '\n[tasks.a]\nrun = "true"\n'
CALL = '[tasks.a]\ncall = "m:f"\n'


def problems(source, name="p"):
    with pytest.raises(JobFileErrors) as error:
        read_job_file(source, name=name, path="p.toml")
    return error.value.problems


AT_THE_TOP = [
    # (text, line, key, part of the message)
    ("enabled = 1", "enabled", "expected true or false, without quotes, found integer 1"),
    ('enabled = "true"', "enabled", 'found string "true"'),
    ("description = 5", "description", "expected a string, found integer 5; put it in quotes"),
    ("schedule = 30", "schedule", "expected a cron line or a list of them, found integer 30"),
    ('schedule = { every = "15m" }', "schedule", "found a table of 1"),
    ('schedule = ""', "schedule", "not empty"),
    ('schedule = "30 2 * *"', "schedule", "it has 4 fields; right are five"),
    ('schedule = "60 2 * * *"', "schedule", "minute is '60'; right is 0-59"),
    ('schedule = "* 2 * * * * *"', "schedule", "it has 7 fields"),
    ('schedule = ["@daily", "0 25 * * *"]', "schedule[1]", "hour is '25'"),
    ('schedule = ["@daily", 5]', "schedule[1]", "expected a cron line"),
    ('schedule = "0 0 31 2 *"', "schedule", "never fires"),
    ('schedule = "@reboot"', "schedule", "known are @yearly"),
    ('timezone = "Europe/Berln"', "timezone", "'Europe/Berln' is no IANA time zone"),
    ('timezone = "../etc/passwd"', "timezone", "is no IANA time zone"),
    ("timezone = 1", "timezone", "expected a time zone"),
    ('overlap = "queue_one"', "overlap", 'expected "skip", found string "queue_one"'),
    ("overlap = true", "overlap", 'expected "skip", found boolean true'),
    ('catch_up = "all"', "catch_up", 'expected "one", found string "all"'),
    ("working_dir = []", "working_dir", "expected a folder, found an empty array"),
    ('working_dir = "~/etl"', "working_dir", "~ is not replaced"),
    ('python = "python3"', "python", "beginning with /"),
    ('python = "/a\\u0000b"', "python", "without NUL"),
    ('pythonpath = "lib"', "pythonpath", "expected a list of folders in brackets"),
    ('pythonpath = ["lib", 3]', "pythonpath[1]", "expected a folder, found integer 3"),
    ('env = "A=1"', "env", "expected a table of strings"),
    ("env = { N = 3 }", "env.N", 'expected a string, found integer 3; put it in quotes: "3"'),
    ("env = { N = true }", "env.N", 'found boolean true; put it in quotes: "true"'),
    ('env = { "1A" = "x" }', "env.1A", "not a variable's name"),
    ('env = { "A=B" = "x" }', 'env."A=B"', "not a variable's name"),
    ('env = { LONGCASE_RUN = "x" }', "env.LONGCASE_RUN", "choose another name"),
    ('env = { A = "x\\u0000" }', "env.A", "without NUL"),
    ('mail = "ops@example.com"', "mail", "expected a table, found string"),
    ('mail = { to = "ops@example.com" }', "mail.to", "in brackets"),
    ('mail = { to = ["ops"] }', "mail.to[0]", "expected a mail address such as"),
    ('mail = { to = ["a@b.c\\nBcc: x@y.z"] }', "mail.to[0]", "expected a mail address"),
    ('mail = { on = ["failed"] }', "mail.on[0]", 'expected "failure", "recovery", "success" or "missed"'),
    ("mail = { colour = 1 }", "mail.colour", "not a known key; known here are to, on"),
    ("mail = { enabled = true }", "mail.enabled", "it belongs at the top of the file"),
    ('timeout = "10m"', "timeout", "it belongs in [defaults] or [tasks.NAME]"),
    ('call = "a:b"', "call", "it belongs in [tasks.NAME]"),
    ('to = ["a@b"]', "to", "it belongs in [mail]"),
    ('scedule = "@daily"', "scedule", 'the nearest known one is "schedule"'),
    ("defaults = 1", "defaults", "expected a table, found integer 1"),
    ("defaults = { run = 'x' }", "defaults.run", "it belongs in [tasks.NAME]"),
    ('defaults = { timout = "1s" }', "defaults.timout", 'the nearest known one is "timeout"'),
    ("defaults = { timeout = 0 }", "defaults.timeout", "leave the key out for no limit"),
]

IN_A_TASK = [
    ("timeout = 0", "timeout", "expected more than zero"),
    ('timeout = "0s"', "timeout", "expected more than zero"),
    ("timeout = -5", "timeout", "found integer -5"),
    ('timeout = "10"', "timeout", 'expected a duration such as "90s"'),
    ('timeout = "10 min"', "timeout", 'found string "10 min"'),
    ("timeout = true", "timeout", "found boolean true"),
    ("timeout = inf", "timeout", "found float inf"),
    ("timeout = nan", "timeout", "found float nan"),
    ("timeout = 10:00:00", "timeout", "found time 10:00:00"),
    ("retries = -1", "retries", "expected a whole number from 0 to 10000, found integer -1"),
    ("retries = 1.0", "retries", "found float 1.0"),
    ("retries = true", "retries", "found boolean true"),
    ('retries = "2"', "retries", 'found string "2"'),
    (f"retries = 0x{'f' * 5000}", "retries", "found integer of 20000 bits"),
    ('retry_delay = "soon"', "retry_delay", 'found string "soon"'),
    ("kill_grace = -1", "kill_grace", "expected a duration from 0"),
    ("kill_grace = 2026-01-02", "kill_grace", "found date 2026-01-02"),
    ('log_max_bytes = "1K"', "log_max_bytes", 'expected at least "4K", found string "1K"'),
    ("log_max_bytes = 100", "log_max_bytes", "found integer 100"),
    ('log_max_bytes = "10MB"', "log_max_bytes", 'expected a size such as "512M"'),
    ("log_max_bytes = 1e6", "log_max_bytes", "found float 1000000.0"),
    ("log_backups = 10000", "log_backups", "from 0 to 1000"),
    ('log_compress = "yes"', "log_compress", "expected true or false"),
    ('schedule = "@daily"', "schedule", "it belongs at the top of the file"),
    ('depend_on = ["b"]', "depend_on", 'the nearest known one is "depends_on"'),
    ("args = 1", "args", "expected a list of arguments"),
    (f"args = [1, [0x{'f' * 17}]]", "args[1][0]", "expected an integer of 64 bits"),
    (f"args = {'[' * 60}{']' * 60}", f"args{'[0]' * 51}", "nested deeper than 50 levels"),
    ("kwargs = [1]", "kwargs", "expected a table of keyword arguments"),
    ('depends_on = "b"', "depends_on", "expected a list of dependencies in brackets"),
    ("depends_on = [1]", "depends_on[0]", "expected a task's name, or { task"),
    ('depends_on = ["nobody"]', "depends_on[0]", 'no task is named "nobody"'),
    ('depends_on = ["a"]', "depends_on[0]", "the task depends on itself"),
    ('depends_on = ["b", "b"]', "depends_on[1]", '"b" stands there twice'),
    ('depends_on = ["bb"]', "depends_on[0]", 'no task is named "bb"; the nearest is "b"'),
    ('depends_on = [{ pass = "arg" }]', "depends_on[0]", 'expected task = "NAME"'),
    ('depends_on = [{ task = "b", pas = "arg" }]', "depends_on[0].pas", 'nearest known one is "pass"'),
    ('depends_on = [{ task = "b", pass = "env" }]', "depends_on[0].pass", 'expected "arg" or "kwarg"'),
    ('depends_on = [{ task = "b", pass = "order" }]', "depends_on[0].pass", 'expected "arg" or "kwarg"'),
    ('depends_on = [{ task = "b", as = "x" }]', "depends_on[0].as", 'needs pass = "kwarg"'),
    ('depends_on = [{ task = "b", pass = "arg", as = "x" }]', "depends_on[0].as", 'needs pass = "kwarg"'),
    (
        'depends_on = [{ task = "b", pass = "kwarg", as = "x-y" }]',
        "depends_on[0].as",
        "expected a Python parameter's name",
    ),
    (
        'depends_on = [{ task = "b", pass = "kwarg", as = "class" }]',
        "depends_on[0].as",
        "expected a Python parameter's name",
    ),
    (
        'depends_on = [{ task = "d-e", pass = "kwarg" }]',
        "depends_on[0]",
        '"d-e" is no Python parameter\'s name; give one',
    ),
    (
        'depends_on = [{ task = "b", pass = "kwarg" }, { task = "d-e", pass = "kwarg", as = "b" }]',
        "depends_on[1]",
        'two results are passed as "b"',
    ),
    ('depends_on = [{ task = "c", pass = "arg" }]', "depends_on[0]", '"c" is a command, and has no result'),
]

TASK_ALONE = [
    ("timeout = 1", "tasks.a", 'expected call = "module:function" or run = "command", found neither', 1),
    ('call = "m:f"\nrun = "true"', "tasks.a.run", "remove the other", 3),
    ('call = "m"', "tasks.a.call", 'expected a callable as "module:qualified.name"', 2),
    ('call = "m:"', "tasks.a.call", "expected a callable", 2),
    ('call = "m:f()"', "tasks.a.call", "expected a callable", 2),
    ('call = "/opt/etl/users.py:fetch"', "tasks.a.call", "its folder in pythonpath", 2),
    ("call = 1", "tasks.a.call", "found integer 1", 2),
    ('run = ""', "tasks.a.run", "expected a command", 2),
    ('run = "  "', "tasks.a.run", "expected a command", 2),
    ("run = []", "tasks.a.run", "found an empty array", 2),
    ('run = ["", "x"]', "tasks.a.run", "expected a command", 2),
    ('run = ["sleep", 1]', "tasks.a.run[1]", 'found integer 1; put it in quotes: "1"', 2),
    ('run = "a\\u0000b"', "tasks.a.run", "without NUL", 2),
    ('run = "x"\nargs = [1]', "tasks.a.args", "goes with call only", 3),
    ('run = "x"\nkwargs = {}', "tasks.a.kwargs", "goes with call only", 3),
    (
        'run = "x"\ndepends_on = [\n  { task = "b", pass = "arg" }]\n[tasks.b]\ncall = "m:f"',
        "tasks.a.depends_on[0]",
        "a command takes no result",
        4,
    ),
]

WHOLE_FILE = [
    ("", 1, "tasks", "expected at least one task: [tasks.NAME] with call or run, found none"),
    ("# nothing\n[tasks]\n", 2, "tasks", "expected at least one task"),
    ("tasks = 1", 1, "tasks", "found integer 1"),
    ('[[tasks]]\nrun = "x"', 1, "tasks", "found an array of 1"),
    ("[tasks]\na = 1", 2, "tasks.a", "expected a table, found integer 1"),
    ('[tasks."a b"]\nrun = "x"', 1, 'tasks."a b"', "not a task's name; right are 1 to 100 of"),
    (f'[tasks.{"a" * 101}]\nrun = "x"', 1, f"tasks.{'a' * 101}", "not a task's name"),
    ('[tasks."a/b"]\nrun = "x"', 1, 'tasks."a/b"', "not a task's name"),
    (
        '[tasks.b]\nrun = "x"\ndepends_on = ["c",\n\n]\n[tasks.c]\nrun = "x"\ndepends_on = ["b"]',
        3,
        "tasks.b.depends_on[0]",
        "tasks wait for each other in a cycle: b → c → b",
    ),
    # what is no TOML at all is told alone, and has no key
    ("a = 1\na = 2", 2, "", "Cannot overwrite a value, found `a = 2`; the key stands there twice"),
    ("[tasks.a]\n[tasks.a]", 2, "", "the table stands there twice"),
    ("env = { A = '1', A = '2' }", 1, "", "Duplicate inline table key 'A'"),
    ("timeout = 10m", 1, "", "found `timeout = 10m`"),
    ("x = yes", 1, "", "text stands in quotes"),
    ('\n\nx = "abc\ny = 1', 3, "", "the string is not closed on its line"),
    ("x = 'abc\ny = 1", 1, "", "add the quotes that close the string"),
    ('a = ""\nx = """abc\ny = 1\n\n', 2, "", "add the quotes that close"),
    ("a = [1]\nx = [{ y = [2,\n3]\n\n", 3, "", "} closes it"),
    ("a = 1\nx = [[2],\n3\n\n", 2, "", "] closes it"),
    ("x = [1, 2\ny = 3", 2, "", "] closes it"),
    ("env = { A = '1',\n B = '2' }", 1, "", "stands on one line"),
    ("just words", 1, "", "a line is key = value"),
    ("a = 1 b = 2", 1, "", "one key = value a line"),
    ("[tasks", 1, "", "Expected ']'"),
    ('x = "C:\\temp"\ny = "\\q"', 2, "", "write \\\\ for a backslash"),
    ("x = 2026-02-30", 1, "", "there is no such day"),
    ("a\0b = 1", 1, "", "found `a\\u0000b = 1`"),
    ("\x0b\x0c\x1c[", 1, "", "no valid TOML"),
    ("x = 1\n\ny = " + "[" * 100_000, 3, "", "nested too deeply"),
    (f"x = 1\ny = {'9' * 5000}\nz = 2", 2, "", "not a value that can be read"),
    (b"x = 1\ny = '\xff'\n", 2, "", "not in UTF-8: found byte 0xff"),
    (b"\xff\xfex\0", 1, "", "not in UTF-8"),
]


LATER = [
    # (text, key): keys of the documentation that this version doesn't know yet
    ('exclude = "0 0 25 12 *"', "exclude"),
    ('spread = "5m"', "spread"),
    ('after = "other"', "after"),
    ('catch_up_window = "1d"', "catch_up_window"),
    ('on_interrupt = "resume"', "on_interrupt"),
    ('run_timeout = "1h"', "run_timeout"),
    ("max_parallel = 4", "max_parallel"),
    ("priority = 1", "priority"),
    ('preload = ["pandas"]', "preload"),
    ("reuse = 8", "reuse"),
    ('user = "etl"', "user"),
    ('env_file = ["/etc/etl/env"]', "env_file"),
    ('secrets = { DB = { env = "DB" } }', "secrets"),
    ('params = { day = "1" }', "params"),
    ('mail = { group_for = "1m" }', "mail.group_for"),
    *(
        (f"defaults = {{ {key} = 1 }}", f"defaults.{key}")
        for key in (
            "retry_backoff",
            "retry_max_delay",
            "retry_jitter",
            "nice",
            "ionice",
            "memory_max",
            "tasks_max",
            "cpu_max_seconds",
            "files_max",
            "uses",
            "result_max",
        )
    ),
    ("[tasks.b]\nrun = 'x'\nresult = 'text'", "tasks.b.result"),
    ("[tasks.b]\nrun = 'x'\nmemory_max = '1G'", "tasks.b.memory_max"),
]
LATER_VALUES = [
    *((f'overlap = "{word}"', "overlap") for word in ("queue_one", "queue_all", "cancel_other", "allow_all")),
    *((f'catch_up = "{word}"', "catch_up") for word in ("none", "all")),
    ('schedule = { every = "15m" }', "schedule"),
    ("schedule = { at = 2026-12-24T18:00:00 }", "schedule"),
    ('schedule = ["@daily", { every = "15m" }]', "schedule[1]"),
    ('[tasks.b]\ncall = "/opt/x.py:fetch"', "tasks.b.call"),
    ('[tasks.b]\nrun = "x"\ndepends_on = [{ task = "a", pass = "env" }]', "tasks.b.depends_on[0].pass"),
    ('[tasks.b]\nrun = "x"\ndepends_on = [{ task = "a", pass = "stdin" }]', "tasks.b.depends_on[0].pass"),
]


@pytest.mark.parametrize(("text", "key"), LATER, ids=[key for _, key in LATER])
def test_a_key_of_a_later_version_is_told_from_a_slip_of_the_hand(text, key):
    (problem,) = problems(f"{text}\n{TASK}")
    assert problem.key == key
    assert problem.message == f"known to later versions, not yet to this one ({__version__}): remove it"


@pytest.mark.parametrize(("text", "key"), LATER_VALUES)
def test_a_value_of_a_later_version_is_told_from_a_slip_of_the_hand(text, key):
    (problem,) = problems(f"{text}\n{TASK}")
    assert problem.key == key
    assert f"known to later versions, not yet to this one ({__version__})" in problem.message


@pytest.mark.parametrize("text", ['overlap = "queue_on"', 'catch_up = "al"', "schedule = { evry = 1 }"])
def test_a_value_that_no_version_knows_is_a_slip_of_the_hand(text):
    (problem,) = problems(f"{text}\n{TASK}")
    assert "later versions" not in problem.message


@pytest.mark.parametrize(("text", "key", "message"), AT_THE_TOP)
def test_a_mistake_at_the_top_of_the_file(text, key, message):
    (problem,) = problems(f"# first line\n{text}\n{TASK}")
    assert (problem.path, problem.line, problem.key) == ("p.toml", 2, key)
    assert message in problem.message


@pytest.mark.parametrize(("text", "key", "message"), IN_A_TASK)
def test_a_mistake_in_a_task(text, key, message):
    others = '\n[tasks.b]\ncall = "m:f"\n[tasks.c]\nrun = "true"\n[tasks.d-e]\ncall = "m:f"\n'
    (problem,) = problems(f"{CALL}\n{text}\n{others}")
    assert (problem.line, problem.key) == (4, f"tasks.a.{key}")
    assert message in problem.message


@pytest.mark.parametrize(("text", "key", "message", "line"), TASK_ALONE)
def test_a_task_that_is_wrong_as_a_whole(text, key, message, line):
    (problem,) = problems(f"[tasks.a]\n{text}\n")
    assert (problem.line, problem.key) == (line, key)
    assert message in problem.message


@pytest.mark.parametrize(("source", "line", "key", "message"), WHOLE_FILE, ids=range(len(WHOLE_FILE)))
def test_a_file_that_is_wrong_as_a_whole(source, line, key, message):
    (problem,) = problems(source)
    assert (problem.line, problem.key) == (line, key)
    assert message in problem.message


@pytest.mark.parametrize("name", ["a b", "", ".hidden", "ü", "x" * 101])
def test_a_file_whose_name_makes_no_pipelines_name(name):
    (problem,) = problems(TASK, name)
    assert (problem.line, problem.key) == (1, "")
    assert f"makes {name!r} the pipeline's; rename the file: 1 to 100 of" in problem.message


def test_every_error_is_told_at_once_and_in_the_order_of_lines():
    text = """\
scedule = "@daily"
schedule = ["0 0 * * *",
            "61 * * * *"]
env = { A = 1, B = 2 }

[tasks.a]
call = "m:f"
depends_on = ["nobody", "b",
              { task = "c", pas = "arg" }]
timeout = 0

[tasks.b]
depends_on = ["a"]

[tasks.c]
run = "x"
args = 1
"""
    assert [(problem.line, problem.key) for problem in problems(text)] == [
        (1, "scedule"),
        (3, "schedule[1]"),
        (4, "env.A"),
        (4, "env.B"),
        (8, "tasks.a.depends_on[0]"),
        (8, "tasks.a.depends_on[1]"),
        (9, "tasks.a.depends_on[2].pas"),
        (10, "tasks.a.timeout"),
        (12, "tasks.b"),
        (17, "tasks.c.args"),
        (17, "tasks.c.args"),
    ]


def test_cycles_that_share_no_task_are_all_told():
    pairs = [("a", "b"), ("b", "a"), ("c", "d"), ("d", "e"), ("e", "c")]
    text = "\n".join(f'[tasks.{task}]\nrun = "x"\ndepends_on = ["{needed}"]' for task, needed in pairs)
    found = problems(text)
    assert [problem.line for problem in found] == [3, 9]
    assert "a → b → a" in found[0].message
    assert "c → d → e → c" in found[1].message


def test_mistakes_in_the_defaults_are_told_once_whatever_the_number_of_tasks():
    text = '[defaults]\nretries = -1\n[tasks.a]\nrun = "x"\n[tasks.b]\nrun = "x"'
    assert [(problem.line, problem.key) for problem in problems(text)] == [(2, "defaults.retries")]


def test_a_thousand_mistakes_are_told_each():
    tasks = "".join(f'[tasks.t{n}]\nrun = "x"\ndepends_on = ["u{n}"]\n' for n in range(1000))
    assert [problem.line for problem in problems(tasks)] == list(range(3, 3001, 3))
