"""A task, what it waits for, and what becomes of it."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple

from longcase.library.errors import TaskError
from longcase.library.failure import Arguments, Failure
from longcase.library.mailroom import Mailroom
from longcase.library.task_log import TaskLog, logger_of
from longcase.workers.results import short_repr
from longcase.workers.task import exit_code_of, leave

if TYPE_CHECKING:
    from longcase.library.mail_handler import HTMLSMTPHandler
    from longcase.library.process import Process

_CONTROL = frozenset(map(chr, (*range(32), *range(127, 160))))


@dataclass(eq=False)
class TaskDependency:
    """An edge: the task that is waited for, and whether its result is passed on.

    As an argument it comes behind the task's own, in the order of the dependencies; as a keyword it replaces
    the task's own. Raises TypeError.
    """

    task_name: str
    use_result_as_additional_args: bool = False
    use_result_as_additional_kwargs: bool = False
    additional_kwarg_name: str = ""

    def __post_init__(self) -> None:
        place = f"TaskDependency({self.task_name!r})"
        _check_type(f"{place}: task_name", self.task_name, str)
        for flag in ("use_result_as_additional_args", "use_result_as_additional_kwargs"):
            _check_type(f"{place}: {flag}", getattr(self, flag), bool)
        _check_type(f"{place}: additional_kwarg_name", self.additional_kwarg_name, str)
        if self.use_result_as_additional_kwargs and not self.additional_kwarg_name:
            raise TypeError(
                f"{place}: use_result_as_additional_kwargs needs a name to pass it by, "
                'and additional_kwarg_name is ""; set it'
            )

    @property
    def passes(self) -> bool:
        """Whether the result is passed on at all."""
        return self.use_result_as_additional_args or self.use_result_as_additional_kwargs


@dataclass(frozen=True, eq=False)
class TaskResult:
    """What became of a task. `result` is None where it failed, `exception` where it worked."""

    worked: bool
    result: Any
    exception: BaseException | None


class Returned(NamedTuple):
    """The task's function returned. Times in seconds since 1970."""

    value: Any
    began: float
    ended: float


class Failed(NamedTuple):
    """The task failed. Times in seconds since 1970."""

    failure: Failure
    began: float
    ended: float


class Task:
    """A function with its arguments, its dependencies and a log file of its own.

    `args` come first, then what dependencies pass. A copy, also by pickle, logs to the same file by a logger
    of its own, without handlers that were added. The ERROR line has an exception's text as one line of at
    most about 2,000 characters; the traceback below has it as it is.

    Raises TypeError, ValueError, or OSError where the log can't be opened.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the order of these is the interface
        self,
        name: str,
        log_path: str | os.PathLike[str],
        func: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        dependencies: list[TaskDependency] | None = None,
        html_mail_handler: "HTMLSMTPHandler | None" = None,
    ) -> None:
        self._name = _checked_name(name)
        self.log_path = log_path
        self.func = func
        self.args = args
        self.kwargs = {} if kwargs is None else kwargs
        self.dependencies = [] if dependencies is None else dependencies
        self.html_mail_handler = html_mail_handler
        self._check()
        self._log = TaskLog(log_path)
        self.logger = logger_of(name, self._log)

    @property
    def name(self) -> str:
        """Without white space. Logged lines bear it."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = self.logger.name = _checked_name(name)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def __getstate__(self) -> dict[str, Any]:
        """What can be copied; the log by its path, which is absolute."""
        state = {key: value for key, value in self.__dict__.items() if key != "logger"}
        return state | {"_log": self._log.baseFilename}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._log = TaskLog(state["_log"])
        self.logger = logger_of(self._name, self._log)

    def get_dependencies_names(self) -> set[str]:
        """The names of the tasks that this one waits for itself."""
        return {dependency.task_name for dependency in self.dependencies}

    def run(self, executing_process: "Process | None" = None) -> TaskResult:
        """Run the task alone, in the calling process.

        With a process, the results of its latest run are passed on. Raises TaskError where one of them isn't
        there, TypeError, and KeyboardInterrupt.
        """
        _check_process(executing_process)
        passed = {} if executing_process is None else self._results_of(executing_process)
        ended = self.perform(lambda: passed)
        if isinstance(ended, Returned):
            return TaskResult(worked=True, result=ended.value, exception=None)
        ended.failure.raise_if_interrupted()
        with Mailroom(executing_process.graph if executing_process else None) as mailroom:
            mailroom.post(self, ended.failure)
        return TaskResult(worked=False, result=None, exception=ended.failure.exception)

    def arguments(self, passed: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """What the function is called with. `passed`: by task, the results of those that pass one."""
        args, kwargs = list(self.args), dict(self.kwargs)
        for dependency in self.dependencies:
            if dependency.task_name not in passed:
                continue
            value = passed[dependency.task_name]
            if dependency.use_result_as_additional_args:
                args.append(value)
            if dependency.use_result_as_additional_kwargs:
                kwargs[dependency.additional_kwarg_name] = value
        return args, kwargs

    def perform(
        self, passed: Callable[[], Mapping[str, Any]], seal: Callable[[Any], Any] = lambda value: value
    ) -> Returned | Failed:
        """Call the function, and log how it goes. All that is raised fails the task.

        `passed` gives the results of tasks by name; `seal` makes of the function's value what is returned.
        """
        began = time.time()
        try:
            self._log.hold()
        except OSError as error:  # nothing can be logged, so nothing is run
            return Failed(Failure.of(error), began, time.time())
        try:
            return self._perform(passed, seal, began)
        finally:
            self._log.let_go()

    def _perform(
        self, passed: Callable[[], Mapping[str, Any]], seal: Callable[[Any], Any], began: float
    ) -> Returned | Failed:
        shown = None
        try:
            self._inform(f"Starting {self._name}.")
            args, kwargs = self.arguments(passed())
            if self.html_mail_handler is not None:
                shown = Arguments.of(args, kwargs)  # now, since the function may change them
            value = seal(call_function(self.func, args, kwargs))
            self._inform(f"Finished {self._name}.")
            return Returned(value, began, time.time())
        except BaseException as error:  # noqa: BLE001 - sys.exit() ends the task alone, too
            failure = Failure.of(error, shown)
            self.tell_failure(failure)
            return Failed(failure, began, time.time())

    def tell_failure(self, failure: Failure) -> None:
        """Log it."""
        error = failure.exception
        exc_info = (type(error), error, error.__traceback__) if failure.traceback else None
        record = self.logger.makeRecord(self._name, logging.ERROR, "", 0, failure.message, (), exc_info)
        record.exc_text = failure.traceback
        self.logger.handle(record)

    def _inform(self, message: str) -> None:
        """Log a line that is there whatever level the logger was given."""
        record = self.logger.makeRecord(self._name, logging.INFO, "", 0, message, (), None)
        self.logger.handle(record)

    def _results_of(self, process: "Process") -> dict[str, Any]:
        results = process.latest_results
        names = [dependency.task_name for dependency in self.dependencies if dependency.passes]
        for name in names:
            if name not in results:
                raise TaskError(
                    "",
                    f"task {self._name} needs the result of task {name}, which has none in that process: "
                    "run the process first",
                )
        return {name: results[name].result for name in names}

    def _check(self) -> None:
        place = f"task {self._name}"
        _check_type(f"{place}: log_path", self.log_path, str, os.PathLike)
        if not callable(self.func):
            raise TypeError(f"{place}: func can't be called: it is {_describe(self.func)}; give a function")
        _check_type(f"{place}: args", self.args, tuple)
        _check_type(f"{place}: kwargs", self.kwargs, dict)
        _check_type(f"{place}: dependencies", self.dependencies, list)
        for number, dependency in enumerate(self.dependencies, 1):
            _check_type(f"{place}: dependency {number}", dependency, TaskDependency)
        if self.html_mail_handler is not None:
            from longcase.library.mail_handler import HTMLSMTPHandler  # noqa: PLC0415 - few tasks need it

            _check_type(f"{place}: html_mail_handler", self.html_mail_handler, HTMLSMTPHandler)
        self._check_names()

    def _check_names(self) -> None:
        seen: set[str] = set()
        for dependency in self.dependencies:
            name = dependency.task_name
            if name in seen:
                raise ValueError(f"Duplicate dependency name: {name}; name it once in task {self._name}")
            if name == self._name:
                raise ValueError(
                    f"Got dependency with same name as Task. Task: {self._name}. Dependency: {name}; "
                    "a task can't wait for itself"
                )
            seen.add(name)


def call_function(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What the function returns, or the coroutine that it returns."""
    pid = os.getpid()
    try:
        value = func(*args, **kwargs)
        if type(value) is CoroutineType:
            import asyncio  # noqa: PLC0415 - 50 ms, which few tasks need

            value = asyncio.run(value)
    except BaseException as error:
        if os.getpid() != pid:
            leave(exit_code_of(error))
        raise
    if os.getpid() != pid:  # a child that the function forked has come out of it
        leave(0)
    return value


def _checked_name(name: str) -> str:
    _check_type("name of a task", name, str)
    if any(character.isspace() for character in name):
        raise ValueError(f"task name {name!r} has white space in it; use _ in its place")
    if not name or not _CONTROL.isdisjoint(name):
        raise ValueError(f"task name {name!r} is empty or has control characters in it; people read it")
    return name


def _check_process(process: object) -> None:
    if process is not None:
        from longcase.library.process import Process  # noqa: PLC0415 - it is made of tasks

        _check_type("executing_process", process, Process)


def _check_type(place: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{place} is of type {wanted}, not {_describe(value)}")


def _describe(value: object) -> str:
    return f"{short_repr(value)} of type {type(value).__qualname__}"
