"""What a dead worker leaves: its descendants, which this process inherits and ends."""

import asyncio
import time

from longcase.edge.pool.worker import LIVE
from longcase.workers.ending import Ending, Inherited

_POLL = 0.02


class Orphans:
    """Finds and ends the processes that were a dead worker's: all that are inherited, but the workers."""

    def __init__(self) -> None:
        self._inherited = Inherited(LIVE)

    async def end(self, grace: float) -> list[str]:
        """End them all, with `grace` seconds from SIGTERM to SIGKILL; names what could not be killed."""
        if not self._inherited.find():
            return []
        ending = Ending(self._inherited.find, grace, time.monotonic())
        while self._inherited.reap():
            now = time.monotonic()
            ending.act(now)
            left = ending.left_behind(now)
            if left:
                return left
            await asyncio.sleep(min(_POLL, max(0.0, ending.due - now)))
        return []
