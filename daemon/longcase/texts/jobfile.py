"""Job files: TOML in, a Pipeline out, or every error at its line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longcase.domain.pipeline import NAME_RULE, Call, Command, Environment, Pipeline, Task, is_name
from longcase.domain.policy import CatchUp, MailOn, MailPolicy, Overlap, RetryPolicy, Rotation
from longcase.domain.schedule import Schedule
from longcase.texts.document import Document, DocumentErrors
from longcase.texts.faults import Faults, RefusedError
from longcase.texts.job_kinds import (
    Arguments,
    CommandLine,
    CronLine,
    Edge,
    KeywordArguments,
    Target,
    Timezone,
    Variables,
)
from longcase.texts.job_wiring import check_wiring
from longcase.texts.keys import Key, Section
from longcase.texts.kinds import (
    Address,
    Choice,
    Duration,
    Flag,
    ListOf,
    OneOrMore,
    PathText,
    Size,
    Text,
    Whole,
)


class JobFileErrors(DocumentErrors):
    """A job file that is refused."""


class Tasks:
    """The tables of all tasks, at least one. They are read apart, so that one's faults hide nothing."""

    def read(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict) or not value:
            raise RefusedError.expected("at least one task: [tasks.NAME] with call or run", value)
        return value


SHARED_KEYS = (
    Key("timeout", Duration(may_be_zero=False), None, "How long an attempt may take. Left out: no limit."),
    Key("retries", Whole(0, 10_000), 0, "How often a failed attempt is tried again."),
    Key("retry_delay", Duration(), "10s", "How long to wait before an attempt is tried again."),
    Key("kill_grace", Duration(), "10s", "How long processes have between SIGTERM and SIGKILL."),
    Key("log_max_bytes", Size("4K"), "10M", "The size at which the log is rotated."),
    Key("log_backups", Whole(0, 1_000), 5, "How many rotated logs are kept."),
    Key("log_compress", Flag(), False, "Whether rotated logs are compressed with gzip."),
)
TASK_KEYS = (
    Key("call", Target(), None, "A Python callable, module:qualified.name."),
    Key("run", CommandLine(), None, "A command: a string for /bin/sh -c, a list for no shell."),
    Key("args", Arguments(), [], "Positional arguments of the callable."),
    Key("kwargs", KeywordArguments(), {}, "Keyword arguments of the callable."),
    Key(
        "depends_on",
        ListOf(Edge(), "a list of dependencies"),
        [],
        "Tasks to wait for: names, or tables that pass a result on.",
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
    Key("env", Variables(), {}, "Environment variables of all tasks."),
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
        "run_timeout",
        "max_parallel",
        "priority",
        "preload",
        "reuse",
        "user",
        "env_file",
        "secrets",
        "params",
    }
)
_LATER_SHARED = frozenset(
    {
        "retry_backoff",
        "retry_max_delay",
        "retry_jitter",
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

TASK = Section((*TASK_KEYS, *SHARED_KEYS), _HOMES, _LATER_SHARED | {"result"})
DEFAULTS = Section(SHARED_KEYS, _HOMES, _LATER_SHARED)
MAIL = Section(MAIL_KEYS, _HOMES, frozenset({"group_for"}))
FILE = Section(
    (
        *FILE_KEYS,
        Key("mail", MAIL, {}, "Who is told of what."),
        Key("defaults", DEFAULTS, {}, "What holds for every task that doesn't say otherwise."),
        Key("tasks", Tasks(), None, "The tasks, each a table of its own: [tasks.NAME]."),
    ),
    _HOMES,
    _LATER_IN_FILE,
)


def read_job_file(source: str | bytes, *, name: str, path: str, machine_timezone: str = "UTC") -> Pipeline:
    """The pipeline `name` that a job file at `path` describes.

    Relative folders are taken from the folder of `path`. Raises JobFileErrors with every error in the file.
    """
    document = Document(source, path, JobFileErrors)
    faults = Faults()
    if not is_name(name):
        faults.add((), f"the file's name makes {name!r} the pipeline's; rename the file: {NAME_RULE}")
    values = FILE.gather(document.data, faults)
    tasks = _read_tasks(document.data, faults)
    if faults.found:
        raise document.refused(faults.found)
    values = {**FILE.defaults, **values}
    return Pipeline(
        name=name,
        tasks=tuple(_task(task, {**values["defaults"], **said}) for task, said in tasks.items()),
        description=values["description"],
        enabled=values["enabled"],
        schedule=Schedule(values["schedule"], values["timezone"] or machine_timezone),
        overlap=values["overlap"],
        catch_up=values["catch_up"],
        environment=_environment(values, path),
        mail=_mail(values["mail"]),
        path=path,
        job_file=document.text,
    )


def _read_tasks(data: Mapping[str, Any], faults: Faults) -> dict[str, dict[str, Any]]:
    tables = data.get("tasks")
    if "tasks" not in data:
        faults.add(("tasks",), "expected at least one task: [tasks.NAME] with call or run, found none")
    if not isinstance(tables, dict):
        return {}
    tasks = {}
    for name, table in tables.items():
        inner = Faults()
        with faults.under("tasks", name):
            tasks[name] = TASK.gather(table, inner)
            inner.settle()
    check_wiring(tables, faults)
    return tasks


def _task(name: str, said: Mapping[str, Any]) -> Task:
    values = {**TASK.defaults, **said}
    return Task(
        name=name,
        action=Call(values["call"], values["args"], values["kwargs"])
        if values["call"]
        else Command(values["run"]),
        depends_on=values["depends_on"],
        timeout=values["timeout"],
        kill_grace=values["kill_grace"],
        retry=RetryPolicy(retries=values["retries"], delay=values["retry_delay"]),
        rotation=Rotation(
            max_bytes=values["log_max_bytes"],
            backups=values["log_backups"],
            compress=values["log_compress"],
        ),
    )


def _environment(values: Mapping[str, Any], path: str) -> Environment:
    folder = Path(path).absolute().parent
    working_dir = values["working_dir"]
    return Environment(
        python=values["python"],
        pythonpath=tuple(str(folder / entry) for entry in values["pythonpath"]),
        working_dir=str(folder / working_dir) if working_dir else None,
        env=values["env"],
    )


def _mail(said: Mapping[str, Any]) -> MailPolicy:
    values = {**MAIL.defaults, **said}
    return MailPolicy(to=values["to"], on=frozenset(values["on"]))
