"""Runs for the tests of the domain."""

from collections.abc import Iterable
from datetime import UTC, datetime

from domain.graphs import Edges
from longcase.domain.graph import Graph
from longcase.domain.outcome import Outcome, TaskState
from longcase.domain.policy import RetryPolicy
from longcase.domain.run import Move, Run

WHEN = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)


def ended(state: TaskState) -> Outcome:
    return Outcome(state=state, started=WHEN, ended=WHEN)


def new_run(edges: Edges, **retries: int) -> Run:
    """A run that has not started; `retries` by task name."""
    return Run(Graph.of(edges), {task: RetryPolicy(retries=count) for task, count in retries.items()})


def started(edges: Edges, **retries: int) -> Run:
    run = new_run(edges, **retries)
    run.start()
    return run


def end(run: Run, task: str, state: TaskState = TaskState.SUCCEEDED) -> tuple[Move, ...]:
    """One attempt of a ready task, from its begin to its end."""
    run.begin(task)
    return run.record(task, ended(state))


def finish(run: Run, failing: Iterable[str] = ()) -> list[Move]:
    """Run every task that can run, those in `failing` to failure, and return all moves."""
    moves = [*run.start()]
    ready = [move.task for move in moves]
    while ready:
        task = ready.pop()
        moves.append(run.begin(task))
        caused = run.record(task, ended(TaskState.FAILED if task in failing else TaskState.SUCCEEDED))
        moves += caused
        ready += [move.task for move in caused if move.after is TaskState.READY]
    return moves
