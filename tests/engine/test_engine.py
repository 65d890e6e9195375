"""The engine, step by step: what begins, what ends, what is recorded and who is told."""

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.harness import START, Harness, pipeline, retrying
from longcase.domain.event import (
    MailNotWanted,
    PipelineAccepted,
    PipelineRemoved,
    RunEnded,
    RunStarted,
    TaskBlocked,
    TaskEnded,
    TaskStarted,
    Trouble,
)
from longcase.domain.outcome import RunState, TaskState
from longcase.domain.pipeline import (
    Call,
    Command,
    Dependency,
    Environment,
    Passing,
    Pipeline,
    SecretSource,
    Task,
)
from longcase.domain.policy import MailOn, MailPolicy, RetryPolicy
from longcase.engine.engine import BEAT

DIAMOND = {"load": [], "left": ["load"], "right": ["load"], "join": ["left", "right"], "aside": ["load"]}


def minutes(count):
    return START + timedelta(minutes=count)


def test_a_run_begins_at_its_instant_and_ends_in_the_history(harness):
    harness.accept(pipeline())
    assert harness.told(PipelineAccepted)[0].next == minutes(10)
    harness.pass_time(600, "etl")
    assert harness.running() == ["only"]
    (started,) = harness.told(RunStarted)
    assert started.run == "etl@20261124T021000Z"
    assert started.late == timedelta(0)
    harness.end("only")
    record = harness.history.record("etl@20261124T021000Z")
    assert record.state is RunState.SUCCEEDED
    assert record.instant == minutes(10)
    assert record.job_file == "# etl"
    assert record.tasks["only"].result.repr == "<only>"
    assert harness.lines() == [("succeeded", minutes(10))]
    assert harness.told(RunEnded)[0].state is RunState.SUCCEEDED
    assert not harness.engine.busy


def test_a_task_begins_as_soon_as_its_own_dependencies_are_done(harness):
    harness.accept(pipeline(tasks={"a": [], "b": [], "a2": ["a"], "b2": ["b"]}))
    harness.pass_time(600, "etl")
    assert harness.running() == ["a", "b"]
    harness.end("a")
    assert harness.running() == ["b", "a2"]


def test_a_failure_blocks_what_waits_for_it_and_nothing_else(harness):
    harness.accept(pipeline(tasks=DIAMOND))
    harness.pass_time(600, "etl")
    harness.end("load")
    harness.end("left", TaskState.FAILED, exception="ValueError: no", traceback="Traceback…")
    assert [(event.task, event.because) for event in harness.told(TaskBlocked)] == [("join", "left")]
    assert sorted(harness.running()) == ["aside", "right"]
    harness.end("right")
    harness.end("aside")
    record = harness.history.record("etl@20261124T021000Z")
    assert record.state is RunState.FAILED
    assert {name: task.state.value for name, task in record.tasks.items()} == {
        "load": "succeeded",
        "left": "failed",
        "right": "succeeded",
        "aside": "succeeded",
        "join": "blocked",
    }
    assert record.tasks["join"].blocked_by == "left"
    assert record.tasks["left"].traceback == "Traceback…"


def test_a_failure_is_mailed_at_once_with_exactly_what_it_blocks(harness):
    harness.accept(pipeline(tasks=DIAMOND | {"tail": ["join"]}))
    harness.pass_time(600, "etl")
    harness.end("load")
    harness.end("left", TaskState.FAILED, exception="ValueError: no", traceback="Traceback…")
    (letter,) = harness.post.letters
    assert letter.to == ("a@example.com",)
    assert letter.thread == "etl@20261124T021000Z"
    assert "left" in letter.subject
    for said in ("join", "tail", "ValueError: no", "m:left", "host.example.com"):
        assert said in letter.text
    harness.end("right")
    harness.end("aside")
    assert len(harness.post.letters) == 1


def test_results_reach_the_tasks_that_they_are_passed_to(harness):
    tasks = (
        Task(name="a", action=Call("m:a")),
        Task(name="b", action=Call("m:b")),
        Task(name="c", action=Call("m:c"), depends_on=(Dependency("a", Passing.ARG), Dependency("b"))),
    )
    harness.accept(Pipeline(name="etl", tasks=tasks, schedule=pipeline().schedule))
    harness.pass_time(600, "etl")
    harness.end("a")
    harness.end("b")
    (attempt,) = harness.pool.running
    assert {name: result.repr for name, result in attempt.results.items()} == {"a": "<a>"}


@pytest.mark.parametrize(
    ("policy", "operator", "mailed"),
    [
        (MailPolicy(), ("op@example.com",), ("op@example.com",)),
        (MailPolicy(to=("me@example.com",)), ("op@example.com",), ("me@example.com",)),
        (MailPolicy(to=()), ("op@example.com",), None),
        (MailPolicy(), (), None),
        (MailPolicy(to=("me@example.com",), on=frozenset({MailOn.SUCCESS})), (), None),
    ],
)
def test_who_is_mailed(tmp_path, policy, operator, mailed):
    harness = Harness(tmp_path, operator)
    tasks = (Task(name="only", action=Call("m:f")),)
    harness.accept(Pipeline(name="etl", tasks=tasks, schedule=pipeline().schedule, mail=policy))
    harness.pass_time(600, "etl")
    harness.end("only", TaskState.FAILED, exception="E: e")
    assert [letter.to for letter in harness.post.letters] == ([mailed] if mailed else [])
    nobody = mailed is None and MailOn.FAILURE in policy.on
    assert len(harness.told(MailNotWanted)) == nobody


def test_no_more_tasks_run_at_once_than_allowed(tmp_path):
    harness = Harness(tmp_path)
    harness.max_parallel = 2
    harness.restart()
    harness.accept(pipeline(tasks={name: [] for name in "abcde"}))
    harness.pass_time(600, "etl")
    assert harness.running() == ["a", "b"]
    harness.end("a")
    assert harness.running() == ["b", "c"]


def test_a_failed_attempt_is_tried_again_after_its_delay_and_mailed_only_at_the_end(harness):
    harness.accept(retrying(retries=1, delay=10))
    harness.pass_time(600, "etl")
    harness.end("only", TaskState.TIMED_OUT, reason="slow")
    assert harness.told(TaskEnded)[0].retry_in == timedelta(seconds=10)
    assert harness.running() == []
    assert harness.post.letters == []
    assert 0 < harness.engine.wait() <= BEAT
    harness.pass_time(9.5)
    assert harness.running() == []
    harness.pass_time(0.5)
    (attempt,) = harness.pool.running
    assert attempt.number == 2
    harness.end("only", TaskState.FAILED, exception="E: again")
    record = harness.history.record("etl@20261124T021000Z")
    assert [(each.number, each.state.value) for each in record.tasks["only"].attempts] == [
        (1, "timed_out"),
        (2, "failed"),
    ]
    assert len(harness.post.letters) == 1


def test_a_running_run_keeps_the_definition_that_it_began_with(harness):
    harness.accept(pipeline(tasks={"old": [], "old2": ["old"]}))
    harness.pass_time(600, "etl")
    harness.accept(pipeline(tasks={"new": []}))
    harness.end("old")
    assert harness.running() == ["old2"]
    harness.end("old2")
    harness.pass_time(600, "etl")
    assert harness.running() == ["new"]


def test_a_removed_pipeline_is_due_no_more_and_its_run_goes_on(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    harness.engine.remove("etl")
    harness.engine.step()
    assert harness.told(PipelineRemoved)
    harness.end("only")
    assert harness.lines() == [("succeeded", minutes(10))]
    harness.pass_time(600, "etl")
    assert harness.running() == []


def test_a_stop_lets_what_runs_end_and_begins_nothing(harness):
    harness.accept(pipeline(tasks={"a": [], "b": ["a"]}))
    harness.pass_time(600, "etl")
    harness.engine.stop()
    harness.engine.step()
    assert harness.engine.busy
    harness.pass_time(600, "etl")
    harness.end("a")
    assert not harness.engine.busy
    record = harness.history.record("etl@20261124T021000Z")
    assert record.state is RunState.INTERRUPTED
    assert (record.tasks["a"].state, record.tasks["b"].state) == ("succeeded", "waiting")


def test_a_stop_can_end_what_runs(harness):
    harness.accept(pipeline(tasks={"a": [], "b": ["a"]}))
    harness.pass_time(600, "etl")
    harness.engine.stop()
    harness.engine.step()
    harness.engine.cancel_all()
    assert [attempt.task.name for attempt in harness.pool.cancelled] == ["a"]
    harness.end("a", TaskState.CANCELLED)
    record = harness.history.record("etl@20261124T021000Z")
    assert record.state is RunState.INTERRUPTED
    assert record.tasks["a"].state is TaskState.CANCELLED
    assert harness.post.letters == []


def test_a_stop_while_a_retry_waits_interrupts_the_run(harness):
    harness.accept(retrying())
    harness.pass_time(600, "etl")
    harness.end("only", TaskState.FAILED, exception="E: e")
    harness.engine.stop()
    harness.engine.step()
    assert not harness.engine.busy
    assert harness.history.record("etl@20261124T021000Z").state is RunState.INTERRUPTED
    harness.pass_time(60)
    assert harness.running() == []


def test_a_run_by_hand_needs_no_schedule(harness):
    by_hand = pipeline(cron="")
    run = harness.engine.run_by_hand(by_hand, "hand (alice)")
    harness.engine.step()
    harness.end("only")
    record = harness.history.record(run)
    assert (record.instant, record.trigger, record.asked) == (None, "hand (alice)", START)


def test_a_retry_waits_as_its_policy_says_with_chance_deciding_within_the_jitter(harness):
    policy = RetryPolicy(retries=3, delay=timedelta(seconds=10), backoff=2, jitter=0.5)
    harness.chance = 1.0
    harness.accept(retrying(policy=policy))
    harness.pass_time(600, "etl")
    for wait in (15, 30):
        harness.end("only", TaskState.FAILED, exception="E: e")
        harness.pass_time(wait - 1)
        assert harness.running() == []
        harness.pass_time(1)
        assert harness.running() == ["only"]


def test_a_run_has_the_parameters_of_its_pipeline_and_by_hand_those_that_are_given(harness):
    harness.accept(pipeline(params={"region": "eu", "pages": "3"}))
    harness.pass_time(600, "etl")
    assert harness.pool.started[-1].params == {"region": "eu", "pages": "3"}
    by_hand = pipeline("other", cron="", params={"region": "eu", "pages": "3"})
    run = harness.engine.run_by_hand(by_hand, "hand", {"region": "us"})
    harness.engine.step()
    assert harness.pool.started[-1].params == {"region": "us", "pages": "3"}
    assert harness.history.record(run).params == {"region": "us", "pages": "3"}


def test_a_result_that_some_task_wants_as_json_is_asked_for_as_json(harness):
    consumer = Task(name="b", action=Command("cat"), depends_on=(Dependency("a", Passing.STDIN),))
    producers = [Task(name=name, action=Call("m:f")) for name in ("a", "c")]
    definition = pipeline(cron="")
    harness.engine.run_by_hand(replace(definition, tasks=(*producers, consumer)), "hand")
    harness.engine.step()
    assert {each.task.name: each.json_result for each in harness.pool.started} == {"a": True, "c": False}


def test_a_secret_that_stands_in_the_job_file_stands_in_no_record_and_no_mail(harness):
    arguments = Call("m:f", ("--token=s3cret", 1), {"password": "s3cret"})
    definition = replace(
        pipeline(cron="", job_file='args = ["--token=s3cret"]', description="by s3cret", params={"p": ""}),
        tasks=(Task(name="a", action=arguments), Task(name="b", action=Command("curl -u me:s3cret"))),
        environment=Environment(secrets={"TOKEN": SecretSource(env="s3cret")}),
    )
    run = harness.engine.run_by_hand(definition, "hand", {"p": "a s3cret"})
    harness.engine.step()
    assert harness.pool.started[0].params == {"p": "a s3cret"}
    for task in ("a", "b"):
        harness.end(task, TaskState.FAILED, exception="E: e")
    record = harness.history.record(run)
    assert (record.job_file, record.params) == ('args = ["--token=•••"]', {"p": "a •••"})
    assert len(harness.post.letters) == 2
    for letter in harness.post.letters:
        assert "s3cret" not in letter.text + letter.html + letter.subject
        assert "•••" in letter.text


def test_each_message_wakes_whoever_drives_the_engine(harness):
    before = harness.wakes
    harness.engine.due("nobody")
    assert harness.wakes == before + 1
    assert harness.engine.wait() == 0
    harness.engine.step()
    assert harness.engine.wait() == BEAT


def test_where_the_intent_cannot_be_written_the_instant_waits_and_starts_late(harness):
    harness.accept(pipeline())
    harness.pass_time(590)
    live = harness.root / "etl" / "live"
    live.write_text("a file in place of the folder: no journal can be made there")
    harness.pass_time(10, "etl")
    assert harness.running() == []
    assert harness.lines() == []
    assert harness.told(Trouble)
    harness.pass_time(5)
    assert harness.running() == []
    assert len(harness.told(Trouble)) == 1  # not one a second
    live.unlink()
    harness.pass_time(1)
    assert harness.running() == ["only"]
    (started,) = harness.told(RunStarted)
    assert (started.run, started.late) == ("etl@20261124T021000Z", timedelta(seconds=6))


def test_where_the_document_cannot_be_written_the_run_is_on_until_it_can(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    month = harness.root / "etl" / "2026-11"
    month.write_text("a file in place of the folder")
    harness.end("only")
    assert harness.told(Trouble)
    assert harness.told(RunEnded) == []
    assert harness.engine.busy
    Path(month).unlink()
    harness.pass_time(1)
    assert harness.history.record("etl@20261124T021000Z").state is RunState.SUCCEEDED
    assert len(harness.told(RunEnded)) == 1
    assert harness.lines() == [("succeeded", minutes(10))]


def test_a_mail_that_cannot_be_composed_harms_no_run(harness, monkeypatch):
    def broken(report, to):
        raise RuntimeError("a template is broken")

    monkeypatch.setattr("longcase.engine.mailing.compose_failure", broken)
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    harness.end("only", TaskState.FAILED, exception="E: e")
    assert "a template is broken" in harness.told(Trouble)[0].reason
    assert harness.lines() == [("failed", minutes(10))]


def test_every_attempt_that_began_is_told_with_its_number(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    (started,) = harness.told(TaskStarted)
    assert (started.task, started.attempt, started.attempts) == ("only", 1, 1)


def test_a_stop_while_a_document_waits_for_the_disk_ends_the_run_once(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    month = harness.root / "etl" / "2026-11"
    month.write_text("a file in place of the folder")
    harness.end("only")
    harness.engine.stop()
    harness.engine.step()
    month.unlink()
    harness.pass_time(1)
    assert harness.lines() == [("succeeded", minutes(10))]
    assert not harness.engine.busy


def test_a_failure_while_stopping_promises_no_retry(harness):
    harness.accept(retrying())
    harness.pass_time(600, "etl")
    harness.engine.stop()
    harness.engine.step()
    harness.end("only", TaskState.FAILED, exception="E: e")
    assert harness.told(TaskEnded)[0].retry_in is None
    assert harness.history.record("etl@20261124T021000Z").state is RunState.INTERRUPTED


def blocked_history(harness, name="etl"):
    """A file in place of the pipeline's folder: nothing about it can be written."""
    path = harness.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_while_the_disk_refuses_the_newest_definition_wins(harness):
    obstacle = blocked_history(harness)
    harness.accept(pipeline(tasks={"old": []}))
    harness.accept(pipeline(tasks={"new": []}))
    obstacle.unlink()
    harness.pass_time(600, "etl")
    assert harness.running() == ["new"]


def test_while_the_disk_refuses_a_removal_is_not_overtaken_by_what_came_before_it(harness):
    obstacle = blocked_history(harness)
    harness.accept(pipeline())
    harness.engine.remove("etl")
    harness.engine.step()
    obstacle.unlink()
    harness.pass_time(1200, "etl")
    assert harness.told(PipelineRemoved)
    assert harness.running() == []


def test_a_disk_that_refuses_for_long_costs_no_more_than_one_try_a_second_and_one_line_a_minute(harness):
    harness.accept(pipeline(cron="* * * * * *"))
    live = harness.root / "etl" / "live"
    live.write_text("")
    for _ in range(120):
        harness.pass_time(1, "etl")
    assert len(harness.told(Trouble)) == 2
    assert len(harness.engine._timers) == 1
    live.unlink()
    harness.pass_time(1)
    assert harness.running() == ["only"]


def test_another_pipeline_goes_on_while_the_disk_refuses_one(harness):
    blocked_history(harness, "a")
    harness.accept(pipeline("a"), pipeline("b"))
    harness.pass_time(600, "a", "b")
    assert [attempt.pipeline for attempt in harness.pool.running] == ["b"]


def test_a_run_by_hand_that_cannot_be_recorded_is_told_and_does_not_begin(harness):
    blocked_history(harness)
    harness.engine.run_by_hand(pipeline(cron=""), "hand")
    harness.engine.step()
    assert "File exists" in harness.told(Trouble)[0].reason
    assert not harness.engine.busy


def test_what_is_held_back_is_acted_on_in_its_order_even_if_it_says_the_same_again(harness):
    a, b = pipeline(tasks={"a": []}), pipeline(tasks={"b": []})
    obstacle = blocked_history(harness)
    harness.accept(a, b, a)
    obstacle.unlink()
    harness.pass_time(600, "etl")
    assert harness.running() == ["a"]


def test_a_file_that_is_removed_and_comes_back_while_the_disk_refuses_is_in_force(harness):
    obstacle = blocked_history(harness)
    harness.engine.accept(pipeline())
    harness.engine.remove("etl")
    harness.accept(pipeline())
    obstacle.unlink()
    harness.pass_time(600, "etl")
    assert harness.running() == ["only"]


def test_what_is_due_when_the_daemon_stops_is_left_to_the_next_start(harness):
    harness.accept(pipeline())
    harness.clock.advance(600)
    harness.engine.due("etl")
    harness.engine.stop()
    harness.engine.accept(pipeline(description="changed"))
    harness.engine.step()
    assert harness.pool.started == []
    assert not harness.engine.busy
    harness.restart()
    harness.accept(pipeline())
    assert harness.running() == ["only"]


def test_nobody_mailed_is_told_once_a_run(tmp_path):
    harness = Harness(tmp_path)
    harness.accept(pipeline(tasks={"a": [], "b": []}, to=None))
    harness.pass_time(600, "etl")
    harness.end("a", TaskState.FAILED, exception="E: e")
    harness.end("b", TaskState.FAILED, exception="E: e")
    assert len(harness.told(MailNotWanted)) == 1
