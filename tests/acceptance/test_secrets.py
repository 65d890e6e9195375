"""The real daemon with secrets in its tasks' mouths: nobody who reads what it writes sees one."""

import json
import os
import secrets
import stat
from pathlib import Path

import pytest

from home import eventually
from smtp_server import SmtpServer

MODULE = """
import logging, os, sys, time

FILE, ENV, CREDENTIAL = (os.environ.get(name, "") for name in ("FROM_FILE", "FROM_ENV", "FROM_CREDENTIAL"))

def produce():
    print("out", FILE, ENV, CREDENTIAL, repr(FILE), FILE.encode())
    print("err", FILE, file=sys.stderr)
    logging.getLogger("shop").warning("log %s %r", CREDENTIAL, {"password": ENV})
    for piece in ("in pieces ", CREDENTIAL[:9], CREDENTIAL[9:] + FILE[:5], FILE[5:]):
        sys.stdout.write(piece)
        sys.stdout.flush()
    return {"password": CREDENTIAL, "others": [FILE, ENV]}

def take(literal, *, given, odd):
    print("before it fails", literal, odd)
    try:
        raise KeyError(literal)
    except KeyError as error:
        raise ValueError(f"no login with {given['password']}, {odd} or {ENV}") from error

def wait(path, looked_at):
    open(path, "w").close()
    while not os.path.exists(looked_at):
        time.sleep(0.01)
"""

JOB = """
schedule = "* * * * * *"
pythonpath = ["."]
env_file = ["variables"]
[secrets]
FROM_FILE = {{ file = "{file}" }}
FROM_ENV = {{ env = "SOURCE_OF_IT" }}
FROM_CREDENTIAL = {{ credential = "login" }}
[tasks.produce]
call = "work:produce"
[tasks.take]
call = "work:take"
args = [{literal}]
kwargs = {{ odd = {odd} }}
depends_on = [{{ task = "produce", pass = "kwarg", as = "given" }}]
[tasks.blocked]
run = "true"
depends_on = ["take"]
[tasks.spell]
run = 'printf "%s\\n" "$FROM_FILE"'
result = "text"
[tasks.use]
run = 'set -x; echo "$GIVEN"; echo "$FROM_CREDENTIAL" >&2; test "$PLAIN" = "from a file" && exit 3'
depends_on = [{{ task = "spell", pass = "env", as = "GIVEN" }}]
[tasks.literal]
run = ["true", {literal}, {odd}]
[tasks.wait]
call = "work:wait"
args = ["{waiting}", "{looked_at}"]
depends_on = ["literal"]
"""


class Planted:
    """A secret with a mark at either end that nothing else holds, however it is spelled."""

    def __init__(self, middle):
        self.marks = [secrets.token_hex(4) for _ in range(2)]
        self.value = middle.join(self.marks)

    def in_text(self, text):
        return any(mark in text for mark in self.marks)


class Case:
    def __init__(self, home):
        self.home = home
        self.plain = Planted("-")
        self.odd = Planted("pä'ss\"w\\o\nrd %&<")
        self.other = Planted('"\\n€\n')
        self.source = home.root / "sources" / "db"
        self.credential = home.root / "sources" / "login"
        self.waiting = home.root / "waiting"
        self.looked_at = home.root / "looked at"
        self.source.parent.mkdir()
        self.source.write_text(self.odd.value + "\n")
        self.credential.write_text(self.plain.value)
        (home.jobs / "variables").write_text("PLAIN='from a file'\n")
        home.module("work", MODULE)
        self.job = home.job(
            "etl",
            JOB.format(
                file=self.source,
                literal=json.dumps(self.plain.value),
                odd=json.dumps(self.odd.value),
                waiting=self.waiting,
                looked_at=self.looked_at,
            ),
        )

    def finds(self, text):
        return any(planted.in_text(text) for planted in (self.plain, self.odd, self.other))

    def files_that_hold_one(self):
        files = (path for path in self.home.root.rglob("*") if path.is_file() and not path.is_symlink())
        return {path for path in files if self.finds(path.read_bytes().decode("latin-1"))}

    def command_lines_that_hold_one(self):
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes().decode("latin-1")
            except OSError:
                continue
            if self.finds(line):
                found.append(line)
        return found


@pytest.fixture
def case(home, monkeypatch):
    case = Case(home)
    monkeypatch.setenv("SOURCE_OF_IT", case.other.value)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(case.credential.parent))
    return case


def texts_of(mail):
    """A mail as it came, and its headers and parts as they are shown."""
    yield mail.raw.decode("latin-1")
    yield from map(str, mail.message.values())
    for part in mail.message.walk():
        if not part.is_multipart():
            content = part.get_content()
            yield content if isinstance(content, str) else content.decode("latin-1")


def test_only_results_and_sources_hold_a_secret(home, case, capfd):
    with SmtpServer() as server:
        config = home.config.read_text()
        home.config.write_text(
            f'{config}[mail]\nserver = "127.0.0.1:{server.port}"\noperator = ["op@example.com"]\n'
        )
        with home.serve() as daemon:
            assert eventually(case.waiting.exists)
            assert case.command_lines_that_hold_one() == []
            case.looked_at.touch()
            ended = daemon.wait_for("run ended", pipeline="etl")
            assert ended["state"] == "failed"
            assert eventually(lambda: len(server.mails) >= 2)
        mails = list(server.mails)
    run = ended["run"]
    shown = [home.run("show", run).stdout, home.run("logs", "etl").stdout, *capfd.readouterr()]
    tasks = home.json("show", run)["tasks"]
    assert {name: task["state"] for name, task in tasks.items()} == {
        "produce": "succeeded",
        "take": "failed",
        "blocked": "blocked",
        "spell": "succeeded",
        "use": "failed",
        "literal": "succeeded",
        "wait": "succeeded",
    }
    assert tasks["take"]["exception"] == "ValueError: no login with •••, ••• or •••"
    assert tasks["produce"]["result"]["repr"] == "{'password': '•••', 'others': ['•••', '•••']}"
    assert tasks["use"]["exit_code"] == 3

    log = home.task_log("etl", "produce")
    assert " out in pieces " in log
    assert " out out ••• ••• ••• '•••' b'•••'\n" in log
    assert " --- attempt 1 of 1" in home.task_log("etl", "take")

    told = [text for mail in mails for text in texts_of(mail)]
    assert any("•••" in text for text in told)
    assert not [text for text in (*shown, *told) if case.finds(text)]

    sources = {case.source, case.credential, case.job}
    results = case.files_that_hold_one() - sources
    assert results
    for path in results:
        assert path.is_relative_to(home.state / "results"), path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_changed_secret_counts_at_the_next_run_and_a_missing_one_is_told(home, case):
    home.job(
        "etl",
        f'schedule = "* * * * * *"\nsecrets = {{ IT = {{ file = "{case.source}" }} }}\n'
        '[tasks.a]\nrun = "echo ${#IT}"\n',
    )
    os.unlink(case.source)
    with home.serve() as daemon:
        failed = daemon.wait_for("run ended", pipeline="etl", state="failed")
        reason = home.json("show", failed["run"])["tasks"]["a"]["reason"]
        assert reason == f"secret IT: {case.source} can't be read: No such file or directory"
        case.source.write_text("sw0rdfish")
        daemon.wait_for("run ended", pipeline="etl", state="succeeded")
    assert " out 9\n" in home.task_log("etl", "a")
