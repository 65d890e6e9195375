"""Runs attempts in worker processes, and sees to it that nothing of them is left."""

from longcase.edge.pool.process_pool import ProcessPool

__all__ = ["ProcessPool"]
