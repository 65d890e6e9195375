"""Mails, composed as values: the edge only sends them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from longcase.domain.outcome import Outcome, TaskState
from longcase.domain.pipeline import Pipeline, Task


class Letter(Struct, frozen=True, kw_only=True):
    """A mail before it has a sender, a date and an id. `thread`: what the mails of one run have in common."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    pipeline: str
    thread: str


class FailureReport(Struct, frozen=True, kw_only=True):
    """All that a mail about a failed task tells.

    `passed`: by dependency name, the repr of the result that it passed to the task. `states`: of every task
    of the run, at this moment. `blocked`: what will not run because of this task, in topological order.
    `log` is the path of the task's log.
    """

    pipeline: Pipeline
    run: str
    task: Task
    attempt: int
    outcome: Outcome
    instant: datetime | None
    started: datetime
    trigger: str
    host: str
    log: str
    states: Mapping[str, TaskState]
    blocked: tuple[str, ...]
    passed: Mapping[str, str] = {}
    next: datetime | None = None
    usual: timedelta | None = None


def compose_failure(report: FailureReport, to: tuple[str, ...]) -> Letter:
    """The mail that says that a task failed, why, and what it blocks."""
    raise NotImplementedError
