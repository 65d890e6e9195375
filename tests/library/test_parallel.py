"""Tasks in processes of their own: when each starts, what they share, and where their output goes."""

import logging
import multiprocessing
import os
import random
import select
import subprocess
import sys
import threading
import warnings

import pytest

from longcase import Process, TaskDependency

PATIENCE = 30


class Signal:
    """A pipe by which tasks, wherever they run, tell and wait."""

    def __init__(self):
        self.reader, self.writer = os.pipe()

    def tell(self):
        os.write(self.writer, b".")

    def wait(self, times=1):
        for _ in range(times):
            assert select.select([self.reader], [], [], PATIENCE)[0], "waited in vain"
            os.read(self.reader, 1)

    def close(self):
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def signal():
    made = Signal()
    yield made
    made.close()


@pytest.fixture
def other_signal():
    made = Signal()
    yield made
    made.close()


def succeeded(found):
    assert not found.failures, {name: failure.line for name, failure in found.failures.items()}
    return found


@pytest.mark.parametrize("place", [0, 1, 7, 25])
def test_nothing_waits_behind_a_task_that_takes_long(task, run_parallel, signal, place):
    """It ends only when all the others have: so they were taken from its worker again."""
    tasks = [task(f"t{n}", signal.tell) for n in range(30)]
    tasks.insert(place, task("long", signal.wait, args=(30,)))
    succeeded(run_parallel(tasks))


def test_two_long_tasks_leave_the_third_worker_to_the_others(task, run_parallel, signal, other_signal):
    tasks = [
        task("long", signal.wait, args=(40,)),
        task(
            "longer",
            other_signal.wait,
            args=(1,),
        ),
    ]
    tasks += [task(f"t{n}", signal.tell) for n in range(40)]
    tasks.append(task("last", other_signal.tell, *(f"t{n}" for n in range(40))))
    succeeded(run_parallel(tasks, max_workers=3))


def test_a_task_starts_as_soon_as_its_own_dependencies_are_done(task, run_parallel, signal):
    """`slow` is of the first layer, and ends only when the whole chain beside it has."""
    chain = [task(f"c{n}", lambda: None, *([f"c{n - 1}"] if n else [])) for n in range(10)]
    succeeded(run_parallel([task("slow", signal.wait), *chain, task("end", signal.tell, "c9")]))


def test_as_many_tasks_run_at_once_as_there_are_workers(task, run_parallel, signal, other_signal):
    def meet():
        signal.tell()
        other_signal.wait()

    def let_go():
        signal.wait(3)
        for _ in range(3):
            other_signal.tell()

    succeeded(run_parallel([*(task(f"t{n}", meet) for n in range(3)), task("u", let_go)], max_workers=4))


def test_a_chain_needs_but_one_worker(task, run_parallel):
    found = run_parallel(
        [task(f"t{n}", os.getpid, *([f"t{n - 1}"] if n else [])) for n in range(10)], max_workers=4
    )
    assert len({result.result for result in found.passed_tasks_results.values()}) == 1


def test_tasks_share_no_memory_with_the_caller(task, run_parallel):
    shared = []
    found = run_parallel([task("a", shared.append, args=(1,)), task("b", lambda: shared, "a")])
    assert shared == []
    assert found.passed_tasks_results["b"].result in ([], [1])


def test_every_dependant_gets_a_copy_of_its_own(task, run_parallel):
    def add(got, more):
        got.append(more)
        return got

    edge = TaskDependency("a", use_result_as_additional_args=True)
    others = [task(f"t{n}", lambda got, n=n: add(got, n), edge) for n in range(6)]
    found = run_parallel([task("a", lambda: [0]), *others])
    assert [found.passed_tasks_results[f"t{n}"].result for n in range(6)] == [[0, n] for n in range(6)]
    assert found.passed_tasks_results["a"].result == [0]


def test_workers_draw_different_random_numbers(task, run_parallel, signal, other_signal):
    def draw(mine, others):
        mine.tell()
        others.wait()  # so that each is in a worker of its own
        return random.random()

    found = succeeded(
        run_parallel(
            [task("a", draw, args=(signal, other_signal)), task("b", draw, args=(other_signal, signal))]
        )
    )
    a, b = (found.passed_tasks_results[name].result for name in "ab")
    assert a != b


# Output


def test_prints_go_where_the_callers_go_once_and_in_order():
    script = (
        "import sys, tempfile; from longcase import Process, Task\n"
        "folder = tempfile.mkdtemp()\n"
        "print('before', end=' ')\n"
        "def talk(n):\n"
        "    print(f'out {n}', end=';'); print(f'err {n}', file=sys.stderr)\n"
        "tasks = [Task(f't{n}', folder + '/t', talk, (n,)) for n in range(3)]\n"
        "with Process(tasks) as process: process.run(parallel=True, max_workers=2)\n"
        "print('after')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("before out ")
    assert done.stdout.endswith(";after\n")
    assert sorted(done.stdout[len("before ") : -len("after\n")].split(";")) == ["", "out 0", "out 1", "out 2"]
    assert sorted(done.stderr.splitlines()) == ["err 0", "err 1", "err 2"]


def test_a_print_is_seen_before_its_task_is_done(task, run_parallel, capfd):
    run_parallel([task("t", lambda: print("seen", end=""))])
    assert capfd.readouterr().out == "seen"


def test_a_task_finds_nothing_on_its_standard_input(task, run_parallel):
    found = succeeded(run_parallel([task("t", lambda: (sys.stdin.read(), os.read(0, 1)))]))
    assert found.passed_tasks_results["t"].result == ("", b"")


CLOSED = """
import os, sys
for fd in map(int, sys.argv[2:]):
    os.close(fd)
from longcase import Process, Task, TaskDependency

def look(data):
    print("nowhere", flush=True)
    os.write(1, b"")
    return len(data), os.read(0, 1)

edge = TaskDependency("a", use_result_as_additional_args=True)
tasks = [
    Task("a", f"{sys.argv[1]}/a", bytes, (200_000,)),
    Task("b", f"{sys.argv[1]}/b", look, dependencies=[edge]),
]
found = Process(tasks).run(parallel=True, max_workers=2)
assert found.passed_tasks_results["b"].result == (200_000, b""), found.failures
"""


@pytest.mark.parametrize("closed", ["0", "012"])
def test_a_caller_may_have_closed_its_standard_streams(tmp_path, closed):
    command = [sys.executable, "-c", CLOSED, str(tmp_path), *closed]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def close_output():
    sys.stdout.close()


def take_output_away():
    sys.stdout = None


@pytest.mark.parametrize("ruin", [close_output, take_output_away])
def test_a_task_that_ruins_its_standard_output_fails_nothing_else(task, run_parallel, ruin):
    found = succeeded(run_parallel([task("a", ruin), *(task(f"t{n}", lambda: 1, "a") for n in range(3))]))
    assert len(found.passed_tasks_results) == 4


# The caller's threads


def test_two_processes_run_at_once_in_two_threads(task):
    results = {}

    def run_one(name):
        tasks = [task(f"{name}{n}", lambda n=n: n, *([f"{name}{n - 1}"] if n else [])) for n in range(40)]
        with Process(tasks) as process:
            results[name] = process.run(parallel=True, max_workers=2)

    threads = [threading.Thread(target=run_one, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert {name: len(found.passed_tasks_results) for name, found in results.items()} == dict.fromkeys(
        "abc", 40
    )


def test_locks_that_the_callers_threads_hold_are_no_trouble(task, run_parallel, tmp_path):
    """Threads log and print all the time: whatever they hold when the fork comes stays held there."""
    over = threading.Event()
    logger = logging.getLogger("longcase.test.busy")
    logger.propagate = False
    logger.addHandler(logging.FileHandler(tmp_path / "busy.log"))

    def be_busy():
        while not over.is_set():
            logger.warning("busy")
            print("busy", file=sys.stderr, flush=True)

    def be_busy_too():
        logger.warning("from a task")
        print("from a task", file=sys.stderr, flush=True)

    threads = [threading.Thread(target=be_busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(5):
                succeeded(run_parallel([task(f"t{n}", be_busy_too) for n in range(4)]))
    finally:
        over.set()
        for thread in threads:
            thread.join()
        logger.handlers.pop().close()


PRINTING = """
import os, select, sys, threading
from longcase.library import zygote

reader, writer = os.pipe()
sys.stdout = sys.__stdout__ = os.fdopen(writer, "w")
threading.Thread(target=print, args=("x" * 1_000_000,), daemon=True).start()
while select.select([], [writer], [], 0)[1]:
    pass  # until the pipe is full: now the thread is within the stream, and stays there
os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), writer)
zygote._renew("stdout")
print("fresh", flush=True)
print("the other one", file=sys.__stdout__, flush=True)
os._exit(0)
"""


def test_a_stream_that_a_thread_is_within_is_renewed(tmp_path):
    subprocess.run([sys.executable, "-c", PRINTING, str(tmp_path / "out")], check=True, timeout=20)
    assert (tmp_path / "out").read_text() == "fresh\nthe other one\n"


def test_a_lock_that_another_thread_holds_is_not_waited_for(task, run_parallel):
    """That of a handler is, but not for long."""
    logger, handler = logging.getLogger("longcase.test.held"), logging.StreamHandler()
    logger.addHandler(handler)
    held, over = threading.Event(), threading.Event()

    def hold():
        with handler.lock:
            held.set()
            over.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(PATIENCE)
    try:
        succeeded(run_parallel([task(f"t{n}") for n in range(4)]))
        assert thread.is_alive()
    finally:
        over.set()
        thread.join()
        logger.removeHandler(handler)


# What tasks may do


def test_a_task_may_use_multiprocessing(task, run_parallel):
    def spread():
        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(abs, [-1, -2, -3])

    found = succeeded(run_parallel([task("t", spread)]))
    assert found.passed_tasks_results["t"].result == [1, 2, 3]


def test_a_task_may_run_a_process_of_its_own_in_parallel(task, run_parallel):
    def inner():
        with Process([task(f"inner{n}", os.getpid) for n in range(3)]) as process:
            found = process.run(parallel=True, max_workers=2)
        return os.getpid() not in {each.result for each in found.passed_tasks_results.values()}

    found = succeeded(run_parallel([task("t", inner), task("u", inner)]))
    assert found.passed_tasks_results["t"].result is True


def test_a_child_that_a_task_forks_and_lets_run_on_does_not_become_a_second_worker(
    task, run, signal, tmp_path
):
    def fork():
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            signal.tell()
        return "child" if child == 0 else "task"

    def fork_and_exit():
        child = os.fork()
        if child == 0:
            sys.exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    found = succeeded(run([task("t", fork), task("u", fork_and_exit, "t"), task("v", signal.wait, "t")]))
    assert (found.passed_tasks_results["t"].result, found.passed_tasks_results["u"].result) == ("task", 7)
    assert (tmp_path / "t.log").read_text().count("\n") == 2
    assert (tmp_path / "u.log").read_text().count("\n") == 2
