"""`check`: what is wrong with job files, and what they will do."""

import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from longcase.cli.firings import firings
from longcase.cli.output import json_option, print_json, when
from longcase.cli.workspace import Workspace, pass_workspace
from longcase.domain.pipeline import Pipeline
from longcase.edge.jobs_folder import Bad, Good, read
from longcase.edge.settings_file import machine_timezone
from longcase.texts.settings import Settings
from longcase.texts.words import number

_AHEAD = 3  # firings that are shown


@click.command("check")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@json_option
@pass_workspace
def check_command(workspace: Workspace, files: tuple[Path, ...], *, as_json: bool) -> None:
    """Check job files: those of the jobs folder, or FILEs. Exit code 1 where one is refused."""
    if files:
        paths = [path.absolute() for path in files]
        changes: list[Good | Bad] = [read(path.stem, path, machine_timezone()) for path in paths]
    else:
        names = sorted(workspace.pipelines | workspace.invalid)
        changes = [workspace.invalid.get(name) or Good(workspace.pipelines[name]) for name in names]
    if as_json:
        print_json([_report(change) for change in changes])
    elif changes:
        for change in changes:
            _print(change, workspace.settings)
    else:
        click.echo(workspace.no_job_file)
    sys.exit(1 if any(isinstance(change, Bad) for change in changes) else 0)


def _report(change: Good | Bad) -> dict[str, Any]:
    if isinstance(change, Bad):
        return {"pipeline": change.name, "file": change.path, "errors": change.errors, "next": []}
    pipeline = change.pipeline
    return {"pipeline": pipeline.name, "file": pipeline.path, "errors": [], "next": _next(pipeline)}


def _print(change: Good | Bad, settings: Settings) -> None:
    if isinstance(change, Bad):
        for error in change.errors:
            click.secho(error, fg="red")
        return
    pipeline = change.pipeline
    click.echo(f"{pipeline.name}: {click.style('ok', fg='green')}, {number(len(pipeline.tasks), 'task')}")
    none = "not scheduled" if pipeline.enabled else "disabled"
    click.echo("  next   " + ("\n         ".join(map(when, _next(pipeline))) or none))
    to = settings.mail.operator if pipeline.mail.to is None else pipeline.mail.to
    nobody = "nobody: set [mail] to here, or operator in longcase.toml"
    click.echo(f"  mails  {', '.join(to) or nobody}")


def _next(pipeline: Pipeline) -> list[datetime]:
    return list(islice(firings(pipeline, datetime.now(UTC)), _AHEAD))
