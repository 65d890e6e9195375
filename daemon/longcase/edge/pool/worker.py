"""A worker as its daemon sees it: a process at the other end of a socket."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import longcase.workers
from longcase.edge.pool import report
from longcase.workers import wire
from longcase.workers.mask import Mask
from longcase.workers.words import signal_name

LIVE: set[int] = set()
"""The pid of every worker of this process that has not been reaped: no orphan of a task is among them."""

_FOLDER = str(Path(longcase.workers.__file__).parent)
_READ = 64 * 1024
_HEARD = 64 * 1024  # bytes that are kept: to find a secret of which the last words hold the end
_LAST_WORDS = 500
_EXIT_PATIENCE = 1.0
_EXIT_POLL = 0.005


class StartError(Exception):
    """The interpreter can't be started."""


class Worker:
    """Starts a worker process at once; raises StartError where its interpreter can't be executed.

    `on_message(worker, message)` is called for every message, and may raise ReportError.
    `on_silence(worker, why)` is called once, when no more will come: `why` is "" where the worker has closed
    its end, else what is wrong with what it sent.
    """

    def __init__(
        self,
        python: str | None,
        env: Mapping[str, str],
        *,
        on_message: Callable[["Worker", report.Ready | report.Ended], None],
        on_silence: Callable[["Worker", str], None],
    ) -> None:
        self.python = python or sys.executable
        self.ready = False
        self._on_message = on_message
        self._on_silence = on_silence
        self._loop = asyncio.get_running_loop()
        self._frames = wire.Frames(wire.LIMIT)
        self._unsent = bytearray()
        self._heard = b""
        try:
            self._process = self._start(env)
        except OSError as error:
            raise StartError(f"interpreter {self.python} can't be started: {error.strerror}") from None
        LIVE.add(self._process.pid)
        self._listen()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        self._stderr = self._process.stderr
        os.set_blocking(self._stderr.fileno(), False)
        self._loop.add_reader(self._stderr, self._hear)
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._read)
        self._pidfd = -1
        with suppress(OSError):  # a container may forbid it: then the end of the socket has to do
            self._pidfd = os.pidfd_open(self.pid)
            self._loop.add_reader(self._pidfd, self._died)

    def _start(self, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        self._socket, theirs = socket.socketpair()
        with theirs, ExitStack() as opened:
            opened.enter_context(self._socket)
            process = self._execute(theirs, env)
            opened.pop_all()  # it is kept until the process has ended
        return process

    def _execute(self, theirs: socket.socket, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self.python, _FOLDER, "--fd", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=env,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Mapping[str, Any]) -> None:
        """Send as soon as the socket takes it; to a worker that is dead it goes nowhere."""
        if not self._unsent and self._socket.fileno() >= 0:
            self._loop.add_writer(self._socket, self._write)
        self._unsent += wire.frame(message)
        self._write()

    def kill(self) -> None:
        """End it at once; its silence follows."""
        self._process.kill()

    def hang_up(self) -> None:
        """Close this end, which tells the worker to end. No callback is called any more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            if self._pidfd >= 0:
                self._loop.remove_reader(self._pidfd)
                os.close(self._pidfd)

    async def wait(self) -> None:
        """Wait for its end, helping after a second, and give back what it held."""
        self.hang_up()
        patience = self._loop.time() + _EXIT_PATIENCE
        while self._process.poll() is None:
            if self._loop.time() > patience:
                self.kill()
            await asyncio.sleep(_EXIT_POLL)
        LIVE.discard(self.pid)
        with self._stderr as stderr:
            self._hear()  # as much as a pipe holds
            self._loop.remove_reader(stderr)

    def _hear(self) -> None:
        data = self._stderr.read(_READ)
        if data:
            self._heard = (self._heard + data)[-_HEARD:]
        elif data is not None:
            self._loop.remove_reader(self._stderr)

    @property
    def signal(self) -> str | None:
        """The name of the signal that killed it, once it has ended."""
        code = self._process.returncode
        return signal_name(-code) if code < 0 else None

    def exit(self, mask: Mask) -> str:
        """How it ended, in words, and its last ones, once it has ended."""
        how = f"killed by {self.signal}" if self.signal else f"exit code {self._process.returncode}"
        heard = self._heard.decode("utf-8", "replace").rstrip()
        last_words = " ".join(mask.tail(heard, _LAST_WORDS).split())
        return f"{how}: {last_words}" if last_words else how

    def _died(self) -> None:
        """Another process may hold its end of the socket open: what has come is all that will be read."""
        for _ in range(wire.LIMIT // _READ + 1):
            if self._socket.fileno() < 0 or not self._read():
                break
        if self._socket.fileno() >= 0:
            self._fall_silent("")

    def _read(self) -> bool:
        """Take what it says. False: it says nothing at the moment, or never again."""
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return False
        except ConnectionError:
            data = b""
        try:
            for body in self._frames.feed(data):
                self._on_message(self, report.parse(body))
        except (wire.WireError, report.ReportError) as error:
            self._fall_silent(str(error))
            return False
        if not data:
            self._fall_silent("")
        return bool(data)

    def _fall_silent(self, why: str) -> None:
        self.hang_up()
        self._on_silence(self, why)

    def _write(self) -> None:
        if self._socket.fileno() < 0:
            return
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:  # it is dead; its silence is noticed by _read
            sent = len(self._unsent)
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._socket)
