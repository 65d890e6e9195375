"""The keys of job files: every table of one, each key stated once."""

from typing import Any

from msgspec import Struct

from longcase.domain.pipeline import ResultKind
from longcase.domain.policy import CatchUp, MailOn, Overlap
from longcase.texts.faults import RefusedError
from longcase.texts.job_kinds import (
    Arguments,
    CommandLine,
    CronLine,
    Edge,
    KeywordArguments,
    Target,
    Timezone,
)
from longcase.texts.keys import Key, Section
from longcase.texts.kinds import (
    Address,
    Choice,
    Duration,
    Flag,
    ListOf,
    Number,
    OneOrMore,
    PathText,
    Size,
    Text,
    Whole,
)
from longcase.texts.secret_kind import Secret
from longcase.texts.variables import VariableName, Variables


class Tasks(Struct, frozen=True):
    """The tables of all tasks, at least one. They are read apart, so that one's faults hide nothing."""

    table: Section

    def read(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict) or not value:
            raise RefusedError.expected("at least one task: [tasks.NAME] with call or run", value)
        return value


SHARED_KEYS = (
    Key("timeout", Duration(may_be_zero=False), None, "How long an attempt may take. Left out: no limit."),
    Key("retries", Whole(0, 10_000), 0, "How often a failed attempt is tried again."),
    Key("retry_delay", Duration(), "10s", "How long to wait before an attempt is tried again."),
    Key("retry_backoff", Number(1), 1, "By how much each wait is longer than the one before: 2 doubles it."),
    Key("retry_max_delay", Duration(), "1h", "How long the longest wait is; retry_delay, if that is longer."),
    Key(
        "retry_jitter",
        Number(0, 1),
        0,
        "The share of each wait, 0 to 1, that is added or taken off at random.",
    ),
    Key("kill_grace", Duration(), "10s", "How long processes have between SIGTERM and SIGKILL."),
    Key("log_max_bytes", Size("4K"), "10M", "The size at which the log is rotated."),
    Key("log_backups", Whole(0, 1_000), 5, "How many rotated logs are kept."),
    Key("log_compress", Flag(), False, "Whether rotated logs are compressed with gzip."),
)
TASK_KEYS = (
    Key(
        "call", Target(), None, "A Python callable, module:qualified.name or path/to/file.py:qualified.name."
    ),
    Key("run", CommandLine(), None, "A command: a string for /bin/sh -c, a list for no shell."),
    Key("args", Arguments(), [], "Positional arguments of the callable."),
    Key("kwargs", KeywordArguments(), {}, "Keyword arguments of the callable."),
    Key(
        "depends_on",
        ListOf(Edge(), "a list of dependencies"),
        [],
        "Tasks to wait for: names, or tables that pass a result on.",
    ),
    Key(
        "result",
        Choice(tuple(ResultKind)),
        "none",
        "What of a command is its result: none, or its standard output as text or as json.",
    ),
)
MAIL_KEYS = (
    Key("to", ListOf(Address(), "a list of mail addresses"), None, "Who gets mails. Left out: the operator."),
    Key(
        "on",
        ListOf(Choice(tuple(MailOn)), "a list of events"),
        ["failure", "recovery"],
        "What mails are sent for.",
    ),
)
FILE_KEYS = (
    Key("enabled", Flag(), True, "Whether the schedule is followed; by hand the pipeline runs either way."),
    Key("description", Text(may_be_empty=True), "", "What the pipeline is for, in a line."),
    Key(
        "schedule",
        OneOrMore(CronLine(), "a cron line or a list of them"),
        [],
        "When the pipeline runs: cron lines of five fields, or six with seconds in front, or @daily…",
    ),
    Key("timezone", Timezone(), None, "The zone of the schedule. Left out: the machine's."),
    Key(
        "overlap",
        Choice(tuple(Overlap), ("queue_one", "queue_all", "cancel_other", "allow_all")),
        "skip",
        "What happens at an instant while a run is still on.",
    ),
    Key(
        "catch_up",
        Choice(tuple(CatchUp), ("none", "all")),
        "one",
        "Which instants missed while the daemon was down still run.",
    ),
    Key(
        "run_timeout",
        Duration(may_be_zero=False),
        None,
        "How long a run may take, from its start to its end. Left out: no limit.",
    ),
    Key(
        "working_dir",
        PathText("a folder"),
        None,
        "Where tasks run, from the job file's folder on. Left out: HOME.",
    ),
    Key(
        "python",
        PathText("an interpreter's path", absolute=True),
        None,
        "The interpreter of the callables. Left out: the daemon's own.",
    ),
    Key(
        "pythonpath",
        ListOf(PathText("a folder"), "a list of folders"),
        [],
        "Folders in which modules are looked up, from the job file's folder on.",
    ),
    Key(
        "env_file",
        OneOrMore(PathText("a file's path"), "a path or a list of paths"),
        [],
        "Files of environment variables, NAME=value a line, from the job file's folder on.",
    ),
    Key(
        "env",
        Variables('a table of strings such as { REGION = "eu" }'),
        {},
        "Environment variables of all tasks.",
    ),
    Key(
        "secrets",
        Variables('a table of secrets such as { DB_PASSWORD = { file = "/etc/etl/db" } }', Secret()),
        {},
        "Environment variables of all tasks whose values are read from elsewhere, and shown nowhere.",
    ),
    Key(
        "params",
        Variables('a table of strings such as { day = "today" }', name=VariableName(reserved=False)),
        {},
        "What a run by hand may be given, with defaults; tasks see it as LONGCASE_PARAM_name.",
    ),
)
_HOMES = (
    ("at the top of the file, before the first [table]", FILE_KEYS),
    ("in [mail]", MAIL_KEYS),
    ("in [defaults] or [tasks.NAME]", SHARED_KEYS),
    ("in [tasks.NAME]", TASK_KEYS),
)

_LATER_IN_FILE = frozenset(
    {
        "exclude",
        "spread",
        "after",
        "catch_up_window",
        "on_interrupt",
        "max_parallel",
        "priority",
        "preload",
        "reuse",
        "user",
    }
)
LATER_SHARED = frozenset(
    {
        "nice",
        "ionice",
        "memory_max",
        "tasks_max",
        "cpu_max_seconds",
        "files_max",
        "uses",
        "result_max",
    }
)
"""Shared keys that only later versions know."""

TASK = Section((*TASK_KEYS, *SHARED_KEYS), _HOMES, LATER_SHARED)
DEFAULTS = Section(SHARED_KEYS, _HOMES, LATER_SHARED)
MAIL = Section(MAIL_KEYS, _HOMES, frozenset({"group_for"}))
FILE = Section(
    (
        *FILE_KEYS,
        Key("mail", MAIL, {}, "Who is told of what."),
        Key("defaults", DEFAULTS, {}, "What holds for every task that doesn't say otherwise."),
        Key("tasks", Tasks(TASK), None, "The tasks, each a table of its own: [tasks.NAME]."),
    ),
    _HOMES,
    _LATER_IN_FILE,
)
