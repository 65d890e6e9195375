"""The pool of worker processes, in the loop's own thread."""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from longcase.domain.attempt import Attempt
from longcase.domain.outcome import Outcome, TaskState
from longcase.domain.pipeline import Call, Passing, ResultKind, Task
from longcase.edge.pool import environment, report, request
from longcase.edge.pool.folders import FolderError, make_folders
from longcase.edge.pool.job import Job
from longcase.edge.pool.orphans import Orphans
from longcase.edge.pool.staff import Staff
from longcase.edge.pool.variables import VariablesError, read_variables
from longcase.edge.pool.worker import StartError, Worker
from longcase.ports import Deliver

START_SECONDS = 60.0
"""How long an interpreter may take until it is ready."""
WORKER_PATIENCE = 5.0
"""How many seconds longer than an attempt may take its worker is waited for."""


class ProcessPool:
    """Runs each attempt in a process of its own, forked or spawned by a worker that ends its whole tree.

    `log_dir` gets PIPELINE/TASK.log, `results_dir` PIPELINE/RUN/…. With `inherit_env` tasks also see the
    environment of this process. How many attempts are on at once is the caller's business. Makes this process
    a subreaper: what a dead worker leaves is inherited, and ended.
    """

    def __init__(
        self, *, log_dir: Path, results_dir: Path, deliver: Deliver, inherit_env: bool = False
    ) -> None:
        self._log_dir = log_dir.absolute()
        self._results_dir = results_dir.resolve()
        self._deliver = deliver
        self._inherited = _inherited(os.environ, everything=inherit_env)
        self._orphans = Orphans()
        self._staff = Staff(on_message=self._on_message, on_silence=self._on_silence)
        self._jobs: dict[tuple[str, str, int], Job] = {}
        self._job_of: dict[Worker, Job] = {}
        self._burials: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closed = False

    @property
    def running(self) -> tuple[Attempt, ...]:
        """The attempts that were started and whose outcome was not delivered yet."""
        return tuple(job.attempt for job in self._jobs.values())

    def log_path(self, pipeline: str, task: str) -> str:
        return str(self._log_dir / pipeline / f"{task}.log")

    def start(self, attempt: Attempt) -> None:
        """Begin an attempt. Raises RuntimeError after `close`."""
        if self._closed:
            raise RuntimeError("the pool is closed")
        job = self._new_job(attempt)
        self._jobs[attempt.key] = job
        self._quiet.clear()
        try:
            make_folders(Path(job.log).parent, job.results if _touches_results(attempt.task) else None)
            self._hand_over(job)
        except (FolderError, VariablesError, StartError) as error:
            asyncio.get_running_loop().call_soon(self._finish, job, job.failed(str(error)))

    def cancel(self, attempt: Attempt, late: str = "") -> None:
        job = self._jobs.get(attempt.key)
        if job is not None:
            self._cancel(job, attempt.task.kill_grace.total_seconds(), late)

    async def close(self, grace: float) -> None:
        """Cancel what is on, with at most `grace` seconds from SIGTERM to SIGKILL, and end every worker.

        Returns when every outcome is delivered and neither a worker nor any process of a task is left.
        """
        self._closed = True
        for job in list(self._jobs.values()):
            self._cancel(job, min(grace, job.grace))
        await self._quiet.wait()
        for worker in self._staff.dismiss():
            self._bury(worker)
        while self._burials:
            await asyncio.wait(self._burials)

    def _new_job(self, attempt: Attempt) -> Job:
        return Job(
            attempt=attempt,
            results=self._results_dir / attempt.pipeline / attempt.run,
            log=self.log_path(attempt.pipeline, attempt.task.name),
            began=datetime.now(UTC),
            grace=attempt.task.kill_grace.total_seconds(),
        )

    def _hand_over(self, job: Job) -> None:
        attempt = job.attempt
        variables = read_variables(attempt.environment)
        job.secrets = tuple(variables.secret.values())
        env = environment.of_attempt(attempt, self._inherited, variables)
        message = request.build(attempt, env=env, secrets=job.secrets, log=job.log, results=job.results)
        job.worker = self._staff.hire(attempt, environment.of_worker(self._inherited, variables))
        self._job_of[job.worker] = job
        job.worker.send(message)
        self._arm(job)

    def _arm(self, job: Job) -> None:
        """Set the pool's own deadline for the worker: a first one to get ready, a second one to end."""
        assert job.worker is not None
        timeout = job.attempt.task.timeout
        if not job.worker.ready:
            reason = f"interpreter {job.worker.python} was not ready within {START_SECONDS:.0f} s"
            self._give_up_after(job, START_SECONDS, TaskState.FAILED, reason)
        elif timeout is not None:
            seconds = timeout.total_seconds() + job.grace + WORKER_PATIENCE
            self._give_up_after(job, seconds, TaskState.TIMED_OUT, job.too_late())

    def _give_up_after(self, job: Job, seconds: float, state: TaskState, reason: str) -> None:
        job.disarm()
        job.timer = asyncio.get_running_loop().call_later(seconds, job.give_up, state, reason, 0.0)

    def _cancel(self, job: Job, grace: float, late: str = "") -> None:
        if job.worker is None or job.verdict is not None:
            return  # its end is on the way
        state, reason = (TaskState.TIMED_OUT, late) if late else (TaskState.CANCELLED, "cancelled")
        if not job.worker.ready:
            job.give_up(state, reason, grace)
            return
        job.worker.send({"type": "cancel", "grace": grace, "late": late})
        unheard = f"{reason}; its worker did not answer and was killed"
        self._give_up_after(job, grace + WORKER_PATIENCE, state, unheard)

    def _on_message(self, worker: Worker, message: report.Ready | report.Ended) -> None:
        job = self._job_of.get(worker)
        if isinstance(message, report.Ready):
            worker.ready = True
            if job is not None and job.verdict is None:
                job.disarm()
                self._arm(job)
            return
        if job is None:
            raise report.ReportError("a report, where nothing runs")
        outcome = report.to_outcome(message, job.results)
        del self._job_of[worker]
        if outcome.left_behind or job.verdict is not None:
            self._staff.forget(worker)
            self._bury(worker)
        else:
            self._staff.rest(worker)
        self._finish(job, outcome)

    def _on_silence(self, worker: Worker, wrong: str) -> None:
        if wrong:
            worker.kill()
        self._staff.forget(worker)
        self._bury(worker, self._job_of.pop(worker, None), wrong)

    def _bury(self, worker: Worker, job: Job | None = None, wrong: str = "") -> None:
        burial = asyncio.get_running_loop().create_task(self._see_off(worker, job, wrong))
        self._burials.add(burial)
        burial.add_done_callback(self._burials.discard)

    async def _see_off(self, worker: Worker, job: Job | None, wrong: str) -> None:
        await worker.wait()
        if job is not None:
            job.disarm()
            try:
                left_behind = await self._orphans.end(job.grace)
            except OSError as error:  # no descriptor is free: the outcome is not to wait for that
                left_behind = [f"whatever its worker left: /proc can't be read: {error.strerror}"]
            self._finish(job, job.worker_died(wrong, left_behind))

    def _finish(self, job: Job, outcome: Outcome) -> None:
        job.disarm()
        del self._jobs[job.attempt.key]
        if not self._jobs:
            self._quiet.set()
        self._deliver(job.attempt, outcome)


def _inherited(variables: Mapping[str, str], *, everything: bool) -> dict[str, str]:
    base = environment.base(variables)
    return {**environment.without_daemons_own(variables), **base} if everything else base


def _touches_results(task: Task) -> bool:
    """Whether it stores a result, or what it is given."""
    has_result = isinstance(task.action, Call) or task.action.result is not ResultKind.NONE
    return has_result or any(edge.passing is not Passing.ORDER for edge in task.depends_on)
