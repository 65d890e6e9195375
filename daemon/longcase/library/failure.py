"""What is known of a task that failed, in texts that no user's code can spoil."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from longcase.library.errors import TaskError
from longcase.workers.results import short_repr
from longcase.workers.task import format_error, say, users_frames

CALL: Final = "call_function"
"""The name of the function that calls those of tasks."""

_HERE = str(Path(__file__).parent) + os.sep


class Arguments(NamedTuple):
    """Short reprs of what a task's function is called with."""

    args: tuple[str, ...]
    kwargs: Mapping[str, str]

    @classmethod
    def of(cls, args: Sequence[object], kwargs: Mapping[str, object]) -> Self:
        return cls(
            tuple(short_repr(value) for value in args),
            {name: short_repr(value) for name, value in kwargs.items()},
        )


class Failure(NamedTuple):
    """Why a task failed.

    `exception`: from another process it is a copy, without what pickling loses. `line`: its class and message
    in one line. `traceback`: as Python prints it, "" where nothing was raised. `arguments`: of a task that
    has a mail handler.
    """

    exception: BaseException
    line: str
    traceback: str
    arguments: Arguments | None = None

    @classmethod
    def of(cls, error: BaseException, arguments: Arguments | None = None) -> Self:
        """Of an exception that was caught where the task's function was called."""
        frames = _frames(error.__traceback__)
        if frames is None and isinstance(error, TaskError):
            return cls.of_cause(error.text, arguments)
        return cls(error, say(error), format_error(error, frames).rstrip("\n"), arguments)

    @classmethod
    def of_cause(cls, text: str, arguments: Arguments | None = None) -> Self:
        """Of a task that didn't fail by itself."""
        return cls(TaskError("", text), text, "", arguments)

    @property
    def message(self) -> str:
        """The exception's text in one line; its class where it has none."""
        return self.line.removeprefix(f"{type(self.exception).__qualname__}: ")

    def raise_if_interrupted(self) -> None:
        """In the caller's own process Ctrl-C ends all, not just the task that runs."""
        if isinstance(self.exception, KeyboardInterrupt):
            raise self.exception


def _frames(trace: TracebackType | None) -> TracebackType | None:
    """Without our own, but that of a call that doesn't fit its function."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE):
        if trace.tb_next is None and trace.tb_frame.f_code.co_name == CALL:
            return trace
        trace = trace.tb_next
    return users_frames(trace)
