"""`serve`: the daemon."""

import sys

import click

from longcase.cli.output import on_terminal
from longcase.cli.workspace import fail
from longcase.domain.errors import LongcaseError
from longcase.domain.event import Tell
from longcase.edge.settings_file import load_settings
from longcase.texts.settings import Settings

CANNOT_START = 78
"""EX_CONFIG: the configuration, the lock or a folder; starting again without a change is no use."""


@click.command("serve")
@click.pass_obj
def serve_command(config: str | None) -> None:
    """Run the daemon, until SIGTERM or SIGINT."""
    import asyncio
    import faulthandler

    faulthandler.enable()
    try:
        asyncio.run(_serve(load_settings(config)))
    except LongcaseError as error:
        fail(f"can't start: {error}", CANNOT_START)


async def _serve(settings: Settings) -> None:
    from longcase.service import opened

    async with opened(settings, _teller()) as service:
        service.stop_on_signals()
        await service.serve()


def _teller() -> Tell:
    """JSON lines for the journal, a file or a pipe; plain words for someone who watches a terminal."""
    from longcase.cli.narrator import narrator
    from longcase.edge.log import teller

    return narrator() if on_terminal() and sys.stderr.isatty() else teller(sys.stderr)
