"""`list` and `next`: what there is, and what will run when."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

import click

from longcase.cli.firings import firings
from longcase.cli.output import json_option, print_json, print_table, when
from longcase.cli.workspace import Workspace, pass_workspace
from longcase.domain.pipeline import Pipeline
from longcase.texts.record import IndexLine

_AHEAD = 10  # instants of one pipeline that are shown without --to
_YEARS = range(1970, 9000)  # near their ends dates overflow


@click.command("list")
@json_option
@pass_workspace
def list_command(workspace: Workspace, *, as_json: bool) -> None:
    """List the pipelines, with their last and next run."""
    rows = [_row(workspace, name) for name in sorted(workspace.pipelines | workspace.invalid)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(("PIPELINE", "LAST", "", "NEXT"), [_cells(row) for row in rows])
    else:
        click.echo(workspace.no_job_file)


def _row(workspace: Workspace, name: str) -> dict[str, Any]:
    last = workspace.history.last_run(name)
    if name in workspace.invalid:
        errors = workspace.invalid[name].errors
        return {"pipeline": name, "enabled": None, "last": last, "next": None, "errors": errors}
    pipeline = workspace.pipelines[name]
    following = next(firings(pipeline, datetime.now(UTC)), None)
    return {"pipeline": name, "enabled": pipeline.enabled, "last": last, "next": following}


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    last: IndexLine | None = row["last"]
    state, begins = (last.state.value, when(last.begins)) if last else ("-", "")
    following = when(row["next"])
    if row["enabled"] is None:
        following = "invalid: see longcase check"
    elif not row["enabled"]:
        following = "disabled"
    return row["pipeline"], state, begins, following


@click.command("next")
@click.argument("pipeline", required=False)
@click.option("--from", "since", metavar="T", help="The first moment to look at; now, if not given.")
@click.option("--to", "until", metavar="T", help="The moment to stop before.")
@json_option
@pass_workspace
def next_command(
    workspace: Workspace, pipeline: str | None, since: str | None, until: str | None, *, as_json: bool
) -> None:
    """Show what will run when, over all pipelines or for one.

    T is ISO 8601, such as 2026-12-24T18:00; without an offset it is in the machine's zone.
    """
    start = _moment(since, "--from") if since else datetime.now(UTC)
    end = _moment(until, "--to") if until else None
    chosen = [workspace.pipeline(pipeline)] if pipeline else workspace.pipelines.values()
    count = None if end else (_AHEAD if pipeline else 1)
    found = heapq.merge(*(_some(each, start, end, count) for each in chosen))
    if as_json:
        print_json([{"pipeline": name, "instant": local} for _, name, local in found])
        return
    rows = [(when(local), name) for _, name, local in found]
    if rows:
        print_table(("INSTANT", "PIPELINE"), rows)
    else:
        click.echo("Nothing is due.")


def _some(
    pipeline: Pipeline, start: datetime, end: datetime | None, count: int | None
) -> Iterator[tuple[datetime, str, datetime]]:
    """(instant in UTC, pipeline, instant in its zone), in [start, end)."""
    instants = takewhile(lambda instant: end is None or instant < end, firings(pipeline, start))
    for instant in islice(instants, count):
        yield instant.astimezone(UTC), pipeline.name, instant


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = f"{text!r} is no time; right is ISO 8601, such as 2026-12-24T18:00"
        raise click.BadParameter(hint, param_hint=option) from None
    if moment.year not in _YEARS:
        hint = f"{text!r} is too far away; right are the years {_YEARS[0]} to {_YEARS[-1]}"
        raise click.BadParameter(hint, param_hint=option)
    return moment.astimezone()
