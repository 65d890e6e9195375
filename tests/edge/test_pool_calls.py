"""What becomes of Python callables, under the daemon's Python and under the oldest one that is allowed."""

import os
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Call, Dependency, Passing
from pool_harness import RUN, mode_of, size_of

pytestmark = pytest.mark.usefixtures("each_python")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("pool_tasks:nothing", "None"),
        ("pool_tasks:later", "'later'"),
        ("pool_tasks:Shop.Till.open", "'open'"),
        ("pool_tasks:doubled", "3"),
        ("pool_tasks:bad_repr", "<BadRepr instance at"),
        (f"{Path(__file__).parent}/pool_tasks.py:nothing", "None"),
        ("builtins:dict", "{}"),
    ],
)
async def test_a_callable_that_returns_has_succeeded_and_its_result_is_stored(harness, target, shown):
    args = (1,) if target.endswith("doubled") else ()
    outcome = await harness.run(Call(target, args))
    assert outcome.state is TaskState.SUCCEEDED
    assert outcome.result.repr.startswith(shown)
    assert outcome.result.path.startswith(str(harness.results / "p" / RUN))
    assert (outcome.exception, outcome.reason, outcome.log_tail) == (None, None, ())
    assert outcome.started.tzinfo is UTC
    assert outcome.started <= outcome.ended


async def test_the_interpreter_is_the_one_that_the_job_file_names(harness):
    outcome = await harness.run(Call("pool_tasks:where"), name="where")
    assert outcome.state is TaskState.SUCCEEDED
    read = await harness.run(
        Call("builtins:print"),
        depends_on=(Dependency("where", Passing.ARG),),
        results={"where": outcome.result},
    )
    assert read.state is TaskState.SUCCEEDED
    if harness.python:
        assert "'version': (3, 9)" in harness.said("out")[0]
        assert repr(harness.python) in harness.said("out")[0]


async def test_arguments_arrive_as_the_toml_file_has_them(harness):
    args = (
        {"$": "dict", "value": [1, 2.5, "ü", True]},
        datetime(2026, 11, 24, 2, 30, 0, 5, timezone(timedelta(hours=1))),
        datetime(2026, 11, 24, 2, 30),
        date(2026, 11, 24),
        time(2, 30, 1),
    )
    await harness.run(Call("builtins:print", args, {"sep": "\n"}))
    assert harness.said("out") == [str(arg) for arg in args]


async def test_results_are_appended_in_the_order_of_depends_on_and_override_keywords(harness):
    one = await harness.run(Call("pool_tasks:add", (1,)), name="one")
    two = await harness.run(Call("pool_tasks:megabytes", (1,)), name="two")
    assert one.result.path != two.result.path
    await harness.run(
        Call("builtins:print", ("own",), {"end": "not this", "sep": "|"}),
        depends_on=(
            Dependency("two", Passing.ORDER),
            Dependency("one", Passing.ARG),
            Dependency("none", Passing.ARG),
            Dependency("nothing", Passing.KWARG, "end"),
        ),
        results={"one": one.result, "none": None, "nothing": None},
    )
    assert harness.said("out") == ["own|1|None"]
    await harness.run(
        Call("pool_tasks:length"),
        name="length",
        depends_on=(Dependency("two", Passing.KWARG, "value"),),
        results={"two": two.result},
    )
    assert harness.delivered[-1][1].result.repr == str(2**20)


async def test_a_result_that_is_gone_fails_the_task_that_needs_it(harness):
    big = await harness.run(Call("pool_tasks:megabytes", (1,)), name="big")
    os.unlink(big.result.path)
    outcome = await harness.run(
        Call("pool_tasks:length"), depends_on=(Dependency("big", Passing.ARG),), results={"big": big.result}
    )
    assert outcome.state is TaskState.FAILED
    assert outcome.exception.startswith(
        "ResultError: the result of task 'big' can't be read: FileNotFoundError: "
    )


@pytest.mark.parametrize(
    ("target", "args", "exception"),
    [
        ("pool_tasks:fail", ("two\nlines",), "ValueError: two lines"),
        ("pool_tasks:fail_rudely", (), "RudeError: (its text can't be had)"),
        ("pool_tasks:fail_with_bytes", (), "OSError: bad name ?"),
        ("pool_tasks:import_fails", (), "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("pool_tasks:leave", (3,), "SystemExit: 3"),
        ("pool_tasks:leave", (0,), "SystemExit: 0"),
    ],
)
async def test_a_callable_that_raises_has_failed_with_a_traceback_of_its_own_frames(
    harness, target, args, exception
):
    outcome = await harness.run(Call(target, args))
    assert outcome.state is TaskState.FAILED
    assert outcome.exception == exception
    lines = outcome.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert 'pool_tasks.py", line' in lines[1]
    assert f"in {target.partition(':')[2]}" in lines[1]
    assert "workers" not in outcome.traceback
    assert harness.said("err")[0] == lines[0]
    assert harness.said("---")[-1].endswith(f": {exception}")


@pytest.mark.parametrize(
    ("target", "args", "exception"),
    [
        ("no_such.module:name", (), "ModuleNotFoundError: No module named 'no_such' in {tasks}, "),
        (
            "pool_tasks:ad",
            (),
            "AttributeError: module pool_tasks ({tasks}/pool_tasks.py) has no 'ad'; near are add",
        ),
        ("pool_tasks:Shop.Tiller.open", (), "AttributeError: type Shop has no 'Tiller'; near are Till"),
        ("pool_tasks:CONSTANT", (), "TypeError: pool_tasks:CONSTANT is of type int, which can't be called"),
        (
            "pool_tasks:add",
            (1, 2, 3),
            "TypeError: the call add(1, 2, 3) doesn't fit add(a, b=0, *, c=0): too many positional arguments",
        ),
        ("/no/such/file.py:name", (), "ModuleNotFoundError: there is no file /no/such/file.py"),
        (
            "pool_tasks:unpicklable",
            (),
            "ResultError: the result, of type generator, can't be pickled: cannot pickle 'generator' object",
        ),
    ],
)
async def test_a_callable_that_is_not_to_be_had_fails_with_the_cause_in_one_line(
    harness, target, args, exception
):
    outcome = await harness.run(Call(target, args))
    assert outcome.state is TaskState.FAILED
    expected = exception.format(tasks=Path(__file__).parent)
    assert outcome.exception.replace(
        "can't pickle generator objects", "cannot pickle 'generator' object"
    ).startswith(expected)
    assert outcome.traceback is None


async def test_a_module_with_a_syntax_error_fails_with_its_place(harness, tmp_path):
    (tmp_path / "broken.py").write_text("def f(:\n")
    outcome = await harness.run(Call("broken:f"), working_dir=str(tmp_path))
    assert outcome.exception.startswith("SyntaxError: ")
    assert f'File "{tmp_path}/broken.py", line 1' in outcome.traceback


async def test_modules_of_the_user_named_like_ours_are_the_users(harness, tmp_path):
    (tmp_path / "worker.py").write_text("MINE = 'worker of the user'\n")
    (tmp_path / "results.py").write_text("MINE = 'results of the user'\n")
    outcome = await harness.run(Call("pool_tasks:users_modules"), working_dir=str(tmp_path))
    assert outcome.result.repr == "['results of the user', 'worker of the user']"


@pytest.mark.parametrize(
    ("target", "args", "state", "reason"),
    [
        ("pool_tasks:leave_at_once", (0,), TaskState.FAILED, "exited with code 0 without returning"),
        ("pool_tasks:leave_at_once", (3,), TaskState.FAILED, "exited with code 3 without returning"),
        ("pool_tasks:kill_myself", ("SIGKILL",), TaskState.KILLED, "killed by SIGKILL"),
        ("pool_tasks:kill_myself", ("SIGTERM",), TaskState.KILLED, "killed by SIGTERM"),
        ("pool_tasks:crash", (), TaskState.KILLED, "killed by SIGSEGV"),
        (
            "pool_tasks:close_everything",
            (),
            TaskState.FAILED,
            "closed the descriptor by which its result is reported, or wrote onto it",
        ),
    ],
)
async def test_a_process_that_ends_without_returning_fails_its_own_task_alone(
    harness, target, args, state, reason
):
    other = harness.start(Call("pool_tasks:add", (1,)), name="other")
    outcome = await harness.run(Call(target, args))
    assert (outcome.state, outcome.reason, outcome.exception) == (state, reason, None)
    assert outcome.signal == (reason.rpartition(" ")[2] if state is TaskState.KILLED else None)
    assert harness.said("---")[-1].endswith(f": {reason}")
    assert (await harness.outcome(other)).state is TaskState.SUCCEEDED


async def test_a_forked_child_that_comes_out_of_the_callable_reports_nothing(harness):
    outcome = await harness.run(Call("pool_tasks:forked_child_returns"))
    assert outcome.result.repr == "'parent'"


async def test_a_forked_child_that_comes_out_of_the_callable_late_spoils_no_result(harness):
    outcome = await harness.run(Call("pool_tasks:forked_child_returns_late"))
    assert outcome.state is TaskState.SUCCEEDED
    assert size_of(outcome.result.path) == outcome.result.size


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [
        ("pool_tasks:forked_child_fails", "1", "ValueError: in the child"),
        ("pool_tasks:forked_child_leaves", "3", None),
        ("pool_tasks:forked_child_leaves_with_words", "1", "no rows"),
    ],
)
async def test_a_forked_child_that_an_exception_ends_leaves_as_a_script_would(harness, target, code, says):
    outcome = await harness.run(Call(target))
    assert outcome.result.repr == code
    assert harness.said("out") == ["child"]
    assert harness.said("err")[-1:] == ([says] if says else [])


@pytest.mark.parametrize("text", ["\0", "😀", "two words "])
async def test_an_exception_with_a_text_of_a_megabyte_is_cut(harness, text):
    outcome = await harness.run(Call("pool_tasks:fail_with", (text, 1_000_000)), timeout=20)
    assert outcome.exception.startswith(f"ValueError: {text}{text}")
    assert len(outcome.exception) == 2000
    assert " characters left out …]" in outcome.traceback


async def test_an_exception_whose_text_ends_the_process_is_told_without_it(harness):
    outcome = await harness.run(Call("pool_tasks:fail_while_failing"))
    assert outcome.exception == "LeavingError: (its text can't be had)"


@pytest.mark.parametrize("target", ["pool_tasks:replace_stdout", "pool_tasks:leave_at_exit"])
async def test_what_was_printed_without_an_end_of_line_is_kept(harness, target):
    assert (await harness.run(Call(target))).state is TaskState.SUCCEEDED
    assert harness.said("out") == ["half a line"]


async def test_functions_registered_with_atexit_run_and_what_they_print_is_kept(harness):
    outcome = await harness.run(Call("pool_tasks:say_at_exit"))
    assert outcome.state is TaskState.SUCCEEDED
    assert harness.said("out") == ["bye"]


@pytest.mark.parametrize("target", ["pool_tasks:hang_at_exit", "pool_tasks:leave_a_thread"])
async def test_a_task_has_ended_when_its_callable_has(harness, target):
    outcome = await harness.run(Call(target), kill_grace=0.1)
    assert outcome.state is TaskState.SUCCEEDED
    assert outcome.usage.wall < 30


async def test_results_are_readable_by_their_owner_alone(harness):
    outcome = await harness.run(Call("pool_tasks:megabytes", (1,)))
    path = Path(outcome.result.path)
    assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)


async def test_a_small_result_costs_no_file_of_its_own(harness):
    outcomes = [await harness.run(Call("pool_tasks:add", (n,)), name=f"task-{n}") for n in range(3)]
    assert len({outcome.result.path for outcome in outcomes}) == 1
    assert len({outcome.result.offset for outcome in outcomes}) == 3


async def test_what_a_task_does_to_its_report_fails_it_alone(harness):
    deep = "\0\1\x86\xa0" + "[" * 100_000
    for text in ["\0\0\0\2[]", "\xff" * 4, "\0\0\0\5hello", '\0\0\0\x13{"state":"running"}', deep]:
        outcome = await harness.run(Call("pool_tasks:forge_report", (text,)))
        assert outcome.state is TaskState.FAILED
        assert outcome.reason == "exited with code 0 without returning"


async def test_a_task_that_writes_onto_every_descriptor_and_returns_is_not_waited_for(harness):
    outcome = await harness.run(Call("pool_tasks:scribble"), timeout=20)
    assert outcome.reason in (
        "closed the descriptor by which its result is reported, or wrote onto it",
        "exited with code 0 without returning",  # its report went into what it wrote
    )


async def test_a_forged_report_can_not_bring_down_the_worker(harness):
    body = '{"state":"failed","traceback":[1],"exception":2}'
    outcome = await harness.run(Call("pool_tasks:forge_report", (f"\0\0\0{chr(len(body))}{body}",)))
    assert (outcome.state, outcome.exception, outcome.traceback) == (TaskState.FAILED, None, None)
    assert harness.said("---")[-1].startswith("failed after ")


async def test_a_decorator_may_fill_in_arguments_of_the_function_behind_it(harness):
    outcome = await harness.run(Call("pool_tasks:load_rows", (3,)))
    assert (outcome.state, outcome.result.repr) == (TaskState.SUCCEEDED, "['session', 3]")
