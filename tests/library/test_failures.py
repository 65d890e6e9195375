"""A task that fails: what it blocks, what it doesn't, and what is known of it afterwards."""

import os
import sys

import pytest

from longcase import Process, TaskDependency, TaskError


def fail(text="no rows"):
    raise ValueError(text)


def test_a_failure_blocks_exactly_its_descendants(task, run):
    tasks = [
        task("root"),
        task("bad", fail, "root"),
        task("child", print, "bad"),
        task("grandchild", print, "child", "beside"),
        task("beside", lambda: "ran", "root"),
        task("after", lambda: "ran too", "beside"),
        task("alone", lambda: 3),
        task("tail", print, "grandchild"),
    ]
    found = run(tasks)
    assert found.failed_tasks == {"bad", "child", "grandchild", "tail"}
    assert set(found.passed_tasks_results) == {"root", "beside", "after", "alone"}
    assert list(found.failures) == ["bad"]
    assert found.blocked == {"child": "bad", "grandchild": "bad", "tail": "bad"}
    assert all(each.worked and each.exception is None for each in found.passed_tasks_results.values())


def test_what_is_blocked_is_neither_run_nor_logged(task, run, tmp_path):
    run([task("bad", fail), task("child", (tmp_path / "ran").touch, "bad")])
    assert not (tmp_path / "ran").exists()
    assert (tmp_path / "child.log").read_text() == ""


def test_what_waits_for_two_failures_is_blocked_by_the_first(task, run):
    found = run(
        [
            task("a", fail),
            task("b", fail, "a2"),
            task("a2", print, "a"),
            task("c", fail),
            task("d", print, "b", "c"),
        ]
    )
    assert set(found.failures) == {"a", "c"}
    assert found.blocked["b"] == found.blocked["a2"] == "a"
    assert found.blocked["d"] in {"a", "c"}


def test_everything_else_still_runs_when_only_blocked_tasks_are_left(task, run):
    found = run(
        [task("bad", fail), *(task(f"t{n}", print, "bad" if n == 0 else f"t{n - 1}") for n in range(30))]
    )
    assert len(found.blocked) == 30


def test_all_may_fail(task, run):
    found = run([task(f"t{n}", fail) for n in range(12)])
    assert (found.passed_tasks_results, len(found.failures)) == ({}, 12)


def test_the_failed_tasks_are_one_set_that_the_caller_may_add_to(task, run):
    found = run([task("bad", fail), task("child", print, "bad")])
    found.failed_tasks.add("mine")
    assert found.failed_tasks == {"bad", "child", "mine"}


def test_a_failure_is_known_with_its_exception_and_traceback(task, run):
    found = run([task("bad", fail, args=("gone",))])
    failure = found.failures["bad"]
    assert type(failure.exception) is ValueError
    assert failure.exception.args == ("gone",)
    assert failure.line == "ValueError: gone"
    assert failure.traceback.startswith("Traceback (most recent call last):\n")
    assert f'File "{__file__}"' in failure.traceback
    assert failure.traceback.endswith("\nValueError: gone")
    assert "longcase" not in failure.traceback.replace(__file__, "")


def test_a_cause_is_part_of_the_traceback(task, run):
    def wrap():
        try:
            fail("inner")
        except ValueError as error:
            raise LookupError("outer") from error

    traceback = run([task("bad", wrap)]).failures["bad"].traceback
    assert "ValueError: inner" in traceback
    assert "direct cause" in traceback


@pytest.mark.parametrize("code", [None, 0, 3, "a text"])
def test_sys_exit_fails_its_task_alone(task, run, code):
    found = run([task("bad", sys.exit, args=(code,)), task("child", print, "bad"), task("good", lambda: 1)])
    assert isinstance(found.failures["bad"].exception, SystemExit)
    assert found.failures["bad"].exception.code == code
    assert found.blocked == {"child": "bad"}
    assert found.passed_tasks_results["good"].result == 1


def test_a_dependant_that_does_not_fit_what_it_is_passed_fails(task, run):
    edge = TaskDependency("a", use_result_as_additional_args=True)
    found = run([task("a", lambda: 1), task("b", lambda: 2, edge), task("c", print, "b")])
    assert isinstance(found.failures["b"].exception, TypeError)
    assert "takes 0 positional arguments but 1 was given" in found.failures["b"].line
    assert found.blocked == {"c": "b"}


class SpitefulError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def test_an_exception_without_a_text_fails_its_task_alone(task, run):
    def spite():
        raise SpitefulError

    found = run([task("bad", spite), task("good", lambda: 1)])
    assert found.failures["bad"].line == "SpitefulError: (its text can't be had)"
    assert found.passed_tasks_results["good"].result == 1


def test_ctrl_c_ends_a_sequential_run(task, tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        Process([task("a", interrupted), task("b", (tmp_path / "ran").touch)]) as process,
    ):
        process.run(parallel=False)
    assert not (tmp_path / "ran").exists()


def test_keyboard_interrupt_in_a_worker_fails_its_task_alone(task, run_parallel):
    def interrupted():
        raise KeyboardInterrupt

    found = run_parallel([task("bad", interrupted), task("good", lambda: 1)])
    assert isinstance(found.failures["bad"].exception, KeyboardInterrupt)
    assert found.passed_tasks_results["good"].result == 1


# What pickling loses


def raise_local():
    class LocalError(Exception):
        pass

    raise LocalError("from here")


class NeedsTwoError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


class ChangesError(Exception):
    """Comes out of a pickle as something else."""

    def __init__(self, text):
        super().__init__(text + "!")


def raise_with_handle():
    error = OSError("with a file")
    error.file = sys.stdout
    raise error


@pytest.mark.parametrize(
    ("func", "class_name", "text"),
    [
        (raise_local, "raise_local.<locals>.LocalError", "from here"),
        (lambda: (_ for _ in ()).throw(NeedsTwoError(1, 2)), "NeedsTwoError", "1 and 2"),
        (lambda: (_ for _ in ()).throw(ChangesError("so")), "ChangesError", "so!"),
        (raise_with_handle, "OSError", "with a file"),
    ],
    ids=["local", "two arguments", "changes", "handle"],
)
def test_an_exception_that_can_not_be_pickled_comes_as_a_task_error(
    task, run_parallel, func, class_name, text
):
    failure = run_parallel([task("bad", func)]).failures["bad"]
    error = failure.exception
    assert type(error) is TaskError
    assert (error.class_name, error.text) == (class_name, text)
    assert str(error) == f"{class_name}: {text}"
    assert error.traceback == failure.traceback
    assert f'File "{__file__}"' in error.traceback


def test_in_the_calling_process_nothing_has_to_be_pickled(task):
    result = task("t", lambda: lambda: 1).run()
    assert result.result() == 1
    assert type(task("u", raise_local).run().exception).__name__ == "LocalError"


class Exits:
    def __reduce__(self):
        return sys.exit, (3,)


class ExitsElsewhereError(Exception):
    """Can be read back in the process that raised it."""

    def __reduce__(self):
        return exit_elsewhere, (os.getpid(),)


def exit_elsewhere(pid):
    if os.getpid() != pid:
        sys.exit(3)
    return ExitsElsewhereError()


def raise_exits_elsewhere():
    raise ExitsElsewhereError


def test_an_exception_that_exits_where_it_is_read_fails_its_task_alone(task, run_parallel):
    found = run_parallel([task("bad", raise_exits_elsewhere), task("good", lambda: 1)])
    assert type(found.failures["bad"].exception) is TaskError
    assert found.failures["bad"].exception.class_name == "ExitsElsewhereError"
    assert found.passed_tasks_results["good"].result == 1


class Unreadable:
    def __reduce__(self):
        return fail, ("only on the way back",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 1, "the result, of type function, can't be pickled: "),
        (open, None),
        ([sys.stdout], "the result, of type list, can't be pickled: "),
        (Unreadable(), "the result of task bad can't be read back: ValueError: only on the way back"),
        (Exits(), "the result of task bad can't be read back: SystemExit: 3"),
    ],
    ids=["lambda", "fine", "file", "unreadable", "exits"],
)
def test_a_result_that_can_not_be_pickled_fails_its_task_and_says_so(
    task, run_parallel, tmp_path, value, message
):
    found = run_parallel([task("bad", lambda: value), task("child", print, "bad"), task("good", lambda: 1)])
    assert found.passed_tasks_results["good"].result == 1
    if message is None:
        assert found.passed_tasks_results["bad"].result is value
        return
    assert type(found.failures["bad"].exception) is TaskError
    assert message in found.failures["bad"].line
    assert found.blocked == {"child": "bad"}
    assert f"- bad - ERROR - {message}" in (tmp_path / "bad.log").read_text()


def test_a_huge_traceback_and_a_huge_exception_come_through(task, run_parallel):
    found = run_parallel([task("bad", fail, args=("é" * 400_000,))])
    assert len(str(found.failures["bad"].exception)) == 400_000
    assert "characters left out" in found.failures["bad"].traceback
