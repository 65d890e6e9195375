"""What an attempt ended as, once its process is gone."""

import os
from enum import Enum, auto
from typing import Any, Mapping, Optional

from .task import CANT_REPORT
from .words import duration, signal_name

_SHELL_SAYS = {126: " (the command can't be executed)", 127: " (the command was not found)"}


class Cause(Enum):
    """What ended an attempt that did not end by itself."""

    TIMEOUT = auto()
    CANCEL = auto()
    DAEMON_GONE = auto()


def find(
    request: Mapping[str, Any],
    report: Optional[dict[str, Any]],
    cause: Optional[Cause],
    status: Optional[int],
) -> dict[str, Any]:
    """The state and why. `report`: what the callable's process said; `status`: of that process, from wait4.

    A callable that has reported before it was ended has ended by itself.
    """
    if report is not None:
        return report
    if cause is Cause.TIMEOUT:
        allowed = duration(request["timeout"])
        return {"state": "timed_out", "reason": f"no end within its timeout of {allowed}"}
    if cause is not None:
        reason = "the daemon is gone" if cause is Cause.DAEMON_GONE else "cancelled"
        return {"state": "cancelled", "reason": reason}
    assert status is not None  # nothing else ends an attempt
    if os.WIFSIGNALED(status):
        name = signal_name(os.WTERMSIG(status))
        return {"state": "killed", "signal": name, "reason": f"killed by {name}"}
    code = os.WEXITSTATUS(status)
    return _command(request["command"], code) if "command" in request else _call(code)


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
