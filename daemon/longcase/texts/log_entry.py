"""The mail of a log record."""

from typing import Final

from msgspec import Struct

from longcase.texts import words
from longcase.texts.templating import Composed, render

_MOST_OF_TEXT: Final = 16_000  # mail programs clip what is over 100 KB in all
_MOST_OF_LINE: Final = 600
_MOST_OF_LEVEL: Final = 20
_MOST_OF_NAME: Final = 100
_MOST_OF_SUBJECT: Final = 180


class LogEntry(Struct, frozen=True, kw_only=True):
    """All that the mail tells. `text`: the record as its handler formats it, with the traceback.

    `place`: where in the source it was logged. `host`: "" where it isn't known.
    """

    level: str
    logger: str
    message: str
    text: str
    place: str
    host: str = ""


def compose_log_entry(entry: LogEntry) -> Composed:
    """The mail that says what was logged, and where. Bounded, whatever the entry holds."""
    level = words.one_line(entry.level, _MOST_OF_LEVEL)
    logger = words.one_line(entry.logger, _MOST_OF_NAME)
    head = f"[longcase] {level} in {logger}"
    room = _MOST_OF_SUBJECT - len(f"{head}: ")
    view = {
        "level": level,
        "logger": logger,
        "host": words.one_line(entry.host, _MOST_OF_NAME),
        "cause": words.one_line(entry.message, _MOST_OF_LINE),
        "text": words.cut_middle(entry.text, _MOST_OF_TEXT).strip("\n"),
        "place": words.one_line(entry.place, _MOST_OF_LINE),
    }
    return Composed(
        subject=f"{head}: {words.one_line(entry.message, room)}",
        text=render("log_entry.txt.j2", view),
        html=render("log_entry.html.j2", view),
    )
