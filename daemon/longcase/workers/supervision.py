"""One process that the worker has started, and all that comes of it, watched until none is left."""

import json
import os
import select
import time
from typing import Any, Optional, Sequence

from . import tree, usage, wire
from .alarm import Alarm
from .ending import Ending
from .link import Link
from .output import Stream
from .spawn import Spawned
from .verdict import Cause, End

_GRACE_WITHOUT_DAEMON = 1.0
_LONGEST_REPORT = wire.LIMIT * 3 // 4  # room for a traceback of control characters, 6 bytes each in JSON
_TEXTS = ("state", "exception", "traceback", "reason")


class Supervision:
    """Reads, reaps and keeps the deadline, and listens to the daemon all the while.

    The worker is the subreaper of all that comes of the process, and has no other children. `grace`: seconds
    from SIGTERM to SIGKILL; `deadline`: on the monotonic clock, or None.
    """

    def __init__(
        self, link: Link, alarm: Alarm, meter: usage.Meter, grace: float, deadline: Optional[float]
    ) -> None:
        self._link = link
        self._alarm = alarm
        self._meter = meter
        self._grace = grace
        self._deadline = deadline
        self._poll = select.poll()
        self._streams: dict[int, Stream] = {}
        self._report_fd = -1
        self._report_frames = wire.Frames(_LONGEST_REPORT)
        self._report: Optional[dict[str, Any]] = None
        self._pid = 0
        self._status: Optional[int] = None
        self._cause: Optional[Cause] = None
        self._asked: Optional[Cause] = None
        self._ending: Optional[Ending] = None
        self._late = ""
        self._left_behind: list[str] = []
        self._over = False
        self._sample_at = time.monotonic() + usage.INTERVAL

    def run(self, spawned: Spawned, streams: Sequence[Stream] = ()) -> End:
        """Watch the process to its end, and its whole tree with it. `streams`: those of its pipes."""
        self._watch(spawned, streams)
        self._obey()  # a cancel may have come together with the request
        while not self._over:
            self._turn()
        self._drain()
        return End(self._report, self._cause, self._status, self._asked, self._left_behind, self._late)

    def _watch(self, spawned: Spawned, streams: Sequence[Stream]) -> None:
        self._pid = spawned.pid
        self._streams = {stream.fd: stream for stream in streams}
        if "report" in spawned.pipes:
            self._report_fd = spawned.pipes["report"]
            os.set_blocking(self._report_fd, False)
        for fd in (*spawned.pipes.values(), self._alarm.reader, self._link.fileno()):
            self._poll.register(fd, select.POLLIN)

    def _turn(self) -> None:
        """Wait for the next thing to happen, and deal with it."""
        for fd, _ in self._poll.poll(self._milliseconds()):
            self._serve(fd)
        self._reap()
        self._tell_time(time.monotonic())

    def _milliseconds(self) -> float:
        """How long nothing is due."""
        due = [self._ending.due if self._ending else self._deadline, self._sample_at]
        due += [stream.due for stream in self._streams.values()]
        earliest = min(moment for moment in due if moment is not None)
        return max(0.0, (earliest - time.monotonic()) * 1000 + 0.5)

    def _serve(self, fd: int) -> None:
        if fd in self._streams:
            if not self._streams[fd].read(time.monotonic()):
                self._poll.unregister(fd)
        elif fd == self._report_fd:
            if not self._read_report():
                self._poll.unregister(fd)
                os.close(fd)  # a process that still writes onto it must not wait for a reader
                self._report_fd = -1
        elif fd == self._alarm.reader:
            self._alarm.clear()
        else:
            self._listen()

    def _listen(self) -> None:
        self._link.receive()
        self._obey()
        if self._link.closed:
            self._poll.unregister(self._link.fileno())
            self._end(Cause.DAEMON_GONE, min(_GRACE_WITHOUT_DAEMON, self._grace))

    def _obey(self) -> None:
        while self._link.inbox:
            message = self._link.inbox.popleft()
            if message["type"] == "cancel":
                self._late = self._late or message["late"]
                self._end(Cause.CANCEL, min(message["grace"], self._grace))

    def _read_report(self) -> bool:
        """Take what the process reports. False: there will be no more."""
        try:
            data = os.read(self._report_fd, 65536)
        except BlockingIOError:
            return True
        try:
            for body in self._report_frames.feed(data):
                self._take_report(json.loads(body))
        except (ValueError, RecursionError):  # a task's process may write anything here
            return False
        return bool(data)

    def _take_report(self, report: Any) -> None:
        """What was to be done is done: what the process still does is bounded."""
        if self._cause is not None or self._report is not None or not isinstance(report, dict):
            return
        texts = {key: report[key] for key in _TEXTS if isinstance(report.get(key), str)}
        if texts.get("state") in ("succeeded", "failed"):
            self._report = {**texts, "result": report.get("result")}
            self._deadline = time.monotonic() + self._grace

    def _reap(self) -> None:
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:  # exact: this process inherits every descendant that is orphaned
                self._over = True
                return
            if pid == 0:
                return
            self._meter.reaped(used)
            if pid == self._pid:
                self._status = status

    def _tell_time(self, now: float) -> None:
        for stream in self._streams.values():
            if stream.due is not None and now >= stream.due:
                stream.flush()
        if now >= self._sample_at:
            self._meter.sample()
            self._sample_at = now + usage.INTERVAL
        if self._ending is not None:
            self._ending.act(now)
            self._left_behind = self._ending.left_behind(now)
            self._over = self._over or bool(self._left_behind)
        elif self._status is not None:
            if not self._over:
                self._end(None, self._grace)
        elif self._deadline is not None and now >= self._deadline:
            self._end_late()

    def _end_late(self) -> None:
        if self._report is not None:
            self._end(None, 0.0)
        else:
            self._end(Cause.TIMEOUT, self._grace)

    def _end(self, cause: Optional[Cause], grace: float) -> None:
        """Begin to end the whole tree, or hurry where that has begun."""
        now = time.monotonic()
        self._asked = self._asked or cause
        if self._ending is not None:
            self._ending.hurry(grace, now)
            return
        if self._report is None and self._status is None:
            self._cause = cause
        self._ending = Ending(lambda: tree.below(os.getpid()), grace, now)

    def _drain(self) -> None:
        """Nobody is left who writes: take the rest."""
        if self._report_fd >= 0:
            while self._report is None and self._read_report():
                if not select.select([self._report_fd], [], [], 0)[0]:
                    break
            os.close(self._report_fd)
        for stream in self._streams.values():
            stream.drain(time.monotonic())
            stream.close()
