"""Makes the document of a run from the steps of its journal."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from longcase.domain.errors import LongcaseError
from longcase.domain.outcome import RunState, TaskState
from longcase.texts.record import (
    AttemptRecord,
    Begin,
    End,
    Finish,
    Intent,
    RunRecord,
    Settle,
    Step,
    TaskRecord,
)


class JournalError(LongcaseError):
    """The steps of a journal don't make a run."""


class Recorder:
    """Folds the steps of one run into its record: the same for a live run and for a journal read back."""

    def __init__(self, intent: Intent) -> None:
        self._intent = intent
        self._tasks = dict.fromkeys(intent.tasks, TaskRecord())
        self._state = RunState.RUNNING
        self._ended: datetime | None = None

    @classmethod
    def replay(cls, steps: Iterable[Step]) -> "Recorder":
        """From the steps of a journal. Raises JournalError unless its first is an intent, and no other."""
        iterator = iter(steps)
        first = next(iterator, None)
        if not isinstance(first, Intent):
            raise JournalError("a journal begins with the intent of its run")
        recorder = cls(first)
        for step in iterator:
            recorder.apply(step)
        return recorder

    def apply(self, step: Step) -> None:
        """Take one step in. Raises JournalError where it doesn't follow those before it."""
        try:
            self._apply(step)
        except (KeyError, ValueError) as error:
            raise JournalError(f"a step {type(step).__name__} fits no task of the run: {error}") from error

    def _apply(self, step: Step) -> None:
        match step:
            case Begin():
                self._begin(step)
            case End():
                self._end(step)
            case Settle():
                blocked_by = step.because if step.after is TaskState.BLOCKED else None
                self._change(step.task, state=step.after, blocked_by=blocked_by, reason=step.reason)
            case Finish():
                self._finish(step)
            case Intent():
                raise JournalError("a journal has one intent, its first line")

    def record(self) -> RunRecord:
        """The run as it stands."""
        header = self._intent.header
        return RunRecord(
            run=header.run,
            pipeline=header.pipeline,
            state=self._state,
            instant=header.instant,
            started=self._intent.at,
            ended=self._ended,
            trigger=header.trigger,
            asked=header.asked,
            params=header.params,
            job_file=self._intent.job_file,
            tasks=dict(self._tasks),
        )

    def _begin(self, step: Begin) -> None:
        attempt = AttemptRecord(number=step.attempt, state=TaskState.RUNNING, started=step.at)
        attempts = (*self._tasks[step.task].attempts, attempt)
        self._change(step.task, state=TaskState.RUNNING, attempts=attempts, log=step.log)

    def _end(self, step: End) -> None:
        outcome = step.outcome
        *before, _ = self._tasks[step.task].attempts
        ended = AttemptRecord(
            number=step.attempt,
            state=outcome.state,
            started=outcome.started.astimezone(step.at.tzinfo),
            ended=outcome.ended.astimezone(step.at.tzinfo),
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            exception=outcome.exception,
            reason=outcome.reason,
            usage=outcome.usage,
        )
        self._change(
            step.task,
            state=step.after,
            attempts=(*before, ended),
            exit_code=outcome.exit_code,
            signal=outcome.signal,
            exception=outcome.exception,
            reason=outcome.reason,
            usage=outcome.usage,
            traceback=outcome.traceback,
            result=outcome.result,
            left_behind=outcome.left_behind,
        )

    def _finish(self, step: Finish) -> None:
        self._state = step.state
        self._ended = step.at
        for name, task in self._tasks.items():
            if task.state is TaskState.RUNNING:  # only where the daemon died before its tasks
                self._lose(name, *task.attempts)

    def _lose(self, task: str, *attempts: AttemptRecord) -> None:
        reason = "nobody saw its end: the daemon ended before"
        *before, last = attempts
        lost = msgspec.structs.replace(last, state=TaskState.CANCELLED, reason=reason)
        self._change(task, state=TaskState.CANCELLED, attempts=(*before, lost), reason=reason)

    def _change(self, task: str, **changes: object) -> None:
        self._tasks[task] = msgspec.structs.replace(self._tasks[task], **changes)
