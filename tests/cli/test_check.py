"""`check` as it is typed: what it finds before anything runs, and what it says of what is right."""

import os
import re
import subprocess
import sys
import venv

import pytest

from home import LONGCASE, Home, processes_with
from needs import need

MODULE = """
def fetch(url: str, pages: int = 3) -> list[str]: ...
def stats(rows: list[str], *, top: int = 5) -> dict[str, int]: ...
def report(stats: dict[str, int], title: str) -> None: ...
"""
JOB = """
schedule = "30 2 * * *"
timezone = "Europe/Berlin"
pythonpath = ["."]

[mail]
to = ["data@example.com"]

[tasks.fetch]
call = "etl:fetch"
args = ["https://example.com"]

[tasks.stats]
call = "etl:stats"
depends_on = [{ task = "fetch", pass = "arg" }]

[tasks.report]
call = "etl:report"
kwargs = { title = "Users" }
depends_on = [{ task = "stats", pass = "arg" }, "fetch"]
"""


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    made.module("etl", MODULE)
    return made


def errors(home, text, name="etl", **options):
    """What is found in a job file, without the path that each line begins with."""
    path = home.job(name, text)
    done = home.run("check", path, **options)
    assert "Traceback" not in done.stderr
    assert not processes_with(str(home.root))
    return done.returncode, done.stdout.replace(f"{path}:", "")


def test_a_good_file_is_shown_with_its_graph_its_next_firings_and_who_is_mailed(home):
    done = home.run("check", home.job("etl", JOB), env={**os.environ, "TZ": "UTC"})
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "etl: ok, 3 tasks",
        "  graph  1 ─ fetch",
        "         2 ─ stats   fetch → arg",
        "         3 ─ report  stats → arg, after fetch",
    ]
    assert re.fullmatch(r"  next   \d{4}-\d\d-\d\d 0[01]:30:00", lines[4])
    assert re.fullmatch(r"         \d{4}-\d\d-\d\d 0[01]:30:00", lines[6])
    clocks = "".join(lines[7:9])
    assert re.search(r"  clocks \d{4}-\d\d-\d\d 02:30 → runs ", clocks)
    assert "(Europe/Berlin)" in clocks
    assert lines[-1] == "  mails  failure, recovery → data@example.com"
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout


def test_json_carries_the_same(home):
    home.job("etl", JOB.replace('args = ["https://example.com"]', "args = [3]"))
    home.job("worse", "[tasks.a]\n")
    report, refused = home.json("check")
    assert report["errors"] == [
        (
            f"{home.jobs / 'etl.toml'}:11: tasks.fetch.args[0]: "
            "expected str for parameter `url` of etl:fetch, found integer 3"
        )
    ]
    assert report["hints"] == []
    assert len(report["next"]) == 3
    assert "runs at 03:00" in "".join(report["clock_changes"])
    assert report["mails"] == {"on": ["failure", "recovery"], "to": ["data@example.com"]}
    assert refused["pipeline"] == "worse"
    assert refused["errors"]
    assert refused["mails"] is None
    assert refused.keys() == report.keys()


def test_a_broken_module_is_told_for_each_task_and_its_frames_once(home):
    home.module("broken", "print('reading settings')\ndef load():\n    return {}['region']\nload()\n")
    text = (
        'pythonpath = ["."]\n[tasks.a]\ncall = "broken:f"\n[tasks.b]\ncall = "broken:g"\n'
        '[tasks.c]\ncall = "etl:nothing"\n'
    )
    code, out = errors(home, text)
    assert code == 1
    lines = out.splitlines()
    assert lines[0] == "3: tasks.a.call: broken:f can't be imported: KeyError: 'region'"
    assert re.fullmatch(r'      File ".*/broken.py", line 4, in <module>', lines[1])
    assert "    it printed:" in lines
    assert "      reading settings" in lines
    assert lines[-2] == "5: tasks.b.call: broken:g can't be imported: KeyError: 'region'"
    assert lines[-1].startswith(
        "7: tasks.c.call: etl:nothing can't be imported: AttributeError: module etl ("
    )
    assert out.count("broken.py") == 2


def test_the_job_sees_its_environment_and_its_secrets(home, tmp_path):
    (tmp_path / "token").write_text("s3cr3t-value\n")
    (tmp_path / "vars").write_text("REGION=eu\n")
    home.module(
        "looks",
        "import os\n"
        "assert os.environ['REGION'] == 'eu'\n"
        "assert os.environ['MODE'] == 'fast'\n"
        "assert os.environ['LONGCASE_PIPELINE'] == 'etl'\n"
        "assert os.environ['LONGCASE_PARAM_day'] == 'today'\n"
        "assert os.environ['LONGCASE_RUN'].startswith('etl@')\n"
        "assert os.environ['TOKEN'] == 's3cr3t-value'\n"
        "assert int(os.environ['DB_PORT']) == 543\n"
        "assert 'OURS' not in os.environ\n"
        f"assert os.getcwd() == {str(tmp_path)!r}\n"
        "def f(): ...\n",
    )
    text = (
        f'pythonpath = ["."]\nworking_dir = "{tmp_path}"\nenv = {{ MODE = "fast" }}\n'
        f'env_file = ["{tmp_path}/vars"]\nparams = {{ day = "today" }}\n'
        f'[secrets]\nTOKEN = {{ file = "{tmp_path}/token" }}\nDB_PORT = {{ env = "PORT" }}\n'
        '[tasks.a]\ncall = "looks:f"\n'
    )
    code, out = errors(home, text, env={**os.environ, "OURS": "1", "PORT": "543"})
    assert code == 0, out
    assert "hint" not in out


def test_without_a_secret_an_import_that_fails_is_worth_a_hint(home):
    home.module("port", "import os\nport = int(os.environ['DB_PORT'])\ndef f(): ...\n")
    home.module("there", "import os\nassert 'DB_PORT' in os.environ\ndef f(): ...\n")
    text = (
        'pythonpath = ["."]\nsecrets.DB_PORT = { credential = "port" }\n[tasks.a]\ncall = "port:f"\n'
        '[tasks.b]\ncall = "there:f"\n'
    )
    code, out = errors(home, text)
    assert code == 0
    first, *rest = out.splitlines()
    assert first.startswith("4: hint: tasks.a.call: port:f can't be imported: ValueError: invalid literal")
    assert first.endswith(" (a secret that its task will have was not there)")
    assert "tasks.b" not in out
    assert "etl: ok, 2 tasks" in rest


def test_no_part_of_a_secret_that_a_module_has_at_hand_is_shown(home, tmp_path):
    (tmp_path / "token").write_text("hunter2-s3same\n")
    home.module(
        "tells",
        "import os\ntoken = os.environ['TOKEN']\nprint(token + 'y' * 3_790)\nprint('x' * 190 + token)\n"
        "raise ValueError('z' * 1_990 + token)\n",
    )
    text = (
        f'pythonpath = ["."]\nsecrets.TOKEN = {{ file = "{tmp_path}/token" }}\n[tasks.a]\ncall = "tells:f"\n'
    )
    code, out = errors(home, text)
    assert code == 1
    assert f"      {'x' * 190}•••" in out.splitlines()
    assert not any(part in out for part in ("hunt", "er2", "s3s", "same"))


def test_what_a_module_forges_reaches_no_terminal_as_it_is(home):
    signature = {
        "shown": "()\x1b[2J",
        "parameters": [{"name": "a\netl.toml:1: forged\x1b[2J", "kind": "keyword_only"}],
    }
    broken = {"type": "broken", "call": "forges:g", "error": "no\nforged"}
    found = {"type": "found", "call": "forges:f", "signature": signature}
    home.module(
        "forges",
        "import json, os, struct\n"
        f"for message in ({found!r}, {broken!r}):\n"
        "    body = json.dumps(message).encode()\n"
        "    for fd in map(int, os.listdir('/proc/self/fd')):\n"
        "        try:\n"
        "            os.write(fd, struct.pack('>I', len(body)) + body)\n"
        "        except OSError:\n"
        "            pass\n"
        "os._exit(3)\n",
    )
    code, out = errors(
        home, 'pythonpath = ["."]\n[tasks.a]\ncall = "forges:f"\n[tasks.b]\ncall = "forges:g"\n'
    )
    assert code == 1
    first, second, *_ = out.splitlines()
    assert first.startswith("3: tasks.a.call: nothing fills parameter `a etl.toml:1: forged` of forges:f(); ")
    assert second == "5: tasks.b.call: forges:g can't be imported: no forged"
    assert "\x1b" not in out


ONE = '[tasks.a]\ncall = "etl:fetch"\nargs = ["x"]\n'


def test_an_interpreter_that_is_none_is_one_error_at_its_key(home):
    assert errors(
        home, f'pythonpath = ["."]\npython = "/no/such/python"\n{ONE}{ONE.replace("a]", "b]")}'
    ) == (
        1,
        "2: python: interpreter /no/such/python can't be started: No such file or directory\n",
    )
    code, out = errors(home, f'python = "/bin/false"\n{ONE}')
    assert (code, out) == (
        1,
        (
            "1: python: interpreter /bin/false ended with exit code 1; "
            "python names an interpreter of Python 3.9 or newer\n"
        ),
    )


def test_an_interpreter_without_longcase_will_do(home, tmp_path):
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv/bin/python"
    home.module("etl", f"import sys\nassert sys.executable == {str(python)!r}\n{MODULE}")
    code, out = errors(home, f'python = "{python}"\n{JOB}')
    assert code == 0, out


def test_what_no_task_could_start_with_is_told_instead_of_its_consequences(home):
    assert errors(home, f'pythonpath = ["."]\nworking_dir = "/no/such"\n{ONE}') == (
        1,
        "2: working_dir: there is no folder /no/such; make it, or name another\n",
    )
    code, out = errors(home, f'pythonpath = ["."]\nenv_file = ["/no/such"]\n{ONE}')
    assert code == 1
    assert out.startswith("2: env_file: /no/such can't be read: No such file or directory")


def test_all_that_tasks_would_miss_is_told_at_once(home):
    text = (
        'pythonpath = ["no-such"]\nworking_dir = "/no/such"\nenv_file = "/no/such"\n[tasks.a]\ncall = "m:f"\n'
    )
    code, out = errors(home, text)
    assert code == 1
    assert out.splitlines() == [
        "2: working_dir: there is no folder /no/such; make it, or name another",
        "3: env_file: /no/such can't be read: No such file or directory",
        f"1: hint: pythonpath[0]: there is no {home.jobs}/no-such, so no module is found in it",
    ]


def test_an_env_file_that_only_the_daemon_may_read_is_a_hint(home, tmp_path):
    need(os.getuid() == 0, "root, to become another user")
    (tmp_path / "env").write_text("A=1\n")
    (tmp_path / "env").chmod(0o600)
    script = (
        "import os, sys; from datetime import UTC, datetime; from longcase.cli.findings import find; "
        "from longcase.texts.jobfile import read_job_file; "
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); "
        "text = sys.argv[1]; pipeline = read_job_file(text, name='etl', path='/etl.toml'); "
        "print(*find(pipeline, datetime.now(UTC)), sep='\\n')"
    )
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", script, f'env_file = "{tmp_path}/env"\n[tasks.a]\nrun = "true"\n'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"/etl.toml:1: hint: env_file: {tmp_path}/env can't be read: Permission denied\n"


def test_a_program_that_is_not_there_is_a_hint(home):
    code, out = errors(
        home,
        'env = { PATH = "/bin" }\n[tasks.a]\nrun = ["rsnc", "-a"]\n[tasks.b]\nrun = ["/no/such"]\n'
        '[tasks.c]\nrun = ["true"]\n[tasks.d]\nrun = ["./here"]\n',
    )
    assert code == 0
    assert out.splitlines()[:3] == [
        "3: hint: tasks.a.run: there is no program rsnc in PATH (/bin)",
        "5: hint: tasks.b.run: there is no program /no/such",
        "etl: ok, 4 tasks",
    ]


def test_secrets_that_are_not_there_are_hints_and_no_errors(home, tmp_path):
    (tmp_path / "empty").touch()
    text = (
        f'[secrets]\nA = {{ file = "{tmp_path}/none" }}\nB = {{ file = "{tmp_path}/empty" }}\n'
        'C = { env = "NO_SUCH" }\nD = { credential = "d" }\n[tasks.a]\nrun = "true"\n'
    )
    code, out = errors(home, text)
    assert code == 0
    assert out.splitlines()[:4] == [
        f"2: hint: secrets.A: {tmp_path}/none can't be read: No such file or directory",
        f"3: hint: secrets.B: {tmp_path}/empty is empty",
        "4: hint: secrets.C: this environment has no NO_SUCH, and the daemon's needs it",
        "etl: ok, 1 task",
    ]
    with_credentials = {**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert f"5: hint: secrets.D: {tmp_path}/d can't be read" in errors(home, text, env=with_credentials)[1]


def test_a_secret_that_is_a_word_of_the_job_file_refuses_nothing(home, tmp_path):
    (tmp_path / "word").write_text("admin\n")
    code, out = errors(
        home,
        f'secrets.W = {{ file = "{tmp_path}/word" }}\n[mail]\nto = ["admin@example.com"]\n'
        '[tasks.admin]\nrun = "true"\n[tasks.a]\nrun = "true"\ndepends_on = ["admin"]\n',
    )
    assert code == 0
    told = [line.partition(": the value of secret W stands in the job file;")[0] for line in out.splitlines()]
    assert told[:3] == ["3: hint", "4: hint", "8: hint"]


def test_a_secret_that_stands_in_the_job_file_is_worth_a_hint_and_not_repeated(home, tmp_path):
    (tmp_path / "token").write_text("s3cr3t-value\n")
    (tmp_path / "word").write_text("data\n")
    text = (
        f'pythonpath = ["."]\nsecrets.T = {{ file = "{tmp_path}/token" }}\n'
        f'secrets.W = {{ file = "{tmp_path}/word" }}\n'
        '[tasks.database]\ncall = "etl:fetch"\nargs = ["x", "s3cr3t-value"]\n# data\n'
    )
    code, out = errors(home, text)
    assert code == 1
    assert out.splitlines() == [
        '6: tasks.database.args[1]: expected int for parameter `pages` of etl:fetch, found string "•••"',
        *(
            f"{line}: hint: the value of secret {name} stands in the job file; unless that is by chance, "
            "remove it here, and change the secret"
            for line, name in ((6, "T"), (7, "W"))
        ),
    ]


def test_not_even_the_beginning_of_a_long_secret_is_repeated(home, tmp_path):
    secret = "Abc" * 50
    (tmp_path / "token").write_text(secret)
    code, out = errors(
        home,
        f'pythonpath = ["."]\nsecrets.T = {{ file = "{tmp_path}/token" }}\n'
        f'[tasks.a]\ncall = "etl:fetch"\nargs = ["x", "{secret}"]\n',
    )
    assert code == 1
    assert "•••" in out
    assert "AbcAbc" not in out


def test_a_pipeline_of_commands_needs_no_interpreter(home):
    assert errors(home, 'python = "/no/such"\n[tasks.a]\nrun = "true"\n')[0] == 0


@pytest.mark.parametrize(
    ("mail", "line"),
    [
        ("", "nobody: set [mail] to here, or operator in longcase.toml"),
        ("to = []", "nobody: set [mail] to here, or operator in longcase.toml"),
        ('to = ["a@b.example"]\non = ["success", "failure"]', "failure, success → a@b.example"),
        ("on = []", "nothing: [mail] on is empty"),
    ],
)
def test_who_is_mailed_of_what(home, mail, line):
    _, out = errors(home, f'[mail]\n{mail}\n[tasks.a]\nrun = "true"\n')
    assert out.splitlines()[-1] == f"  mails  {line}"


def test_the_operator_is_mailed_where_the_file_names_nobody(tmp_path):
    home = Home(tmp_path / "other", mail_port=25)
    assert "  mails  failure, recovery → op@example.com\n" in errors(home, '[tasks.a]\nrun = "true"\n')[1]


def test_a_disabled_pipeline_fires_never(home):
    _, out = errors(home, f"enabled = false\n{JOB}")
    assert "  next   disabled\n" in out
    assert "clocks" not in out


def test_on_a_terminal_errors_are_red_and_hints_yellow(home, tmp_path):
    home.job("a", '[secrets]\nA = { file = "/no/such" }\n[tasks.a]\nrun = "true"\n')
    home.job("b", "[tasks.a]\n")
    command = " ".join(map(str, [*LONGCASE, "--config", home.config, "check"]))
    typed = ["script", "-qec", command, "/dev/null"]
    shown = subprocess.run(typed, capture_output=True, text=True, check=False).stdout
    assert f"\x1b[33m{home.jobs}/a.toml:2: hint: secrets.A" in shown
    assert f"\x1b[31m{home.jobs}/b.toml:1: tasks.a" in shown
    assert "\x1b[32mok" in shown
    plain = subprocess.run(
        typed, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"}
    ).stdout
    assert "\x1b" not in plain
    assert sys.executable in command


def test_everything_is_shown_within_eighty_columns(home):
    names = ["t" * 60 + str(at) for at in range(20)]
    tasks = "".join(
        f'[tasks.{name}]\nrun = "true"\ndepends_on = {names[:at]}\n' for at, name in enumerate(names)
    )
    to = [f"somebody{at}@example.com" for at in range(9)]
    _, out = errors(home, f"[mail]\nto = {to}\n{tasks}")
    assert max(map(len, out.splitlines())) <= 80
