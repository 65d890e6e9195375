"""The workers that there are: hired on demand, kept for a while when idle."""

import asyncio
from collections.abc import Callable, Mapping

from longcase.domain.attempt import Attempt
from longcase.domain.pipeline import Call
from longcase.edge.pool import report
from longcase.edge.pool.worker import Worker

IDLE_SECONDS = 30.0
"""How long a worker without work is kept."""

Key = tuple[str | None, tuple[str, ...], frozenset[tuple[str, str]]]


class Staff:
    """Idle workers by what their interpreter was started with: program, path, environment."""

    def __init__(
        self,
        *,
        on_message: Callable[[Worker, report.Ready | report.Ended], None],
        on_silence: Callable[[Worker, str], None],
    ) -> None:
        self._on_message = on_message
        self._on_silence = on_silence
        self._idle: dict[Key, list[Worker]] = {}
        self._key_of: dict[Worker, Key] = {}
        self._timers: dict[Worker, asyncio.TimerHandle] = {}

    def hire(self, attempt: Attempt, env: Mapping[str, str]) -> Worker:
        """A worker for this attempt: an idle one, or a new one. Raises StartError."""
        is_call = isinstance(attempt.task.action, Call)
        python = attempt.environment.python if is_call else None  # a command needs no interpreter of its own
        key = (python, attempt.environment.pythonpath, frozenset(env.items()))
        idle = self._idle.get(key)
        if idle:
            worker = idle.pop()
            self._timers.pop(worker).cancel()
            return worker
        worker = Worker(python, env, on_message=self._on_message, on_silence=self._on_silence)
        self._key_of[worker] = key
        return worker

    def rest(self, worker: Worker) -> None:
        """Its attempt is over: keep it for another, for a while."""
        self._idle.setdefault(self._key_of[worker], []).append(worker)
        loop = asyncio.get_running_loop()
        self._timers[worker] = loop.call_later(IDLE_SECONDS, self._retire, worker)

    def forget(self, worker: Worker) -> None:
        """It is gone, or will be."""
        key = self._key_of.pop(worker, None)
        timer = self._timers.pop(worker, None)
        if key is not None and timer is not None:
            timer.cancel()
            self._idle[key].remove(worker)
            if not self._idle[key]:
                del self._idle[key]

    def dismiss(self) -> list[Worker]:
        """Forget all that are idle, and return them."""
        idle = list(self._timers)
        for worker in idle:
            self.forget(worker)
        return idle

    def _retire(self, worker: Worker) -> None:
        worker.hang_up()
        self._on_silence(worker, "")
