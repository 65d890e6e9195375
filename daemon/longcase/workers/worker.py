"""A worker: a small process that runs attempts for the daemon, one at a time."""

import os
import sys
from typing import Any

from . import tree
from .alarm import Alarm
from .attempt import Attempt
from .link import Link


def main(fd: int) -> None:
    """Serve the daemon at the other end of socket `fd` until it closes its end."""
    tree.become_subreaper()
    os.umask(0o027)
    alarm = Alarm.set_up()
    link = Link(fd)
    link.send({"type": "ready", "version": list(sys.version_info[:3])})
    while not link.closed:
        link.receive()
        while link.inbox:
            message = link.inbox.popleft()
            # A `cancel` that comes between two attempts is too late: what it was meant for has ended.
            if message["type"] == "run" and not _run(message, link, alarm):
                return


def _run(message: dict[str, Any], link: Link, alarm: Alarm) -> bool:
    """Whether this worker can run another attempt."""
    ended = Attempt({**message, "pack": f"{os.getpid()}.pack"}, link, alarm).run()
    if not link.closed:
        link.send(ended)
    return not (link.closed or ended["left_behind"])
