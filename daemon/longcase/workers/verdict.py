"""What an attempt ended as, once its process is gone."""

import os
from enum import Enum, auto
from typing import Any, Mapping, NamedTuple, Optional, Sequence

from .task import CANT_REPORT
from .words import duration, signal_name

_SHELL_SAYS = {126: " (the command can't be executed)", 127: " (the command was not found)"}


class Cause(Enum):
    """What ended an attempt that did not end by itself."""

    TIMEOUT = auto()
    CANCEL = auto()
    DAEMON_GONE = auto()


class End(NamedTuple):
    """How a process has ended.

    `report`: what it said of itself. `cause`: what ended it, where it did not end by itself. `status`: from
    wait4. `asked`: what was to end it, also where it had ended already. `left_behind`: what could not be
    killed. `late`: why its time was over, where the daemon says so.
    """

    report: Optional[dict[str, Any]] = None
    cause: Optional[Cause] = None
    status: Optional[int] = None
    asked: Optional[Cause] = None
    left_behind: Sequence[str] = ()
    late: str = ""


def find(request: Mapping[str, Any], end: End) -> dict[str, Any]:
    """The state and why. A callable that has reported before it was ended has ended by itself."""
    if end.report is not None:
        return end.report
    if end.cause is not None:
        return _ended(request, end.cause, end.late)
    assert end.status is not None  # nothing else ends an attempt
    if os.WIFSIGNALED(end.status):
        name = signal_name(os.WTERMSIG(end.status))
        return {"state": "killed", "signal": name, "reason": f"killed by {name}"}
    code = os.WEXITSTATUS(end.status)
    return _command(request["command"], code) if "command" in request else _call(code)


def of_result(request: Mapping[str, Any], end: End) -> dict[str, Any]:
    """The state and why, where a command has succeeded, once the process that takes its result has ended."""
    if end.report is not None:
        return end.report
    if end.cause is not None:
        found = _ended(request, end.cause, end.late)
        return {**found, "reason": f"{found['reason']}, while its result was being checked"}
    assert end.status is not None  # as in find
    killed = os.WIFSIGNALED(end.status)
    how = signal_name(os.WTERMSIG(end.status)) if killed else f"exit code {os.WEXITSTATUS(end.status)}"
    return {"state": "failed", "reason": f"the check of its result, as {request['result']}, ended with {how}"}


def _ended(request: Mapping[str, Any], cause: Cause, late: str) -> dict[str, Any]:
    if cause is Cause.TIMEOUT:
        late = f"no end within its timeout of {duration(request['timeout'])}"
    if late:
        return {"state": "timed_out", "reason": late}
    reason = "the daemon is gone" if cause is Cause.DAEMON_GONE else "cancelled"
    return {"state": "cancelled", "reason": reason}


def _command(run: Any, code: int) -> dict[str, Any]:
    if code == 0:
        return {"state": "succeeded", "exit_code": 0}
    hint = _SHELL_SAYS.get(code, "") if isinstance(run, str) else ""
    return {"state": "failed", "exit_code": code, "reason": f"exited with code {code}{hint}"}


def _call(code: int) -> dict[str, Any]:
    reason = f"exited with code {code} without returning"
    if code == CANT_REPORT:
        reason = "closed the descriptor by which its result is reported, or wrote onto it"
    return {"state": "failed", "exit_code": code, "reason": reason}
