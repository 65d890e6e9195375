"""A pool of real processes on temporary folders, and attempts to give to it."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from longcase.domain.attempt import Attempt
from longcase.domain.outcome import Outcome
from longcase.domain.pipeline import Call, Command, Environment, SecretSource, Task
from longcase.edge.pool import ProcessPool
from longcase.workers import tree

TASKS = Path(__file__).parent / "edge"  # holds pool_tasks.py
RUN = "p-2026-11-24T02:30:00Z"
PATIENCE = 30.0


class Harness:
    """Starts attempts of pipeline `p` and hands out their outcomes."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.logs = folder / "log"
        self.results = folder / "results"
        self.delivered: list[tuple[Attempt, Outcome]] = []
        self.python: str | None = None
        self.pool = ProcessPool(log_dir=self.logs, results_dir=self.results, deliver=self._deliver, **options)

    def _deliver(self, attempt: Attempt, outcome: Outcome) -> None:
        self.delivered.append((attempt, outcome))

    def attempt(
        self,
        action: Call | Command,
        *,
        name: str = "task",
        run: str = RUN,
        number: int = 1,
        env: dict[str, str] | None = None,
        env_file: tuple[str, ...] = (),
        secrets: dict[str, SecretSource] | None = None,
        working_dir: str | None = None,
        scheduled_for: datetime = datetime(2026, 11, 24, 2, 30, tzinfo=UTC),
        python: str | None = None,
        params: dict[str, str] | None = None,
        results: dict[str, Any] | None = None,
        json_result: bool = False,
        pythonpath: tuple[str, ...] = (str(TASKS),),
        kill_grace: float = 10,
        timeout: float | None = None,
        **task: Any,
    ) -> Attempt:
        return Attempt(
            run=run,
            pipeline="p",
            number=number,
            task=Task(
                name=name,
                action=action,
                kill_grace=timedelta(seconds=kill_grace),
                timeout=None if timeout is None else timedelta(seconds=timeout),
                **task,
            ),
            environment=Environment(
                python=python or self.python,
                pythonpath=pythonpath,
                working_dir=working_dir,
                env_file=env_file,
                env=env or {},
                secrets=secrets or {},
            ),
            scheduled_for=scheduled_for,
            params=params or {},
            results=results or {},
            json_result=json_result,
        )

    def start(self, action: Call | Command, **options: Any) -> Attempt:
        attempt = self.attempt(action, **options)
        self.pool.start(attempt)
        return attempt

    async def outcome(self, attempt: Attempt) -> Outcome:
        """Wait for what becomes of an attempt."""
        await until(lambda: any(other is attempt for other, _ in self.delivered))
        return next(outcome for other, outcome in self.delivered if other is attempt)

    async def run(self, action: Call | Command, **options: Any) -> Outcome:
        return await self.outcome(self.start(action, **options))

    def log(self, name: str = "task") -> list[str]:
        """The lines of a task's log."""
        return Path(self.pool.log_path("p", name)).read_text().splitlines()

    def said(self, stream: str, name: str = "task") -> list[str]:
        """The texts of one stream in a task's log."""
        cut = [line.split(" ", 3) for line in self.log(name)]
        return [fields[3] for fields in cut if fields[2] == stream]

    async def word(self, name: str = "task") -> str:
        """Wait for the first line that a task prints."""
        await until(lambda: os.path.exists(self.pool.log_path("p", name)) and self.said("out", name))
        return self.said("out", name)[0]


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  other processes set no event of ours
            await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    return any(process.pid == pid and process.state != "Z" for process in tree.snapshot())


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def size_of(path: str) -> int:
    return os.stat(path).st_size


def children() -> set[int]:
    return {process.pid for process in tree.snapshot() if process.parent == os.getpid()}


def descriptors() -> dict[str, str]:
    found = {}
    for entry in os.listdir("/proc/self/fd"):
        try:
            found[entry] = os.readlink(f"/proc/self/fd/{entry}")
        except FileNotFoundError:  # the one by which the folder itself was read
            continue
    return found
