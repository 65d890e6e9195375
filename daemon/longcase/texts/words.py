"""Values in words for people: mails, the command line and pages say them alike."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from longcase.domain.outcome import TaskState

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters; no mail and no page may hold them
    "\ud800-\udfff"  # halves of characters: what no encoding takes
    "\u202a-\u202e\u2066-\u2069]"  # turn the direction of what follows: text would not be what it looks
)

VERBS: Final = {
    TaskState.FAILED: "failed",
    TaskState.TIMED_OUT: "timed out",
    TaskState.KILLED: "was killed",
    TaskState.CANCELLED: "was cancelled",
    TaskState.SUCCEEDED: "succeeded",
    TaskState.BLOCKED: "is blocked",
    TaskState.WAITING: "is waiting",
    TaskState.READY: "is ready",
    TaskState.RUNNING: "is running",
}
"""What a task did, as the end of a sentence that begins with its name."""


def duration(span: timedelta) -> str:
    """`340 ms`, `1.2 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: the two largest units."""
    seconds = abs(span.total_seconds())
    sign = "-" if span < timedelta() else ""
    if round(seconds, 3) < 1:
        return f"{sign}{seconds * 1000:.0f} ms" if round(seconds, 3) else "0 s"
    if round(seconds, 1) < 10:
        return f"{sign}{f'{seconds:.1f}'.removesuffix('.0')} s"
    return sign + _two_units(round(seconds))


def _two_units(seconds: int) -> str:
    index = next(index for index, (worth, _) in enumerate(_UNITS) if seconds >= worth)
    parts = []
    for worth, unit in _UNITS[index : index + 2]:
        count, seconds = divmod(seconds, worth)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts)


def size(count: int) -> str:
    """Bytes as `512 B`, `1.5 KiB`, `3 MiB`."""
    value, unit = float(count), "B"
    units = ["KiB", "MiB", "GiB", "TiB"]
    while units and round(value, 1) >= 1024:
        value, unit = value / 1024, units.pop(0)
    return f"{f'{value:.1f}'.removesuffix('.0')} {unit}"


def moment(when: datetime, zone: ZoneInfo) -> str:
    """`2026-11-24 02:30:00 +01:00 (Europe/Berlin)`: to the second, in `zone`, with its offset."""
    return f"{when.astimezone(zone).isoformat(' ', 'seconds')[:19]} {_offset(when, zone)} ({zone.key})"


def _offset(when: datetime, zone: ZoneInfo) -> str:
    digits = when.astimezone(zone).strftime("%z")
    return f"{digits[:3]}:{digits[3:5]}"


def state_name(state: str) -> str:
    """A state as people write it: `timed out`."""
    return state.replace("_", " ")


def number(count: int, noun: str) -> str:
    """`1 task`, `20,000 tasks`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def names(items: Sequence[str], most: int) -> str:
    """`a`, `a and b`, `a, b and 7 more`: at most `most` of them."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most:,} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def printable(text: str) -> str:
    """Without terminal colours, and with a mark in place of each character that can't be shown or sent."""
    text = _ESCAPE_SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub("\ufffd", text)


def one_line(text: str, most: int) -> str:
    """Printable, on one line, at most `most` characters."""
    text = " ".join(printable(text[: most * 10]).split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def cut_middle(text: str, most: int) -> str:
    """About `most` characters: whole lines of the beginning and, since causes stand last, more of the end."""
    if len(text) <= most:
        return text
    head = text[: most // 4]
    tail = text[-(most - most // 4) :]
    head = head[: head.rfind("\n") + 1] or head + "\n"
    tail = tail[tail.find("\n") + 1 :]
    return f"{head}[… {number(len(text) - len(head) - len(tail), 'character')} left out …]\n{tail}"
