"""How results reach the tasks that wait for them."""

import itertools
import os
import tempfile
from pathlib import Path

import pytest

from longcase import TaskDependency


def arg(name):
    return TaskDependency(name, use_result_as_additional_args=True)


def kwarg(name, keyword):
    return TaskDependency(name, use_result_as_additional_kwargs=True, additional_kwarg_name=keyword)


def show(*args, **kwargs):
    return args, kwargs


def result_of(found, name):
    assert not found.failed_tasks, found.failures
    return found.passed_tasks_results[name].result


def fetch():
    return {"rows": [3, 1, 2]}


def validate(data):
    return {"valid": len(data["rows"])}


def statistics(data):
    return {"most": max(data["rows"])}


def prepare(valid, stats):
    return {**valid, **stats}


def save(prepared, to="nowhere"):
    return f"{prepared} to {to}"


def report(saved, stats=None):
    return f"{saved}; {stats}"


def pipeline(task):
    """Six tasks, as the documentation has them."""
    return [
        task("fetch_data", fetch),
        task("validate", validate, arg("fetch_data")),
        task("calculate_stats", statistics, arg("fetch_data"), "validate"),
        task("prepare_storage", prepare, arg("validate"), arg("calculate_stats")),
        task("save_data", save, arg("prepare_storage"), kwargs={"to": "disk"}),
        task("generate_report", report, arg("save_data"), kwarg("calculate_stats", "stats")),
    ]


@pytest.mark.parametrize(
    "order",
    [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (3, 0, 2, 1, 5, 4), (4, 5, 1, 3, 0, 2), (2, 5, 0, 4, 1, 3)],
)
def test_the_pipeline_runs_in_whatever_order_it_is_declared(task, run, order):
    tasks = pipeline(task)
    found = run([tasks[at] for at in order])
    assert result_of(found, "generate_report") == "{'valid': 3, 'most': 3} to disk; {'most': 3}"
    assert len(found.passed_tasks_results) == 6


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_arguments_come_in_the_order_of_the_dependencies_behind_the_own(task, run, order):
    sources = [task(name, str.upper, args=(name,)) for name in "cab"]
    found = run([task("t", show, *map(arg, order), args=(1, 2)), *sources])
    assert result_of(found, "t") == ((1, 2, *map(str.upper, order)), {})


def test_a_keyword_from_a_dependency_goes_over_the_own(task, run):
    source = task("source", lambda: "passed")
    found = run([source, task("t", show, kwarg("source", "b"), args=(1,), kwargs={"b": "own", "c": "kept"})])
    assert result_of(found, "t") == ((1,), {"b": "passed", "c": "kept"})


def test_of_two_dependencies_the_later_one_gives_a_keyword(task, run):
    sources = [task(name, str, args=(name,)) for name in "ab"]
    found = run([*sources, task("t", show, kwarg("b", "x"), kwarg("a", "x"))])
    assert result_of(found, "t") == ((), {"x": "a"})


def test_both_flags_pass_a_result_twice(task, run):
    edge = TaskDependency("a", True, True, "again")
    found = run([task("a", lambda: [7]), task("t", show, edge)])
    assert result_of(found, "t") == (([7],), {"again": [7]})


def test_a_dependency_without_a_flag_only_orders(task, run):
    found = run(
        [
            task("a", lambda: 1),
            task("t", show, "a", TaskDependency("b", additional_kwarg_name="x")),
            task("b"),
        ]
    )
    assert result_of(found, "t") == ((), {})


@pytest.mark.parametrize("value", [None, 0, "", [], False, {}, 0.0, b""])
def test_a_result_that_is_false_is_passed_like_any_other(task, run, value):
    found = run(
        [task("a", lambda: value), task("t", show, arg("a"), kwarg("a2", "k")), task("a2", lambda: value)]
    )
    assert result_of(found, "t") == ((value,), {"k": value})
    assert found.passed_tasks_results["a"].result == value


def test_the_tasks_own_arguments_are_left_as_they_are(task, run):
    made = task("t", show, arg("a"), kwarg("b", "k"), args=(1,), kwargs={"k": 0})
    run([made, task("a"), task("b")])
    run([made, task("a"), task("b")])
    assert (made.args, made.kwargs) == ((1,), {"k": 0})


def test_a_result_goes_to_every_task_that_wants_it(task, run):
    found = run(
        [task("a", lambda: 5), *(task(f"t{n}", lambda got, n=n: got + n, arg("a")) for n in range(10))]
    )
    assert [result_of(found, f"t{n}") for n in range(10)] == list(range(5, 15))


@pytest.mark.parametrize("size", [10, 60_000, 70_000, 3_000_000])
def test_results_of_every_size_arrive_and_may_be_changed_by_whoever_gets_them(task, run, size):
    def change(data):
        data[0] = 1
        data.append(2)
        return bytes(data)

    found = run([task("a", bytearray, args=(size,)), task("b", change, arg("a"))])
    assert result_of(found, "b") == b"\1" + bytes(size - 1) + b"\2"
    kept = result_of(found, "a")
    kept[0] = 9  # a copy of the caller's own, that nothing else maps
    assert len(kept) == size + (run.mode == "sequential")


def test_a_task_may_be_passed_more_than_a_message_holds(task, run):
    many = 400
    sources = [task(f"s{n}", lambda n=n: f"{n:1000d}") for n in range(many)]
    found = run(
        [
            *sources,
            task("t", lambda *args: [int(each) for each in args], *(arg(each.name) for each in sources)),
        ]
    )
    assert result_of(found, "t") == list(range(many))


def test_what_is_kept_for_a_task_goes_when_that_is_blocked(task, run_parallel, tmp_path, monkeypatch):
    """`bad` and `look` come after another: the second worker is busy till the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    reader, writer = os.pipe()

    def look():
        os.write(writer, b".")
        return [path.name for path in Path(tempfile.gettempdir()).glob("longcase-*/*")]

    tasks = [
        task("busy", lambda: len(os.read(reader, 1))),
        task("large", bytes, args=(200_000,)),
        task("bad", lambda: 1 / 0, "large"),
        task("step", lambda: None, "large"),
        task("look", look, "step"),
        task("blocked", len, "bad", arg("large")),
    ]
    found = run_parallel(tasks)
    os.close(reader)
    os.close(writer)
    assert found.blocked == {"blocked": "bad"}
    assert found.passed_tasks_results["look"].result == []
