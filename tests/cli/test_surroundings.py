"""The commands in odd surroundings: rights, names, encodings, and readers that leave."""

import os
import shlex
import shutil
import signal
import subprocess

import pytest

from home import LONGCASE
from needs import need

JOB = '[tasks.a]\nrun = "echo hello"\n'
TALKATIVE = '[tasks.a]\nrun = "seq 1 30000"\n[tasks.b]\nrun = "sleep 0.5"\ndepends_on = ["a"]\n'


@pytest.fixture
def bound(home):
    """Runs a command without root's right to read everything."""
    need(shutil.which("setpriv"), "the Debian package util-linux")
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

    def run(*arguments):
        return subprocess.run(
            [*drop, *LONGCASE, "--config", home.config, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["history"], "state/history"),
        (["history", "etl"], "state/history"),
        (["show", "etl@20260101T000000Z"], "state/history"),
        (["list"], "state/history"),
        (["logs", "etl"], "log/etl"),
        (["logs", "-f", "etl"], "log/etl"),
        (["logs", "etl"], "log"),
    ],
)
def test_a_folder_that_may_not_be_read_is_named_with_the_remedy(home, bound, arguments, folder):
    home.job("etl", JOB)
    assert home.run("run", "--local", "etl").returncode == 0
    (home.root / folder).chmod(0)
    done = bound(*arguments)
    (home.root / folder).chmod(0o700)
    assert done.returncode == 1
    assert done.stderr.startswith(f"longcase: {home.root / folder}")
    assert ": Permission denied; members of the group longcase may read it: " in done.stderr
    assert "usermod -aG longcase " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["list", "next", "check"])
def test_a_jobs_folder_that_may_not_be_read_is_named(home, bound, command):
    home.jobs.chmod(0)
    done = bound(command)
    home.jobs.chmod(0o700)
    assert (done.returncode, done.stderr) == (1, f"longcase: {home.jobs}: Permission denied\n")


def test_run_local_of_a_user_without_a_name_is_known_by_the_number(home):
    need(os.geteuid() == 0, "root, to become a user that has no name")
    need(shutil.which("setpriv"), "the Debian package util-linux")
    home.job("etl", JOB)
    shutil.chown(home.root, 54321)
    caps = "+dac_override,+dac_read_search"
    become = ["setpriv", "--reuid=54321", "--clear-groups", f"--inh-caps={caps}", f"--ambient-caps={caps}"]
    done = subprocess.run(
        [*become, *LONGCASE, "--config", home.config, "run", "--local", "etl"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home.root)},
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert home.json("history")[0]["trigger"] == "hand (54321)"


@pytest.mark.parametrize("name", [b"\xff.toml", b"a\nb.toml"])
def test_a_file_name_that_cannot_be_printed_is_refused_in_every_form(home, name):
    with open(os.path.join(os.fsencode(home.jobs), name), "w") as file:
        file.write(JOB)
    for command in ("list", "check", "next"):
        for options in ((), ("--json",)):
            done = home.run(command, *options)
            assert done.returncode == (1 if command == "check" else 0), done.stderr
            assert done.stderr == ""
    (report,) = home.json("check")
    assert "rename the file" in report["errors"][0]
    assert home.json("list")[0]["errors"] == report["errors"]


def to_a_reader_that_leaves(home, *arguments):
    """The exit code of a command whose reader takes one line and goes, and what it says to stderr."""
    process = subprocess.Popen(
        [*LONGCASE, *(["--config", home.config] if home else []), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline()
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors.decode()


def test_commands_that_read_end_at_once_when_their_reader_goes(home):
    for number in range(400):
        home.job(f"{number}-{'x' * 90}", JOB)
    home.job("etl", TALKATIVE)
    assert home.run("run", "--local", "etl").returncode == 0
    for arguments in (["logs", "etl"], ["list"], ["check"], ["logs", "-f", "--since", "1d", "etl"]):
        assert to_a_reader_that_leaves(home, *arguments) == (-signal.SIGPIPE, ""), arguments


def test_a_local_run_goes_on_to_its_end_when_its_reader_goes(home):
    home.job("etl", TALKATIVE)
    assert to_a_reader_that_leaves(home, "run", "--local", "etl") == (0, "")
    assert [line["state"] for line in home.json("history")] == ["succeeded"]


def test_a_demo_goes_on_to_its_end_when_its_reader_goes(tmp_path):
    assert to_a_reader_that_leaves(None, "demo", "--seconds", "4", "--dir", tmp_path / "D") == (0, "")
    assert list(tmp_path.glob("D/state/history/*/*/*.json"))


def test_a_local_run_whose_output_has_no_room_goes_on(home):
    home.job("etl", JOB)
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [*LONGCASE, "--config", home.config, "run", "--local", "etl"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (process.returncode, process.stderr) == (0, b"")
    assert [line["state"] for line in home.json("history")] == ["succeeded"]


@pytest.mark.parametrize(
    "surroundings",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_what_the_terminal_cannot_show_is_replaced(home, surroundings):
    home.job("etl", 'description = "Übersicht"\n[tasks.a]\nrun = "echo „nö“ 🕰; exit 1"\n')
    home.job("bad", 'overlap = "ßkip"\n' + JOB)
    environ = {**os.environ, **surroundings}
    run = home.run("run", "--local", "etl", env=environ)
    assert (run.returncode, run.stderr) == (1, "")
    shown = home.json("history")[0]["run"]
    for arguments in (["logs", "etl"], ["check"], ["list"], ["show", shown], ["logs", "--help"]):
        done = home.run(*arguments, env=environ)
        assert done.returncode == (arguments == ["check"])
        assert done.stderr == ""
    assert home.run("logs", "etl", "--json", env=environ).stderr == ""


def test_a_command_in_the_background_of_a_script_heeds_no_ctrl_c(home):
    """A shell without job control has SIGINT ignored in what it starts with `&`."""
    command = shlex.join([*LONGCASE, "--config", str(home.config), "logs", "-f", "etl"])
    home.job("etl", JOB)
    shell = subprocess.Popen(
        ["/bin/sh", "-c", f"{command} & echo $!; wait"], stdout=subprocess.PIPE, text=True
    )
    number = int(shell.stdout.readline())
    try:
        assert home.run("run", "--local", "etl").returncode == 0
        assert " --- " in shell.stdout.readline()  # it is at work
        os.kill(number, signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            shell.wait(0.5)
    finally:
        os.kill(number, signal.SIGTERM)
        shell.communicate()
