"""One attempt, from its log's header to its footer, as its worker supervises it."""

import time
from typing import Any, Mapping, Optional, Sequence

from . import spawn, usage, verdict, words
from .alarm import Alarm
from .link import Link
from .logfile import LogFile
from .mask import Mask
from .output import AttemptLog, Stream
from .results import ResultError
from .spool import Spool
from .supervision import Supervision
from .verdict import End

_FOR_PEOPLE = ("exception", "traceback", "reason")
_FAILURES = ("failed", "timed_out", "killed")
_LEAST = 1.0  # seconds that are left to take the result where ending what the command left took long


class Attempt:
    """Runs one request."""

    def __init__(self, request: Mapping[str, Any], link: Link, alarm: Alarm) -> None:
        self._request = request
        self._link = link
        self._alarm = alarm
        self._mask = Mask(request["secrets"])
        self._meter = usage.Meter()
        self._spool: Optional[Spool] = None
        self._left_behind: Sequence[str] = ()
        self._began = time.monotonic()
        self._began_at = time.time()
        timeout = request["timeout"]
        self._deadline = None if timeout is None else self._began + timeout

    def run(self) -> dict[str, Any]:
        """Run it to its end, and its whole tree with it; return the report for the daemon."""
        path = self._request["log"]["path"]
        try:
            file = LogFile(**self._request["log"])
        except OSError as error:
            return self._ended({"state": "failed", "reason": f"can't open the log {path}: {error.strerror}"})
        self._log = AttemptLog(file, self._request["run"], self._mask)
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
        except (spawn.SpawnError, ResultError) as error:
            self._log.note(words.header(self._request, mask=self._mask))
            return self._with_result({"state": "failed", "reason": str(error)}, End())
        self._log.note(words.header(self._request, spawned.pid, self._mask))
        end = self._watch(spawned, self._deadline)
        return self._with_result(verdict.find(self._request, end), end)

    def _spawn(self) -> spawn.Spawned:
        if "command" in self._request:
            self._spool = _open_spool(self._request, self._mask)
            return spawn.command(self._request)
        return spawn.call(self._request, self._alarm, self._own())

    def _own(self) -> list[int]:
        return [self._link.fileno(), self._log.file.fileno()]

    def _watch(self, spawned: spawn.Spawned, deadline: Optional[float]) -> End:
        grace = self._request["kill_grace"]
        supervision = Supervision(self._link, self._alarm, self._meter, grace, deadline)
        streams = [self._stream(name, fd) for name, fd in spawned.pipes.items() if name != "report"]
        end = supervision.run(spawned, streams)
        self._left_behind = end.left_behind
        return end

    def _stream(self, name: str, fd: int) -> Stream:
        copy = self._spool.write if self._spool and name == "out" else None
        return Stream(fd, name, self._log, self._request["line_patience"], copy)

    def _with_result(self, found: dict[str, Any], end: End) -> dict[str, Any]:
        """What a command wrote is its result, where it is to have one and did not fail."""
        if self._spool is None:
            return found
        if found["state"] == "succeeded":
            found = {**found, **self._take_result(end)}
        if found["state"] == "succeeded":
            self._spool.close()
        else:
            self._spool.discard()
        return found

    def _take_result(self, end: End) -> dict[str, Any]:
        """The state with the result, which a fork finds: meanwhile this process goes on listening."""
        assert self._spool is not None
        if end.asked is not None:  # it was to end when its command had ended already
            return verdict.of_result(self._request, End(cause=end.asked, late=end.late))
        try:
            spawned = spawn.check(self._spool, self._alarm, self._own())
        except spawn.SpawnError as error:
            return {"state": "failed", "reason": f"the result can't be checked: {error}"}
        least = time.monotonic() + _LEAST
        deadline = None if self._deadline is None else max(self._deadline, least)
        return verdict.of_result(self._request, self._watch(spawned, deadline))

    def _ended(self, found: dict[str, Any]) -> dict[str, Any]:
        ended: dict[str, Any] = {"type": "ended", "started": self._began_at, "ended": time.time()}
        ended.update(_masked(found, self._mask))
        ended["usage"] = self._meter.report(time.monotonic() - self._began)
        ended["left_behind"] = [self._mask.hide(name) for name in self._left_behind[:50]]
        if "reason" in ended:
            ended["reason"] = words.cut(ended["reason"])
        return ended

    def _close_log(self, ended: Mapping[str, Any]) -> None:
        if ended.get("traceback"):
            self._log.traceback(ended["traceback"])
        if self._log.file.lost:
            self._log.note(f"{self._log.file.lost} bytes of this log were lost: {self._log.file.trouble}")
        self._log.note(words.footer(ended))


def _masked(found: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """A report with nothing in it that nobody is to read: a task may have forged it."""
    texts = {key: mask.hide(found[key]) for key in _FOR_PEOPLE if isinstance(found.get(key), str)}
    result = found.get("result")
    if isinstance(result, dict) and isinstance(result.get("repr"), str):
        return {**found, **texts, "result": {**result, "repr": mask.hide(result["repr"])}}
    return {**found, **texts}


def _open_spool(request: Mapping[str, Any], mask: Mask) -> Optional[Spool]:
    """Where a command's result goes; None where it has none."""
    if request["result"] == "none":
        return None
    name = f"{request['task']}.{request['number']}"
    return Spool(request["results"], name, request["result"], as_json=request["json_result"], mask=mask)
