"""What happens, told in plain words to someone who watches a terminal."""

from datetime import datetime, timedelta
from functools import singledispatch

from longcase.domain.event import (
    DaemonReady,
    DaemonStopping,
    Event,
    InstantSkipped,
    InstantsMissed,
    JobFileRefused,
    MailFailed,
    MailNotWanted,
    MailSent,
    PipelineAccepted,
    PipelineRemoved,
    RunEnded,
    RunStarted,
    TaskBlocked,
    TaskEnded,
    Trouble,
)
from longcase.domain.outcome import FAILURES, RunState, TaskState
from longcase.texts.words import VERBS, duration, number, one_line

_CAUSE = 200  # characters of a cause
_LATE = timedelta(seconds=1)  # a delay that is worth a word


@singledispatch
def narrate(event: Event) -> list[str]:  # noqa: ARG001 - the default of a family of functions
    """The lines that tell of an event, without time; none where it isn't worth one."""
    return []


@narrate.register
def _(event: DaemonReady) -> list[str]:
    if not event.pipelines:
        return [f"ready, with no job file yet: put one into {event.jobs_dir}"]
    first = f"; first is {event.next[1]} at {_clock(event.next[0])}" if event.next else ""
    return [f"ready: {number(event.pipelines, 'pipeline')}{first}"]


@narrate.register
def _(event: DaemonStopping) -> list[str]:
    if not event.patience:
        return ["stopping: what runs is ended"]
    return [f"stopping: what runs has {duration(event.patience)} to end (a second signal ends it at once)"]


@narrate.register
def _(event: PipelineAccepted) -> list[str]:
    following = f"next at {_clock(event.next)}" if event.next else "not scheduled"
    return [f"{event.pipeline}: job file {'changed' if event.changed else 'accepted'}, {following}"]


@narrate.register
def _(event: PipelineRemoved) -> list[str]:
    return [f"{event.pipeline}: its job file is gone"]


@narrate.register
def _(event: JobFileRefused) -> list[str]:
    kept = "; its last good version stays in force" if event.kept else ""
    return [f"{event.pipeline}: job file refused{kept}", *(f"  {error}" for error in event.errors)]


@narrate.register
def _(event: InstantSkipped) -> list[str]:
    return [f"{event.pipeline}: {_clock(event.instant)} skipped, as run {event.because} is still on"]


@narrate.register
def _(event: InstantsMissed) -> list[str]:
    return [f"{event.pipeline}: {event.count} missed until {_clock(event.last)}: {event.reason}"]


@narrate.register
def _(event: RunStarted) -> list[str]:
    late = f", {duration(event.late)} late" if event.late >= _LATE else ""
    return [f"{event.pipeline}: a run started{late}"]


@narrate.register
def _(event: TaskEnded) -> list[str]:
    outcome = event.outcome
    said = f"  {event.task} {VERBS[outcome.state]} after {duration(outcome.ended - outcome.started)}"
    if outcome.state is TaskState.SUCCEEDED:
        return [said]
    nth = f" (attempt {event.attempt} of {event.attempts})" if event.attempts > 1 else ""
    lines = [said + nth, f"    {one_line(outcome.cause, _CAUSE)}"]
    if event.retry_in is not None:
        lines.append(f"    tried again in {duration(event.retry_in)}")
    elif outcome.state in FAILURES:
        lines.append(f"    its log: {event.log}")
    return lines


@narrate.register
def _(event: TaskBlocked) -> list[str]:
    return [f"  {event.task} is blocked by the failure of {event.because}"]


@narrate.register
def _(event: RunEnded) -> list[str]:
    end = "was interrupted" if event.state is RunState.INTERRUPTED else event.state.value
    return [f"{event.pipeline}: the run {end} after {duration(event.took)}"]


@narrate.register
def _(event: MailSent) -> list[str]:
    return [f"mail sent to {', '.join(event.to)}: {event.subject}"]


@narrate.register
def _(event: MailFailed) -> list[str]:
    after = f"tried again in {duration(event.retry_in)}" if event.retry_in else "not tried again"
    return [f"mail to {', '.join(event.to)} not sent, {after}: {event.reason}"]


@narrate.register
def _(event: MailNotWanted) -> list[str]:
    where = "the job file has no [mail] to, and longcase.toml no operator"
    return [f"{event.pipeline}: nobody is mailed, since {where}"]


@narrate.register
def _(event: Trouble) -> list[str]:
    return [f"trouble with {event.place}: {event.reason}"]


def _clock(when: datetime) -> str:
    """In the machine's zone: someone compares it with a clock on the wall."""
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S}"
