"""`run`: a pipeline by hand."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from longcase.cli.output import json_option, say, to_json
from longcase.cli.workspace import USAGE, Workspace, fail, user_name
from longcase.domain.event import Event, MailQueued, Tell
from longcase.domain.outcome import RunState
from longcase.domain.pipeline import Pipeline
from longcase.edge.settings_file import machine_timezone
from longcase.texts.record import RunRecord
from longcase.texts.settings import Settings
from longcase.texts.words import number

UNREACHABLE = 3
"""The exit code where the daemon can't be reached."""

_MAIL_WAIT = 30.0  # seconds that a run waits for its mail to go


@click.command("run")
@click.argument("pipeline")
@click.option("--local", is_flag=True, help="Run it here and now, without a daemon.")
@click.option("--param", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the run.")
@json_option
@click.pass_obj
def run_command(
    config: str | None, pipeline: str, *, local: bool, given: tuple[str, ...], as_json: bool
) -> None:
    """Run PIPELINE now, to its end: its name, or the path of a job file (NAME.toml).

    Exit code 0 where it succeeded, 1 where it did not.
    """
    import asyncio

    from longcase.cli.narrator import narrator

    if not local:
        fail("runs through the daemon are not there yet: run it here with --local", UNREACHABLE)
    workspace = Workspace(config)
    with workspace.errors():
        definition = _definition(workspace, pipeline)
        params = _params(definition, given)
        tell = _silent if as_json else narrator()
        record = asyncio.run(_run(workspace.settings, definition, params, tell=tell))
    if as_json:
        say(to_json(record))
    sys.exit(0 if record.state is RunState.SUCCEEDED else 1)


def _definition(workspace: Workspace, name: str) -> Pipeline:
    from longcase.edge.jobs_folder import Bad, read

    if not name.endswith(".toml"):
        return workspace.pipeline(name)
    path = Path(name).absolute()
    change = read(path.stem, path, machine_timezone(), workspace.settings.defaults)
    if isinstance(change, Bad):
        fail("the job file is refused\n" + "\n".join(change.errors), USAGE if not path.exists() else 1)
    return change.pipeline


def _params(pipeline: Pipeline, given: tuple[str, ...]) -> dict[str, str]:
    """Ends the command where the pipeline has no such parameter."""
    params = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            fail(f"--param {text}: expected NAME=VALUE", USAGE)
        if name not in pipeline.params:
            known = ", ".join(pipeline.params) or "none: it has no params in its job file"
            fail(f"--param {text}: {pipeline.name} has no parameter {name!r}; known are {known}", USAGE)
        params[name] = value
    return params


async def _run(settings: Settings, pipeline: Pipeline, params: Mapping[str, str], *, tell: Tell) -> RunRecord:
    from longcase.service import opened

    mails = 0

    def counting(event: Event) -> None:
        nonlocal mails
        mails += isinstance(event, MailQueued)
        tell(event)

    async with opened(settings, counting, inherit_env=True) as service:
        service.stop_on_signals()
        record = await service.run_once(pipeline, f"hand ({user_name()})", params)
        # What an earlier run left in the outbox is not this one's to wait for.
        waiting = await service.deliver_mail(_MAIL_WAIT) if mails else 0
    if waiting:
        mails_wait = f"{number(waiting, 'mail')} could not be sent yet"
        say(f"longcase: {mails_wait}: in the outbox until the daemon, or the next run, sends it", err=True)
    return record


def _silent(_: Event) -> None:
    """`--json` prints the record only."""
