"""`history` and `show`: what has run, and what became of it."""

import heapq
from itertools import islice

import click

from longcase.cli.output import COLOURS, json_option, print_json, print_table, when
from longcase.cli.workspace import USAGE, Workspace, fail, no_such_run, pass_workspace
from longcase.domain.outcome import FAILURES, RunState
from longcase.texts.record import IndexLine, RunRecord, TaskRecord
from longcase.texts.words import VERBS, duration


@click.command("history")
@click.argument("pipeline", required=False)
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many lines, newest first.",
)
@json_option
@pass_workspace
def history_command(workspace: Workspace, pipeline: str | None, limit: int, *, as_json: bool) -> None:
    """Show the latest runs, newest first, of all pipelines or of one."""
    history = workspace.history
    known = history.pipelines()
    if pipeline and pipeline not in known and not workspace.has_job_file(pipeline):
        fail(f"{pipeline!r} has no history; pipelines that have: {', '.join(known) or 'none'}", USAGE)
    tails = [history.latest(name, limit) for name in ([pipeline] if pipeline else known)]
    merged = heapq.merge(*tails, key=lambda line: line.begins, reverse=True)
    lines = list(islice(merged, limit))
    if as_json:
        print_json(lines)
    elif lines:
        print_table(("STATE", "STARTED", "TOOK", "RUN"), [_cells(line) for line in lines])
    else:
        click.echo("No run yet.")


def _cells(line: IndexLine) -> tuple[str, str, str, str]:
    took = duration(line.ended - line.started) if line.ended and line.started else "-"
    if line.state is RunState.MISSED:
        count = f"{line.count} instant{'s' * (line.count != 1)} of {line.pipeline}"
        return line.state.value, when(line.last), "-", f"{count} since {when(line.first)}: {line.reason}"
    if line.state is RunState.SKIPPED:
        return line.state.value, when(line.instant), "-", f"{line.pipeline}: {line.reason}"
    return line.state.value, when(line.started), took, line.run or line.pipeline


@click.command("show")
@click.argument("run")
@json_option
@pass_workspace
def show_command(workspace: Workspace, run: str, *, as_json: bool) -> None:
    """Show all that is known of a run (an id, as `history` prints it)."""
    record = workspace.history.record(run)
    if record is None:
        no_such_run(run)
    if as_json:
        print_json(record)
    else:
        _print(record)


def _print(record: RunRecord) -> None:
    click.echo(f"{record.run} {click.style(record.state.value, fg=COLOURS.get(record.state))}")
    click.echo(f"  instant  {when(record.instant)}   trigger {record.trigger}")
    click.echo(f"  started  {when(record.started)}")
    click.echo(f"  ended    {when(record.ended)}")
    for name, value in record.params.items():
        click.echo(f"  param    {name}={value}")
    click.echo()
    rows = [(name, task.state.value, _took(task), _why(task)) for name, task in record.tasks.items()]
    print_table(("TASK", "STATE", "TOOK", ""), rows)
    for name, task in record.tasks.items():
        if task.state in FAILURES:
            _print_failure(name, task)


def _print_failure(name: str, task: TaskRecord) -> None:
    """What the table has no room for."""
    click.secho(f"\n{name} {VERBS[task.state]}", bold=True)
    if len(task.attempts) > 1:
        for attempt in task.attempts:
            why = attempt.exception or attempt.reason or attempt.state.value
            click.echo(f"  attempt {attempt.number}: {why}")
    click.echo((task.traceback or task.exception or task.reason or "").rstrip())
    click.echo(f"its log: {task.log}")


def _took(task: TaskRecord) -> str:
    spans = [attempt.ended - attempt.started for attempt in task.attempts if attempt.ended]
    return duration(sum(spans[1:], spans[0])) if spans else "-"


def _why(task: TaskRecord) -> str:
    if task.blocked_by:
        return f"by {task.blocked_by}"
    nth = f"attempt {len(task.attempts)}: " if len(task.attempts) > 1 else ""
    return nth + (task.exception or task.reason or (task.result.repr if task.result else ""))
