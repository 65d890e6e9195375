"""`logs`: what the tasks wrote."""

import heapq
import resource
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import click

from longcase.cli.output import json_option, print_json
from longcase.cli.workspace import USAGE, Workspace, fail, no_such_run, pass_workspace
from longcase.domain.errors import LongcaseError
from longcase.domain.pipeline import is_name
from longcase.edge.task_logs import LogLine, TaskLog, tasks_with_logs
from longcase.texts.units import parse_duration

_TAIL = 20  # lines that -f shows of what was before
_PAUSE = 0.2  # seconds between looks at a followed log


class Logs:
    """The logs of a pipeline's tasks, or of one task; those that come later too."""

    def __init__(self, workspace: Workspace, target: str) -> None:
        """Ends the command where there is no such pipeline or task."""
        self._pipeline, _, self._task = target.partition("/")
        if not is_name(self._pipeline) or (self._task and not is_name(self._task)):
            fail(f"{target!r} names no task; right is PIPELINE or PIPELINE/TASK", USAGE)
        self._folder = workspace.settings.folders.log_dir / self._pipeline
        self._open: dict[str, TaskLog] = {}
        self._look()
        if not self._open:
            self._check(workspace)

    def __len__(self) -> int:
        return len(self._open)

    def read(self) -> Iterator[LogLine]:
        """What has come since the last call, at the first one all, oldest first. Raises OSError."""
        self._look()
        return heapq.merge(*(log.read() for log in self._open.values()), key=lambda line: line.when)

    def _look(self) -> None:
        for task in tasks_with_logs(self._folder):
            if self._task in ("", task) and task not in self._open:
                self._open[task] = TaskLog(self._folder, task)

    def _check(self, workspace: Workspace) -> None:
        """Without a log there must be a job file to expect one from."""
        if not self._task:
            if not workspace.has_job_file(self._pipeline):
                workspace.unknown(self._pipeline)
            return
        pipeline = workspace.pipelines.get(self._pipeline)
        known = sorted({*tasks_with_logs(self._folder), *(pipeline.by_name if pipeline else ())})
        if self._task not in known:
            which = f"those that there are: {', '.join(known) or 'none'}"
            fail(f"pipeline {self._pipeline!r} has no task {self._task!r}; {which}", USAGE)


@click.command("logs")
@click.argument("target", metavar="PIPELINE[/TASK]")
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--run", metavar="RUN", help="Only the lines of one run.")
@click.option("--since", metavar="SPAN", help="Only the lines of the last 15m, 1h, 2d …")
@json_option
@pass_workspace
def logs_command(
    workspace: Workspace, target: str, run: str | None, since: str | None, *, follow: bool, as_json: bool
) -> None:
    """Show the logs of a pipeline's tasks, or of one task, oldest line first."""
    if follow and as_json:
        raise click.UsageError("--json prints one document, and so doesn't go with --follow")
    start = datetime.now(UTC) - _span(since) if since else None
    _allow_many_files()
    logs = Logs(workspace, target)

    def new_lines() -> Iterator[LogLine]:
        return (
            line
            for line in logs.read()
            if (not run or line.run == run) and (start is None or line.when >= start)
        )

    if as_json:
        print_json([{"task": line.task, "run": line.run, "line": line.text} for line in new_lines()])
    elif follow:
        _follow(new_lines, names="/" not in target, whole=bool(run or since))
    elif logs:
        shown = _print(new_lines(), names=len(logs) > 1)
        if run and not shown and workspace.history.record(run) is None:
            no_such_run(run)
    else:
        click.echo(f"No log of {target} yet.", err=True)


def _follow(new_lines: Callable[[], Iterator[LogLine]], *, names: bool, whole: bool) -> NoReturn:
    past = new_lines()
    _print(past if whole else deque(past, _TAIL), names=names)
    while True:
        time.sleep(_PAUSE)
        _print(new_lines(), names=names)


def _span(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except LongcaseError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None


def _allow_many_files() -> None:
    """The logs of all tasks are open at once, to be merged by time."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _print(lines: Iterable[LogLine], *, names: bool) -> int:
    """How many there were."""
    count = 0
    for line in lines:
        count += 1
        click.echo(f"{click.style(line.task, fg='cyan')} {line.text}" if names else line.text)
    return count
