"""What runs in a task's own process: the callable, from its arguments to its result."""

import atexit
import inspect
import os
import sys
import time
import traceback
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Callable, Mapping, NamedTuple, NoReturn, Optional

from . import jsonfile, logs, results, target, wire
from .mask import NO_MASK, Mask

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
    end = partial(_end, request, fds.report, os.getpid())
    try:
        value = _value(request, fds)
        code = _run_coroutine(value, end) if isinstance(value, Coroutine) else end(value)
    except BaseException as error:  # noqa: BLE001  SystemExit and KeyboardInterrupt end the task alone, too
        code = end(None, error)
    with suppress(BaseException):  # Python 3.9 raises what the last of them raised
        atexit._run_exitfuncs()  # noqa: SLF001  a fork that must not return has no other way to run them
    leave(code)


def _end(
    request: Mapping[str, Any], fd: int, pid: int, value: Any, error: Optional[BaseException] = None
) -> int:
    """Report what became of the callable in process `pid`; the exit code of this one."""
    if os.getpid() != pid:  # a child that the callable forked has come out of it
        leave(0 if error is None else exit_code_of(error, Mask(request["secrets"])))
    mask = Mask(request["secrets"])
    try:
        report = _success(request, value, mask) if error is None else _failure(error, mask)
    except BaseException as wrong:  # noqa: BLE001  as in main
        report = _failure(wrong, mask)
    return 0 if send(fd, report) else CANT_REPORT


def _run_coroutine(coroutine: Coroutine[Any, Any, Any], end: Callable[..., int]) -> int:
    """Its end is the task's: what asyncio ends and waits for afterwards no longer counts."""
    import asyncio  # noqa: PLC0415  few tasks need it, and a worker is kept small

    codes = []

    async def run() -> None:
        try:
            value = await coroutine
        except BaseException as error:  # noqa: BLE001  as in main
            codes.append(end(None, error))
        else:
            codes.append(end(value))

    try:
        asyncio.run(run())
    except BaseException:
        if not codes:
            raise
    return codes[0]


def leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with suppress(Exception):
            stream.flush()  # type: ignore[union-attr]  # a task may have set it to None
    os._exit(code)


def exit_code_of(error: BaseException, mask: Mask = NO_MASK) -> int:
    """What a script exits with after this exception, and prints."""
    code = error.code if isinstance(error, SystemExit) else None
    if isinstance(error, SystemExit) and (code is None or isinstance(code, int)):
        return (code or 0) & 0xFF
    with suppress(Exception):
        words = f"{code}\n" if code else format_error(error, users_frames(error.__traceback__), mask)
        sys.stderr.write(words)
    return 1


def _value(request: Mapping[str, Any], fds: Descriptors) -> Any:
    """What the callable returns: of a coroutine function a coroutine."""
    set_up(request, fds)
    func = target.find(request["call"])
    mask = Mask(request["secrets"])
    args, kwargs = _arguments(request, mask)
    target.check_fit(request["call"], func, args, kwargs, mask)
    value = func(*args, **kwargs)
    if inspect.isasyncgen(value):
        raise TypeError(
            f"{request['call']} is an async generator, and nobody asks it for values; return a list"
        )
    return value


def _success(request: Mapping[str, Any], value: Any, mask: Mask) -> dict[str, Any]:
    name = f"{request['task']}.{request['number']}"
    path = os.path.join(request["results"], f"{name}.json") if request["json_result"] else ""
    if path:
        jsonfile.write(value, path, mask)
    result = results.write(value, request["results"], f"{name}.pickle", pack=request["pack"], mask=mask)
    return {"state": "succeeded", "result": {**result, "json": path}}


def set_up(request: Mapping[str, Any], fds: Descriptors) -> None:
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


def _arguments(request: Mapping[str, Any], mask: Mask) -> tuple[list[Any], dict[str, Any]]:
    """The task's own, then what its dependencies pass, in their order."""
    args = wire.unpack(request["args"])
    kwargs = wire.unpack(request["kwargs"])
    for passed in request["passed"]:
        value = _result_of(passed, mask)
        if passed["how"] == "kwarg":
            kwargs[passed["name"]] = value
        else:
            args.append(value)
    return args, kwargs


def _result_of(passed: Mapping[str, Any], mask: Mask) -> Any:
    if passed["result"] is None:
        return None
    try:
        return results.read(passed["result"])
    except Exception as error:
        why = str(error) if isinstance(error, results.ResultError) else say(error, mask)
        text = f"the result of task {passed['task']!r} can't be read: {why}"
        raise results.ResultError(text) from error


def _failure(error: BaseException, mask: Mask) -> dict[str, Any]:
    if isinstance(error, SetupError):
        return {"state": "failed", "reason": str(error)}
    report = {"state": "failed", "exception": say(error, mask)}
    frames = users_frames(error.__traceback__)
    if frames is not None or isinstance(error, SyntaxError):
        report["traceback"] = format_error(error, frames, mask)
    return report


def say(error: BaseException, mask: Mask = NO_MASK) -> str:
    """`TypeName: text`, in one line, whatever the exception's own code does."""
    try:
        text = " ".join(mask.cut(str(error), _LONGEST_LOOK).split())
    except BaseException:  # noqa: BLE001  str() of an exception is the user's own code
        text = "(its text can't be had)"
    name = mask.cut(type(error).__qualname__, _LONGEST_TEXT)
    return mask.cut(f"{name}: {text}", _LONGEST_TEXT) if text else name


def users_frames(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_NOT_THE_USERS):
        trace = trace.tb_next
    return trace


def format_error(error: BaseException, frames: Optional[TracebackType], mask: Mask = NO_MASK) -> str:
    try:
        text = mask.hide("".join(traceback.format_exception(type(error), error, frames)))
    except BaseException:  # noqa: BLE001  it calls the exception's own code
        text = mask.hide("".join(traceback.format_tb(frames))) + say(error, mask)
    if len(text) > _LONGEST_TRACEBACK:
        half = _LONGEST_TRACEBACK // 2
        text = f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
    return text


def send(fd: int, report: Mapping[str, Any]) -> bool:
    message = memoryview(wire.frame(report, errors="replace"))
    try:
        while message:
            message = message[os.write(fd, message) :]
    except OSError:
        return False
    return True
