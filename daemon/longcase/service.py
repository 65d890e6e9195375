"""The one place that builds the daemon from its parts, drives it, and takes it down again."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta

from longcase.domain.attempt import Attempt
from longcase.domain.event import DaemonReady, DaemonStopping, JobFileRefused, Tell, Trouble
from longcase.domain.outcome import Outcome
from longcase.domain.pipeline import Pipeline
from longcase.edge.clock import SystemClock
from longcase.edge.history import History
from longcase.edge.jobs_folder import Bad, Change, Gone, Good, JobsFolder
from longcase.edge.pool import ProcessPool
from longcase.edge.post import OutboxPost
from longcase.edge.settings_file import machine_timezone
from longcase.edge.systemd import notify
from longcase.edge.timetable import Timetable
from longcase.engine.engine import BEAT, Engine
from longcase.engine.mailing import Mailing
from longcase.engine.outage import Outage
from longcase.engine.world import World
from longcase.host import full_host_name
from longcase.secret import mask_of
from longcase.start import StartError, harmless, prepared
from longcase.texts.record import RunRecord
from longcase.texts.settings import Settings

RESCAN = 30.0
"""Seconds after which the jobs folder is scanned without a hint."""

_RESCAN_BLIND = 1.0  # where there are no hints
_SETTLING = 0.1  # seconds between scans while a file waits to be quiet
_LEFTOVERS = 1.0  # seconds of grace for what is left of tasks when the daemon ends
_MAIL_AT_STOP = 2.0  # seconds that a stopping daemon waits for mail; what is left waits in the outbox


@contextlib.asynccontextmanager
async def opened(settings: Settings, tell: Tell, *, inherit_env: bool = False) -> AsyncIterator["Service"]:
    """A daemon that holds its folders; at the end everything that it started is gone.

    `tell` hears of everything that happens. `inherit_env`: tasks get the caller's environment too.
    Raises StartError, or LockedError where another daemon uses the state folder.
    """
    tell = harmless(tell)
    with prepared(settings.folders, tell) as history:
        service = Service(settings, history, tell, inherit_env=inherit_env)
        try:
            yield service
        finally:
            await service.close()


class Service:
    """The parts, and the loop that drives them. Made by `opened`."""

    def __init__(self, settings: Settings, history: History, tell: Tell, *, inherit_env: bool) -> None:
        folders = settings.folders
        self.history = history
        self._stop_timeout = settings.stop_timeout
        self._tell = tell
        self._clock = SystemClock()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._asked_again = asyncio.Event()
        self._beat = 0.0
        self._rescan = RESCAN
        self._failure: BaseException | None = None
        self._pool = ProcessPool(
            log_dir=folders.log_dir,
            results_dir=folders.state_dir / "results",
            deliver=self._deliver,
            inherit_env=inherit_env,
        )
        self._post = OutboxPost(folders.state_dir / "outbox", settings.mail, tell)
        self._post.start()
        world = World(self._clock, self._pool, self._post, history, tell, Outage(tell), mask_of)
        config = settings.path if settings.named else ""
        mailing = Mailing(world, settings.mail.operator, full_host_name(), config)
        self._engine = Engine(world, wake=self._wake.set, mailing=mailing, max_parallel=settings.max_parallel)
        self._timetable = Timetable(self._engine.due)
        self._jobs = JobsFolder(folders.jobs_dir, machine_timezone(), settings.defaults)

    async def serve(self) -> None:
        """Run what is due until `stop`, then let what runs end, for `stop_timeout` at most."""
        self._timetable.start()
        hint = asyncio.Event()
        watch = asyncio.create_task(self._jobs.watch(hint.set))
        watch.add_done_callback(self._watch_ended)
        await asyncio.sleep(0)  # it is set up: what changes from now on gives a hint
        if self._scan():
            self._forget_absent()
        self._engine.step()
        follow = asyncio.create_task(self._follow_jobs(hint))
        follow.add_done_callback(self._follow_ended)
        self._tell_ready()
        try:
            await self._drive(until=self._stopping.is_set)
        finally:
            follow.cancel()
            watch.cancel()
            self._timetable.stop()
            notify("STOPPING=1")
        await self._drain()
        if self._failure is not None:
            raise self._failure

    async def run_once(
        self, pipeline: Pipeline, trigger: str, params: Mapping[str, str] | None = None
    ) -> RunRecord:
        """Run a pipeline now, to its end or until `stop`: its record. Raises StartError where none began."""
        run = self._engine.run_by_hand(pipeline, trigger, params)
        await self._drive(until=lambda: self._stopping.is_set() or not self._engine.busy)
        await self._drain()
        record = None
        with contextlib.suppress(OSError):  # the folder's own trouble was told
            record = self.history.record(run)
        if record is None:
            raise StartError(
                f"{pipeline.name}: no run began, since none could be recorded in {self.history.root}"
            )
        return record

    async def deliver_mail(self, seconds: float) -> int:
        """Wait for the mail to go, `seconds` at most or until another `stop`: how many letters still wait."""
        self._asked_again.clear()
        closing = asyncio.create_task(self._post.close(seconds))
        stopping = asyncio.create_task(self._asked_again.wait())
        await asyncio.wait({closing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not closing.done():
            closing.cancel()
            return await self._post.close(0.0)
        return closing.result()

    def stop(self) -> None:
        """Stop; asked again, don't wait for what runs."""
        if self._stopping.is_set():
            self._tell(DaemonStopping(when=self._clock.now(), patience=timedelta()))
            self._engine.cancel_all()
        self._stopping.set()
        self._asked_again.set()
        self._wake.set()

    def stop_on_signals(self) -> None:
        """SIGTERM, SIGINT and the end of the terminal stop the daemon."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)

    async def close(self) -> None:
        """End everything that was started."""
        await self._pool.close(_LEFTOVERS)
        await self._post.close(_MAIL_AT_STOP)

    # -- the loop -----------------------------------------------------------------------------------------

    async def _drive(self, until: Callable[[], bool]) -> None:
        while not until():
            await self._woken(self._engine.wait())
            self._compare_clocks()
            self._engine.step()

    async def _woken(self, seconds: float) -> None:
        """Wait until something came in, `seconds` at most. Lets the loop turn in any case."""
        timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)
        await self._wake.wait()
        timer.cancel()
        self._wake.clear()

    def _compare_clocks(self) -> None:
        now = self._clock.monotonic()
        if now - self._beat >= BEAT:
            self._beat = now
            self._timetable.beat(self._clock.now())

    async def _drain(self) -> None:
        self._engine.stop()
        self._engine.step()
        if not self._engine.busy:
            return
        self._tell(DaemonStopping(when=self._clock.now(), patience=self._stop_timeout))
        deadline = self._clock.monotonic() + self._stop_timeout.total_seconds()
        await self._drive(lambda: not self._engine.busy or self._clock.monotonic() >= deadline)
        self._engine.cancel_all()
        await self._drive(lambda: not self._engine.attempts)
        if self._engine.busy:
            reason = "not all runs that ended could be recorded: the next start does, from their journals"
            self._tell(Trouble(when=self._clock.now(), place=str(self.history.root), reason=reason))

    def _deliver(self, attempt: Attempt, outcome: Outcome) -> None:
        self._engine.deliver(attempt, outcome)  # the pool is built before the engine

    def _tell_ready(self) -> None:
        self._tell(
            DaemonReady(
                when=self._clock.now(),
                pipelines=len(self._engine.pipelines),
                jobs_dir=str(self._jobs.folder),
                next=self._timetable.following(),
            )
        )
        notify("READY=1")

    # -- the jobs folder ----------------------------------------------------------------------------------

    async def _follow_jobs(self, hint: asyncio.Event) -> None:
        """Scan on a hint, while a file settles, and every now and then."""
        loop = asyncio.get_running_loop()
        while True:
            timer = loop.call_later(_SETTLING if self._jobs.unsettled else self._rescan, hint.set)
            await hint.wait()
            timer.cancel()
            hint.clear()
            self._scan()

    def _follow_ended(self, follow: "asyncio.Task[None]") -> None:
        """It ends only by a defect: better a daemon that ends, and is started again, than a deaf one."""
        if not follow.cancelled():
            self._failure = follow.exception()
            self.stop()

    def _watch_ended(self, watch: "asyncio.Task[None]") -> None:
        """Without hints (the kernel can't watch any more folders) the folder is scanned more often."""
        if watch.cancelled():
            return
        self._rescan = _RESCAN_BLIND
        reason = f"{watch.exception() or 'the watch ended'}; it is scanned every {_RESCAN_BLIND:.0f} s"
        self._trouble(reason)

    def _trouble(self, reason: str) -> None:
        self._tell(Trouble(when=self._clock.now(), place=str(self._jobs.folder), reason=reason))

    def _scan(self) -> bool:
        """Take in what has changed; whether the folder could be listed."""
        try:
            changes = self._jobs.scan(self._clock.monotonic())
        except OSError as error:
            self._trouble(str(error))
            return False
        for change in changes:
            self._take(change)
        return True

    def _take(self, change: Change) -> None:
        match change:
            case Good(pipeline):
                self._engine.accept(pipeline)
                if pipeline.enabled and pipeline.schedule.expressions:
                    self._timetable.set(pipeline.name, pipeline.schedule)
                else:
                    self._timetable.remove(pipeline.name)
            case Bad(name, path, errors):
                kept = name in self._engine.pipelines
                self._tell(
                    JobFileRefused(when=self._clock.now(), path=path, pipeline=name, errors=errors, kept=kept)
                )
                self._engine.refuse(name)
            case Gone(name):
                self._timetable.remove(name)
                self._engine.remove(name)

    def _forget_absent(self) -> None:
        """Job files that were removed while no daemon ran."""
        for name in set(self.history.pipelines()) - self._jobs.names:
            try:
                known = self.history.accepted(name) is not None
            except OSError as error:
                self._tell(Trouble(when=self._clock.now(), place=name, reason=str(error)))
            else:
                if known:
                    self._engine.remove(name)
