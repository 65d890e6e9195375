"""Who is mailed about a failed task, and what the mail is told."""

from datetime import datetime
from typing import Any

from longcase.domain.attempt import Attempt
from longcase.domain.event import MailNotWanted, Trouble
from longcase.domain.outcome import Outcome, TaskState
from longcase.domain.pipeline import Task
from longcase.domain.policy import MailOn
from longcase.engine.live import LiveRun
from longcase.engine.world import World
from longcase.texts.letter import FailureReport, compose_failure


class Mailing:
    """Mails each failure at once.

    `operator`: who is mailed for pipelines that name nobody. `config`: the settings that the commands in the
    mail must name, "" where they find them by themselves.
    """

    def __init__(self, world: World, operator: tuple[str, ...], host: str, config: str = "") -> None:
        self._world = world
        self._operator = operator
        self._host = host
        self._config = config
        self._told_of = ""  # the run of which it was told last that nobody is mailed

    def failed(self, live: LiveRun, attempt: Attempt, outcome: Outcome, now: datetime) -> None:
        """The last attempt of a task failed."""
        passed = {name: ref.repr if ref else "None" for name, ref in attempt.results.items()}
        self._mail(live, attempt.task, outcome, now, attempt=attempt.number, passed=passed)

    def expired(self, live: LiveRun, now: datetime) -> None:
        """The time of a run was over while none of its tasks ran, so that none of them failed."""
        states = live.run.states
        task = next(task for task in live.pipeline.tasks if states[task.name] is TaskState.CANCELLED)
        outcome = Outcome(state=TaskState.CANCELLED, started=now, ended=now, reason=live.late)
        self._mail(live, task, outcome, now, attempt=live.run.attempt(task.name))

    def _mail(self, live: LiveRun, task: Task, outcome: Outcome, now: datetime, **more: Any) -> None:
        policy = live.pipeline.mail
        if MailOn.FAILURE not in policy.on:
            return
        to = self._operator if policy.to is None else policy.to
        if not to:
            if self._told_of != live.id:
                self._told_of = live.id
                self._world.tell(MailNotWanted(when=now, pipeline=live.pipeline.name, run=live.id))
            return
        report = self._report(live, task, outcome, now, **more)
        try:
            letter = compose_failure(report, to)
        except Exception as error:  # noqa: BLE001 - whatever users' texts do to a template, the run goes on
            self._world.tell(Trouble(when=now, place=f"mail about {live.id}", reason=repr(error)))
        else:
            self._world.post.send(letter)

    def _report(
        self, live: LiveRun, task: Task, outcome: Outcome, now: datetime, **more: Any
    ) -> FailureReport:
        pipeline = live.pipeline
        states = dict(live.run.states)
        below = pipeline.graph.descendants(task.name)
        return FailureReport(
            pipeline=pipeline,
            run=live.id,
            task=task,
            outcome=outcome,
            instant=live.header.instant,
            started=live.started,
            trigger=live.header.trigger,
            params=live.header.params,
            host=self._host,
            config=self._config,
            log=self._world.pool.log_path(pipeline.name, task.name),
            states=states,
            blocked=tuple(name for name in below if states[name] is TaskState.BLOCKED),
            next=pipeline.schedule.next(now) if pipeline.enabled else None,
            hide=self._world.mask(pipeline.environment).hide,
            **more,
        )
