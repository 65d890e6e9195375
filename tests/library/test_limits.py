"""Many tasks, with few descriptors."""

import subprocess
import sys

import pytest

CHAIN = """
import os, resource, sys, tempfile
from longcase import Process, Task, TaskDependency

limit, mode, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

def add(number=0):
    return number + 1

tasks = [
    Task(f"t{n}", f"{folder}/{n}.log", add,
         dependencies=[TaskDependency(f"t{n - 1}", use_result_as_additional_args=True)] if n else [])
    for n in reversed(range(5000))
]
before = os.listdir("/proc/self/fd")
with Process(tasks) as process:
    found = process.run(parallel=mode == "parallel", max_workers=2)
    assert os.listdir("/proc/self/fd") == before
assert process.tasks[0].name == "t0"
print(found.passed_tasks_results["t4999"].result, len(found.failed_tasks))
"""


@pytest.mark.parametrize("mode", ["sequential", "parallel"])
def test_a_chain_of_5000_tasks_runs_with_64_descriptors(tmp_path, mode):
    command = [sys.executable, "-c", CHAIN, "64", mode, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == ("5000 0\n", "")


WIDE = """
import os, resource, sys
from longcase import Process, Task

resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
tasks = [Task(f"t{n}", f"{sys.argv[1]}/{n}.log", abs, (n,)) for n in range(200)]
with Process(tasks) as process:
    found = process.run(parallel=True, max_workers=60)
print(sum(each.result for each in found.passed_tasks_results.values()), len(found.failed_tasks))
"""


def test_where_there_are_no_descriptors_for_all_workers_fewer_do(tmp_path):
    command = [sys.executable, "-c", WIDE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == (f"{sum(range(200))} 0\n", "")


CROWD = """
import socket, sys
from longcase import Task
from longcase.library.crew import Crew

crew = Crew({"t": Task("t", f"{sys.argv[1]}/log", abs)})
crew._zygotes_end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # as the kernel's own is for some 280
crew.start()
for _ in range(30):
    crew.hire()
crew.end()
print("ended")
"""


def test_a_crowd_of_workers_is_let_go_at_once(tmp_path):
    """Their ends are more news than the connection holds, and nobody reads them any more."""
    command = [sys.executable, "-c", CROWD, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (done.stdout, done.stderr) == ("ended\n", "")


FAN_IN = """
import os, resource, sys
from longcase import Process, Task, TaskDependency

resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
sources = [Task(f"t{n}", f"{sys.argv[1]}/log", bytearray, (70_000,)) for n in range(120)]
edges = [TaskDependency(task.name, use_result_as_additional_args=True) for task in sources]

def add(*passed):
    with open("/dev/null"):
        return sum(map(len, passed))

class Buffer:
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data)

    def __reduce_ex__(self, protocol):
        import pickle
        return Buffer, (pickle.PickleBuffer(self.data),)

for task in sources:
    task.func = lambda size: Buffer(bytearray(size))
found = Process([*sources, Task("sum", f"{sys.argv[1]}/log", add, dependencies=edges)]).run(parallel=True)
print(found.passed_tasks_results["sum"].result if not found.failures else found.failures["sum"].line)
"""


def test_a_task_may_be_passed_more_large_results_than_there_are_descriptors(tmp_path):
    command = [sys.executable, "-c", FAN_IN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == (f"{120 * 70_000}\n", "")


FULL = """
import resource, sys
from longcase import Process, Task, TaskDependency

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

def fail():
    raise ValueError("é" * 400_000)

edges = [TaskDependency(f"t{n}", use_result_as_additional_args=True) for n in range(8)]
tasks = [Task(f"t{n}", f"{sys.argv[1]}/log", bytes, (60_000,)) for n in range(8)]
tasks += [
    Task("sum", f"{sys.argv[1]}/log", print, dependencies=edges),
    Task("after", f"{sys.argv[1]}/log", print, dependencies=[TaskDependency("sum")]),
    Task("bad", f"{sys.argv[1]}/bad", fail),
]
found = Process(tasks).run(parallel=True, max_workers=2)
print(len(found.passed_tasks_results), found.blocked)
print(found.failures["sum"].line)
bad = found.failures["bad"]
print(type(bad.exception).__name__, bad.exception.class_name, bad.line[:13], "in fail" in bad.traceback)
"""


def test_where_a_long_message_finds_no_room_its_task_alone_fails(tmp_path):
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == [
        "8 {'after': 'sum'}",
        "its arguments can't be handed over: File too large",
        "TaskError ValueError ValueError: é True",
    ]
    assert done.stderr == ""
