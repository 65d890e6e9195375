"""An attempt as the message that a worker is given."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from longcase.domain.attempt import Attempt
from longcase.domain.outcome import ResultRef
from longcase.domain.pipeline import Call, Passing, Task
from longcase.workers import wire

LINE_PATIENCE = 1.0
"""Seconds after which the beginning of a line is shown in the log, though it has no end yet."""


def build(
    attempt: Attempt, *, env: Mapping[str, str], secrets: Sequence[str], log: str, results: Path
) -> dict[str, Any]:
    """The message; what it holds is read in `workers/attempt.py`, `spawn.py` and `task.py`.

    `secrets`: the values that are hidden wherever people read.
    """
    task, environment = attempt.task, attempt.environment
    return {
        "type": "run",
        "run": attempt.run,
        "task": task.name,
        "number": attempt.number,
        "attempts": task.retry.attempts,
        "env": dict(env),
        "secrets": list(secrets),
        "pythonpath": list(environment.pythonpath),
        "working_dir": environment.working_dir,
        "cwd": environment.working_dir or env["HOME"],
        "timeout": task.timeout.total_seconds() if task.timeout else None,
        "kill_grace": task.kill_grace.total_seconds(),
        "results": str(results),
        "log": _log(task, log),
        "line_patience": LINE_PATIENCE,
        **_action(attempt),
    }


def _log(task: Task, path: str) -> dict[str, Any]:
    rotation = task.rotation
    return {
        "path": path,
        "max_bytes": rotation.max_bytes,
        "backups": rotation.backups,
        "compress": rotation.compress,
    }


def _action(attempt: Attempt) -> dict[str, Any]:
    action = attempt.task.action
    common = {"passed": _passed(attempt), "json_result": attempt.json_result}
    if not isinstance(action, Call):
        return {"command": action.run, "result": action.result.value, **common}
    return {
        "call": action.target,
        "args": wire.pack(action.args),
        "kwargs": wire.pack(dict(action.kwargs)),
        **common,
    }


def _passed(attempt: Attempt) -> list[dict[str, Any]]:
    """What dependencies hand on, in the order of `depends_on`. `name`: the keyword's or the variable's."""
    return [
        {
            "task": edge.task,
            "how": edge.passing.value,
            "name": edge.name,
            "result": _reference(attempt.results[edge.task]),
        }
        for edge in attempt.task.depends_on
        if edge.passing is not Passing.ORDER
    ]


def _reference(result: ResultRef | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return msgspec.structs.asdict(result)
