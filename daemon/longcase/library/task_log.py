"""The log of one task: a logger and a handler that nobody else has."""

import logging
import os
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

_FORMATTER = logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s")
_FLAGS = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    | os.O_NONBLOCK  # a pipe that nobody reads is an error then, and would be waited for else
)  # fmt: skip


class TaskLog(logging.FileHandler):
    """Appends to a file, which exists from now on. Raises OSError where it can't.

    A record is one write, so that the lines of tasks that share a file don't mix. The file is open only
    while it is held, that is while its task runs: a process may have more tasks than descriptors.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        super().__init__(path, mode="a", encoding="utf-8", delay=True)
        self.setFormatter(_FORMATTER)
        self.setLevel(logging.INFO)
        self._fd = -1
        self._holders = 0
        os.close(self._open_file())

    def hold(self) -> None:
        """Keep the file open until the matching `let_go`. Raises OSError."""
        with self._mutex:
            if self._holders == 0:
                self._fd = self._open_file()
            self._holders += 1

    def let_go(self) -> None:
        with self._mutex:
            self._holders = max(self._holders - 1, 0)  # 0: it was closed meanwhile
            if self._holders == 0:
                self._close_file()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write((self.format(record) + "\n").encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001 - as every handler of logging does
            self.handleError(record)

    def close(self) -> None:
        """Close the file. What is logged later opens it again."""
        with self._mutex:
            self._holders = 0
            self._close_file()
        super().close()

    def _write(self, line: bytes) -> None:
        with self._mutex:
            if self._fd >= 0:
                os.write(self._fd, line)
                return
            fd = self._open_file()
            try:
                os.write(fd, line)
            finally:
                os.close(fd)

    @property
    def _mutex(self) -> AbstractContextManager[Any]:
        assert self.lock is not None  # FileHandler makes it, and logging makes it anew in a fork
        return self.lock

    def _open_file(self) -> int:
        fd = os.open(self.baseFilename, _FLAGS, 0o666)
        os.set_blocking(fd, True)
        return fd

    def _close_file(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):  # a task may have closed all descriptors that there are
                os.close(fd)


class TaskLogger(logging.Logger):
    """A logger outside the tree of loggers: no other one of that name, and no parent, gets its records."""

    def __init__(self, name: str, parent: logging.Logger | None = None) -> None:
        super().__init__(name)
        self.parent = parent
        self.propagate = parent is not None
        self._children: dict[str, TaskLogger] = {}

    def getChild(self, suffix: str) -> "TaskLogger":  # noqa: N802 - logging's name
        """A logger below this one: its records come to the handlers of both."""
        head, _, rest = suffix.partition(".")
        child = self._children.setdefault(head, TaskLogger(f"{self.name}.{head}", self))
        return child.getChild(rest) if rest else child

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        """As the base says, but from no cache: that is cleared for loggers in the tree alone."""
        return not self.disabled and self.manager.disable < level and level >= self.getEffectiveLevel()


def logger_of(name: str, log: TaskLog) -> TaskLogger:
    """All that is logged by it reaches its handlers; the log takes what is at INFO or above."""
    logger = TaskLogger(name)
    logger.setLevel(logging.DEBUG)
    logger.addHandler(log)
    return logger
