"""A folder with settings of its own, and the real commands on it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

LONGCASE = (sys.executable, "-m", "longcase")


class Home:
    """`longcase.toml`, `jobs.d`, `state` and `log` below one folder."""

    def __init__(self, root, mail_port=None, **settings):
        self.root = Path(root)
        self.jobs = self.root / "jobs.d"
        self.log = self.root / "log"
        self.state = self.root / "state"
        self.config = self.root / "longcase.toml"
        self.jobs.mkdir(parents=True, exist_ok=True)
        lines = [
            f'{name}_dir = "{self.root / folder}"'
            for name, folder in FOLDERS.items()
            if f"{name}_dir" not in settings
        ]
        lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        if mail_port:
            lines += ["[mail]", f'server = "127.0.0.1:{mail_port}"', 'operator = ["op@example.com"]']
        self.config.write_text("\n".join(lines) + "\n")

    def job(self, name, text):
        path = self.jobs / f"{name}.toml"
        path.write_text(text)
        return path

    def module(self, name, text):
        """A module that jobs of this folder find with `pythonpath = ["."]`."""
        (self.jobs / f"{name}.py").write_text(text)

    def run(self, *arguments, **options):
        """A command, to its end."""
        return subprocess.run(
            [*LONGCASE, "--config", self.config, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    def json(self, *arguments):
        """What a command prints with --json."""
        done = self.run(*arguments, "--json")
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def serve(self):
        """The daemon, ready; at the end it is stopped by SIGTERM, and has to end with exit code 0."""
        daemon = Daemon(self)
        try:
            daemon.wait_for("daemon ready")
            yield daemon
        finally:
            daemon.stop()

    def task_log(self, pipeline, task):
        return (self.log / pipeline / f"{task}.log").read_text()


FOLDERS = {"jobs": "jobs.d", "log": "log", "state": "state", "runtime": "run"}


class Daemon:
    """A running `longcase serve`, and what it logs."""

    def __init__(self, home):
        self._output = home.root / "serve.jsonl"
        self._file = self._output.open("ab")
        self._position = self._file.tell()
        self.process = subprocess.Popen(
            [*LONGCASE, "--config", home.config, "serve"], stderr=self._file, stdin=subprocess.DEVNULL
        )

    @property
    def events(self):
        """All that was logged since this daemon started."""
        with self._output.open("rb") as file:
            file.seek(self._position)
            *whole, _ = file.read().split(b"\n")
        return [json.loads(line) for line in whole]

    def wait_for(self, title, seconds=20, count=1, **fields):
        """The first event with this title and these fields (or the first `count` of them)."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [
                event
                for event in self.events
                if event["event"] == title and all(event.get(key) == value for key, value in fields.items())
            ]
            if len(found) >= count:
                return found[0] if count == 1 else found[:count]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        code = self.process.poll()
        raise AssertionError(f"no {count} {title!r} with {fields}; exit {code}: {self.events[-9:]}")

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(40)
        self._file.close()
        assert code == 0, self._output.read_text()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._file.close()


def processes_with(mark):
    """The command lines of all living processes that have `mark` in their environment or command line."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            command = Path(entry.path, "cmdline").read_bytes()
            environment = Path(entry.path, "environ").read_bytes()
            state = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[0]
            if (mark.encode() in command or mark.encode() in environment) and state != "Z":
                found.append(f"{entry.name} {state} {command!r}")
    return found


def eventually(check, seconds=20):
    """Wait until `check()` is true; its last value."""
    deadline = time.monotonic() + seconds
    while not (value := check()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return value
