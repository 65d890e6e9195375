"""The bodies of mails, from the templates beside this file."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from longcase.texts import words

if TYPE_CHECKING:
    from jinja2 import Environment


class Composed(NamedTuple):
    """A mail without its envelope: its subject, on one line, and both of its bodies."""

    subject: str
    text: str
    html: str


def render(template: str, view: Mapping[str, Any]) -> str:
    """What a template makes of a view: escaped where it is HTML, and printable."""
    return words.printable(_templates().get_template(template).render(view))


@cache
def _templates() -> "Environment":
    from jinja2 import (  # noqa: PLC0415 - 64 ms and 11 MB, which only the first mail needs
        Environment,
        FileSystemLoader,
        StrictUndefined,
        select_autoescape,
    )

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
