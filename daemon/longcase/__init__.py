"""Longcase runs pipelines of tasks on time on one Linux machine, and lets no failure go unnoticed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longcase.library.errors import (
        CircularDependencyError,
        DependencyNotFoundError,
        TaskError,
        TaskNotFoundError,
    )
    from longcase.library.mail_handler import HTMLSMTPHandler
    from longcase.library.process import Process
    from longcase.library.task import Task, TaskDependency, TaskResult

__version__ = "0.1.0"

__all__ = [
    "CircularDependencyError",
    "DependencyNotFoundError",
    "HTMLSMTPHandler",
    "Process",
    "Task",
    "TaskDependency",
    "TaskError",
    "TaskNotFoundError",
    "TaskResult",
    "__version__",
]

_HOMES = {
    "CircularDependencyError": "errors",
    "DependencyNotFoundError": "errors",
    "HTMLSMTPHandler": "mail_handler",
    "Process": "process",
    "Task": "task",
    "TaskDependency": "task",
    "TaskError": "errors",
    "TaskNotFoundError": "errors",
    "TaskResult": "task",
}


def __getattr__(name: str) -> Any:
    """The library face, loaded when it is used: the daemon and the command need none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.library.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
