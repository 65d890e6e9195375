"""`demo`: the whole of Longcase at work, in a folder of its own."""

import shlex
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from longcase.cli.output import COLOURS, say
from longcase.cli.workspace import USAGE, fail
from longcase.domain.errors import LongcaseError
from longcase.domain.event import MailSent, PipelineAccepted
from longcase.domain.outcome import RunState
from longcase.texts.words import number

_HELLO = """\
Longcase demo: two pipelines, each run every 10 seconds, {end}.
  package-report    reads this machine's packages, and reports on them
  fails-on-purpose  has a task that fails, to show what becomes of it
Everything is in {root}
"""


@click.command("demo")
@click.option("--seconds", type=click.FloatRange(min=1), metavar="N", help="End after N seconds.")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Use this folder, and not a new temporary one.",
)
def demo_command(seconds: float | None, folder: Path | None) -> None:
    """Run the examples every few seconds, with a mail server that only stores what it gets.

    No root, no systemd and no network are needed. Ends with a summary.
    """
    import asyncio

    from longcase.cli.narrator import narrator
    from longcase.demo import run_demo

    mails: list[Path] = []

    def begun() -> None:
        say(_HELLO.format(root=root, end=f"for {seconds:g} seconds" if seconds else "until Ctrl-C"))

    def mail_stored(path: Path) -> None:
        mails.append(path)
        say(f"{datetime.now().astimezone():%H:%M:%S}    the mail: {path.with_suffix('.html')}")

    try:
        root = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="longcase-demo-"))
        tell = narrator((PipelineAccepted, MailSent))
        runs = asyncio.run(run_demo(root, seconds, begun, tell, mail_stored))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        fail(f"{place}{error.strerror or error}; name another folder with --dir", USAGE)
    except LongcaseError as error:
        fail(str(error), USAGE)
    _summarize(root, runs, mails)


def _look_at(root: Path, mails: list[Path]) -> Iterator[tuple[str, str]]:
    """What to look at when the demo has ended: what it is, and the command or the file."""
    command = f"{_invocation()} --config {shlex.quote(str(root / 'longcase.toml'))}"
    yield "all runs", f"{command} history"
    yield "a task's log", f"{command} logs package-report/generate_report"
    for mail in mails[:1]:
        yield "a mail", f"{mail.with_suffix('.html')} (in a browser)"
    yield "the job files", str(root / "jobs.d")


def _invocation() -> str:
    """What a shell has to be given to start this program again."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m longcase"
    found = shutil.which("longcase")
    return "longcase" if found and started.samefile(found) else shlex.quote(sys.argv[0])


def _summarize(root: Path, runs: Counter[tuple[str, RunState]], mails: list[Path]) -> None:
    say(f"\nSummary: {number(runs.total(), 'run')}, {number(len(mails), 'mail')}.")
    for (pipeline, state), count in sorted(runs.items()):
        say(f"  {pipeline}: {count} {click.style(state.value, fg=COLOURS.get(state))}")
    say("Look at")
    for what, where in _look_at(root, mails):
        say(f"  {what:14} {where}")
