"""Mails of failing tasks: sent while the run goes on, which never waits for a mail server for long."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from longcase.domain.graph import Graph
from longcase.library.failure import Arguments, Failure

if TYPE_CHECKING:
    from longcase.library.mail_handler import HTMLSMTPHandler
    from longcase.library.task import Task
    from longcase.texts.task_failure import TaskFailure

_WAKING: Final = 1.0  # seconds for a mail whose time is over to be given up


class Mailroom:
    """Takes the failures of one run; a thread for each mail handler sends them, in their order.

    At the end what waits has one timeout of its handler, and the mail that is being sent then another one.
    What isn't sent by then is told to the handler's `handleError`.
    """

    def __init__(self, graph: Graph | None = None) -> None:
        self._graph = graph
        self._carriers: dict[int, _Carrier] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for carrier in self._carriers.values():
            carrier.close()
        if error is None:
            for carrier in self._carriers.values():
                carrier.join()

    def post(self, task: "Task", failure: Failure) -> None:
        """Send the mail of a task that failed, where it has a mail handler. Returns at once."""
        handler = task.html_mail_handler
        if handler is None:
            return
        try:
            carrier = self._carrier_of(handler)
        except RuntimeError:  # no thread could be started
            handler.handleError(_record(task, failure))
        else:
            carrier.put(task, failure)

    def _carrier_of(self, handler: "HTMLSMTPHandler") -> "_Carrier":
        carrier = self._carriers.get(id(handler))
        if carrier is None:
            carrier = self._carriers[id(handler)] = _Carrier(handler, self._graph)
        return carrier


class _Carrier:
    """Hands records to one mail handler, in a thread."""

    def __init__(self, handler: "HTMLSMTPHandler", graph: Graph | None) -> None:
        self._handler = handler
        self._graph = graph
        self._failures: SimpleQueue[tuple[Task, Failure] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="longcase-mailroom", daemon=True)
        self._deadline = math.inf
        self._thread.start()

    def put(self, task: "Task", failure: Failure) -> None:
        self._failures.put((task, failure))

    def close(self) -> None:
        """There will be no more, and what still waits after the handler's timeout is given up."""
        self._deadline = time.monotonic() + self._handler.timeout
        self._failures.put(None)

    def join(self) -> None:
        """Carriers that were closed together take no longer in turn than the slowest of them."""
        latest = self._deadline + self._handler.timeout + _WAKING
        self._thread.join(max(latest - time.monotonic(), 0))

    def _run(self) -> None:
        while (posted := self._failures.get()) is not None:
            task, failure = posted
            record = _record(task, failure)
            try:
                self._send(record, task, failure)
            except Exception:  # noqa: BLE001 - it runs code of the user's handler and function
                self._handler.handleError(record)

    def _send(self, record: logging.LogRecord, task: "Task", failure: Failure) -> None:
        if time.monotonic() > self._deadline:
            raise TimeoutError(
                f"the run is over, and the mail of task {record.name} was not sent within "
                f"{self._handler.timeout:g} s: the mail server is too slow, or gets too many"
            )
        record.task_failure = _task_failure(task, failure, self._graph)
        self._handler.handle(record)


def _record(task: "Task", failure: Failure) -> logging.LogRecord:
    error = failure.exception
    exc_info = (type(error), error, error.__traceback__)
    record = logging.LogRecord(task.name, logging.ERROR, "", 0, failure.line, (), exc_info)
    record.exc_text = failure.traceback
    return record


def _task_failure(task: "Task", failure: Failure, graph: Graph | None) -> "TaskFailure":
    from longcase.texts.task_failure import TaskFailure  # noqa: PLC0415 - few runs mail anything

    arguments = failure.arguments or Arguments.of(task.args, task.kwargs)
    return TaskFailure(
        task=task.name,
        function=_function_name(task.func),
        args=arguments.args,
        kwargs=arguments.kwargs,
        exception=failure.line,
        traceback=failure.traceback,
        blocked=() if graph is None else tuple(_reached(graph, task.name)),
    )


def _function_name(func: Callable[..., Any]) -> str:
    """`module.name`: a partial's function's, and of an object that can be called its class's."""
    while isinstance(func, partial):
        func = func.func
    named = func if hasattr(func, "__qualname__") else type(func)
    module = getattr(named, "__module__", None)  # methods of built-in types have none
    return f"{module}.{named.__qualname__}" if module else named.__qualname__


def _reached(graph: Graph, name: str) -> Iterator[tuple[str, str]]:
    """Every task that waits for `name` at any depth, nearest first, with the one that it waits for."""
    seen = {name}
    queue = deque((name,))
    while queue:
        through = queue.popleft()
        for dependant in graph.dependants(through):
            if dependant not in seen:
                seen.add(dependant)
                queue.append(dependant)
                yield dependant, through
