"""How commands print: JSON for programs, aligned text for people, colour on a terminal only."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click
import msgspec

COLOURS: Final = {
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "killed": "red",
    "blocked": "yellow",
    "skipped": "yellow",
    "missed": "yellow",
    "interrupted": "yellow",
    "cancelled": "yellow",
    "running": "cyan",
    "invalid": "red",
}

_NARROWEST = 20  # columns that the last cell gets at least

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def say(text: str | bytes, *, err: bool = False) -> None:
    """Print a line. Where it can't be (the reader has gone away) all that comes goes nowhere, silently."""
    try:
        click.echo(text, err=err)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, (sys.stderr if err else sys.stdout).fileno())
        os.close(nowhere)


def on_terminal() -> bool:
    """Whether a person looks at what is printed."""
    return sys.stdout is not None and sys.stdout.isatty()


def to_json(value: Any) -> bytes:
    """One JSON document, indented on a terminal."""
    text = msgspec.json.encode(value)
    return msgspec.json.format(text, indent=2) if on_terminal() else text


def print_json(value: Any) -> None:
    click.echo(to_json(value))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns, as wide as they need to be, the last cut at a terminal's edge; states in their colour."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    if on_terminal():
        before = sum(widths[:-1]) + 2 * len(widths[:-1])
        widths[-1] = max(min(widths[-1], shutil.get_terminal_size().columns - before), _NARROWEST)
    click.secho(_row(titles, widths, {}), bold=True)
    for row in rows:
        click.echo(_row(row, widths, COLOURS))


def _row(cells: Sequence[str], widths: Sequence[int], colours: Mapping[str, str]) -> str:
    padded = []
    for cell, width in zip(cells, widths, strict=True):
        text = f"{_cut(cell, width):{width}}"
        padded.append(click.style(text, fg=colours[cell]) if cell in colours else text)
    return "  ".join(padded).rstrip()


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + "…"


def when(moment: datetime | msgspec.UnsetType | None) -> str:
    """To the second, in the machine's zone: someone compares it with a clock on the wall."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if isinstance(moment, datetime) else "-"
