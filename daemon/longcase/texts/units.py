"""Durations and sizes as people write them: "1h30m", "512M"."""

import re
from datetime import timedelta

from longcase.domain.errors import LongcaseError
from longcase.texts.faults import found

DURATION_RULE = 'a duration such as "90s", "15m", "2h", "1d" or "1h30m", or seconds as a number'
SIZE_RULE = 'a size such as "512M" or "2G" (K, M, G, T: powers of 1024), or bytes as a whole number'

_DURATION = re.compile(r"(?=.)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_SIZE = re.compile(r"(\d+)([KMGT])", re.ASCII)
_LONGEST = timedelta(days=36525)  # 100 years: what is added to a date must stay one
_DIGITS = 18  # of a number, at most: more is a slip of the hand, and slow to convert


class UnitError(LongcaseError):
    """A duration or a size that can't be understood."""


def parse_duration(value: str | float) -> timedelta:
    """`"1h30m"`, or seconds. Raises UnitError; a duration is at least 0 and at most 100 years."""
    seconds = _seconds(value) if isinstance(value, str) else value
    if not 0 <= seconds <= _LONGEST.total_seconds():  # so is no nan
        raise UnitError(f"expected a duration from 0 to 100 years, found {found(value)}")
    return timedelta(seconds=seconds)


def parse_size(value: str | int) -> int:
    """`"512M"`, or bytes. Raises UnitError; a size is at least 0 and below 2**63."""
    count = _bytes(value) if isinstance(value, str) else value
    if not 0 <= count < 2**63:
        raise UnitError(f"expected a size from 0 to 8388607T, found {found(value)}")
    return count


def _seconds(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None or len(text) > 4 * _DIGITS:
        raise UnitError(f"expected {DURATION_RULE}, found {found(text)}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None or len(text) > _DIGITS:
        raise UnitError(f"expected {SIZE_RULE}, found {found(text)}")
    return int(match[1]) << 10 * (1 + "KMGT".index(match[2]))
