"""What README shows works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

from longcase.texts.jobfile import read_job_file
from longcase.texts.settings import Folders, read_settings

README = (Path(__file__).parents[2] / "README.md").read_text()
NOWHERE = Path("/nowhere")
STUBS = """\
import os, sys

def fetch_users(url):
    return [url]

def write_report(users):
    return f"{len(users)} users"
"""


def blocks(language: str, section: str) -> list[str]:
    """The code that stands in a section."""
    text = README.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_its_job_file_is_a_valid_one_and_uses_what_the_text_promises():
    (text,) = blocks("toml", "A job file")
    pipeline = read_job_file(text, name="nightly-users", path="/etc/longcase/jobs.d/nightly-users.toml")
    assert len(pipeline.tasks) == 5
    assert pipeline.environment.secrets.keys() == {"DB_PASSWORD"}


def test_its_settings_are_valid():
    (text,) = blocks("toml", "The mail")
    folders = Folders(jobs_dir=NOWHERE, log_dir=NOWHERE, state_dir=NOWHERE, runtime_dir=NOWHERE)
    assert read_settings(text, path="/etc/longcase/longcase.toml", folders=folders).mail.operator


def test_its_script_runs_as_it_stands(tmp_path):
    (script,) = blocks("python", "From Python")
    (tmp_path / "script.py").write_text(STUBS + script)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("1 users set()\n", "")
    assert "Finished report." in (tmp_path / "logs" / "report.log").read_text()


def test_every_key_of_its_table_is_known_with_its_default():
    from longcase.texts.jobfile import FILE, MAIL, TASK

    rows = re.findall(
        r"^\| (?:file|`\[mail\]`|`\[defaults\]`.*?|a task) \| (.*) \|$", README, flags=re.MULTILINE
    )
    told = {name for row in rows for name in re.findall(r"`([a-z_]+)(?:=[^`]*)?`", row)}
    known = {*FILE.by_name, *MAIL.by_name, *TASK.by_name} - {"mail", "defaults", "tasks"}
    assert told == known
