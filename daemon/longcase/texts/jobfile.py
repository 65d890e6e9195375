"""Job files: TOML in, a Pipeline out, or every error at its line."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from longcase.domain.pipeline import (
    NAME_RULE,
    Call,
    Command,
    Environment,
    Pipeline,
    Task,
    is_name,
)
from longcase.domain.policy import MailPolicy, RetryPolicy, Rotation
from longcase.domain.schedule import Schedule
from longcase.texts.document import Document, DocumentErrors
from longcase.texts.faults import Faults
from longcase.texts.job_keys import FILE, MAIL, TASK
from longcase.texts.job_kinds import is_file
from longcase.texts.job_wiring import check_wiring
from longcase.texts.secret_kind import from_folder


class JobFileErrors(DocumentErrors):
    """A job file that is refused."""


def read_job_file(
    source: str | bytes,
    *,
    name: str,
    path: str,
    machine_timezone: str = "UTC",
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Pipeline:
    """The pipeline `name` that a job file at `path` describes.

    Relative paths are taken from the folder of `path`. `defaults`: what the daemon's settings say for every
    task, as `Settings.defaults` holds it. Raises JobFileErrors with every error in the file.
    """
    document = Document(source, path, JobFileErrors)
    faults = Faults()
    if not is_name(name):
        faults.add((), f"the file's name makes {name!r} the pipeline's; rename the file: {NAME_RULE}")
    said = FILE.gather(document.data, faults)
    tasks = _read_tasks(document.data, faults)
    if faults.found:
        raise document.refused(faults.found)
    values = {**FILE.defaults, **said}
    shared = {**defaults, **values["defaults"]}
    folder = Path(path).absolute().parent
    return Pipeline(
        name=name,
        tasks=tuple(_task(task, {**shared, **own}, folder) for task, own in tasks.items()),
        description=values["description"],
        enabled=values["enabled"],
        schedule=Schedule(values["schedule"], values["timezone"] or machine_timezone),
        overlap=values["overlap"],
        catch_up=values["catch_up"],
        run_timeout=values["run_timeout"],
        params=values["params"],
        environment=_environment(values, folder),
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
    tasks: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        if faults.full:
            break
        with faults.under("tasks", name):
            inner = Faults()
            tasks[name] = TASK.gather(table, inner)
            inner.settle()
    if not faults.full:
        check_wiring(data, faults)
    return tasks


def _task(name: str, said: Mapping[str, Any], folder: Path) -> Task:
    values = {**TASK.defaults, **said}
    return Task(
        name=name,
        action=_action(values, folder),
        depends_on=values["depends_on"],
        timeout=values["timeout"],
        kill_grace=values["kill_grace"],
        retry=RetryPolicy(
            retries=values["retries"],
            delay=values["retry_delay"],
            backoff=values["retry_backoff"],
            max_delay=values["retry_max_delay"],
            jitter=values["retry_jitter"],
        ),
        rotation=Rotation(
            max_bytes=values["log_max_bytes"],
            backups=values["log_backups"],
            compress=values["log_compress"],
        ),
    )


def _action(values: Mapping[str, Any], folder: Path) -> Call | Command:
    if not values["call"]:
        return Command(values["run"], values["result"])
    module, _, function = values["call"].rpartition(":")
    target = f"{folder / module}:{function}" if is_file(module) else values["call"]
    return Call(target, values["args"], values["kwargs"])


def _environment(values: Mapping[str, Any], folder: Path) -> Environment:
    working_dir = values["working_dir"]
    return Environment(
        python=values["python"],
        pythonpath=tuple(str(folder / entry) for entry in values["pythonpath"]),
        working_dir=str(folder / working_dir) if working_dir else None,
        env_file=tuple(str(folder / file) for file in values["env_file"]),
        env=values["env"],
        secrets={name: from_folder(secret, folder) for name, secret in values["secrets"].items()},
    )


def _mail(said: Mapping[str, Any]) -> MailPolicy:
    values = {**MAIL.defaults, **said}
    return MailPolicy(to=values["to"], on=frozenset(values["on"]))
