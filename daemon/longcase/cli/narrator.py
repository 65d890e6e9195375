"""Tells on the terminal what happens, in plain words, each line with its time."""

import shutil
import textwrap
from typing import Final

import click

from longcase.cli.output import on_terminal, say
from longcase.domain.event import Event, RunEnded, RunStarted, Severity, TaskEnded, Tell, severity
from longcase.texts.narration import narrate

_STAMP = len("08:15:26  ")
_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def narrator(ignored: tuple[type[Event], ...] = ()) -> Tell:
    """A function that tells of each event but those of the `ignored` kinds."""

    def tell(event: Event) -> None:
        if isinstance(event, ignored):
            return
        for line in narrate(event):
            _print(line, event)

    return tell


def _print(line: str, event: Event) -> None:
    """One line, at the time of the event; wrapped at a terminal's edge."""
    text = f"{event.when.astimezone():%H:%M:%S}  {line}"
    if on_terminal():
        indent = " " * (len(text) - len(line.lstrip()) + 2)
        columns = shutil.get_terminal_size().columns
        text = textwrap.fill(
            text, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    say(text[:_STAMP] + click.style(text[_STAMP:], fg=_colour(event)))


def _colour(event: Event) -> str | None:
    match event:
        case RunStarted():
            return "cyan"
        case TaskEnded() | RunEnded():
            return _COLOURS.get(severity(event), "green")
        case _:
            return _COLOURS.get(severity(event))
