"""`longcase new`: a job file to begin with."""

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from home import LONGCASE
from needs import need


def test_a_new_job_file_passes_check_and_runs_at_once(home):
    done = home.run("new", "nightly")
    assert (done.returncode, done.stderr) == (0, "")
    path = home.jobs / "nightly.toml"
    assert done.stdout == (
        f"{path}\n"
        "Edit it, then see what it will do, and try it:\n"
        f"  longcase check {path}\n"
        f"  longcase run {path} --local\n"
    )
    assert home.run("check").returncode == 0
    assert home.run("run", "nightly", "--local").returncode == 0
    assert " out hello\n" in home.task_log("nightly", "hello")


def test_what_it_tells_to_do_next_can_be_pasted_whatever_the_folder(home, tmp_path):
    done = home.run("new", "nightly", "--dir", tmp_path / "my jobs" / "etl")
    check = done.stdout.splitlines()[2].strip().removeprefix("longcase ")
    shell = ["/bin/sh", "-c", f'"$@" {check}', "sh", *LONGCASE]
    checked = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith("nightly: ok, 1 task\n")


def test_its_first_line_leads_editors_to_the_schema(home):
    home.run("new", "nightly")
    first, *_ = (home.jobs / "nightly.toml").read_text().splitlines()
    url = urlsplit(first.removeprefix("#:schema "))
    assert url.scheme == "file"
    assert json.loads(Path(unquote(url.path)).read_text())["title"] == "A job file of Longcase"


def test_a_missing_jobs_folder_is_made(home):
    home.jobs.rmdir()
    assert home.run("new", "nightly").returncode == 0
    assert [path.name for path in home.jobs.iterdir()] == ["nightly.toml"]


def test_the_suffix_may_be_given_and_is_not_doubled(home):
    assert home.run("new", "nightly.toml").returncode == 0
    assert [path.name for path in home.jobs.iterdir()] == ["nightly.toml"]


def test_no_file_is_ever_overwritten(home):
    path = home.job("nightly", "# mine\n")
    done = home.run("new", "nightly")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{path} is there already, and is left as it is" in done.stderr
    assert path.read_text() == "# mine\n"
    assert [path.name for path in home.jobs.iterdir()] == ["nightly.toml"]


@pytest.mark.parametrize("name", ["", "a b", "../nightly", ".hidden", "übersicht", "x" * 101, "a\nb"])
def test_a_name_that_no_pipeline_may_have_is_refused_with_the_rule(home, name):
    done = home.run("new", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{name!r} can't name a pipeline; right are 1 to 100 of A-Z a-z 0-9 _ . -" in done.stderr
    assert list(home.jobs.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_named_with_the_remedy(home):
    need(shutil.which("setpriv"), "the Debian package util-linux")
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    home.jobs.chmod(0o500)
    done = subprocess.run(
        [*drop, *LONGCASE, "--config", home.config, "new", "nightly"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    remedy = "name another folder with --dir, or use sudo"
    assert (
        done.stderr == f"longcase: {home.jobs}/nightly.toml can't be written: Permission denied; {remedy}\n"
    )


def test_a_folder_that_is_a_file_is_named(home):
    home.jobs.rmdir()
    home.jobs.write_text("")
    done = home.run("new", "nightly")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"longcase: {home.jobs}/nightly.toml can't be written: File exists; name")


def test_what_cannot_be_written_whole_leaves_nothing_behind(home):
    done = home.run("new", "nightly", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (99, 99)))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"longcase: {home.jobs}/nightly.toml can't be written: File too large; name"
    )
    assert list(home.jobs.iterdir()) == []
