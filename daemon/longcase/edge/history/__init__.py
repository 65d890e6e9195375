"""The history on disk."""

from longcase.edge.history.history import Accepted, DamagedError, History, RunExistsError
from longcase.edge.history.journal import Journal, read_journal

__all__ = ["Accepted", "DamagedError", "History", "Journal", "RunExistsError", "read_journal"]
