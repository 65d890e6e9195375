"""The demo does what the README promises of it."""

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from home import LONGCASE, eventually, processes_with
from needs import need

STAMPED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d \S+ (out|err|log|---) .*")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One demo of 14 seconds, for all that is asserted of it: (folder, what it printed)."""
    root = tmp_path_factory.mktemp("demo") / "D"
    done = subprocess.run(
        [*LONGCASE, "demo", "--seconds", "14", "--dir", root],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return root, done.stdout


def documents(root):
    return [json.loads(path.read_text()) for path in root.glob("state/history/*/*/*.json")]


def test_the_history_has_runs_that_succeeded_and_runs_that_failed(demo):
    root, _ = demo
    states = {(document["pipeline"], document["state"]) for document in documents(root)}
    assert states == {("package-report", "succeeded"), ("fails-on-purpose", "failed")}


def test_every_task_that_ran_has_a_log_with_time_stamped_lines_and_no_other_has(demo):
    root, _ = demo
    ran = {
        (document["pipeline"], name)
        for document in documents(root)
        for name, task in document["tasks"].items()
        if task["attempts"]
    }
    logs = {(path.parent.name, path.stem): path for path in root.glob("log/*/*.log")}
    assert logs.keys() == ran
    for path in logs.values():
        lines = path.read_text().splitlines()
        assert lines
        assert all(STAMPED.fullmatch(line) for line in lines)


def test_the_total_is_what_dpkg_counts(demo):
    need(shutil.which("dpkg-query"), "the Debian package dpkg")
    root, _ = demo
    query = subprocess.run(["dpkg-query", "-f", ".\\n", "-W"], capture_output=True, check=True)
    log = (root / "log/package-report/generate_report.log").read_text()
    totals = re.findall(r"total: (\d+) packages$", log, flags=re.MULTILINE)
    assert totals
    assert set(totals) == {str(query.stdout.count(b"\n"))}


def test_the_mail_names_the_failed_task_its_call_the_traceback_and_exactly_the_blocked_tasks(demo):
    root, _ = demo
    mails = sorted(root.glob("mail/*.eml"))
    failed = [document for document in documents(root) if document["state"] == "failed"]
    assert len(mails) == len(failed)
    message = message_from_bytes(mails[0].read_bytes(), policy=policy.default)
    parts = [message.get_body((kind,)).get_content() for kind in ("plain", "html")]
    for part in (parts[0], visible(parts[1])):
        for said in ("average_price", "fails_on_purpose:average_price", "harbour", "currency", "Traceback"):
            assert said in part
        assert "ValueError" in part
        assert f"--config {root / 'longcase.toml'}" in part
    section = parts[0].partition("Blocked:")[2].partition("Not affected")[0]
    blocked = re.findall(r"^  (\w+) — ", section, flags=re.MULTILINE)
    assert sorted(blocked) == ["compare", "publish"]
    page = visible(parts[1]).partition("Blocked: 2 tasks will not run")[2].partition("Not affected")[0]
    assert re.findall(r"(\S+) waits for", page) == blocked
    document = failed[0]
    assert sorted(name for name, task in document["tasks"].items() if task["state"] == "blocked") == blocked
    assert visible(mails[0].with_suffix(".html").read_text()) == visible(parts[1])


def visible(page):
    """The text of a page, without its tags."""
    return " ".join(html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)).split())


def test_it_tells_in_plain_words_what_happens_and_ends_with_a_summary(demo):
    root, output = demo
    for said in (
        "fails-on-purpose: a run started",
        "average_price failed after",
        "compare is blocked by the failure of average_price",
        f"its log: {root}/log/fails-on-purpose/average_price.log",
        f"the mail: {root}/mail/001-fails-on-purpose.html",
        "package-report: the run succeeded",
        "Summary: ",
    ):
        assert said in output


def test_no_process_is_left_and_the_folder_is_laid_out_as_documented(demo):
    root, _ = demo
    assert processes_with(str(root)) == []
    assert {path.name for path in root.iterdir()} == {
        "longcase.toml",
        "jobs.d",
        "state",
        "log",
        "run",
        "mail",
    }


def printed_commands(output):
    """What the summary tells to type, for runs and for a log."""
    found = re.findall(r"^  (?:all runs|a task's log) +(.*)$", output, flags=re.MULTILINE)
    assert len(found) == 2
    return found


def test_the_commands_that_it_prints_work_as_they_are_printed(demo):
    _, output = demo
    for command in printed_commands(output):
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "package-report" in done.stdout


SCRIPT = Path(sys.executable).with_name("longcase")


@pytest.mark.parametrize(
    ("start", "path", "said"),
    [
        ([*LONGCASE], os.environ["PATH"], f"{sys.executable} -m longcase"),
        (["longcase"], f"{SCRIPT.parent}:/usr/bin:/bin", "longcase"),
        ([SCRIPT], "/usr/bin:/bin", str(SCRIPT)),
    ],
)
def test_a_command_is_printed_as_this_shell_can_start_it(tmp_path, start, path, said):
    root = tmp_path / "my demo's"
    environ = {**os.environ, "PATH": path}
    done = subprocess.run(
        [*start, "demo", "--seconds", "1", "--dir", root],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    assert done.returncode == 0, done.stderr
    for command in printed_commands(done.stdout):
        assert command.startswith(f"{said} --config ")
        again = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, env=environ)
        assert again.returncode == 0, again.stderr


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    theirs = tmp_path / "longcase.toml"
    theirs.write_text("max_parallel = 2\n")
    done = run_demo(tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"longcase: {tmp_path} holds other files: name a folder that is empty, or not there yet\n"
    )
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["longcase.toml"]
    assert theirs.read_text() == "max_parallel = 2\n"


def test_a_second_demo_in_its_folder_goes_on_with_its_mails(tmp_path):
    for _ in range(2):
        done = run_demo(tmp_path, seconds=4)
        assert done.returncode == 0, done.stderr
        assert ", 1 mail." in done.stdout
    mails = sorted(path.name for path in (tmp_path / "mail").glob("*.eml"))
    assert mails == ["001-fails-on-purpose.eml", "002-fails-on-purpose.eml"]
    assert f"{tmp_path}/mail/002-fails-on-purpose.html (in a browser)" in done.stdout


def test_a_demo_beside_a_running_one_changes_nothing(tmp_path):
    process = subprocess.Popen([*LONGCASE, "demo", "--dir", tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().startswith("Longcase demo: ")
        before = content(tmp_path)
        done = run_demo(tmp_path)
        assert done.returncode == 2
        assert f"in use by another longcase, process {process.pid}" in done.stderr
        assert content(tmp_path) == before
    finally:
        process.terminate()
        process.communicate()


def run_demo(root, seconds=1):
    return subprocess.run(
        [*LONGCASE, "demo", "--seconds", str(seconds), "--dir", root],
        capture_output=True,
        text=True,
        check=False,
    )


def content(root):
    """What a demo writes at its start, with the time of writing."""
    files = [root / "longcase.toml", *(root / "jobs.d").iterdir()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_time_it_runs_until_a_signal_and_ends_with_the_summary(tmp_path, number):
    with (tmp_path / "output").open("w+") as output:
        process = subprocess.Popen([*LONGCASE, "demo", "--dir", tmp_path / "D"], stdout=output)
        assert eventually(lambda: "run failed" in (tmp_path / "output").read_text())
        process.send_signal(number)
        assert process.wait(20) == 0
    assert "\nSummary: " in (tmp_path / "output").read_text()
    assert processes_with(str(tmp_path)) == []


def test_it_needs_no_folder(tmp_path):
    done = subprocess.run(
        [*LONGCASE, "demo", "--seconds", "1"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    (root,) = tmp_path.glob("longcase-demo-*")
    assert (root / "longcase.toml").exists()
