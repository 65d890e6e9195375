"""A task alone: what it is made of, what is refused, and running it by itself."""

import asyncio
import copy
import functools
import os
import pickle
import re
from pathlib import Path

import pytest

from longcase import HTMLSMTPHandler, Process, Task, TaskDependency, TaskError

# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1,), "TaskDependency(1): task_name is of type str, not 1 of type int"),
        (("a", "yes"), "use_result_as_additional_args is of type bool, not 'yes' of type str"),
        (("a", True, 1), "use_result_as_additional_kwargs is of type bool, not 1 of type int"),
        (("a", False, True), 'additional_kwarg_name is ""; set it'),
        (("a", False, True, ""), 'additional_kwarg_name is ""; set it'),
        (("a", False, False, None), "additional_kwarg_name is of type str, not None of type NoneType"),
    ],
)
def test_a_dependency_that_can_not_be_is_refused(arguments, message):
    with pytest.raises(TypeError) as caught:
        TaskDependency(*arguments)
    assert message in str(caught.value)


def test_a_dependency_has_the_seeds_defaults_and_may_be_changed():
    edge = TaskDependency("a")
    found = (edge.use_result_as_additional_args, edge.use_result_as_additional_kwargs)
    assert (found, edge.additional_kwarg_name) == ((False, False), "")
    edge.task_name, edge.use_result_as_additional_args = "b", True
    assert (edge.task_name, edge.passes) == ("b", True)


EDGE = TaskDependency("other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 7}, "name of a task is of type str, not 7 of type int"),
        ({"log_path": None}, "task t: log_path is of type str or PathLike, not None"),
        ({"func": "print"}, "task t: func can't be called: it is 'print' of type str; give a function"),
        ({"args": [1]}, "task t: args is of type tuple, not [1] of type list"),
        ({"kwargs": [("a", 1)]}, "task t: kwargs is of type dict"),
        ({"dependencies": (EDGE,)}, "task t: dependencies is of type list"),
        (
            {"dependencies": [EDGE, "b"]},
            "task t: dependency 2 is of type TaskDependency, not 'b' of type str",
        ),
        ({"html_mail_handler": print}, "task t: html_mail_handler is of type HTMLSMTPHandler"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused_by_name(tmp_path, change, message):
    arguments = {"name": "t", "log_path": tmp_path / "t.log", "func": print} | change
    with pytest.raises(TypeError) as caught:
        Task(**arguments)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["two words", "tab\there", "line\n", " ", "no\u00a0break"])
def test_a_name_with_white_space_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="white space in it; use _ in its place") as caught:
        Task(name, tmp_path / "t.log", print)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "task name '' is empty"),
        ("a\0b", r"'a\\x00b' is empty or has control characters"),
        ("\x9b", "control"),
    ],
)
def test_a_name_that_nobody_could_read_is_refused(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        Task(name, tmp_path / "t.log", print)
    assert not list(tmp_path.iterdir())


def test_a_dependency_that_is_named_twice_is_refused(task):
    with pytest.raises(ValueError, match="Duplicate dependency name: a; name it once in task b"):
        task("b", print, "a", TaskDependency("a", use_result_as_additional_args=True))


def test_a_task_that_waits_for_itself_is_refused(task):
    with pytest.raises(ValueError, match=r"Task: a\. Dependency: a; a task can't wait for itself"):
        task("a", print, "a")


def test_a_log_that_can_not_be_opened_is_refused_at_once(tmp_path):
    with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path))):
        Task("t", tmp_path, print)


def test_a_log_that_is_a_pipe_without_a_reader_is_refused_at_once(tmp_path):
    """Its opening would wait for one."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=re.escape(f"No such device or address: '{tmp_path}/pipe'")):
        Task("t", tmp_path / "pipe", print)


def test_a_log_may_be_a_pipe_that_somebody_reads(task, run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        run([task("t", log_path=tmp_path / "pipe")])
        assert os.read(reader, 1000).count(b"\n") == 2
    finally:
        os.close(reader)


# What it has


def test_a_task_has_what_it_was_given(tmp_path):
    handler = HTMLSMTPHandler("localhost", "a@example.com", ["b@example.com"])
    path = str(tmp_path / "t.log")
    made = Task("t", path, print, (1,), {"end": ""}, [EDGE], handler)
    found = (made.name, made.log_path, made.func, made.args, made.kwargs, made.dependencies)
    assert found == ("t", path, print, (1,), {"end": ""}, [EDGE])
    assert made.html_mail_handler is handler
    assert made.logger.name == "t"
    assert repr(made) == "<Task t>"


def test_a_task_has_no_arguments_and_no_dependencies_by_default(tmp_path):
    one, other = (Task(name, tmp_path / "t.log", print) for name in "ab")
    assert (one.args, one.kwargs, one.dependencies, one.html_mail_handler) == ((), {}, [], None)
    assert one.kwargs is not other.kwargs
    assert one.dependencies is not other.dependencies


def test_the_names_of_its_dependencies_are_told(task):
    assert task("t", print, "b", "a").get_dependencies_names() == {"a", "b"}
    assert task("u").get_dependencies_names() == set()


def test_a_task_may_be_renamed_and_logs_by_its_new_name(task, tmp_path):
    made = task("old")
    made.name = "new"
    made.run()
    made.logger.info("by hand")
    text = (tmp_path / "old.log").read_text()
    assert re.findall(r" - (\w+) - INFO - (.*)", text) == [
        ("new", "Starting new."),
        ("new", "Finished new."),
        ("new", "by hand"),
    ]
    with pytest.raises(ValueError, match="white space"):
        made.name = "not so"


COPIES = [copy.copy, copy.deepcopy, lambda task: pickle.loads(pickle.dumps(task))]


@pytest.mark.parametrize("copied", COPIES, ids=["copy", "deepcopy", "pickle"])
def test_a_copy_of_a_task_logs_to_the_same_file_by_its_own_name(tmp_path, monkeypatch, copied):
    monkeypatch.chdir(tmp_path)
    made = Task("old", "t.log", int, ("7",), {"base": 8}, [EDGE])
    monkeypatch.chdir("/")
    twin = copied(made)
    twin.name = "new"
    assert (twin.run().result, made.run().result) == (7, 7)
    assert twin.get_dependencies_names() == {"other"}
    names = re.findall(r" - (\w+) - INFO", (tmp_path / "t.log").read_text())
    assert names == ["new", "new", "old", "old"]


def test_a_deep_copy_of_a_task_shares_nothing_that_can_be_changed(task):
    handler = HTMLSMTPHandler("localhost", "a@example.com", ["b@example.com"])
    made = task("t", print, "a", html_mail_handler=handler)
    twin = copy.deepcopy(made)
    twin.dependencies[0].task_name = "b"
    twin.html_mail_handler.toaddrs.clear()
    assert made.get_dependencies_names() == {"a"}
    assert handler.toaddrs == ["b@example.com"]


# Run alone


def test_a_task_runs_alone_in_the_calling_process(task):
    result = task("t", lambda a, b: (os.getpid(), a, b), args=(1,), kwargs={"b": 2}).run()
    assert (result.worked, result.result, result.exception) == (True, (os.getpid(), 1, 2), None)


def test_a_task_that_fails_alone_gives_its_exception_as_it_is(task):
    error = ZeroDivisionError("no")

    def fail():
        raise error

    result = task("t", fail).run()
    assert (result.worked, result.result) == (False, None)
    assert result.exception is error


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), BaseException("all of it")])
def test_whatever_is_raised_fails_the_task(task, error):
    def fail():
        raise error

    assert task("t", fail).run().exception is error


def test_ctrl_c_is_the_callers(task, tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        task("t", interrupted).run()
    assert "- t - ERROR - KeyboardInterrupt\n" in (tmp_path / "t.log").read_text()


def test_run_with_a_process_passes_the_results_of_its_latest_run(task):
    edge = TaskDependency("a", use_result_as_additional_args=True)
    double = task("b", lambda value: value * 2, edge)
    process = Process([task("a", lambda: 21), double])
    with pytest.raises(TaskError, match=r"task b needs the result of task a, .*: run the process first"):
        double.run(process)
    process.run()
    assert double.run(process).result == 42


def test_a_task_runs_with_a_process_and_nothing_else(task):
    with pytest.raises(TypeError, match="executing_process is of type Process, not 5 of type int"):
        task("t").run(5)


# What may be run


class Greeter:
    def __init__(self, word):
        self.word = word

    def __call__(self, name):
        return f"{self.word} {name}"

    def method(self, name):
        return f"{self.word}, {name}"


async def greet_later(name):
    await asyncio.sleep(0)
    return f"later {name}"


@pytest.mark.parametrize(
    ("func", "result"),
    [
        (functools.partial(Greeter.__call__, Greeter("part")), "part you"),
        (lambda name: f"lambda {name}", "lambda you"),
        (Greeter("hello"), "hello you"),
        (Greeter("hi").method, "hi, you"),
        (str.upper, "YOU"),
        (greet_later, "later you"),
    ],
    ids=["partial", "lambda", "object", "method", "builtin", "coroutine"],
)
def test_whatever_can_be_called_is_a_function(task, run, func, result):
    found = run([task("t", func, args=("you",))])
    assert found.passed_tasks_results["t"].result == result


def test_a_closure_sees_what_it_closes_over(task, run):
    secret = object()
    found = run([task("t", lambda: repr(secret))])
    assert found.passed_tasks_results["t"].result == repr(secret)


def test_a_partial_that_fails_fails_alone(task, run):
    found = run([task("t", functools.partial(int, "x")), task("u", lambda: 1)])
    assert isinstance(found.failures["t"].exception, ValueError)
    assert found.passed_tasks_results["u"].result == 1


def test_a_relative_log_path_stays_where_it_was_when_the_folder_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Task("t", "logs/deep/t.log", os.chdir, ("/",))
    assert Path("logs/deep/t.log").read_text() == ""
    made.run()
    assert (tmp_path / "logs/deep/t.log").read_text().count("\n") == 2
