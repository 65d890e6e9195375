"""What commands that only read look at: the settings, the job files and the history. No daemon is needed."""

import contextlib
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Concatenate, NoReturn, ParamSpec

import click

from longcase.cli.output import say
from longcase.domain.errors import LongcaseError
from longcase.domain.pipeline import Pipeline, is_name
from longcase.edge.settings_file import load_settings, machine_timezone
from longcase.texts.faults import nearest
from longcase.texts.settings import Settings

if TYPE_CHECKING:
    from longcase.edge.history import History
    from longcase.edge.jobs_folder import Bad, Good

USAGE = 2
"""The exit code for a wrong argument or setting."""

P = ParamSpec("P")


def fail(message: str, code: int) -> NoReturn:
    """One clear message, and the exit code."""
    say(f"longcase: {message}", err=True)
    sys.exit(code)


def no_such_run(run: str) -> NoReturn:
    """End the command: the history knows no run of that id."""
    fail(f"there is no run {run!r}; `longcase history` lists those that there are", USAGE)


class Workspace:
    """The folders that the settings name, read when they are asked for."""

    def __init__(self, config: str | None) -> None:
        """Ends the command with exit code 2 where the settings can't be read."""
        try:
            self.settings: Settings = load_settings(config)
        except LongcaseError as error:
            fail(str(error), USAGE)

    @cached_property
    def history(self) -> "History":
        from longcase.domain.outcome import RunState
        from longcase.edge.history import History

        unfinished = RunState.RUNNING if self.daemon_runs else RunState.INTERRUPTED
        return History(self.settings.folders.state_dir / "history", unfinished)

    @property
    def daemon_runs(self) -> bool:
        """Whether a daemon uses the state folder; where that can't be seen it is taken to."""
        from longcase.edge.lock import is_held

        try:
            return is_held(self.settings.folders.state_dir)
        except OSError:
            return True

    @cached_property
    def pipelines(self) -> dict[str, Pipeline]:
        """The valid job files, by name."""
        from longcase.edge.jobs_folder import Good

        return {change.pipeline.name: change.pipeline for change in self._changes if isinstance(change, Good)}

    @cached_property
    def invalid(self) -> "dict[str, Bad]":
        """The job files that are refused, by name."""
        from longcase.edge.jobs_folder import Bad

        return {change.name: change for change in self._changes if isinstance(change, Bad)}

    @cached_property
    def _changes(self) -> "list[Good | Bad]":
        from longcase.edge.jobs_folder import JobsFolder

        try:
            return JobsFolder(
                self.settings.folders.jobs_dir, machine_timezone(), self.settings.defaults
            ).read_all()
        except FileNotFoundError:
            return []

    @property
    def no_job_file(self) -> str:
        """What is said where there is none."""
        return f"No job file yet: put one into {self.settings.folders.jobs_dir}"

    def has_job_file(self, name: str) -> bool:
        """Whether there is one for a pipeline of this name, valid or not."""
        return is_name(name) and (self.settings.folders.jobs_dir / f"{name}.toml").exists()

    def pipeline(self, name: str) -> Pipeline:
        """Ends the command where there is no such pipeline, or its job file is refused."""
        if name in self.invalid:
            fail("the job file is refused\n" + "\n".join(self.invalid[name].errors), 1)
        if name not in self.pipelines:
            self.unknown(name)
        return self.pipelines[name]

    def unknown(self, name: str) -> NoReturn:
        """End the command: there is no such pipeline."""
        near = nearest(name, self.pipelines)
        hint = f"; did you mean {near}?" if near else ""
        fail(f"there is no pipeline {name!r} in {self.settings.folders.jobs_dir}{hint}", USAGE)

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """End the command with exit code 1 and a message where something can't be read."""
        try:
            yield
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            fail(f"{place}{error.strerror or error}{self._remedy(error)}", 1)
        except LongcaseError as error:
            fail(str(error), 1)

    def _remedy(self, error: OSError) -> str:
        folders = self.settings.folders
        readable = (str(folders.log_dir), str(folders.state_dir))
        if isinstance(error, PermissionError) and str(error.filename).startswith(readable):
            return f"; members of the group longcase may read it: usermod -aG longcase {user_name()}"
        return ""


def pass_workspace(command: Callable[Concatenate[Workspace, P], None]) -> Callable[P, None]:
    """For a command that only reads: it gets a Workspace, and ends at once when it is no longer wanted."""

    @click.pass_obj
    @functools.wraps(command)
    def wrapped(config: str | None, /, *args: P.args, **kwargs: P.kwargs) -> None:
        _end_on_signals()
        workspace = Workspace(config)
        with workspace.errors():
            command(workspace, *args, **kwargs)

    return wrapped


def _end_on_signals() -> None:
    """Ctrl-C, and a reader that has gone away (`… | head`), end the process as they end `cat`: quietly."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's `&` has it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def user_name() -> str:
    """Who runs this: a name, or the number of a user that has none."""
    import getpass

    try:
        return getpass.getuser().encode(errors="replace").decode()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return str(os.getuid())
