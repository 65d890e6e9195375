"""`schema`: the JSON Schema of job files."""

import click
import msgspec

from longcase.texts.schema import job_schema


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of job files, for editors and other programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(job_schema()), indent=2))
