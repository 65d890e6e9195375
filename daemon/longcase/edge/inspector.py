"""Has callables looked at in a job's own interpreter: never in this process, and nothing of it is left."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self

import msgspec
from msgspec import Struct

import longcase.workers
from longcase.domain.errors import LongcaseError
from longcase.domain.signature import Signature
from longcase.workers import wire
from longcase.workers.ending import PATIENCE, Ending, Inherited
from longcase.workers.mask import Mask
from longcase.workers.words import duration, signal_name

LIMIT = 60.0
"""Seconds that the import of one module may take."""

_FOLDER = str(Path(longcase.workers.__file__).parent)
_READ = 64 * 1024
_LAST_WORDS = 500
_POLL = 0.01
_PATIENCE = 1.0  # seconds that a process may take to end once its socket is closed


class InterpreterError(LongcaseError):
    """The interpreter can't be started, or is none that can be used."""


class Module(Struct, frozen=True):
    """Callables of one module, and the environment of their tasks."""

    calls: tuple[str, ...]
    env: Mapping[str, str]


class Broken(Struct, frozen=True, tag="broken", tag_field="type"):
    """A callable that a task would not find. `trace`: of the module's own code; `output`: what it printed."""

    call: str
    error: str
    trace: str = ""
    output: str = ""


class Found(Struct, frozen=True, tag="found", tag_field="type"):
    """A callable; `signature` is None where it has none."""

    call: str
    signature: Signature | None


class _Ready(Struct, frozen=True, tag="ready", tag_field="type"):
    pass


class _Done(Struct, frozen=True, tag="done", tag_field="type"):
    pass


_Message = _Ready | _Done | Broken | Found
_decoder = msgspec.json.Decoder(_Message)


class Inspector:
    """Starts `python` (None: this process's own) as a task's worker would be started, with `env`.

    `pythonpath` and `working_dir` are a task's; `limit` is in seconds, for one module. `secrets`: the values
    that are hidden in all texts of the answers.
    """

    def __init__(  # noqa: PLR0913 - keys of a job file, and how long it may take
        self,
        python: str | None,
        env: Mapping[str, str],
        *,
        pythonpath: Sequence[str] = (),
        working_dir: str | None = None,
        secrets: Collection[str] = (),
        limit: float = LIMIT,
    ) -> None:
        self._python = python or sys.executable
        self._env = env
        self._request = {
            "pythonpath": list(pythonpath),
            "working_dir": working_dir,
            "secrets": list(secrets),
            "timeout": limit,
        }
        self._mask = Mask(secrets)
        self._limit = limit

    def inspect(self, modules: Sequence[Module]) -> dict[str, Found | Broken]:
        """What is found of each callable. Raises InterpreterError.

        A module that takes the interpreter down with it is passed over, and the next one gets a new one.
        """
        answers: dict[str, Found | Broken] = {}
        rest = list(modules)
        while rest:
            death = self._ask(rest, answers)
            rest = [module for module in rest if not answers.keys() >= set(module.calls)]
            if rest:
                fallen = rest.pop(0)
                answers |= {call: Broken(call, death) for call in fallen.calls if call not in answers}
        return answers

    def _ask(self, modules: Sequence[Module], answers: dict[str, Found | Broken]) -> str:
        """One interpreter, until it is done, or its end in words."""
        with _Interpreter(self._python, self._env, self._mask) as interpreter:
            if interpreter.receive(self._limit) != _Ready():
                remedy = "python names an interpreter of Python 3.9 or newer"
                raise InterpreterError(f"interpreter {self._python} {interpreter.end()}; {remedy}")
            asked = [{"calls": module.calls, **self._place(module)} for module in modules]
            interpreter.send({**self._request, "modules": asked})
            while isinstance(answer := interpreter.receive(self._limit + 2 * PATIENCE), Found | Broken):
                answers[answer.call] = answer
            return f"the import hurt the process that looks on, which {interpreter.end()}"

    def _place(self, module: Module) -> dict[str, Any]:
        working_dir = self._request["working_dir"]
        return {"env": module.env, "cwd": working_dir or module.env.get("HOME", "/")}


class _Interpreter:
    """A process in a session of its own. Leaving it ends the process, and everything that it left behind."""

    def __init__(self, python: str, env: Mapping[str, str], mask: Mask) -> None:
        self._mask = mask
        self._inherited = Inherited()
        self._frames = wire.Frames(wire.LIMIT)
        self._inbox: list[_Message] = []
        self._silence = ""
        with ExitStack() as opened:
            self._stderr = opened.enter_context(TemporaryFile())
            self._socket, theirs = socket.socketpair()
            opened.enter_context(self._socket)
            with theirs:
                self._process = self._start(python, env, theirs.fileno())
            self._opened = opened.pop_all()

    def _start(self, python: str, env: Mapping[str, str], fd: int) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [python, _FOLDER, "--check", "--fd", str(fd)],
                pass_fds=[fd],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                cwd="/",
                env=env,
                start_new_session=True,
            )
        except OSError as error:
            raise InterpreterError(f"interpreter {python} can't be started: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._opened:
            ending = Ending(self._inherited.find, 0.0, time.monotonic())
            while self._inherited.reap() and not ending.left_behind(time.monotonic()):
                ending.act(time.monotonic())
                time.sleep(_POLL)
            self._process.poll()

    def send(self, message: Mapping[str, Any]) -> None:
        with suppress(OSError):  # that it is dead is heard by `receive`
            self._socket.sendall(wire.frame(message))

    def receive(self, seconds: float) -> "_Message | None":
        """The next message, or None where none will come; `end` says why."""
        self._socket.settimeout(seconds)
        try:
            while not self._inbox:
                data = self._socket.recv(_READ)
                if not data:
                    return None
                self._inbox += map(_decoder.decode, self._frames.feed(data))
        except TimeoutError:
            self._silence = f"gave no answer in {duration(seconds)}"
            return None
        except (OSError, msgspec.MsgspecError, wire.WireError) as error:
            self._silence = f"sent what is no answer: {error}"
            return None
        return self._inbox.pop(0)

    def end(self) -> str:
        """How it ended, or what was wrong with it, as the end of a sentence."""
        if self._silence:
            return self._silence
        try:
            code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return "closed the socket by which it answers"
        how = f"was killed by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        words = self._last_words()
        return f"{how}: {words}" if words else how

    def _last_words(self) -> str:
        kept = 4 * (_LAST_WORDS + self._mask.longest)  # bytes: as many characters at least
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - kept))
        text = self._stderr.read(kept).decode("utf-8", "backslashreplace")
        return " ".join(self._mask.tail(text, _LAST_WORDS).split())
