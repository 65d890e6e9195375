"""A disk that refuses is told of now and then, not each time that something is tried on it."""

from datetime import datetime, timedelta

from longcase.domain.event import Tell, Trouble

AGAIN = 1.0
"""Seconds until what the disk refused is tried again."""

_SILENCE = timedelta(minutes=1)


class Outage:
    """Tells once a minute of each place at most."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told: dict[str, datetime] = {}

    def refused(self, what: str, error: OSError, now: datetime) -> None:
        """`what` could not be written, and is tried again."""
        place = str(error.filename or "the state folder")
        told = self._told.get(place)
        if told is None or abs(now - told) >= _SILENCE:
            self._told[place] = now
            reason = f"{error.strerror}: {what} waits, and is tried again every {AGAIN:.0f} s"
            self._tell(Trouble(when=now, place=place, reason=reason))
