"""`check`: what is wrong with job files, and what they will do."""

import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from longcase.cli.findings import find
from longcase.cli.firings import firings
from longcase.cli.output import json_option, print_json, when
from longcase.cli.workspace import Workspace, pass_workspace
from longcase.domain.pipeline import Pipeline
from longcase.domain.policy import MailOn
from longcase.edge.jobs_folder import Bad, Good, read
from longcase.edge.settings_file import machine_timezone
from longcase.texts.clock_changes import clock_changes
from longcase.texts.graph_text import draw
from longcase.texts.settings import Settings
from longcase.texts.words import number

_AHEAD = 3  # firings that are shown
_WIDTH = 80
_LABEL = 9  # columns
_NOBODY = "nobody: set [mail] to here, or operator in longcase.toml"


@click.command("check")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@json_option
@pass_workspace
def check_command(workspace: Workspace, files: tuple[Path, ...], *, as_json: bool) -> None:
    """Check job files: those of the jobs folder, or FILEs.

    Callables are imported by the job's own interpreter, and their arguments held against their signatures.
    Exit code 1 where there is an error; a hint is none.
    """
    now = datetime.now(UTC)
    reports = []
    for change in _changes(workspace, files):
        reports.append(_look(change, workspace.settings, now))
        if not as_json:
            _print(reports[-1])
    if as_json:
        print_json([_as_json(report) for report in reports])
    elif not reports:
        click.echo(workspace.no_job_file)
    sys.exit(1 if any(report.errors for report in reports) else 0)


def _changes(workspace: Workspace, files: Sequence[Path]) -> list[Good | Bad]:
    if files:
        paths = [path.absolute() for path in files]
        return [read(path.stem, path, machine_timezone(), workspace.settings.defaults) for path in paths]
    names = sorted(workspace.pipelines | workspace.invalid)
    return [workspace.invalid.get(name) or Good(workspace.pipelines[name]) for name in names]


class _Report(Struct, kw_only=True):
    """All that is told of one job file; `pipeline` is None where it is refused."""

    name: str
    path: str
    pipeline: Pipeline | None
    errors: Sequence[str]
    hints: Sequence[str] = ()
    next: Sequence[datetime] = ()
    clock_changes: Sequence[str] = ()
    mailed: Sequence[str] = ()


def _look(change: Good | Bad, settings: Settings, now: datetime) -> _Report:
    if isinstance(change, Bad):
        return _Report(name=change.name, path=change.path, pipeline=None, errors=change.errors)
    pipeline = change.pipeline
    findings = find(pipeline, now)
    to = settings.mail.operator if pipeline.mail.to is None else pipeline.mail.to
    return _Report(
        name=pipeline.name,
        path=pipeline.path,
        pipeline=pipeline,
        errors=[str(finding) for finding in findings if not finding.is_hint],
        hints=[str(finding) for finding in findings if finding.is_hint],
        next=list(islice(firings(pipeline, now), _AHEAD)),
        clock_changes=clock_changes(pipeline.schedule, now) if pipeline.enabled else (),
        mailed=to,
    )


def _as_json(report: _Report) -> dict[str, Any]:
    return {
        "pipeline": report.name,
        "file": report.path,
        "errors": report.errors,
        "hints": report.hints,
        "next": report.next,
        "clock_changes": report.clock_changes,
        "mails": {"on": _events(report.pipeline), "to": report.mailed} if report.pipeline else None,
    }


def _print(report: _Report) -> None:
    for texts, colour in ((report.errors, "red"), (report.hints, "yellow")):
        for text in texts:
            first, *details = text.split("\n")
            click.secho(first, fg=colour)
            for line in details:
                click.echo(line)
    if report.pipeline and not report.errors:
        _print_summary(report, report.pipeline)


def _print_summary(report: _Report, pipeline: Pipeline) -> None:
    click.echo(f"{pipeline.name}: {click.style('ok', fg='green')}, {number(len(pipeline.tasks), 'task')}")
    _print_lines("graph", draw(pipeline, _WIDTH - _LABEL))
    none = "not scheduled" if pipeline.enabled else "disabled"
    _print_lines("next", list(map(when, report.next)) or [none])
    zone = pipeline.schedule.timezone
    where = "" if zone == machine_timezone() else f" ({zone})"
    _print_lines("clocks", [line for text in report.clock_changes for line in _wrapped(text + where)])
    _print_lines("mails", _wrapped(_mails(report, pipeline)))


def _print_lines(label: str, lines: Sequence[str]) -> None:
    for index, line in enumerate(lines):
        click.echo(f"  {'' if index else label:{_LABEL - 2}}{line}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH - _LABEL, subsequent_indent="  ", break_on_hyphens=False)


def _events(pipeline: Pipeline) -> list[str]:
    return [event.value for event in MailOn if event in pipeline.mail.on]


def _mails(report: _Report, pipeline: Pipeline) -> str:
    events = ", ".join(_events(pipeline))
    if not events:
        return "nothing: [mail] on is empty"
    return f"{events} → {', '.join(report.mailed)}" if report.mailed else _NOBODY
