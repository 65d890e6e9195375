"""An engine on a clock that stands still, a pool that the test plays, and a history on a real folder."""

from datetime import UTC, datetime, timedelta

from longcase.domain.outcome import Outcome, ResultRef, TaskState
from longcase.domain.pipeline import Call, Command, Dependency, Pipeline, Task
from longcase.domain.policy import MailPolicy, RetryPolicy
from longcase.domain.schedule import Cron, Schedule
from longcase.edge.history import History
from longcase.engine.engine import Engine
from longcase.engine.mailing import Mailing
from longcase.engine.outage import Outage
from longcase.engine.world import World
from longcase.testing import InMemoryPool, InMemoryPost, ManualClock
from longcase.workers.mask import Mask

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def pipeline(name="etl", tasks=None, cron="*/10 * * * *", *, zone="UTC", to=("a@example.com",), **more):
    """`tasks`: by name, the names it depends on; all are calls that pass nothing."""
    graph = tasks or {"only": []}
    return Pipeline(
        name=name,
        tasks=tuple(
            Task(name=task, action=Call(f"m:{task}"), depends_on=tuple(map(Dependency, needed)))
            for task, needed in graph.items()
        ),
        schedule=Schedule(expressions=(Cron(cron),) if cron else (), timezone=zone),
        mail=MailPolicy(to=to),
        **{"job_file": f"# {name}", **more},
    )


def retrying(name="etl", retries=1, delay=10, policy=None):
    policy = policy or RetryPolicy(retries=retries, delay=timedelta(seconds=delay))
    return Pipeline(
        name=name,
        tasks=(Task(name="only", action=Command("true"), retry=policy),),
        schedule=Schedule(expressions=(Cron("*/10 * * * *"),)),
        mail=MailPolicy(to=("a@example.com",)),
    )


class Harness:
    """`restart` builds a new engine over the same folder, as a daemon that was killed and started again.

    The value of a secret from the environment is the variable's name. `chance`: what chance decides.
    """

    def __init__(self, root, operator=()):
        self.root = root
        self.operator = operator
        self.clock = ManualClock(START)
        self.max_parallel = 8
        self.chance = 0.5
        self.restart()

    def restart(self):
        self.events = []
        self.wakes = 0
        self.pool = InMemoryPool(self._deliver)
        self.post = InMemoryPost()
        self.history = History(self.root)
        self.recovered, _ = self.history.recover(self.clock.now())
        world = World(
            self.clock,
            self.pool,
            self.post,
            self.history,
            self.events.append,
            Outage(self.events.append),
            lambda environment: Mask(source.env for source in environment.secrets.values()),
            lambda: self.chance,
        )
        mailing = Mailing(world, self.operator, "host.example.com")
        self.engine = Engine(world, wake=self._wake, mailing=mailing, max_parallel=self.max_parallel)

    def accept(self, *pipelines):
        for each in pipelines:
            self.engine.accept(each)
        self.engine.step()

    def pass_time(self, seconds, *due, beat=1.0):
        """Let time pass as a daemon sees it, a step a beat, and tell it at the end that pipelines are due."""
        left = seconds
        while left > 0:
            self.clock.advance(min(beat, left))
            left -= beat
            if left > 0:
                self.engine.step()
        for name in due:
            self.engine.due(name)
        self.engine.step()

    def end(self, task, state=TaskState.SUCCEEDED, **more):
        """End the running attempt of a task."""
        (attempt,) = [each for each in self.pool.running if each.task.name == task]
        now = self.clock.now()
        result = ResultRef(path="r", size=1, repr=f"<{task}>") if state is TaskState.SUCCEEDED else None
        outcome = Outcome(state=state, started=now, ended=now, result=result, **more)
        self.pool.finish(attempt, outcome)
        self.engine.step()
        return attempt

    def running(self):
        return [attempt.task.name for attempt in self.pool.running]

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def lines(self, name="etl"):
        """What the history has, oldest first: (state, instant or last)."""
        lines = reversed(self.history.latest(name, 10_000))
        return [(line.state.value, line.latest_instant) for line in lines]

    def _deliver(self, attempt, outcome):
        self.engine.deliver(attempt, outcome)

    def _wake(self):
        self.wakes += 1
