"""What is found in a job file that reads well, once its callables are imported and its secrets looked for."""

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from shutil import which

from msgspec.structs import replace

from longcase.domain.attempt import Attempt
from longcase.domain.pipeline import Call, Command, Environment, Pipeline, SecretSource, Task
from longcase.domain.run import run_id
from longcase.edge.inspector import Broken, Found, Inspector, InterpreterError, Module
from longcase.edge.pool import environment as variables_of
from longcase.edge.pool.variables import Variables, VariablesError, read_variables
from longcase.secret import SecretError, read_secret
from longcase.texts.call_check import check_calls
from longcase.texts.faults import Fault
from longcase.texts.finding import Finding, Remark, at_lines
from longcase.texts.secret_check import planted
from longcase.texts.words import printable
from longcase.workers.mask import SHORTEST, Mask

_STAND_IN = "(a secret that check can't read)"
_WITHOUT = " (a secret that its task will have was not there)"
_LAST_LINES = 20  # of a traceback, and of what a module printed
_LONGEST_LINE = 200

Answers = Mapping[str, Found | Broken]
Wanted = Iterable[tuple[Task, Iterable[str]]]
"""For each module the first task that calls one of its callables, and all that are called."""


def find(pipeline: Pipeline, now: datetime) -> list[Finding]:
    """Errors and hints, by line. Takes as long as the imports take."""
    secrets: dict[str, str] = {}
    remarks = list(_secrets(pipeline.environment, secrets))
    mask = Mask(secrets.values())
    remarks += [*_programs(pipeline), *_called(pipeline, secrets, mask, now)]
    found = [_for_people(finding, mask) for finding in at_lines(remarks, pipeline)]
    telling = {name: value for name, value in secrets.items() if len(value) >= SHORTEST}
    return sorted([*found, *planted(pipeline, telling)], key=lambda finding: finding.problem.line)


def _for_people(finding: Finding, mask: Mask) -> Finding:
    """Of one line, whatever modules say: they may forge what is told of them."""
    message = " ".join(_clean(finding.problem.message, mask).splitlines())
    problem = replace(finding.problem, message=message)
    return replace(finding, problem=problem, details=tuple(_clean(line, mask) for line in finding.details))


def _clean(text: str, mask: Mask) -> str:
    """Also what only printing would join to a secret is hidden."""
    return mask.hide(printable(mask.hide(text)))


def _secrets(environment: Environment, values: dict[str, str]) -> Iterator[Remark]:
    """What of them isn't there; `values` gets those that are."""
    for name, source in environment.secrets.items():
        try:
            values[name] = read_secret(source)
        except SecretError as error:
            if not _is_daemons(source, error):
                absent = f"this environment has no {source.env}, and the daemon's needs it"
                yield Remark(Fault(("secrets", name), absent if source.env else str(error)), is_hint=True)


def _is_daemons(source: SecretSource, error: SecretError) -> bool:
    """Whether the daemon alone can tell that there is none."""
    is_forbidden = isinstance(error.__context__, PermissionError)
    return is_forbidden or (bool(source.credential) and "CREDENTIALS_DIRECTORY" not in os.environ)


def _programs(pipeline: Pipeline) -> Iterator[Remark]:
    """Commands without a shell whose program isn't there; where it is looked for may be changed by then."""
    path = pipeline.environment.env.get("PATH") or variables_of.base(os.environ)["PATH"]
    for task in pipeline.tasks:
        run = task.action.run if isinstance(task.action, Command) else ""
        if isinstance(run, tuple) and not run[0].startswith(".") and which(run[0], path=path) is None:
            message = f"there is no program {run[0]}" + ("" if "/" in run[0] else f" in PATH ({path})")
            yield Remark(Fault(("tasks", task.name, "run"), message), is_hint=True)


def _called(pipeline: Pipeline, secrets: Mapping[str, str], mask: Mask, now: datetime) -> Iterator[Remark]:
    """What becomes of the calls; where no task could start, why, instead of the consequences."""
    read, places = _surroundings(pipeline.environment)
    yield from places
    could_start = all(remark.is_hint for remark in places)
    try:
        answers = _inspect(pipeline, secrets, read, now, _modules(pipeline) if could_start else ())
    except InterpreterError as error:
        yield Remark(Fault(("python",), str(error)))
        return
    complete = secrets.keys() >= pipeline.environment.secrets.keys()
    yield from _broken(pipeline, answers, mask, complete=complete)
    signatures = {call: each.signature for call, each in answers.items() if isinstance(each, Found)}
    yield from check_calls(pipeline, signatures, mask.hide)


def _surroundings(job: Environment) -> tuple[Variables, list[Remark]]:
    """The variables of a task without secrets, and what is wrong with the files and folders that it needs."""
    remarks = []
    if job.working_dir is not None and not Path(job.working_dir).is_dir():
        message = f"there is no folder {job.working_dir}; make it, or name another"
        remarks.append(Remark(Fault(("working_dir",), message)))
    for index, folder in enumerate(job.pythonpath):
        if not Path(folder).exists():
            message = f"there is no {folder}, so no module is found in it"
            remarks.append(Remark(Fault(("pythonpath", index), message), is_hint=True))
    try:
        return read_variables(replace(job, secrets={})), remarks
    except VariablesError as error:
        is_forbidden = isinstance(error.__context__, PermissionError)  # to this user, not to the daemon
        message = str(error).removeprefix("env_file ")
        remarks.append(Remark(Fault(("env_file",), message), is_hint=is_forbidden))
        return Variables(plain=job.env, secret={}), remarks


def _inspect(
    pipeline: Pipeline, secrets: Mapping[str, str], read: Variables, now: datetime, wanted: Wanted
) -> Answers:
    """Import every callable as the first task of its module would find it.

    A secret that can't be read is there all the same: most modules only look whether it is.
    """
    job = pipeline.environment
    seen = Variables(plain=read.plain, secret={name: secrets.get(name, _STAND_IN) for name in job.secrets})
    inherited = variables_of.base(os.environ)
    modules = [
        Module(tuple(calls), variables_of.of_attempt(_attempt(pipeline, task, now), inherited, seen))
        for task, calls in wanted
    ]
    inspector = Inspector(
        job.python,
        variables_of.of_worker(inherited, read),
        pythonpath=job.pythonpath,
        working_dir=job.working_dir,
        secrets=secrets.values(),
    )
    return inspector.inspect(modules)


def _modules(pipeline: Pipeline) -> Wanted:
    """The callables of each module, each once, and the first task that calls one of them."""
    found: dict[str, tuple[Task, dict[str, None]]] = {}
    for task in pipeline.tasks:
        if isinstance(task.action, Call):
            call = task.action.target
            _, calls = found.setdefault(call.rpartition(":")[0], (task, {}))
            calls[call] = None
    return found.values()


def _attempt(pipeline: Pipeline, task: Task, now: datetime) -> Attempt:
    local = now.astimezone(pipeline.schedule.zone)
    return Attempt(
        run=run_id(pipeline.name, now),
        pipeline=pipeline.name,
        task=task,
        number=1,
        environment=pipeline.environment,
        scheduled_for=local,
        params=pipeline.params,
    )


def _broken(pipeline: Pipeline, answers: Answers, mask: Mask, *, complete: bool) -> Iterator[Remark]:
    """For each task an error, or a hint where a secret was missing; what it comes from is shown once."""
    told: set[tuple[str, ...]] = set()
    for task in pipeline.tasks:
        answer = answers.get(task.action.target) if isinstance(task.action, Call) else None
        if isinstance(answer, Broken):
            details = _details(answer, mask)
            message = f"{answer.call} can't be imported: {answer.error}"
            if not complete:
                message += _WITHOUT
            shown = () if details in told else details
            yield Remark(Fault(("tasks", task.name, "call"), message), is_hint=not complete, details=shown)
            told.add(details)


def _details(answer: Broken, mask: Mask) -> tuple[str, ...]:
    trace = [line for line in _lines(answer.trace, mask) if not line.startswith("Traceback (most recent")]
    printed = _lines(answer.output, mask)
    return (*trace, *(["it printed:", *(f"  {line}" for line in printed)] if printed else ()))


def _lines(text: str, mask: Mask) -> list[str]:
    lines = [line for line in _clean(text, mask).splitlines() if line.strip()][-_LAST_LINES:]
    return [line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…" for line in lines]
