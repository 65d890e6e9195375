"""What runs in and beside a task's process.

Standard library only, Python ≥ 3.9, and nothing else of this package is known here: the folder is started by
its path with the user's own interpreter.
"""
