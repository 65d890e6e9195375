"""A worker's end of the socket to its daemon."""

import json
import socket
from collections import deque
from typing import Any, Deque, Mapping

from . import wire

_READ = 64 * 1024


class Link:
    """Messages in and out. `inbox`: what has come, oldest first. `closed` once the daemon's end is gone."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.set_inheritable(False)
        self._frames = wire.Frames()
        self.inbox: Deque[Any] = deque()
        self.closed = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> None:
        """Wait until something comes, and put the messages that it completes into the inbox."""
        try:
            data = self._socket.recv(_READ)
        except ConnectionError:
            data = b""
        self.closed = self.closed or not data
        self.inbox += map(json.loads, self._frames.feed(data))

    def send(self, message: Mapping[str, Any]) -> None:
        try:
            self._socket.sendall(wire.frame(message, errors="replace"))
        except ConnectionError:
            self.closed = True
