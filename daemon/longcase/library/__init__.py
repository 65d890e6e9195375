"""The library face: tasks and their process, run from a program of its own."""
