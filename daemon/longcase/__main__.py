"""The command `longcase`, also as `python -m longcase`."""
