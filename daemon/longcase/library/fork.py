"""Forking a process that may have threads, at a moment when they do least harm."""

import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

_REST: Final = 0.1  # seconds to wait for a thread that is just logging


@contextmanager
def interrupt_held_back() -> Iterator[None]:
    """Ctrl-C comes up only at the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:  # what came before is raised by the next line, when it has blocked the signal
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def fork() -> int:
    """As os.fork, but nothing that was printed before comes twice. Ctrl-C is to be held back.

    What another thread holds stays held in the child for ever. Logging is the lock that everyone shares, so
    no thread is within it.
    """
    _flush()
    locks = _logging_at_rest()
    pid = -1
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns of the locks that this function is about.
            warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
            pid = os.fork()
    finally:
        if pid != 0:  # a child has new locks
            for lock in locks:
                lock.release()
    return pid


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _logging_at_rest() -> list[Any]:
    """The locks of all handlers, acquired: with them those of their streams, which a child doesn't renew."""
    loggers = [logging.root, *logging.Logger.manager.loggerDict.values()]
    handlers = {handler for logger in loggers for handler in getattr(logger, "handlers", ())}
    locks = [handler.lock for handler in handlers if handler.lock is not None]
    return [lock for lock in locks if lock.acquire(timeout=_REST)]
