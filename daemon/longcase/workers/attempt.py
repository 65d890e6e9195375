"""One attempt, from its log's header to its footer, as its worker supervises it."""

import json
import os
import select
import time
from typing import Any, Mapping, Optional

from . import spawn, tree, usage, verdict, wire, words
from .alarm import Alarm
from .ending import Ending
from .link import Link
from .logfile import LogFile
from .output import AttemptLog, Stream
from .verdict import Cause

_GRACE_WITHOUT_DAEMON = 1.0
_LONGEST_REPORT = wire.LIMIT * 3 // 4  # room for a traceback of control characters, 6 bytes each in JSON
_TEXTS = ("state", "exception", "traceback", "reason")
_FAILURES = ("failed", "timed_out", "killed")


class Attempt:
    """Runs one request. The worker is the subreaper of all that comes of it, and has no other children."""

    def __init__(self, request: Mapping[str, Any], link: Link, alarm: Alarm) -> None:
        self._request = request
        self._link = link
        self._alarm = alarm
        self._meter = usage.Meter()
        self._poll = select.poll()
        self._streams: dict[int, Stream] = {}
        self._report_fd = -1
        self._report_frames = wire.Frames(_LONGEST_REPORT)
        self._report: Optional[dict[str, Any]] = None
        self._pid = 0
        self._status: Optional[int] = None
        self._cause: Optional[Cause] = None
        self._ending: Optional[Ending] = None
        self._left_behind: list[str] = []
        self._over = False
        self._began = time.monotonic()
        self._began_at = time.time()
        self._sample_at = self._began + usage.INTERVAL
        timeout = request["timeout"]
        self._deadline = None if timeout is None else self._began + timeout

    def run(self) -> dict[str, Any]:
        """Run it to its end, and its whole tree with it; return the report for the daemon."""
        path = self._request["log"]["path"]
        try:
            file = LogFile(**self._request["log"])
        except OSError as error:
            return self._ended({"state": "failed", "reason": f"can't open the log {path}: {error.strerror}"})
        self._log = AttemptLog(file, self._request["run"])
        try:
            ended = self._ended(self._supervise())
            if ended["state"] in _FAILURES:
                ended["log_tail"] = list(self._log.tail)
            self._close_log(ended)
        finally:
            file.close()
        return ended

    def _supervise(self) -> dict[str, Any]:
        try:
            spawned = self._spawn()
        except spawn.SpawnError as error:
            self._log.note(words.header(self._request))
            return {"state": "failed", "reason": str(error)}
        self._log.note(words.header(self._request, spawned.pid))
        self._watch(spawned)
        self._obey()  # a cancel may have come together with the request
        while not self._over:
            self._turn()
        self._drain()
        return verdict.find(self._request, self._report, self._cause, self._status)

    def _spawn(self) -> spawn.Spawned:
        if "command" in self._request:
            return spawn.command(self._request)
        return spawn.call(self._request, self._alarm, [self._link.fileno(), self._log.file.fileno()])

    def _watch(self, spawned: spawn.Spawned) -> None:
        self._pid = spawned.pid
        for name, fd in spawned.pipes.items():
            if name == "report":
                os.set_blocking(fd, False)
                self._report_fd = fd
            else:
                self._streams[fd] = Stream(fd, name, self._log)
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
            self._end(Cause.DAEMON_GONE, min(_GRACE_WITHOUT_DAEMON, self._request["kill_grace"]))

    def _obey(self) -> None:
        while self._link.inbox:
            message = self._link.inbox.popleft()
            if message["type"] == "cancel":
                self._end(Cause.CANCEL, min(message["grace"], self._request["kill_grace"]))

    def _read_report(self) -> bool:
        """Take what the task's process reports. False: there will be no more."""
        try:
            data = os.read(self._report_fd, 65536)
        except BlockingIOError:
            return True
        try:
            for body in self._report_frames.feed(data):
                self._take_report(json.loads(body))
        except (ValueError, RecursionError):  # the task's process may write anything here
            return False
        return bool(data)

    def _take_report(self, report: Any) -> None:
        """The callable has ended, and with it the attempt: what the process still does is bounded."""
        if self._cause is not None or self._report is not None or not isinstance(report, dict):
            return
        texts = {key: report[key] for key in _TEXTS if isinstance(report.get(key), str)}
        if texts.get("state") in ("succeeded", "failed"):
            self._report = {**texts, "result": report.get("result")}
            self._deadline = time.monotonic() + self._request["kill_grace"]

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
                self._end(None, self._request["kill_grace"])
        elif self._deadline is not None and now >= self._deadline:
            self._end_late()

    def _end_late(self) -> None:
        if self._report is not None:
            self._end(None, 0.0)
        else:
            self._end(Cause.TIMEOUT, self._request["kill_grace"])

    def _end(self, cause: Optional[Cause], grace: float) -> None:
        """Begin to end the whole tree, or hurry where that has begun."""
        now = time.monotonic()
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

    def _ended(self, found: dict[str, Any]) -> dict[str, Any]:
        ended = {"type": "ended", "started": self._began_at, "ended": time.time(), **found}
        ended["usage"] = self._meter.report(time.monotonic() - self._began)
        ended["left_behind"] = self._left_behind[:50]
        if "reason" in ended:
            ended["reason"] = words.cut(ended["reason"])
        return ended

    def _close_log(self, ended: Mapping[str, Any]) -> None:
        if ended.get("traceback"):
            self._log.traceback(ended["traceback"])
        if self._log.file.lost:
            self._log.note(f"{self._log.file.lost} bytes of this log were lost: {self._log.file.trouble}")
        self._log.note(words.footer(ended))
