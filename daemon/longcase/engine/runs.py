"""The runs that are on: what they begin, what ends in them, what is recorded and told of it."""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from longcase.domain.attempt import Attempt
from longcase.domain.event import RunEnded, RunStarted, TaskBlocked, TaskEnded, TaskStarted
from longcase.domain.outcome import FAILURES, Outcome, RunState, TaskState
from longcase.domain.pipeline import Pipeline
from longcase.domain.run import Move, RunHeader
from longcase.edge.history import Journal
from longcase.engine.live import LiveRun
from longcase.engine.mailing import Mailing
from longcase.engine.messages import Expire, Message, Retry, Save
from longcase.engine.outage import AGAIN
from longcase.engine.world import World
from longcase.texts.record import Begin, End, Finish, Intent, Settle, Step


class Runs:
    """All live runs, and the tasks that are ready to begin, first come, first served.

    `later(seconds, message)` sees to it that the engine gets a message back. `ended(run)` is called when a
    run is in the history.
    """

    def __init__(
        self,
        world: World,
        mailing: Mailing,
        max_parallel: int,
        later: Callable[[float, Message], None],
        ended: Callable[[LiveRun], None],
    ) -> None:
        self._world = world
        self._mailing = mailing
        self._max_parallel = max_parallel
        self._later = later
        self._ended = ended
        self._live: dict[str, LiveRun] = {}
        self._ready: deque[tuple[LiveRun, str]] = deque()
        self._stopping = False
        self.attempts = 0

    def __bool__(self) -> bool:
        return bool(self._live)

    def begin(self, pipeline: Pipeline, header: RunHeader, now: datetime) -> None:
        """Make the intent durable, then start. Raises OSError or RunExistsError with nothing begun."""
        started = now.astimezone(pipeline.schedule.zone)
        intent = self._intent(pipeline, header, started)
        journal = self._world.history.open(intent)
        live = LiveRun(pipeline, header, intent, journal, lambda step: self._write(journal, step))
        self._live[live.id] = live
        if pipeline.run_timeout is not None:
            self._later(pipeline.run_timeout.total_seconds(), Expire(live.id))
        late = now - (header.instant or now)
        self._world.tell(RunStarted(when=now, pipeline=pipeline.name, run=live.id, late=late))
        self._moved(live, live.run.start(), now)

    def _intent(self, pipeline: Pipeline, header: RunHeader, started: datetime) -> Intent:
        """What is recorded is read by people: no secret stands in it, wherever it came from."""
        hide = self._world.mask(pipeline.environment).hide
        params = {name: hide(value) for name, value in header.params.items()}
        return Intent(
            at=started,
            header=replace(header, params=params),
            job_file=hide(pipeline.job_file),
            tasks=pipeline.graph.order,
        )

    def dispatch(self, now: datetime) -> None:
        """Begin what is ready, as far as there is room."""
        while self._ready and self.attempts < self._max_parallel:
            live, task = self._ready.popleft()
            self._begin_attempt(live, task, now)

    def end(self, attempt: Attempt, outcome: Outcome, now: datetime) -> None:
        """An attempt ended."""
        live = self._live[attempt.run]
        name = attempt.task.name
        self.attempts -= 1
        live.end(attempt, outcome)
        own, *others = live.run.record(name, outcome)
        at = live.in_zone(now)
        live.note(End(at=at, task=name, attempt=attempt.number, after=own.after, outcome=outcome))
        retry_in = None
        if own.after is TaskState.WAITING and not self._stopping:
            retry_in = attempt.task.retry.wait(attempt.number, self._world.chance())
            self._later(retry_in.total_seconds(), Retry(live.id, name))
        self._tell_end(attempt, outcome, retry_in, now)
        self._moved(live, others, now)
        if own.after in FAILURES:
            self._mailing.failed(live, attempt, outcome, now)
        self._finish_if_done(live, now)

    def retry(self, run: str, task: str, now: datetime) -> None:
        """The delay before a task's next attempt is over."""
        live = self._live.get(run)
        if live and not self._stopping and live.run.states[task] is TaskState.WAITING:
            self._moved(live, [live.run.retry(task)], now)

    def expire(self, run: str, now: datetime) -> None:
        """The time of a run is over: what runs in it is ended, and nothing more begins."""
        live = self._live.get(run)
        if live is None or live.run.finished:
            return
        moves = live.run.expire()
        self._ready = deque((other, task) for other, task in self._ready if other is not live)
        for attempt in live.attempts.values():
            self._world.pool.cancel(attempt, live.late)
        self._moved(live, moves, now)
        self._finish_if_done(live, now)

    def save(self, run: str, now: datetime) -> None:
        """Write the document of a run that has ended; until that is done, the run counts as on."""
        live = self._live[run]
        history = self._world.history
        try:
            history.close(live.journal, live.record())
        except OSError as error:
            self._world.outage.refused(f"the document of {run}", error, now)
            self._later(AGAIN, Save(run))
            return
        del self._live[run]
        self._ended(live)
        took = now - live.started
        name, state = live.pipeline.name, live.run.state
        self._world.tell(RunEnded(when=now, pipeline=name, run=run, state=state, took=took))

    def stop(self, now: datetime) -> None:
        """Begin nothing more; what runs may end."""
        self._stopping = True
        self._ready.clear()
        for live in list(self._live.values()):
            if not live.run.finished:  # else it waits only for its document to be written
                live.run.stop()
                self._finish_if_done(live, now)

    def cancel_all(self) -> None:
        """End every attempt that runs."""
        for live in self._live.values():
            for attempt in live.attempts.values():
                self._world.pool.cancel(attempt)

    def _begin_attempt(self, live: LiveRun, task: str, now: datetime) -> None:
        attempt = live.begin(task)
        self.attempts += 1
        log = self._world.pool.log_path(attempt.pipeline, task)
        live.note(Begin(at=live.in_zone(now), task=task, attempt=attempt.number, log=log))
        self._world.tell(
            TaskStarted(
                when=now,
                pipeline=attempt.pipeline,
                run=attempt.run,
                task=task,
                attempt=attempt.number,
                attempts=attempt.task.retry.attempts,
            )
        )
        self._world.pool.start(attempt)

    def _tell_end(
        self, attempt: Attempt, outcome: Outcome, retry_in: timedelta | None, now: datetime
    ) -> None:
        self._world.tell(
            TaskEnded(
                when=now,
                pipeline=attempt.pipeline,
                run=attempt.run,
                task=attempt.task.name,
                attempt=attempt.number,
                attempts=attempt.task.retry.attempts,
                outcome=outcome,
                retry_in=retry_in,
                log=self._world.pool.log_path(attempt.pipeline, attempt.task.name),
            )
        )

    def _moved(self, live: LiveRun, moves: Iterable[Move], now: datetime) -> None:
        """What became ready is queued; what got blocked or cancelled is recorded and told."""
        at = live.in_zone(now)
        for move in moves:
            if move.after is TaskState.READY:
                if not self._stopping:
                    self._ready.append((live, move.task))
                continue
            reason = (live.late or None) if move.after is TaskState.CANCELLED else None
            live.note(Settle(at=at, task=move.task, after=move.after, because=move.because, reason=reason))
            if move.after is TaskState.BLOCKED:
                self._world.tell(
                    TaskBlocked(
                        when=now,
                        pipeline=live.pipeline.name,
                        run=live.id,
                        task=move.task,
                        because=move.because,
                    )
                )

    def _finish_if_done(self, live: LiveRun, now: datetime) -> None:
        if live.run.finished:
            if live.run.state is RunState.FAILED and FAILURES.isdisjoint(live.run.states.values()):
                self._mailing.expired(live, now)
            live.note(Finish(at=live.in_zone(now), state=live.run.state))
            self.save(live.id, now)

    def _write(self, journal: Journal, step: Step) -> None:
        """What the disk refuses is held in memory, and written first when there is room."""
        try:
            journal.append(step)
        except OSError as error:
            self._world.outage.refused("a step of a run", error, step.at)
