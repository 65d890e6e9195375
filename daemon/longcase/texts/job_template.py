"""A job file to begin with: every key there is, explained, and a task that works."""

import textwrap
from collections.abc import Iterable

import tomli_w

from longcase.texts.job_keys import DEFAULTS, FILE, TASK, Tasks
from longcase.texts.keys import Key, Section

_COLUMNS = 110
_BESIDE = 36  # the column of comments
_HEAD = """\
#:schema {schema}
#
# The pipeline {name}. Keys that are commented out show their default or, where there is none, an example.
# Durations: "90s", "15m", "2h", "1d", "1h30m", or seconds. Sizes: "512K", "20M", "2G", or bytes.
# Relative paths begin at this file's folder. `longcase check` says what is wrong, and when it will run."""
_REST = "# --- Less often needed"
_TASK = "A task: either run or call. Every key of [defaults] may stand here too."
_LIVE = {"description": "", "run": ["echo", "hello"]}
_COMMON = ("description", "schedule", "timezone", "working_dir", "pythonpath", "env")
_EXAMPLES = {
    "schedule": "30 2 * * *",
    "timezone": "Europe/Berlin",
    "run_timeout": "2h",
    "working_dir": "/opt/etl",
    "python": "/opt/etl/bin/python",
    "pythonpath": ["/opt/etl"],
    "env_file": "/etc/etl/env",
    "env": {"REGION": "eu"},
    "secrets": {"DB_PASSWORD": {"file": "/etc/etl/db-password"}},
    "params": {"day": "today"},
    "to": ["ops@example.com"],
    "timeout": "10m",
    "call": "etl.users:fetch",
    "args": ["users.csv"],
    "kwargs": {"pages": 3},
    "depends_on": [{"task": "fetch", "pass": "arg"}, "check"],
}
"""What a key may say, where its default says nothing or is nothing to learn from."""


def job_template(name: str, schema: str) -> str:
    """The text of a job file for the pipeline `name`. `schema`: the URL at which editors find the schema."""
    common = [FILE.by_name[key] for key in _COMMON]
    rest = [key for key in FILE.keys if key not in common and not isinstance(key.kind, Section | Tasks)]
    tables = [(key, key.kind.keys) for key in FILE.keys if isinstance(key.kind, Section)]
    task = [key for key in TASK.keys if key.name not in DEFAULTS.by_name]
    blocks = [
        [_HEAD.format(name=name, schema=schema)],
        map(_entry, common),
        [_REST, *map(_entry, rest)],
        *([_line(f"[{table.name}]", table.help), *map(_entry, keys)] for table, keys in tables),
        [_line("[tasks.hello]", _TASK), *map(_entry, _live_first(task))],
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def _live_first(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: key.name not in _LIVE)


def _entry(key: Key) -> str:
    live = key.name in _LIVE
    value = _LIVE[key.name] if live else _EXAMPLES.get(key.name, key.default)
    return _line(f"{'' if live else '#'}{key.name} = {_spelled(value)}", key.help)


def _line(text: str, comment: str) -> str:
    """What is said, and the comment beside it, or above it where there is no room."""
    if len(text) >= _BESIDE - 1:
        return textwrap.fill(comment, _COLUMNS, initial_indent="# ", subsequent_indent="# ") + f"\n{text}"
    margin = " " * _BESIDE + "# "
    lines = textwrap.wrap(comment, _COLUMNS, initial_indent=margin, subsequent_indent=margin)
    return "\n".join([text + lines[0][len(text) :], *lines[1:]])


def _spelled(value: object) -> str:
    """A value on one line: tomli-w breaks arrays, and makes tables of tables."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_spelled(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_spelled, value)) + "]"
    return tomli_w.dumps({"_": value}).removeprefix("_ = ").rstrip("\n")
