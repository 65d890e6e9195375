"""An attempt that is on, and what becomes of it when its worker can't say so itself."""

from asyncio import TimerHandle
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from longcase.domain.attempt import Attempt
from longcase.domain.outcome import Outcome, TaskState
from longcase.edge.pool.worker import Worker
from longcase.workers.logfile import LogFile
from longcase.workers.mask import Mask
from longcase.workers.output import AttemptLog
from longcase.workers.words import duration


@dataclass(eq=False, slots=True)
class Job:
    """An attempt and the worker that has it (None: none could be started).

    `verdict`: what it ends as once the pool itself kills its worker; `grace`: what is left of the worker's
    tree gets as many seconds from SIGTERM to SIGKILL; `secrets`: values that nobody is to read.
    """

    attempt: Attempt
    results: Path
    log: str
    began: datetime
    grace: float
    worker: Worker | None = None
    secrets: tuple[str, ...] = ()
    verdict: tuple[TaskState, str] | None = None
    timer: TimerHandle | None = None

    @property
    def mask(self) -> Mask:
        return Mask(self.secrets)

    def disarm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def give_up(self, state: TaskState, reason: str, grace: float) -> None:
        """Kill the worker; the attempt ends as `state`."""
        assert self.worker is not None
        self.verdict = (state, reason)
        self.grace = grace
        self.worker.kill()

    def failed(self, reason: str, state: TaskState = TaskState.FAILED, signal: str | None = None) -> Outcome:
        """An outcome that the pool itself finds; the log gets the footer that no worker writes."""
        shown = self.mask.hide(reason)
        outcome = Outcome(
            state=state, started=self.began, ended=datetime.now(UTC), reason=shown, signal=signal
        )
        with suppress(OSError):  # the log may be the very reason
            self._write_footer(outcome)
        return outcome

    def worker_died(self, wrong: str, left_behind: list[str]) -> Outcome:
        """The outcome after the worker's death. `wrong`: what it sent that it must not send, or ""."""
        assert self.worker is not None
        worker = self.worker
        if self.verdict is not None:
            outcome = self.failed(self.verdict[1], self.verdict[0])
        elif wrong:
            outcome = self.failed(f"its worker was ended, since it sent what is no report: {wrong}")
        elif not worker.ready:
            how = worker.exit(self.mask)
            outcome = self.failed(f"interpreter {worker.python} ended before it was ready ({how})")
        elif worker.signal:
            reason = f"its worker was killed by {worker.signal}"
            outcome = self.failed(reason, TaskState.KILLED, worker.signal)
        else:
            outcome = self.failed(f"its worker ended ({worker.exit(self.mask)})")
        return replace(outcome, left_behind=tuple(map(self.mask.hide, left_behind)))

    def too_late(self) -> str:
        timeout = self.attempt.task.timeout
        assert timeout is not None
        allowed = duration(timeout.total_seconds())
        return f"no end within its timeout of {allowed}; its worker did not answer and was killed"

    def _write_footer(self, outcome: Outcome) -> None:
        rotation = self.attempt.task.rotation
        file = LogFile(self.log, rotation.max_bytes, rotation.backups, compress=rotation.compress)
        try:
            AttemptLog(file, self.attempt.run).note(f"{outcome.state.replace('_', ' ')}: {outcome.reason}")
        finally:
            file.close()
