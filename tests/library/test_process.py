"""A process: what it refuses, how it orders its tasks, and what it knows of them."""

import os
import re
import subprocess
import sys

import pytest

from longcase import (
    CircularDependencyError,
    DependencyNotFoundError,
    Process,
    TaskDependency,
    TaskNotFoundError,
)


@pytest.mark.parametrize("tasks", [(), {}, None, "tasks", 1])
def test_only_a_list_is_taken(tasks):
    with pytest.raises(TypeError, match=f"a list of tasks, not a {type(tasks).__name__}"):
        Process(tasks)


@pytest.mark.parametrize("wrong", [1, "b", None, print])
def test_only_tasks_are_taken(task, wrong):
    with pytest.raises(TypeError, match=f"number 2 in it is of type {type(wrong).__name__}"):
        Process([task("a"), wrong])


def test_two_tasks_of_one_name_are_refused(task):
    with pytest.raises(ValueError, match="Duplicate task name: a; rename one of them"):
        Process([task("a"), task("b"), task("a")])


def test_a_dependency_on_nothing_is_refused_and_may_be_mended(task):
    tasks = [task("A", print, "B"), task("C")]
    with pytest.raises(DependencyNotFoundError) as caught:
        Process(tasks)
    assert str(caught.value) == "Task A depends on missing task: B"
    tasks[0].dependencies[0].task_name = "C"
    assert [each.name for each in Process(tasks).tasks] == ["C", "A"]


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ({"a": "b", "b": "a"}, "a → b → a"),
        ({"start": "", "a": "b", "b": "c", "c": "a", "end": "c"}, "a → b → c → a"),
    ],
)
def test_a_cycle_is_refused_and_shown(task, edges, cycle):
    with pytest.raises(CircularDependencyError) as caught:
        Process([task(name, print, *needed) for name, needed in edges.items()])
    assert f"Circular dependency detected: {cycle};" in str(caught.value)


def names(tasks):
    return [each.name for each in tasks]


def test_tasks_are_ordered_and_keep_their_order_among_equals(task):
    given = [task("d", print, "b", "c"), task("c", print, "a"), task("b", print, "a"), task("a"), task("z")]
    process = Process(given)
    assert names(process.tasks) == ["a", "z", "c", "b", "d"]
    assert names(given) == ["d", "c", "b", "a", "z"]
    assert process.tasks is not given


def test_a_task_is_found_by_its_name(task):
    a = task("fetch_data")
    process = Process([a, task("other")])
    assert process.get_task("fetch_data") is a
    with pytest.raises(TaskNotFoundError, match=re.escape("no task 'fetch_date'; near are fetch_data")):
        process.get_task("fetch_date")


def test_dependants_are_found_at_every_depth(task):
    process = Process(
        [task("a"), task("b", print, "a"), task("c", print, "b", "a"), task("d"), task("e", print, "c")]
    )
    assert names(process.get_dependant_tasks("a")) == ["b", "c", "e"]
    assert process.get_dependant_tasks("b")[0] is process.get_task("c")
    assert process.get_dependant_tasks("d") == []
    assert process.get_dependant_tasks("nobody") == []


def test_dependants_of_a_long_chain_need_no_recursion(task):
    process = Process([task(f"t{n}", print, *([f"t{n - 1}"] if n else [])) for n in range(2000)])
    assert len(process.get_dependant_tasks("t0")) == 1999


def test_no_tasks_are_a_run_too(run):
    found = run([])
    assert (found.passed_tasks_results, found.failed_tasks) == ({}, set())


def test_an_error_within_the_block_is_not_swallowed(task):
    with pytest.raises(LookupError, match="mine"), Process([task("a")]):
        raise LookupError("mine")


# Where tasks run


def pids(task, count, **how):
    process = Process([task(f"t{n}", os.getpid) for n in range(count)])
    return {result.result for result in process.run(**how).passed_tasks_results.values()}


@pytest.mark.parametrize(
    ("count", "how"),
    [
        (9, {}),
        (9, {"max_workers": 8}),
        (12, {"parallel": False}),
        (12, {"parallel": True, "max_workers": 1}),
        (12, {"parallel": True, "max_workers": 0}),
        (12, {"parallel": None, "max_workers": -3}),
    ],
)
def test_tasks_run_in_the_calling_process(task, count, how):
    assert pids(task, count, **how) == {os.getpid()}


@pytest.mark.parametrize(
    ("count", "how"), [(10, {}), (1, {"parallel": True}), (3, {"parallel": True, "max_workers": 2})]
)
def test_tasks_run_in_other_processes(task, count, how):
    found = pids(task, count, **how)
    assert os.getpid() not in found
    assert len(found) <= how.get("max_workers", 4)


def test_a_number_of_workers_that_is_none_is_refused(task):
    with pytest.raises(TypeError, match="max_workers is of type int, not NoneType"):
        Process([task("a")]).run(parallel=True, max_workers=None)


def test_results_come_in_the_order_of_the_tasks(task, run):
    tasks = [task("c", print, "a"), task("b"), task("a"), *(task(f"t{n}") for n in range(20))]
    found = run(tasks)
    assert list(found.passed_tasks_results) == names(Process(tasks).tasks)


# Again


def test_a_second_run_runs_everything_anew(task, tmp_path):
    def count(name):
        with (tmp_path / "count").open("a") as file:
            file.write(f"{name}\n")
        return (tmp_path / "count").read_text().count(name)

    def fail_once(seen):
        if seen == 1:
            raise RuntimeError("the first time")
        return seen

    edge = TaskDependency("a", use_result_as_additional_args=True)
    process = Process(
        [task("a", count, args=("a",)), task("b", fail_once, edge), task("c", count, "b", args=("c",))]
    )
    first, second = (process.run(parallel=mode, max_workers=2) for mode in (True, False))
    assert first.failed_tasks == {"b", "c"}
    assert second.failed_tasks == set()
    assert [result.result for result in second.passed_tasks_results.values()] == [2, 2, 1]
    assert list(first.passed_tasks_results) == ["a"]
    assert process.run(parallel=True).passed_tasks_results["a"].result == 3


def test_a_dependency_that_is_changed_between_runs_counts(task):
    process = Process([task("a", lambda: 1), task("b", lambda: 2), task("c", lambda got: got, "a")])
    edge = process.get_task("c").dependencies[0]
    edge.task_name, edge.use_result_as_additional_args = "b", True
    assert process.run().passed_tasks_results["c"].result == 2
    edge.task_name = "gone"
    with pytest.raises(DependencyNotFoundError, match="Task c depends on missing task: gone"):
        process.run()


# The package


def test_the_package_loads_the_library_only_when_it_is_used():
    script = (
        "import sys, longcase; assert longcase.__version__; before = set(sys.modules);"
        "assert not [m for m in before if m.startswith('longcase.')], before;"
        "assert {'msgspec', 'jinja2', 'asyncio', 'logging', 'socket'}.isdisjoint(before), before;"
        "from longcase import *; print(Process, Task, TaskDependency, TaskResult, HTMLSMTPHandler, TaskError)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_the_package_has_not_is_an_attribute_error():
    import longcase

    with pytest.raises(AttributeError, match="module 'longcase' has no attribute 'Tusk'"):
        longcase.Tusk  # noqa: B018
    assert set(longcase.__all__) <= set(dir(longcase))
