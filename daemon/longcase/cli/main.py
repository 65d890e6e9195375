"""The commands, each loaded when it is asked for."""

import io
import os
import sys
from importlib import import_module
from typing import Any, Final

import click

from longcase import __version__

COMMANDS: Final = {
    "check": ("check", "Check job files; exit code 1 where one is refused."),
    "demo": ("demo", "See the whole of Longcase at work, in a folder of its own."),
    "history": ("history", "Show the latest runs, newest first."),
    "list": ("listing", "List the pipelines, with their last and next run."),
    "logs": ("logs", "Show the logs of a pipeline's tasks."),
    "new": ("new", "Write a job file for a new pipeline."),
    "next": ("listing", "Show what will run when."),
    "run": ("run", "Run a pipeline now, by hand."),
    "schema": ("schema", "Print the JSON Schema of job files, for editors."),
    "serve": ("serve", "Run the daemon."),
    "show": ("history", "Show all that is known of a run."),
}
"""By name: the module of `longcase.cli` that holds the command, and what it is for."""


class LazyGroup(click.Group):
    """Imports the module of the command that is run, and none for the help page: so it starts fast."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Whatever the terminal's encoding, no text is refused."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        return super().main(*args, **extra)

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = import_module(f"longcase.cli.{COMMANDS[name][0]}")
        command = getattr(module, f"{name}_command")
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, purpose) for name, (_, purpose) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="longcase %(version)s")
@click.option("--config", metavar="FILE", help="The daemon's settings, instead of where they are looked for.")
@click.pass_context
def main(context: click.Context, config: str | None) -> None:
    """Run pipelines of tasks on time, and let no failure go unnoticed."""
    context.obj = config
    if os.environ.get("NO_COLOR"):
        context.color = False
