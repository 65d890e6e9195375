"""What becomes of a run whose time is over, and of its tasks."""

from datetime import timedelta

from engine.harness import pipeline
from longcase.domain.event import RunEnded
from longcase.domain.outcome import RunState, TaskState
from longcase.domain.pipeline import Pipeline, Task
from longcase.domain.policy import MailPolicy, RetryPolicy

RUN = "etl@20261124T021000Z"
WHY = "the run had no end within its run_timeout of 1m"
MINUTE = timedelta(minutes=1)


def limited(**tasks: list[str]) -> Pipeline:
    return pipeline(tasks=tasks, run_timeout=MINUTE)


def test_what_runs_is_ended_and_timed_out_and_the_rest_blocked_or_cancelled(harness):
    harness.max_parallel = 1
    harness.restart()
    harness.accept(limited(a=[], b=["a"], c=["b"], other=[]))
    harness.pass_time(600, "etl")
    harness.pass_time(59)
    assert harness.pool.cancelled == []
    harness.pass_time(1)
    assert [attempt.task.name for attempt in harness.pool.cancelled] == ["a"]
    assert set(harness.pool.late.values()) == {WHY}
    harness.end("a", TaskState.TIMED_OUT, reason=WHY)
    assert harness.running() == []
    record = harness.history.record(RUN)
    assert record.state is RunState.FAILED
    assert {name: task.state.value for name, task in record.tasks.items()} == {
        "a": "timed_out",
        "b": "blocked",
        "c": "blocked",
        "other": "cancelled",
    }
    assert (record.tasks["a"].reason, record.tasks["other"].reason) == (WHY, WHY)
    assert record.tasks["c"].blocked_by == "a"


def test_a_task_that_timed_out_with_its_run_is_mailed_once(harness):
    harness.accept(limited(a=[], b=["a"]))
    harness.pass_time(600, "etl")
    harness.pass_time(60)
    assert set(harness.pool.late.values()) == {WHY}
    harness.end("a", TaskState.TIMED_OUT, reason=WHY)
    (letter,) = harness.post.letters
    assert letter.subject == f"[longcase] etl: task a timed out ({WHY})"


def test_a_task_that_ends_by_itself_while_it_is_ended_keeps_its_own_end(harness):
    harness.accept(limited(a=[], b=["a"]))
    harness.pass_time(600, "etl")
    harness.pass_time(60)
    harness.end("a", TaskState.FAILED, exception="ValueError: no rows")
    record = harness.history.record(RUN)
    assert (record.tasks["a"].state, record.tasks["a"].exception) == ("failed", "ValueError: no rows")
    assert record.tasks["b"].blocked_by == "a"


def test_a_run_whose_time_ends_while_none_of_its_tasks_runs_is_mailed_too(harness):
    task = Task(
        name="only", action=pipeline().tasks[0].action, retry=RetryPolicy(retries=1, delay=2 * MINUTE)
    )
    harness.accept(
        Pipeline(
            name="etl",
            tasks=(task,),
            schedule=pipeline().schedule,
            run_timeout=MINUTE,
            mail=MailPolicy(to=("a@example.com",)),
        )
    )
    harness.pass_time(600, "etl")
    harness.end("only", TaskState.FAILED, exception="E: e")
    harness.pass_time(60)
    (letter,) = harness.post.letters
    assert letter.subject == f"[longcase] etl: task only was cancelled ({WHY})"
    assert harness.history.record(RUN).state is RunState.FAILED
    harness.pass_time(120)
    assert harness.running() == []  # no retry comes after the end


def test_a_run_whose_last_tasks_succeed_while_they_are_ended_has_succeeded(harness):
    harness.accept(limited(a=[]))
    harness.pass_time(600, "etl")
    harness.pass_time(60)
    harness.end("a")
    assert harness.history.record(RUN).state is RunState.SUCCEEDED
    assert harness.post.letters == []


def test_a_run_that_ends_in_time_is_left_alone_and_so_is_the_next_one(harness):
    harness.accept(limited(a=[], b=["a"]))
    harness.pass_time(600, "etl")
    harness.end("a")
    harness.end("b")
    harness.pass_time(570)
    harness.pass_time(30, "etl")
    harness.pass_time(59)
    assert harness.pool.cancelled == []
    assert [event.state.value for event in harness.told(RunEnded)] == ["succeeded"]
    assert harness.running() == ["a"]
