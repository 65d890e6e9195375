"""The `logging` of a task's process, before the task itself says how it wants it."""

import logging
import os
from typing import Any, Callable


class LastResort(logging.Handler):
    """Writes `LEVEL name: message` for every record that no handler of the task's own takes.

    It sits on the root logger. So a script that sets up its own logging gets what it would get alone, and one
    that doesn't loses nothing.
    """

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if not _is_taken(record, self):
            try:
                line = self.format(record) + "\n"
                os.write(self._fd, line.encode("utf-8", "backslashreplace"))
            except Exception:  # noqa: BLE001  as every handler of logging does
                self.handleError(record)


def _is_taken(record: logging.LogRecord, last_resort: logging.Handler) -> bool:
    logger: Any = logging.getLogger(record.name)
    while logger:
        for handler in logger.handlers:
            if handler is not last_resort and not isinstance(handler, logging.NullHandler):
                return True
        logger = logger.propagate and logger.parent
    return False


def set_up(fd: int) -> None:
    """Send what is logged at INFO or above to a pipe, until the task decides otherwise."""
    last_resort = LastResort(fd)
    logging.root.addHandler(last_resort)
    logging.root.setLevel(logging.INFO)
    logging.basicConfig = _step_aside(last_resort, logging.basicConfig)


def _step_aside(last_resort: logging.Handler, original: Callable[..., None]) -> Callable[..., None]:
    """`basicConfig` acts only on a root logger without handlers: give it one."""

    def basic_config(**settings: Any) -> None:
        if settings and logging.root.handlers == [last_resort]:
            logging.root.removeHandler(last_resort)
            logging.root.setLevel(logging.WARNING)
        original(**settings)

    return basic_config
