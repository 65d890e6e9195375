"""The machine's clocks."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The wall clock, and the one that never goes back."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
