"""The process that looks at callables, as its caller talks to it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import longcase.workers
from home import eventually, processes_with
from longcase.workers import wire

FOLDER = Path(longcase.workers.__file__).parent


class Caller:
    def __init__(self, folder):
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(20)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, FOLDER, "--check", "--fd", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={"MARK": str(folder)},
                start_new_session=True,
            )
        self._frames = wire.Frames()
        self._inbox = []

    def ask(self, folder, *modules, timeout=20, secrets=()):
        asked = [{"calls": calls, "env": {"MARK": str(folder)}, "cwd": str(folder)} for calls in modules]
        request = {
            "pythonpath": [str(folder)],
            "working_dir": None,
            "secrets": secrets,
            "timeout": timeout,
            "modules": asked,
        }
        self._socket.sendall(wire.frame(request))

    def hear(self):
        while not self._inbox:
            data = self._socket.recv(65536)
            assert data, "it fell silent"
            self._inbox += map(json.loads, self._frames.feed(data))
        return self._inbox.pop(0)

    def hang_up(self):
        self._socket.close()

    def wait(self):
        return self.process.wait(20)


@pytest.fixture
def caller(tmp_path):
    caller = Caller(tmp_path)
    yield caller
    caller.hang_up()
    caller.process.kill()
    caller.process.wait()


def test_it_says_that_it_is_ready_answers_call_by_call_and_ends(caller, tmp_path):
    (tmp_path / "good.py").write_text("def f(): ...\ndef g(): ...\n")
    assert caller.hear() == {"type": "ready"}
    caller.ask(tmp_path, ["good:f", "good:g"], ["json:loads"])
    heard = [caller.hear() for _ in range(4)]
    assert [message.get("call") for message in heard] == ["good:f", "good:g", "json:loads", None]
    assert heard[0] == {
        "type": "found",
        "call": "good:f",
        "signature": {"shown": "()", "parameters": [], "decorated": False, "returns": None},
    }
    assert heard[3] == {"type": "done"}
    assert caller.wait() == 0


def test_when_nobody_waits_any_more_it_ends_what_it_began_and_itself(caller, tmp_path):
    began = tmp_path / "began"
    (tmp_path / "hangs.py").write_text(f"import signal\nopen({str(began)!r}, 'w').close()\nsignal.pause()\n")
    caller.hear()
    caller.ask(tmp_path, ["hangs:f"], ["json:loads"])
    assert eventually(began.exists)
    caller.hang_up()
    assert caller.wait() == 0
    assert not processes_with(str(tmp_path))


def test_without_a_request_it_ends(caller):
    caller.hear()
    caller.hang_up()
    assert caller.wait() == 0


@pytest.mark.parametrize("forged", ["{", '{"call": "bad:f"', "[]", '{"call": "no:such", "type": "found"}'])
def test_what_a_module_writes_instead_of_an_answer_is_none(caller, tmp_path, forged):
    """It finds the descriptor, and says what it likes; here it ends before anything true is said."""
    (tmp_path / "bad.py").write_text(
        "import os, struct\n"
        f"body = {forged.encode()!r}\n"
        "for fd in map(int, os.listdir('/proc/self/fd')):\n"
        "    try:\n"
        "        os.write(fd, struct.pack('>I', len(body)) + body)\n"
        "    except OSError:\n"
        "        pass\n"
        "os._exit(3)\n"
    )
    caller.hear()
    caller.ask(tmp_path, ["bad:f"])
    answer = caller.hear()
    assert (answer["type"], answer["call"]) == ("broken", "bad:f")
    assert answer["error"] == "the import ended the interpreter with exit code 3"
    assert caller.hear() == {"type": "done"}


SECRET = "hunter2-s3same"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f"raise ValueError({'x' * 1980 + SECRET!r})", "error"),
        (f"def f():\n    raise ValueError({SECRET + '.'!r} * 9_000)\nf()", "trace"),
        (f"print({SECRET + 'x' * 3_990!r})\nraise ValueError", "output"),
        (f"print({'x' * 60_000 + SECRET + 'x' * 3_990!r})\nraise ValueError", "output"),
        (f"raise SystemExit({SECRET!r})", "error"),
    ],
)
def test_no_part_of_a_secret_is_told_where_a_text_is_cut(caller, tmp_path, text, key):
    (tmp_path / "bad.py").write_text(f"{text}\n")
    caller.hear()
    caller.ask(tmp_path, ["bad:f"], secrets=[SECRET])
    answer = caller.hear()
    assert answer[key]
    assert not any(part in answer[key] for part in (SECRET[:4], SECRET[-4:], SECRET[4:8]))


def test_a_signature_is_shown_without_secrets(caller, tmp_path):
    (tmp_path / "good.py").write_text(
        f"from typing import Literal\ndef f(a: Literal[{SECRET!r}], b={'x' * 185 + SECRET!r}): ...\n"
    )
    caller.hear()
    caller.ask(tmp_path, ["good:f"], secrets=[SECRET])
    signature = caller.hear()["signature"]
    assert "hunt" not in signature["shown"]
    assert signature["parameters"][0]["hint"]["shown"] == "Literal['•••']"


def test_the_folder_of_the_workers_is_not_on_the_path(caller, tmp_path):
    """A user's module `results` must not find ours."""
    caller.hear()
    caller.ask(tmp_path, ["signatures:describe"])
    assert "No module named 'signatures'" in caller.hear()["error"]
    assert os.path.isfile(FOLDER / "signatures.py")
