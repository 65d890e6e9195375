"""A run moves tasks by the table of states, isolates failures, and says what moved and because of whom."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.graphs import CountedName, acyclic, chain, closure, edge_count, fan, layers
from domain.runs import WHEN, end, ended, finish, new_run, started
from longcase.domain.errors import TransitionError
from longcase.domain.outcome import ENDS, FAILURES, RunState, TaskState
from longcase.domain.run import TRANSITIONS, Move, is_run_id, pipeline_of, run_id

WAITING, READY, RUNNING = TaskState.WAITING, TaskState.READY, TaskState.RUNNING
SUCCEEDED, FAILED, CANCELLED = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED
TIMED_OUT, KILLED, BLOCKED = TaskState.TIMED_OUT, TaskState.KILLED, TaskState.BLOCKED

PAIR = {"above": [], "task": ["above"]}
DIAMOND = {
    "load": [],
    "left": ["load"],
    "right": ["load"],
    "side": ["load"],
    "join": ["left", "right"],
    "publish": ["join"],
}


# --- the table of states ---


def waits_for_another():
    return started(PAIR)


def waits_for_its_next_attempt():
    run = ready(task=1)
    end(run, "task", FAILED)
    return run


def ready(**retries):
    run = started(PAIR, **retries)
    end(run, "above")
    return run


def running():
    run = ready()
    run.begin("task")
    return run


def running_with_a_retry_left():
    run = ready(task=1)
    run.begin("task")
    return run


def ended_as(state):
    def situation():
        run = ready()
        end(run, "task", state)
        return run

    situation.__name__ = f"ended_as_{state.value}"
    return situation


def blocked():
    run = started(PAIR)
    end(run, "above", FAILED)
    return run


SITUATIONS = [
    waits_for_another,
    waits_for_its_next_attempt,
    ready,
    running,
    running_with_a_retry_left,
    *(ended_as(state) for state in sorted(ENDS)),
    blocked,
]
CALLS = {
    "begin": lambda run: run.begin("task"),
    "retry": lambda run: run.retry("task"),
    **{state: lambda run, state=state: run.record("task", ended(state))[0] for state in sorted(ENDS)},
}
LEGAL = {
    (ready, "begin"): RUNNING,
    (waits_for_its_next_attempt, "retry"): READY,
    **{(running, state): state for state in ENDS},
    **{(running_with_a_retry_left, state): WAITING for state in FAILURES},
    (running_with_a_retry_left, SUCCEEDED): SUCCEEDED,
    (running_with_a_retry_left, CANCELLED): CANCELLED,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.__name__)
def test_a_call_moves_the_task_as_the_table_says_or_is_refused_and_changes_nothing(situation, call):
    run = situation()
    before = dict(run.states)
    attempts = run.attempt("task")
    if (situation, call) in LEGAL:
        move = CALLS[call](run)
        assert move == Move("task", before["task"], LEGAL[situation, call])
        assert run.states["task"] is move.after
    else:
        with pytest.raises(TransitionError) as caught:
            CALLS[call](run)
        assert "task" in str(caught.value)
        assert run.states == before
        assert run.attempt("task") == attempts


def test_every_move_of_the_table_happens_and_no_other():
    happened = {(situation().states["task"], after) for (situation, _), after in LEGAL.items()}
    caused = {(WAITING, READY), (WAITING, BLOCKED), (WAITING, CANCELLED)}  # by the end of a task above
    caused |= {(READY, CANCELLED)}  # by the end of the run's time
    assert happened | caused == {(before, after) for before in TRANSITIONS for after in TRANSITIONS[before]}


def test_the_table_knows_every_state_and_the_ends_are_final():
    assert set(TRANSITIONS) == set(TaskState)
    assert {state for state, after in TRANSITIONS.items() if not after} == ENDS | {BLOCKED}


def test_a_refusal_names_task_and_states():
    with pytest.raises(TransitionError) as caught:
        started(PAIR).begin("task")
    assert str(caught.value) == "task task can't go from waiting to running"


def test_a_task_that_waits_for_another_can_not_be_retried():
    with pytest.raises(TransitionError) as caught:
        started(PAIR).retry("task")
    assert str(caught.value) == "task task can't be retried: it has had no attempt"


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_starts_once(finished):
    run = started({"a": []})
    if finished:
        end(run, "a")
    state = run.state
    with pytest.raises(TransitionError) as caught:
        run.start()
    assert str(caught.value) == f"a run that is {state.value} can't start"
    assert run.state is state


# --- what runs when ---


def test_start_makes_ready_what_waits_for_nothing_in_topological_order():
    run = new_run({"c": ["a"], "b": [], "a": []})
    assert run.state is RunState.QUEUED
    assert run.start() == (Move("b", WAITING, READY), Move("a", WAITING, READY))
    assert run.state is RunState.RUNNING


def test_a_task_is_ready_as_soon_as_its_own_dependencies_succeeded():
    run = started({"slow": [], "a": [], "b": ["a"], "both": ["a", "slow"]})
    run.begin("slow")
    assert end(run, "a") == (Move("a", RUNNING, SUCCEEDED), Move("b", WAITING, READY, because="a"))
    assert run.states["both"] is WAITING
    assert run.record("slow", ended(SUCCEEDED))[1:] == (Move("both", WAITING, READY, because="slow"),)


def test_running_counts_what_runs():
    run = started({"a": [], "b": []})
    counts = [run.running]
    for step in (
        lambda: run.begin("a"),
        lambda: run.begin("b"),
        lambda: run.record("a", ended(SUCCEEDED)),
        lambda: run.record("b", ended(FAILED)),
    ):
        step()
        counts.append(run.running)
    assert counts == [0, 1, 2, 1, 0]


def test_states_are_listed_in_topological_order():
    run = new_run({"late": ["early"], "early": []})
    assert list(run.states.items()) == [("early", WAITING), ("late", WAITING)]


def test_a_run_without_tasks_succeeds_at_once():
    run = started({})
    assert run.finished
    assert run.state is RunState.SUCCEEDED


# --- failures ---


@given(acyclic(), st.data())
def test_a_failing_task_blocks_exactly_its_descendants_and_everything_else_succeeds(edges, data):
    if not edges:
        return
    culprit = data.draw(st.sampled_from(sorted(edges)))
    run = new_run(edges)
    finish(run, failing={culprit})
    below = closure(edges, culprit)
    assert run.states == {
        name: FAILED if name == culprit else BLOCKED if name in below else SUCCEEDED for name in edges
    }
    assert {name: run.blocked_by(name) for name in edges} == {
        name: culprit if name in below else None for name in edges
    }
    assert run.finished
    assert run.state is RunState.FAILED


@pytest.mark.parametrize("failure", sorted(FAILURES))
def test_the_moves_of_a_failure_name_what_it_blocks_and_whose_failure_it_was(failure):
    run = started(DIAMOND)
    end(run, "load")
    run.begin("left")
    assert run.record("left", ended(failure)) == (
        Move("left", RUNNING, failure),
        Move("join", WAITING, BLOCKED, because="left"),
        Move("publish", WAITING, BLOCKED, because="left"),
    )
    assert run.states["right"] is run.states["side"] is READY


def test_of_two_failures_above_one_task_the_first_blocks_it():
    run = started(DIAMOND)
    end(run, "load")
    end(run, "right", FAILED)
    assert end(run, "left", FAILED) == (Move("left", RUNNING, FAILED),)
    assert run.blocked_by("join") == run.blocked_by("publish") == "right"
    end(run, "side")
    assert run.state is RunState.FAILED


def test_a_second_failure_blocks_what_the_first_did_not_reach():
    run = started({"a": [], "b": [], "both": ["a", "b"], "only_b": ["b"]})
    end(run, "a", FAILED)
    assert end(run, "b", KILLED)[1:] == (Move("only_b", WAITING, BLOCKED, because="b"),)
    assert (run.blocked_by("both"), run.blocked_by("only_b")) == ("a", "b")


# --- retries ---


def test_a_failure_with_a_retry_left_blocks_nothing_and_waits():
    run = started(PAIR, above=1)
    assert run.attempt("above") == 0
    run.begin("above")
    assert run.may_retry("above")
    assert run.record("above", ended(FAILED)) == (Move("above", RUNNING, WAITING),)
    assert not run.finished
    assert run.state is RunState.RUNNING
    assert run.retry("above") == Move("above", WAITING, READY)
    run.begin("above")
    assert run.attempt("above") == 2
    assert not run.may_retry("above")
    assert run.record("above", ended(SUCCEEDED))[1:] == (Move("task", WAITING, READY, because="above"),)
    end(run, "task")
    assert run.state is RunState.SUCCEEDED


@pytest.mark.parametrize("failure", sorted(FAILURES))
def test_after_its_last_attempt_a_failure_blocks(failure):
    run = started(PAIR, above=2)
    for attempt in (1, 2):
        end(run, "above", failure)
        assert run.attempt("above") == attempt
        run.retry("above")
    assert end(run, "above", failure) == (
        Move("above", RUNNING, failure),
        Move("task", WAITING, BLOCKED, because="above"),
    )
    assert run.attempt("above") == 3
    assert run.state is RunState.FAILED


def test_a_failure_elsewhere_leaves_a_task_that_waits_for_its_next_attempt_alone():
    run = started({"a": [], "b": [], "after": ["a", "b"]}, b=1)
    end(run, "b", FAILED)
    end(run, "a", FAILED)
    assert run.states == {"a": FAILED, "b": WAITING, "after": BLOCKED}
    assert not run.finished
    run.retry("b")
    end(run, "b")
    assert run.finished


# --- cancelled and stopped ---


def test_a_cancelled_task_is_not_retried_and_cancels_what_waits_for_it():
    run = started(DIAMOND, load=3)
    moves = end(run, "load", CANCELLED)
    assert moves[0] == Move("load", RUNNING, CANCELLED)
    assert set(moves[1:]) == {
        Move(name, WAITING, CANCELLED, because="load") for name in DIAMOND if name != "load"
    }
    assert run.state is RunState.CANCELLED
    assert run.blocked_by("join") is None


def test_a_run_with_a_failure_and_a_cancelled_task_is_failed():
    run = started({"a": [], "b": []})
    end(run, "a", CANCELLED)
    end(run, "b", FAILED)
    assert run.state is RunState.FAILED


def test_a_stopped_run_is_interrupted_when_its_running_tasks_have_ended():
    run = started(PAIR)
    run.begin("above")
    run.stop()
    assert run.state is RunState.RUNNING
    assert not run.finished
    run.record("above", ended(SUCCEEDED))
    assert run.finished
    assert run.state is RunState.INTERRUPTED
    assert run.states == {"above": SUCCEEDED, "task": READY}


def test_a_stopped_run_begins_nothing():
    run = started(PAIR)
    run.stop()
    assert run.state is RunState.INTERRUPTED
    with pytest.raises(TransitionError) as caught:
        run.begin("above")
    assert str(caught.value) == "task above can't begin: its run is being stopped"
    assert run.states["above"] is READY


@pytest.mark.parametrize(("task", "rest"), [("above", {"task": WAITING}), ("task", {"above": SUCCEEDED})])
def test_a_task_that_a_stop_cuts_short_interrupts_the_run_whether_or_not_it_is_the_last(task, rest):
    run = started(PAIR)
    if task == "task":
        end(run, "above")
    run.begin(task)
    run.stop()
    assert run.record(task, ended(CANCELLED)) == (Move(task, RUNNING, CANCELLED),)
    assert run.finished
    assert run.state is RunState.INTERRUPTED
    assert run.states == {task: CANCELLED, **rest}


def test_a_failure_with_a_retry_left_while_stopping_waits_and_the_run_is_interrupted():
    run = started({"a": []}, a=1)
    run.begin("a")
    run.stop()
    assert run.record("a", ended(FAILED)) == (Move("a", RUNNING, WAITING),)
    assert run.state is RunState.INTERRUPTED


@pytest.mark.parametrize(
    ("end_state", "run_state"), [(SUCCEEDED, RunState.SUCCEEDED), (FAILED, RunState.FAILED)]
)
def test_a_run_whose_last_task_still_ends_by_itself_is_not_interrupted_by_a_stop(end_state, run_state):
    run = started({"a": []})
    run.begin("a")
    run.stop()
    run.record("a", ended(end_state))
    assert run.state is run_state


def test_a_stop_after_the_end_changes_nothing():
    run = started({"a": []})
    end(run, "a", CANCELLED)
    run.stop()
    assert run.state is RunState.CANCELLED


# --- size ---


@pytest.mark.parametrize("failing", [False, True], ids=["all succeed", "the first fails"])
@pytest.mark.parametrize("shape", [chain, fan, layers], ids=lambda shape: shape.__name__)
def test_a_whole_run_touches_each_task_and_edge_a_few_times_however_large_the_graph(shape, failing):
    for size in (500, 2_000):
        edges = shape(size, CountedName)
        counts = []
        run = new_run(edges)
        with CountedName.counting(counts):
            moves = finish(run, failing={next(iter(edges))} if failing else ())
        assert counts[0] <= 15 * (len(edges) + edge_count(edges))
        assert len(moves) <= 3 * len(edges)
        assert run.finished


@pytest.mark.parametrize("shape", [chain, fan], ids=lambda shape: shape.__name__)
def test_a_hundred_thousand_tasks_run_with_three_moves_each(shape):
    edges = shape(100_000)
    run = new_run(edges)
    assert len(finish(run)) == 3 * len(edges)
    assert run.state is RunState.SUCCEEDED


@pytest.mark.parametrize("shape", [chain, fan], ids=lambda shape: shape.__name__)
def test_one_failure_blocks_a_hundred_thousand_tasks_without_recursion(shape):
    edges = shape(100_000)
    run = new_run(edges)
    first = next(iter(edges))
    assert len(finish(run, failing={first})) == 3 + len(edges) - 1
    assert run.blocked_by(next(reversed(edges))) == first


# --- the end of its time ---


def test_at_the_end_of_its_time_what_waits_for_nothing_that_runs_is_cancelled():
    run = started(DIAMOND)
    end(run, "load")
    run.begin("left")
    assert set(run.expire()) == {Move("right", READY, CANCELLED), Move("side", READY, CANCELLED)}
    assert (run.states["join"], run.states["publish"]) == (WAITING, WAITING)
    assert run.expired
    assert not run.finished


def test_what_ran_at_the_end_of_its_time_blocks_what_waits_for_it_and_is_not_retried():
    run = started(DIAMOND, left=3)
    end(run, "load")
    run.begin("left")
    run.expire()
    assert run.record("left", ended(TIMED_OUT)) == (
        Move("left", RUNNING, TIMED_OUT),
        Move("join", WAITING, BLOCKED, "left"),
        Move("publish", WAITING, BLOCKED, "left"),
    )
    assert run.state is RunState.FAILED


def test_a_task_that_succeeds_after_the_end_of_its_runs_time_releases_nothing():
    run = started(DIAMOND)
    end(run, "load")
    run.begin("left")
    run.begin("right")
    run.expire()
    assert run.record("left", ended(SUCCEEDED)) == (Move("left", RUNNING, SUCCEEDED),)
    assert run.record("right", ended(SUCCEEDED)) == (
        Move("right", RUNNING, SUCCEEDED),
        Move("join", WAITING, CANCELLED),
        Move("publish", WAITING, CANCELLED),
    )
    assert run.state is RunState.FAILED


def test_what_waits_for_one_that_succeeded_and_one_that_timed_out_is_blocked_by_the_latter():
    run = started(DIAMOND)
    end(run, "load")
    run.begin("left")
    run.begin("right")
    run.expire()
    run.record("left", ended(SUCCEEDED))
    run.record("right", ended(TIMED_OUT))
    assert (run.states["join"], run.blocked_by("join")) == (BLOCKED, "right")


def test_a_run_whose_time_ends_between_two_attempts_fails_at_once():
    run = waits_for_its_next_attempt()
    assert run.expire() == (Move("task", WAITING, CANCELLED),)
    assert run.state is RunState.FAILED


def test_a_run_that_succeeded_to_the_last_task_is_no_failure_whatever_the_time():
    run = started({"a": []})
    run.begin("a")
    run.expire()
    run.record("a", ended(SUCCEEDED))
    assert run.state is RunState.SUCCEEDED


# --- ids ---


def test_a_run_id_is_made_of_pipeline_and_instant_in_utc():
    local = WHEN.astimezone(timezone(timedelta(hours=1)))
    assert run_id("nightly", local) == run_id("nightly", WHEN) == "nightly@20261124T023000Z"
    assert run_id("nightly", WHEN, "k3x9") == "nightly@20261124T023000Z-k3x9"


@pytest.mark.parametrize("pipeline", ["a", "users-report.v2", "9", "x" * 100])
def test_a_run_id_is_recognised_and_names_its_pipeline(pipeline):
    for suffix in ("", "k3x9"):
        made = run_id(pipeline, WHEN, suffix)
        assert is_run_id(made)
        assert pipeline_of(made) == pipeline


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nightly",
        "@20261124T023000Z",
        "../x@20261124T023000Z",
        "a/b@20261124T023000Z",
        "a@20261124T023000Z/../b",
        "a@20261124T023000Z\n",
        "a@20261124T023000",
        "a@20261124T023000Z-",
        "a@20261124T023000Z-UP",
        "a@٢٠٢٦١١٢٤T023000Z",
        ".a@20261124T023000Z",
        "x" * 101 + "@20261124T023000Z",
    ],
)
def test_what_is_no_run_id_is_refused_as_ids_become_paths(text):
    assert not is_run_id(text)


def test_ids_sort_by_instant():
    instants = [datetime(year, month, 1, tzinfo=WHEN.tzinfo) for year in (2026, 2027) for month in (2, 11)]
    assert sorted(run_id("a", when) for when in instants) == [run_id("a", when) for when in instants]
