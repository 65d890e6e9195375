"""What runs in a task's own process: the callable, from its arguments to its result."""

import atexit
import inspect
import os
import sys
import time
import traceback
from contextlib import suppress
from types import TracebackType
from typing import Any, Mapping, NamedTuple, NoReturn, Optional

from . import logs, results, target, wire

CANT_REPORT = 121
"""The exit code of a process that ended well, but closed the descriptor it had to say so by."""

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_NOT_THE_USERS = (_HERE, "<frozen importlib", _LIBRARY + "importlib", _LIBRARY + "asyncio")
_LONGEST_TRACEBACK = 100_000
_LONGEST_TEXT = 2_000
_LONGEST_LOOK = 10 * _LONGEST_TEXT


class Descriptors(NamedTuple):
    """What a task's process writes to."""

    out: int
    err: int
    log: int
    report: int


class SetupError(Exception):
    """The process can't be given what the job file asks for."""


def main(request: Mapping[str, Any], fds: Descriptors) -> NoReturn:
    """Run the call in this process, a fresh fork, and end it."""
    pid = os.getpid()
    try:
        value = _value(request, fds)
        if os.getpid() != pid:  # a child that the callable forked has come back out of it
            _exit(0)
        report = _success(request, value)
    except BaseException as error:  # noqa: BLE001  SystemExit and KeyboardInterrupt end the task alone, too
        if os.getpid() != pid:
            _exit(_code_of(error))
        report = _failure(error)
    code = 0 if _send(fds.report, report) else CANT_REPORT
    with suppress(BaseException):  # Python 3.9 raises what the last of them raised
        atexit._run_exitfuncs()  # noqa: SLF001  a fork that must not return has no other way to run them
    _exit(code)


def _exit(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with suppress(Exception):
            stream.flush()  # type: ignore[union-attr]  # a task may have set it to None
    os._exit(code)


def _code_of(error: BaseException) -> int:
    """What a script exits with after this exception, and prints."""
    code = error.code if isinstance(error, SystemExit) else None
    if isinstance(error, SystemExit) and (code is None or isinstance(code, int)):
        return (code or 0) & 0xFF
    with suppress(Exception):
        words = f"{code}\n" if code else _format(error, _users_frames(error.__traceback__))
        sys.stderr.write(words)
    return 1


def _value(request: Mapping[str, Any], fds: Descriptors) -> Any:
    """What the callable returns."""
    _set_up(request, fds)
    func = target.find(request["call"])
    args, kwargs = _arguments(request)
    target.check_fit(request["call"], func, args, kwargs)
    value = func(*args, **kwargs)
    if inspect.iscoroutine(value):
        import asyncio  # noqa: PLC0415  few tasks need it, and a worker is kept small

        value = asyncio.run(value)
    return value


def _success(request: Mapping[str, Any], value: Any) -> dict[str, Any]:
    name = f"{request['task']}.{request['number']}.pickle"
    result = results.write(value, request["results"], name, pack=request["pack"])
    return {"state": "succeeded", "result": result}


def _set_up(request: Mapping[str, Any], fds: Descriptors) -> None:
    os.setsid()
    for fd, standard in ((fds.out, 1), (fds.err, 2)):
        os.dup2(fd, standard)
        os.close(fd)
    os.umask(0o022)
    _change_environment(request["env"])
    time.tzset()
    try:
        os.chdir(request["cwd"])
    except OSError as error:
        raise SetupError(wrong_folder(request, error)) from None
    own = [request["working_dir"]] if request["working_dir"] else []
    sys.path[:0] = [*request["pythonpath"], *own]
    sys.argv = [request["call"]]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # still the interpreter's own
    logs.set_up(fds.log)


def _change_environment(wanted: Mapping[str, str]) -> None:
    """Few variables differ from the worker's, and each that is set costs a copy."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def wrong_folder(request: Mapping[str, Any], error: OSError) -> str:
    """Why the folder that a task starts in is none."""
    if request["working_dir"]:
        return f"working_dir {request['cwd']}: {error.strerror}"
    return f"HOME {request['cwd']}: {error.strerror}; set working_dir"


def _arguments(request: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The task's own, then what its dependencies pass, in their order."""
    args = wire.unpack(request["args"])
    kwargs = wire.unpack(request["kwargs"])
    for passed in request["passed"]:
        value = _result_of(passed)
        if passed["keyword"]:
            kwargs[passed["keyword"]] = value
        else:
            args.append(value)
    return args, kwargs


def _result_of(passed: Mapping[str, Any]) -> Any:
    if passed["result"] is None:
        return None
    try:
        return results.read(passed["result"])
    except Exception as error:
        text = f"the result of task {passed['task']!r} can't be read: {_say(error)}"
        raise results.ResultError(text) from error


def _failure(error: BaseException) -> dict[str, Any]:
    if isinstance(error, SetupError):
        return {"state": "failed", "reason": str(error)}
    report = {"state": "failed", "exception": _say(error)}
    frames = _users_frames(error.__traceback__)
    if frames is not None or isinstance(error, SyntaxError):
        report["traceback"] = _format(error, frames)
    return report


def _say(error: BaseException) -> str:
    """`TypeName: text`, in one line, whatever the exception's own code does."""
    try:
        text = " ".join(str(error)[:_LONGEST_LOOK].split())
    except BaseException:  # noqa: BLE001  str() of an exception is the user's own code
        text = "(its text can't be had)"
    name = type(error).__qualname__[:_LONGEST_TEXT]
    return f"{name}: {text}"[:_LONGEST_TEXT] if text else name


def _users_frames(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_NOT_THE_USERS):
        trace = trace.tb_next
    return trace


def _format(error: BaseException, frames: Optional[TracebackType]) -> str:
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
    except BaseException:  # noqa: BLE001  it calls the exception's own code
        text = "".join(traceback.format_tb(frames)) + _say(error)
    if len(text) > _LONGEST_TRACEBACK:
        half = _LONGEST_TRACEBACK // 2
        text = f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
    return text


def _send(fd: int, report: Mapping[str, Any]) -> bool:
    message = memoryview(wire.frame(report, errors="replace"))
    try:
        while message:
            message = message[os.write(fd, message) :]
    except OSError:
        return False
    return True
