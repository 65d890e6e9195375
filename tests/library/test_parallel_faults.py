"""Whatever a task does to its process, it fails alone; and nothing is left of a run, however it ends."""

import faulthandler
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from longcase import TaskDependency, TaskError
from longcase.domain.errors import LongcaseError
from longcase.library.crew import Crew
from longcase.workers import tree
from needs import need


def crash(number=signal.SIGSEGV):
    faulthandler.disable()  # pytest's own would tell of it on the terminal
    os.kill(os.getpid(), number)


def close_everything():
    os.closerange(3, 200)


def exit_at_once(code):
    os._exit(code)


@pytest.mark.parametrize(
    ("func", "args", "cause"),
    [
        (crash, (), "its process was killed by SIGSEGV"),
        (crash, (signal.SIGKILL,), "its process was killed by SIGKILL"),
        (crash, (signal.SIGABRT,), "its process was killed by SIGABRT"),
        (exit_at_once, (0,), "its process exited with code 0 without returning"),
        (exit_at_once, (3,), "its process exited with code 3 without returning"),
        (close_everything, (), "its process closed the descriptor by which its result is reported"),
    ],
    ids=["segfault", "kill", "abort", "exit 0", "exit 3", "closes all"],
)
@pytest.mark.parametrize("place", [0, 5])
def test_a_worker_that_dies_fails_its_task_alone(  # noqa: PLR0917 - fixtures and parameters
    task, run_parallel, func, args, cause, place
):
    tasks = [task(f"t{n}", lambda n=n: n) for n in range(20)]
    bad = task("bad", func, args=args)
    tasks[place:place] = [bad, task("child", print, "bad")]
    found = run_parallel(tasks)
    assert list(found.failures) == ["bad"]
    assert found.blocked == {"child": "bad"}
    assert [found.passed_tasks_results[f"t{n}"].result for n in range(20)] == list(range(20))
    failure = found.failures["bad"]
    assert type(failure.exception) is TaskError
    assert failure.line.startswith(cause)
    assert failure.traceback == ""
    log = bad.log_path.read_text().splitlines()
    assert "Starting bad." in log[0]
    assert f" - bad - ERROR - {cause}" in log[-1]


def test_many_workers_may_die(task, run_parallel):
    tasks = [task(f"t{n}", exit_at_once if n % 3 == 0 else abs, args=(n,)) for n in range(30)]
    found = run_parallel(tasks)
    assert found.failed_tasks == {f"t{n}" for n in range(0, 30, 3)}
    assert len(found.passed_tasks_results) == 20


def test_a_worker_that_dies_by_what_an_earlier_task_left_fails_one_task_at_most(task, run_parallel):
    """It dies with tasks given to it that it has not begun: those are run elsewhere."""
    reader, writer = os.pipe()

    def die_later():
        threading.Thread(target=lambda: (os.read(reader, 1), crash())).start()

    tasks = [task("a", die_later), *(task(f"t{n}", abs, "a", args=(n,)) for n in range(40))]
    found = run_parallel([*tasks, task("b", os.write, "t5", args=(writer, b"."))])
    os.close(reader)
    os.close(writer)
    assert len(found.failed_tasks) <= 1
    assert len(found.passed_tasks_results) >= 41


def test_a_signal_to_a_tasks_own_process_group_reaches_nobody_else(task, run_parallel):
    found = run_parallel(
        [task("bad", lambda: os.killpg(0, signal.SIGTERM)), *(task(f"t{n}") for n in range(6))]
    )
    assert found.failed_tasks == {"bad"}
    assert found.failures["bad"].line == "its process was killed by SIGTERM"


def test_a_zygote_that_is_killed_ends_the_run_with_an_error(task, run_parallel, tmp_path):
    def kill_zygote():
        (tmp_path / "pid").write_text(str(os.getpid()))
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)

    with pytest.raises(LongcaseError, match="the process that forks the workers was killed; run again"):
        run_parallel([task("t", kill_zygote)])
    wait_until_gone([int((tmp_path / "pid").read_text())])


def test_a_zygote_that_is_killed_with_calls_unread_is_told_alike(task):
    crew = Crew({"t": task("t")})
    crew.start()
    try:
        (zygote,) = children()
        os.kill(zygote, signal.SIGSTOP)
        os.waitid(os.P_PID, zygote, os.WSTOPPED | os.WNOWAIT)
        crew.hire()
        os.kill(zygote, signal.SIGKILL)
        with pytest.raises(LongcaseError, match="the process that forks the workers was killed; run again"):
            list(crew.wait())
    finally:
        crew.abort()


LEFT_ALONE = """
import os, sys
from longcase.library import worker, zygote
from longcase.library.messages import pair

callers, its = pair()
its.send(b"never read")
callers.close()
if sys.argv[1] == "worker":
    worker.main(its, {}, "", os.getppid())
zygote.main(its, pair()[0], {}, sys.argv[2], os.getppid())
"""


@pytest.mark.parametrize("who", ["worker", "zygote"])
def test_where_the_caller_is_gone_and_left_something_unread_its_forks_end_quietly(tmp_path, who):
    command = [sys.executable, "-c", LEFT_ALONE, who, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_is_not_there_is_named(task, run_parallel, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(LongcaseError) as caught:
        run_parallel([task("t")])
    assert str(caught.value) == (
        f"there can be no folder for what tasks pass on in {tmp_path}/gone: No such file or directory; "
        "set TMPDIR to a folder that can be written to"
    )


NOBODY_ELSE = 54_321


@pytest.mark.parametrize("most", [1, 2], ids=["no zygote", "no worker"])
def test_where_no_process_can_be_forked_the_run_says_so(task, run_parallel, most):
    need(os.getuid() == 0, "root, who may become a user with a limit")

    def run_without_processes():
        os.setuid(NOBODY_ELSE)
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        with pytest.raises(LongcaseError) as caught:
            run_parallel([made])
        return caught.value

    made = task("t", log_path="/dev/null")
    said = in_a_child(run_without_processes)
    assert said == "no process can be forked to run tasks in: Resource temporarily unavailable"


def in_a_child(func):
    """What a function returns, in a fork of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.write(writer, str(func()).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, "rb") as file:
        return file.read().decode()


# What is left


def children():
    return {process.pid for process in tree.below(os.getpid()) if process.state != "Z"}


@pytest.fixture(autouse=True)
def nothing_left(tmp_path_factory, monkeypatch):
    """No process, descriptor or folder."""
    tmp_path_factory.getbasetemp()  # that is to be elsewhere
    with tempfile.TemporaryDirectory() as folder:
        before = descriptors()
        Path(folder).chmod(0o777)  # another user may run here
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield
        assert_nothing_is_left()
        assert descriptors() == before
        assert os.listdir(folder) == []


def descriptors():
    return {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if is_open(int(fd))}


def is_open(fd):
    with suppress(OSError):
        return bool(os.fstat(fd))
    return False


def assert_nothing_is_left():
    assert children() == set()


@pytest.mark.parametrize("func", [abs, exit_at_once], ids=["succeeds", "dies"])
def test_nothing_is_left_of_a_run(task, run_parallel, func):
    run_parallel([task(f"t{n}", func, args=(n,)) for n in range(12)], max_workers=4)


class Buffer:
    """Pickled out of band, as arrays are: what comes back is a view of what was read."""

    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return Buffer, (pickle.PickleBuffer(self.data),)


def test_large_results_leave_no_file_and_no_descriptor_open(task, run_parallel):
    edge = TaskDependency("t0", use_result_as_additional_args=True)
    before = descriptors()
    tasks = [task(f"t{n}", Buffer, args=(bytearray(200_000),)) for n in range(5)]
    found = run_parallel([*tasks, task("sum", lambda buffer: sum(buffer.data), edge)])
    assert descriptors() == before
    assert found.passed_tasks_results["sum"].result == 0
    for number in range(5):
        data = found.passed_tasks_results[f"t{number}"].result.data
        data[0] = 7
        assert len(data) == 200_000


LEAVE_CHILD = """
import os, subprocess, sys, time
how, path = sys.argv[1:]
if how != "plain":
    os.setsid()
    if os.fork():
        os._exit(0)
if how == "stubborn":
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(path, "w") as file:
    file.write(str(os.getpid()))
time.sleep(1000)
"""


@pytest.mark.parametrize("how", ["plain", "setsid", "stubborn"])
def test_children_that_a_task_leaves_behind_go_with_the_run(task, run_parallel, tmp_path, how):
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)

    def leave():
        subprocess.Popen([sys.executable, "-c", LEAVE_CHILD, how, str(fifo)])
        return int(fifo.read_text())

    found = run_parallel([task("t", leave), task("u", print, "t")])
    assert not found.failures
    pid = found.passed_tasks_results["t"].result
    assert not Path(f"/proc/{pid}").exists()


def test_threads_that_a_task_leaves_behind_do_not_hold_the_run_up(task, run_parallel):
    def leave():
        threading.Thread(target=time.sleep, args=(1000,)).start()

    found = run_parallel([task("t", leave), task("u", lambda: 1, "t")])
    assert found.passed_tasks_results["u"].result == 1


# The caller's end

CALLER = """
import os, signal, subprocess, sys, tempfile, threading, time
from longcase import Process, Task

folder = sys.argv[1]
somebody_stays, stays = os.pipe()
signal.signal(signal.SIGINT, signal.default_int_handler)

def stay(n):
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    os.write(1, f"{os.getpid()} {child.pid} {os.getppid()}\\n".encode())
    os.write(stays, b".")
    time.sleep(1000)

def run(numbers):
    with Process([Task(f"t{n}", f"{folder}/{n}.log", stay, (n,)) for n in numbers]) as process:
        process.run(parallel=True, max_workers=2)

def fork_another():
    for _ in range(2):
        os.read(somebody_stays, 1)
    if os.fork() == 0:
        os.write(1, f"{os.getpid()}\\n".encode())
        time.sleep(1000)

if sys.argv[2] == "forked":
    threading.Thread(target=fork_another, daemon=True).start()
if sys.argv[2] == "twice":
    threading.Thread(target=run, args=([2, 3],), daemon=True).start()
run([0, 1])
"""


def start_caller(folder, how="once"):
    """A caller with tasks that stay, and the pids of all that has come of it."""
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, folder, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = [caller.stdout.readline() for _ in range(4 if how == "twice" else 2)]
    assert all(lines), caller.communicate(timeout=5)
    return caller, {int(pid) for line in lines for pid in line.split()}


def wait_until_gone(pids):
    """Every process, told by a descriptor that becomes readable when it ends."""
    deadline = time.monotonic() + 30
    for pid in pids:
        with suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            try:
                assert select.select([fd], [], [], max(deadline - time.monotonic(), 0))[0], f"{pid} lives on"
            finally:
                os.close(fd)


@pytest.mark.parametrize("how", ["once", "twice"])
def test_when_the_caller_is_killed_nothing_is_left(tmp_path, how):
    caller, pids = start_caller(str(tmp_path), how)
    caller.kill()
    caller.communicate(timeout=30)
    wait_until_gone(pids)


def test_another_fork_of_a_killed_caller_does_not_keep_the_run_alive(tmp_path):
    """It has a copy of the caller's connections, so that these stay open."""
    caller, pids = start_caller(str(tmp_path), "forked")
    other = int(caller.stdout.readline())
    caller.kill()
    try:
        wait_until_gone(pids)
    finally:
        os.kill(other, signal.SIGKILL)
        caller.communicate(timeout=30)


def test_ctrl_c_in_the_caller_leaves_nothing(tmp_path):
    caller, pids = start_caller(str(tmp_path))
    caller.send_signal(signal.SIGINT)
    said = caller.communicate(timeout=30)[1]
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert said.count("Traceback") == 1
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


INTERRUPTED = """
import os, signal, sys
from longcase import Process, Task

signal.signal(signal.SIGINT, signal.default_int_handler)
how, folder, caller = sys.argv[1], sys.argv[2], os.getpid()

def leave():
    \"\"\"A child that presses Ctrl-C when it is told to end, and has to be killed: so the caller waits.\"\"\"
    if how == "end":
        signal.signal(signal.SIGTERM, lambda *_: os.kill(caller, signal.SIGINT))
        if os.fork() == 0:
            while True:
                signal.pause()

if how == "fork":
    os.register_at_fork(after_in_parent=lambda: os.getpid() == caller and os.kill(caller, signal.SIGINT))
tasks = [Task("t", f"{folder}/t.log", leave), Task("u", f"{folder}/u.log", abs, (1,))]
try:
    Process(tasks).run(parallel=True, max_workers=2)
except KeyboardInterrupt:
    try:
        print(os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        print("interrupted", os.listdir("/proc/self/fd") == sys.argv[3:])
"""


@pytest.mark.parametrize("how", ["fork", "end"])
def test_ctrl_c_while_the_run_begins_or_ends_leaves_no_child(tmp_path, how):
    command = [sys.executable, "-c", INTERRUPTED, how, str(tmp_path), "0", "1", "2", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.stdout, done.stderr) == ("interrupted True\n", "")


def test_an_exception_in_the_caller_leaves_nothing_and_tasks_may_tidy_up(task, run_parallel, tmp_path):
    """Here from a signal in the midst of a run."""

    def stay():
        signal.signal(signal.SIGTERM, lambda *_: ((tmp_path / "tidy").touch(), os._exit(0)))
        os.kill(caller, signal.SIGUSR1)
        time.sleep(1000)

    def give_up(*_):
        raise TimeoutError("enough")

    caller = os.getpid()
    before = signal.signal(signal.SIGUSR1, give_up)
    try:
        with pytest.raises(TimeoutError, match="enough"):
            run_parallel([task("t", stay)])
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (tmp_path / "tidy").exists()


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: os.waitpid(-1, os.WNOHANG)])
def test_a_caller_that_does_not_wait_for_its_children_is_served_all_the_same(task, run_parallel, handler):
    before = signal.signal(signal.SIGCHLD, handler)
    try:
        found = run_parallel([task(f"t{n}", abs, args=(n,)) for n in range(5)])
        assert len(found.passed_tasks_results) == 5
    finally:
        signal.signal(signal.SIGCHLD, before)
