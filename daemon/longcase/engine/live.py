"""A run that is on: its states, its record and its journal, which change together."""

from collections.abc import Callable
from datetime import datetime

from longcase.domain.attempt import Attempt
from longcase.domain.outcome import Outcome, ResultRef
from longcase.domain.pipeline import Passing, Pipeline
from longcase.domain.run import Run, RunHeader
from longcase.edge.history import Journal
from longcase.texts.record import Intent, RunRecord, Step
from longcase.texts.recorder import Recorder
from longcase.workers.words import duration


class LiveRun:
    """Holds the definition that the run began with: a changed job file does not touch it.

    `intent` is `header` as it is recorded, without secrets.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        header: RunHeader,
        intent: Intent,
        journal: Journal,
        write: Callable[[Step], None],
    ) -> None:
        self.pipeline = pipeline
        self.header = header
        self.journal = journal
        self.started = intent.at
        self.run = Run(pipeline.graph, {task.name: task.retry for task in pipeline.tasks})
        self.results: dict[str, ResultRef | None] = {}
        self.attempts: dict[str, Attempt] = {}  # those that are on, by task
        self._recorder = Recorder(intent)
        self._write = write

    @property
    def id(self) -> str:
        return self.header.run

    def note(self, step: Step) -> None:
        """Take a step into the record and the journal."""
        self._recorder.apply(step)
        self._write(step)

    def record(self) -> RunRecord:
        return self._recorder.record()

    def begin(self, task_name: str) -> Attempt:
        """A ready task begins its next attempt."""
        self.run.begin(task_name)
        task = self.pipeline.by_name[task_name]
        when = self.header.instant or self.header.asked
        attempt = self.attempts[task_name] = Attempt(
            run=self.id,
            pipeline=self.pipeline.name,
            task=task,
            number=self.run.attempt(task_name),
            environment=self.pipeline.environment,
            scheduled_for=when.astimezone(self.pipeline.schedule.zone),
            params=self.header.params,
            results={
                edge.task: self.results[edge.task]
                for edge in task.depends_on
                if edge.passing is not Passing.ORDER
            },
            json_result=task_name in self.pipeline.passed_as_json,
        )
        return attempt

    @property
    def late(self) -> str:
        """Why tasks end with the run, where its time is over."""
        allowed = self.pipeline.run_timeout
        if not self.run.expired or allowed is None:
            return ""
        return f"the run had no end within its run_timeout of {duration(allowed.total_seconds())}"

    def end(self, attempt: Attempt, outcome: Outcome) -> None:
        """An attempt is over: its result, if any, can be passed on."""
        del self.attempts[attempt.task.name]
        self.results[attempt.task.name] = outcome.result

    def in_zone(self, when: datetime) -> datetime:
        """`when` in the pipeline's zone: so times stand in the history."""
        return when.astimezone(self.pipeline.schedule.zone)
