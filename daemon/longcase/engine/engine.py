"""The engine: messages come in, `step` acts on them with one reading of the clock. All in one thread."""

import heapq
import itertools
import secrets
from collections import deque
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

from longcase.domain.attempt import Attempt
from longcase.domain.errors import LongcaseError
from longcase.domain.event import PipelineAccepted, PipelineRemoved, Trouble
from longcase.domain.outcome import Outcome
from longcase.domain.pipeline import Pipeline
from longcase.domain.run import RunHeader, run_id
from longcase.engine.instants import Instants
from longcase.engine.live import LiveRun
from longcase.engine.mailing import Mailing
from longcase.engine.messages import (
    Accept,
    Due,
    Ended,
    Expire,
    Message,
    PipelineMessage,
    Refuse,
    Remove,
    Resume,
    Retry,
    RunByHand,
    Save,
    Stop,
)
from longcase.engine.outage import AGAIN
from longcase.engine.runs import Runs
from longcase.engine.world import World

BEAT = 1.0
"""Seconds after which the engine looks at the wall clock at the latest."""

_JUMP = timedelta(seconds=60)


class Engine:
    """Built once, by the service.

    `wake` is called whenever a message came in; whoever drives the engine then calls `step`, and at the
    latest after `wait()` seconds. `max_parallel`: how many tasks run at once.
    """

    def __init__(
        self,
        world: World,
        *,
        wake: Callable[[], None],
        mailing: Mailing,
        max_parallel: int,
    ) -> None:
        self._world = world
        self._wake = wake
        self._now = world.clock.now()
        self._monotonic = world.clock.monotonic()
        self._runs = Runs(world, mailing, max_parallel, self._later, self._run_ended)
        self._instants = Instants(world.history, world.tell, self._begin_due, self._now)
        self._inbox: deque[Message] = deque()
        self._held: dict[str, deque[PipelineMessage]] = {}
        self._timers: list[tuple[float, int, Message]] = []
        self._sequence = itertools.count()
        self._stopping = False

    # -- what comes in ------------------------------------------------------------------------------------

    def accept(self, pipeline: Pipeline) -> None:
        """A valid job file is there, new or changed."""
        self._put(Accept(pipeline))

    def refuse(self, pipeline: str) -> None:
        """A job file is invalid, new or changed."""
        self._put(Refuse(pipeline))

    def remove(self, pipeline: str) -> None:
        """A job file is gone."""
        self._put(Remove(pipeline))

    def due(self, pipeline: str) -> None:
        """A pipeline may be due. Harmless where it isn't; a lost or late one costs nothing."""
        self._put(Due(pipeline))

    def deliver(self, attempt: Attempt, outcome: Outcome) -> None:
        """An attempt ended."""
        self._put(Ended(attempt, outcome))

    def run_by_hand(self, pipeline: Pipeline, trigger: str, params: Mapping[str, str] | None = None) -> str:
        """Someone asks for a run now; returns its id. `params` override the pipeline's own."""
        asked = self._world.clock.now().astimezone(pipeline.schedule.zone)
        run = run_id(pipeline.name, asked, secrets.token_hex(4))
        given = {**pipeline.params, **(params or {})}
        header = RunHeader(run=run, pipeline=pipeline.name, asked=asked, trigger=trigger, params=given)
        self._put(RunByHand(pipeline, header))
        return run

    def stop(self) -> None:
        """Begin nothing more. What runs may end; `busy` tells."""
        self._stopping = True
        self._put(Stop())

    def cancel_all(self) -> None:
        """End every attempt that runs."""
        self._runs.cancel_all()

    # -- what it knows ------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether messages wait, or runs are on."""
        return bool(self._inbox or self._held or self._runs)

    @property
    def attempts(self) -> int:
        """How many attempts are on."""
        return self._runs.attempts

    @property
    def pipelines(self) -> Collection[str]:
        """The names of the pipelines that are in force."""
        return self._instants.pipelines

    def wait(self) -> float:
        """Seconds until the next step is wanted, if nothing comes in before."""
        if self._inbox:
            return 0.0
        if not self._timers:
            return BEAT
        return min(max(self._timers[0][0] - self._world.clock.monotonic(), 0.0), BEAT)

    # -- the step -----------------------------------------------------------------------------------------

    def step(self) -> None:
        """Act on everything that came in until now."""
        self._read_clock()
        while self._timers and self._timers[0][0] <= self._monotonic:
            self._inbox.append(heapq.heappop(self._timers)[2])
        for _ in range(len(self._inbox)):
            self._act(self._inbox.popleft())
        self._runs.dispatch(self._now)

    def _read_clock(self) -> None:
        """One reading for the whole step; a jump of the wall clock is a gap in every pipeline's time."""
        seen, since = self._now, self._monotonic
        self._now, self._monotonic = self._world.clock.now(), self._world.clock.monotonic()
        passed = timedelta(seconds=self._monotonic - since)
        if self._now - seen - passed > _JUMP:
            self._inbox.extend(map(Due, self._instants.gap(seen, self._now)))

    def _act(self, message: Message) -> None:
        match message:
            case Ended(attempt, outcome):
                self._runs.end(attempt, outcome, self._now)
            case Retry(run, task):
                self._runs.retry(run, task, self._now)
            case Expire(run):
                self._runs.expire(run, self._now)
            case Save(run):
                self._runs.save(run, self._now)
            case Stop():
                self._held.clear()
                self._runs.stop(self._now)
            case Resume(name):
                for held in self._held.pop(name, ()):
                    self._act(held)
            case _:
                self._act_in_turn(message)

    def _act_in_turn(self, message: PipelineMessage) -> None:
        """What concerns one pipeline: a message that the disk holds up holds up those after it."""
        if message.pipeline in self._held:
            self._hold(message)
            return
        try:
            if self._handle(message):
                return
            again = 0.0
        except OSError as error:
            if isinstance(message, RunByHand):  # who asked is there, and can ask again
                self._trouble(message, error)
                return
            self._world.outage.refused(f"pipeline {message.pipeline}", error, self._now)
            again = AGAIN
        except LongcaseError as error:
            self._trouble(message, error)
            return
        self._hold(message)
        self._later(again, Resume(message.pipeline))

    def _trouble(self, message: PipelineMessage, error: Exception) -> None:
        self._world.tell(Trouble(when=self._now, place=message.pipeline, reason=str(error)))

    def _hold(self, message: PipelineMessage) -> None:
        queue = self._held.setdefault(message.pipeline, deque())
        if not (isinstance(message, Due) and message in queue):
            queue.append(message)

    def _handle(self, message: PipelineMessage) -> bool:
        """Whether that was all; else the message wants to be handled again, in a later step."""
        if self._stopping:
            return True  # what this would have changed is seen again at the next start
        match message:
            case Due(name):
                return self._instants.settle(name, self._now)
            case Accept(pipeline):
                return self._accept(pipeline)
            case Refuse(name):
                return self._instants.refuse(name, self._now)
            case Remove(name):
                return self._remove(name)
            case RunByHand(pipeline, header):
                self._runs.begin(pipeline, header, self._now)
                return True

    def _accept(self, pipeline: Pipeline) -> bool:
        changed = pipeline.name in self._instants.pipelines
        if not self._instants.accept(pipeline, self._now):
            return False
        following = pipeline.schedule.next(self._now) if pipeline.enabled else None
        self._world.tell(
            PipelineAccepted(when=self._now, pipeline=pipeline.name, next=following, changed=changed)
        )
        return True

    def _remove(self, name: str) -> bool:
        if not self._instants.remove(name, self._now):
            return False
        self._world.tell(PipelineRemoved(when=self._now, pipeline=name))
        return True

    def _put(self, message: Message) -> None:
        self._inbox.append(message)
        self._wake()

    def _later(self, seconds: float, message: Message) -> None:
        heapq.heappush(self._timers, (self._monotonic + seconds, next(self._sequence), message))

    def _begin_due(self, pipeline: Pipeline, header: RunHeader) -> None:
        self._runs.begin(pipeline, header, self._now)

    def _run_ended(self, live: LiveRun) -> None:
        self._instants.ended(live.pipeline.name, live.id)
