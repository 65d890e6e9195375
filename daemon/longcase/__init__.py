"""Longcase runs pipelines of tasks on time on one Linux machine, and lets no failure go unnoticed."""

__version__ = "0.1.0"
