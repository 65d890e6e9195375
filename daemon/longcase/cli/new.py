"""`new`: a job file to begin with."""

import os
import shlex
import sysconfig
from pathlib import Path

import click

from longcase.cli.workspace import USAGE, Workspace, fail
from longcase.domain.pipeline import NAME_RULE, is_name
from longcase.shipped import shipped

_SCHEMA = "job.schema.json"


@click.command("new")
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Put it here, and not into the jobs folder.",
)
@click.pass_obj
def new_command(config: str | None, name: str, folder: Path | None) -> None:
    """Write a job file for a new pipeline NAME: every key explained, and a task that works.

    No file is ever overwritten.
    """
    from longcase.texts.job_template import job_template

    name = name.removesuffix(".toml")
    if not is_name(name):
        fail(f"{name!r} can't name a pipeline; right are {NAME_RULE}", USAGE)
    folder = folder.absolute() if folder else Workspace(config).settings.folders.jobs_dir
    path = folder / f"{name}.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_new = _write_new(path, job_template(name, _schema_url()))
    except OSError as error:
        sudo = ", or use sudo" if isinstance(error, PermissionError) else ""
        fail(f"{path} can't be written: {error.strerror}; name another folder with --dir{sudo}", 1)
    if not is_new:
        fail(f"{path} is there already, and is left as it is: edit it, or choose another name", USAGE)
    shown = shlex.quote(str(path))
    click.echo(f"{path}\nEdit it, then see what it will do, and try it:")
    click.echo(f"  longcase check {shown}\n  longcase run {shown} --local")


def _write_new(path: Path, text: str) -> bool:
    """Write it whole or not at all, and not over another: False where there is one. Raises OSError."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.write_text(text, encoding="utf-8")
        path.hardlink_to(new)
    except FileExistsError:
        return False
    finally:
        new.unlink(missing_ok=True)
    return True


def _schema_url() -> str:
    """Where editors find the schema: a place that stays the same under the next Longcase and Python."""
    shared = Path(sysconfig.get_path("data"), "share/longcase", _SCHEMA)
    return (shared if shared.is_file() else shipped("config") / _SCHEMA).as_uri()
