"""Callables are looked at in the job's own interpreter, whatever their modules do, and nothing is left."""

import os
import signal
import subprocess
import sys
import venv

import pytest

from home import processes_with
from longcase.edge.inspector import Broken, Found, Inspector, InterpreterError, Module

GOOD = "def f(x: int, y=2) -> str: ...\ndef g(): ...\nnumber = 3\n"


@pytest.fixture
def inspect(tmp_path):
    """Looks at callables, grouped by their modules, which are found in a folder of the test's own."""
    (tmp_path / "good.py").write_text(GOOD)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MARK": str(tmp_path)}

    def inspect(*calls, python=None, limit=20.0, env=None, **modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
        grouped = {}
        for call in calls:
            grouped.setdefault(call.rpartition(":")[0], []).append(call)
        asked = [Module(tuple(group), {**environ, **(env or {})}) for group in grouped.values()]
        inspector = Inspector(python, environ, pythonpath=[str(tmp_path)], limit=limit)
        answers = inspector.inspect(asked)
        assert list(answers) == [call for group in grouped.values() for call in group]
        assert not processes_with(str(tmp_path))
        return answers

    return inspect


def test_what_is_found_has_its_signature(inspect):
    answers = inspect("good:f", "good:g", "builtins:dict")
    signature = answers["good:f"].signature
    assert signature.shown == "(x, y=2)"
    assert [parameter.name for parameter in signature.parameters] == ["x", "y"]
    assert signature.returns.shown == "str"
    assert answers["good:g"].signature.shown == "()"
    assert answers["builtins:dict"] == Found("builtins:dict", None)


SPOILT = [
    ("import sys\nsys.exit('bye')\n", "SystemExit: bye"),
    ("import os\nos._exit(7)\n", "the import ended the interpreter with exit code 7"),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "the import was killed by SIGSEGV"),
    ("import os\nos.closerange(3, 100)\n", "the import closed the descriptor by which it is reported"),
    ("raise KeyboardInterrupt\n", "KeyboardInterrupt"),
    ("def f(:\n", "SyntaxError: invalid syntax (bad.py, line 1)"),
    ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
    (
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nsignal.pause()\n",
        "the import hurt the process that looks on, which was killed by SIGKILL",
    ),
]


@pytest.mark.parametrize(("text", "error"), SPOILT, ids=[error for _, error in SPOILT])
def test_a_module_spoils_only_its_own_callables(inspect, text, error):
    answers = inspect("good:f", "bad:f", "bad:g", "good2:g", bad=text, good2=GOOD)
    assert {answers["bad:f"].error, answers["bad:g"].error} == {error}
    assert isinstance(answers["good:f"], Found)
    assert isinstance(answers["good2:g"], Found)


def test_an_import_that_hangs_is_ended_and_shows_where_it_hung(inspect):
    text = "import signal\ndef wait():\n    print('waiting')\n    signal.pause()\nwait()\n"
    answers = inspect("bad:f", "good:f", limit=0.5, bad=text)
    assert answers["bad:f"].error == "the import had not ended after 0.5s"
    assert answers["bad:f"].output.startswith("waiting\n")
    assert 'bad.py", line 4 in wait' in answers["bad:f"].output
    assert "importlib" not in answers["bad:f"].output
    assert isinstance(answers["good:f"], Found)


def test_an_import_that_stops_itself_is_ended_too(inspect):
    text = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n"
    assert inspect("bad:f", limit=0.2, bad=text)["bad:f"].error == "the import had not ended after 0.2s"


def test_an_import_that_prints_without_end_is_ended(inspect):
    answers = inspect("bad:f", limit=0.3, bad="while True:\n    print('y' * 100)\n")
    assert answers["bad:f"].error == "the import had not ended after 0.3s"
    assert len(answers["bad:f"].output) <= 4000


def test_what_a_module_prints_is_told_only_with_its_error(inspect):
    noisy = "print('to stdout')\nimport sys\nprint('to stderr', file=sys.stderr, end='')\n"
    answers = inspect("quiet:f", "loud:f", quiet=noisy + GOOD, loud=noisy + "raise ValueError('no')\n")
    assert isinstance(answers["quiet:f"], Found)
    assert answers["loud:f"].output == "to stdout\nto stderr"


def test_the_traceback_begins_with_the_users_own_frames(inspect):
    broken = inspect("bad:f", bad="def check():\n    raise ValueError('no')\ncheck()\n")["bad:f"]
    first, second, *_ = [line for line in broken.trace.splitlines() if line.startswith("  File")]
    assert 'bad.py", line 3, in <module>' in first
    assert 'bad.py", line 2, in check' in second


def test_a_module_that_fails_is_imported_once(inspect, tmp_path):
    text = f"with open({str(tmp_path / 'times')!r}, 'a') as f:\n    f.write('x')\nraise ValueError('no')\n"
    inspect("bad:f", "bad:g", "bad:h", bad=text)
    assert (tmp_path / "times").read_text() == "x"


def test_a_name_that_is_not_there_spoils_no_other(inspect):
    answers = inspect("good:h", "good:number", "good:f", "nowhere:f")
    assert "has no 'h'" in answers["good:h"].error
    assert answers["good:number"].error == "TypeError: good:number is of type int, which can't be called"
    assert isinstance(answers["good:f"], Found)
    assert "No module named 'nowhere' in" in answers["nowhere:f"].error
    assert answers["nowhere:f"].trace == ""


def test_processes_that_an_import_leaves_behind_are_ended(inspect):
    """The fixture looks for them: here one that has detached itself, and ignores SIGTERM."""
    text = (
        "import os, signal\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    if os.fork() == 0:\n"
        "        signal.pause()\n"
        "    os._exit(0)\n"
    )
    assert isinstance(inspect("forks:f", forks=text + GOOD)["forks:f"], Found)


def test_the_processes_of_one_that_takes_its_supervisor_down_are_ended(inspect):
    text = (
        "import os, signal\n"
        "parent = os.getppid()\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    signal.pause()\n"
        "os.kill(parent, signal.SIGKILL)\n"
        "signal.pause()\n"
    )
    assert "SIGKILL" in inspect("bad:f", bad=text)["bad:f"].error


def test_a_fork_that_comes_back_out_of_the_import_says_nothing(inspect):
    assert isinstance(inspect("forks:f", forks="import os\nos.fork()\n" + GOOD)["forks:f"], Found)


def test_a_child_of_the_caller_is_left_alone(inspect):
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        inspect("good:f")
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_modules_are_imported_as_a_task_would_import_them(inspect, tmp_path):
    """Each in a process of its own, with the environment, the folder and the path of its task."""
    spoils = (
        "import os, sys, builtins\n"
        "os.chdir('/usr')\nos.environ['A'] = 'x'\nsys.path.clear()\nbuiltins.f = 1\n"
    )
    looks = (
        "import builtins, os, signal, sys\n"
        "assert os.environ['A'] == 'of the job', os.environ\n"
        "assert 'PYTHONPATH' not in os.environ\n"
        f"assert os.getcwd() == {str(tmp_path)!r}, os.getcwd()\n"
        f"assert sys.path[0] == {str(tmp_path)!r}, sys.path\n"
        "assert not hasattr(builtins, 'f')\n"
        "assert os.getsid(0) == os.getpid()\n"
        "assert sys.stdin.read() == ''\n"
        "assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL\n"
    )
    answers = inspect(
        "spoils:f", "looks:f", env={"A": "of the job"}, spoils=spoils + GOOD, looks=looks + GOOD
    )
    assert isinstance(answers["spoils:f"], Found)
    assert isinstance(answers["looks:f"], Found), answers["looks:f"]


def test_a_working_folder_that_is_not_there_is_told(tmp_path):
    inspector = Inspector(None, dict(os.environ), working_dir=str(tmp_path / "none"))
    answers = inspector.inspect([Module(("json:loads",), {})])
    assert answers == {
        "json:loads": Broken(
            "json:loads", f"SetupError: working_dir {tmp_path / 'none'}: No such file or directory"
        )
    }


def test_the_jobs_own_interpreter_imports_and_needs_no_longcase(inspect, tmp_path):
    venv.create(tmp_path / "venv", symlinks=True)
    python = str(tmp_path / "venv/bin/python")
    text = (
        f"import importlib.util, sys\nassert sys.executable == {python!r}\n"
        "assert importlib.util.find_spec('longcase') is None\n"
    )
    answers = inspect("own:f", python=python, own=text + GOOD)
    assert isinstance(answers["own:f"], Found), answers["own:f"]


def test_an_import_that_spoils_the_interpreter_tells_no_part_of_a_secret(tmp_path):
    script(tmp_path / "python", "echo hunter2secret $(printf 'x%.0s' $(seq 495)) >&2; exit 3")
    inspector = Inspector(str(tmp_path / "python"), dict(os.environ), secrets=["hunter2secret"])
    with pytest.raises(InterpreterError) as raised:
        inspector.inspect([Module(("json:loads",), {})])
    assert "ret xxx" not in str(raised.value)
    assert "x" * 490 in str(raised.value)


def test_how_an_interpreter_ended_is_known_where_sigchld_was_ignored(tmp_path):
    """So it is after `trap '' CHLD` in a shell."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(InterpreterError, match="ended with exit code 3"):
            Inspector(script(tmp_path / "python", "exit 3"), {}).inspect([Module(("json:loads",), {})])
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_child_of_the_caller_that_detaches_itself_meanwhile_is_left_alone(inspect, tmp_path):
    text = (
        "import os, signal, time\nwhile not os.path.exists('detach'):\n    time.sleep(0.01)\n"
        "os.setsid()\nsignal.pause()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", text], cwd=tmp_path)
    try:
        waits = (
            "import os, time\nopen('detach', 'w').close()\n"
            f"while os.getsid({child.pid}) != {child.pid}:\n    time.sleep(0.01)\n"
        )
        assert isinstance(inspect("waits:f", waits=waits + GOOD)["waits:f"], Found)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


OLD = "import sys, runpy; sys.version_info = (3, 8, 18); sys.argv = sys.argv[1:]"
GARBAGE = "import os, signal, sys; os.write(int(sys.argv[4]), bytes((0, 0, 0, 1, 33))); signal.pause()"
NO_INTERPRETERS = [
    ("exit 0", "ended with exit code 0; python names an interpreter of Python 3.9 or newer"),
    ("echo 'no such library' >&2; exit 3", "ended with exit code 3: no such library; python names"),
    ("kill -9 $$", "was killed by SIGKILL; python names"),
    ("exec sleep 1000", "gave no answer in 0.3s; python names"),
    (f"""exec {sys.executable} -c "{GARBAGE}" "$@" """, "sent what is no answer: "),
    (
        f"""exec {sys.executable} -c "{OLD}; runpy.run_path(sys.argv[0], run_name='__main__')" "$@" """,
        "ended with exit code 1: Longcase runs tasks with Python 3.9 or newer, and this is 3.8.18; python",
    ),
]


@pytest.mark.parametrize(("text", "error"), NO_INTERPRETERS, ids=[error for _, error in NO_INTERPRETERS])
def test_what_is_no_interpreter_for_tasks_is_told_once(inspect, tmp_path, text, error):
    python = script(tmp_path / "python", text)
    limit = 0.3 if "sleep" in text else 20.0
    with pytest.raises(InterpreterError) as raised:
        inspect("good:f", python=python, limit=limit)
    assert str(raised.value).startswith(f"interpreter {python} {error}")
    assert not processes_with(str(tmp_path))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.write_text("text"), "Permission denied"),
        (lambda path: path.mkdir(), "Permission denied"),
    ],
)
def test_an_interpreter_that_can_not_be_executed_is_told(inspect, tmp_path, make, error):
    make(tmp_path / "python")
    with pytest.raises(InterpreterError) as raised:
        inspect("good:f", python=str(tmp_path / "python"))
    assert str(raised.value) == f"interpreter {tmp_path / 'python'} can't be started: {error}"


def test_it_leaves_no_descriptor_and_no_child_behind(inspect):
    inspect("good:f")
    before = os.listdir("/proc/self/fd")
    inspect("good:f", "bad:f", bad="import os\nos._exit(1)\n")
    assert os.listdir("/proc/self/fd") == before
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
