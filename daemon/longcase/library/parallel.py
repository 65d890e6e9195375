"""Running a process's tasks in forked processes, each as soon as its dependencies are done."""

import time
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

from longcase.domain.outcome import TaskState
from longcase.library.crew import Crew, Gone, Worker, no_process
from longcase.library.failure import Arguments, Failure
from longcase.library.messages import Report, failure_of
from longcase.library.parcel import Parcel, drop, unpack
from longcase.library.progress import Progress
from longcase.library.task import Failed
from longcase.workers import verdict
from longcase.workers.task import say


def run_in_parallel(progress: Progress, max_workers: int) -> None:
    """Run all that can be run, at most `max_workers` tasks at once.

    Raises LongcaseError where no process can be forked, and KeyboardInterrupt. No process is left.
    """
    crew = Crew(progress.tasks)
    try:
        crew.start()
        _Dispatcher(progress, crew, max_workers).run()
        crew.end()
    except BaseException:  # Ctrl-C may come up anywhere, at the very end, too
        crew.abort()
        raise


class _Dispatcher:
    """Gives ready tasks to workers, a few ahead, and takes back what waits behind a long one."""

    def __init__(self, progress: Progress, crew: Crew, max_workers: int) -> None:
        self._progress = progress
        self._crew = crew
        self._max_workers = max_workers
        self._ready: deque[str] = deque()
        self._shelf = _Shelf(progress)

    def run(self) -> None:
        self._make_ready(self._progress.start())
        self._dispatch()
        while not self._progress.finished:
            for news in self._crew.wait():
                if isinstance(news, Gone):
                    self._replace(news.worker, news.status)
                else:
                    self._take(news)
            self._dispatch()

    def _make_ready(self, names: Iterable[str]) -> None:
        for name in names:
            self._progress.begin(name)
            self._ready.append(name)

    def _dispatch(self) -> None:
        while self._ready or self._take_back():
            worker = self._emptiest()
            if not (worker.has_room and self._give(self._ready[0], worker)):
                return
            self._ready.popleft()

    def _give(self, name: str, worker: Worker) -> bool:
        """False: it has no room. A task whose arguments can't be handed over has failed."""
        try:
            return worker.give(name, (name, self._shelf.parcels_for(name)))
        except OSError as error:
            self._fail(name, f"its arguments can't be handed over: {error.strerror}")
            return True

    def _emptiest(self) -> Worker:
        workers = self._crew.workers.values()
        emptiest = min(workers, key=_load, default=None)
        if emptiest is None or (emptiest.tasks and len(workers) < self._max_workers):
            try:
                return self._crew.hire()
            except OSError as error:
                self._do_without(error.errno or 0)
        assert emptiest is not None  # else none could be hired, and that was raised
        return emptiest

    def _take_back(self) -> bool:
        """Where a worker has nothing to do, let it share what waits for the busiest one."""
        workers = self._crew.workers.values()
        if len(workers) == self._max_workers and all(worker.tasks for worker in workers):
            return False
        busiest = max(workers, key=_load, default=None)
        if busiest is None or _load(busiest) < 2:
            return False
        taken = busiest.take_back()
        self._ready += taken
        return bool(taken)

    def _take(self, report: Report) -> None:
        name = report.name
        if report.trouble is not None:
            self._failed(name, Failed(failure_of(report.trouble), report.began, report.ended))
        else:
            assert report.parcel is not None
            self._succeed(report, report.parcel)

    def _succeed(self, report: Report, parcel: Parcel) -> None:
        name = report.name
        try:
            value = unpack(parcel, mapped=False)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - unpickling runs the value's own code
            drop(parcel)
            self._fail(name, f"the result of task {name} can't be read back: {say(error)}")
            return
        self._shelf.put(name, parcel)
        self._shelf.release(name)
        self._make_ready(self._progress.succeeded(name, value, report.began, report.ended))

    def _replace(self, worker: Worker, status: int) -> None:
        """A worker is gone: the task that it was at has failed, the others are still to be run."""
        while (report := worker.report()) is not None:  # what it said before it died
            self._take(report)
        self._ready.extendleft(reversed(worker.take_back()))
        self._crew.dismiss(worker)
        if status < 0:
            self._do_without(-status)
            return
        for name in worker.tasks:
            found = verdict.find({}, verdict.End(status=status))
            self._fail(name, f"its process {_in_words(found)}", TaskState(found["state"]))

    def _do_without(self, number: int) -> None:
        """No process could be had: those that are there do all."""
        self._max_workers = len(self._crew.workers)
        if self._max_workers == 0:
            raise no_process(number)

    def _fail(self, name: str, cause: str, state: TaskState = TaskState.FAILED) -> None:
        """Fail a task that can't log it itself any more."""
        task = self._progress.tasks[name]
        arguments = None
        if task.html_mail_handler is not None:
            arguments = Arguments.of(*task.arguments(self._progress.passed_to(name)))
        failure = Failure.of_cause(cause, arguments)
        task.tell_failure(failure)
        now = time.time()
        self._failed(name, Failed(failure, now, now), state)

    def _failed(self, name: str, failed: Failed, state: TaskState = TaskState.FAILED) -> None:
        for waited_in_vain in (name, *self._progress.failed(name, failed, state)):
            self._shelf.release(waited_in_vain)


def _load(worker: Worker) -> int:
    return len(worker.tasks)


def _in_words(found: dict[str, Any]) -> str:
    """`was killed by SIGKILL`, `exited with code 3 without returning`."""
    return ("was " if "signal" in found else "") + str(found["reason"])


class _Shelf:
    """Results, for as long as a task waits for them."""

    def __init__(self, progress: Progress) -> None:
        self._passed = {
            name: [edge.task_name for edge in task.dependencies if edge.passes]
            for name, task in progress.tasks.items()
        }
        self._wanted = Counter(other for others in self._passed.values() for other in others)
        self._parcels: dict[str, Parcel] = {}

    def put(self, name: str, parcel: Parcel) -> None:
        if self._wanted[name]:
            self._parcels[name] = parcel
        else:
            drop(parcel)

    def parcels_for(self, name: str) -> dict[str, Parcel]:
        return {other: self._parcels[other] for other in self._passed[name]}

    def release(self, name: str) -> None:
        """The task has ended, or is blocked: so what it waits for may not be there."""
        for other in self._passed[name]:
            self._wanted[other] -= 1
            if not self._wanted[other] and other in self._parcels:
                drop(self._parcels.pop(other))
