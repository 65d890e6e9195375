"""Mails, composed as values: the edge only sends them."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from longcase.domain.outcome import Outcome, TaskState
from longcase.domain.pipeline import TO_COMMANDS, Call, Command, Passing, Pipeline, Task
from longcase.texts import words
from longcase.texts.templating import render

_MOST_TASKS: Final = 50
_MOST_NAMES: Final = 12
_MOST_LEVELS: Final = 8
_MOST_ARGUMENTS: Final = 40
_MOST_LOG_LINES: Final = 40
_MOST_CHARACTERS: Final = 16_000  # of a traceback; mail programs clip what is over 100 KB in all
_MOST_OF_VALUE: Final = 400
_MOST_OF_LINE: Final = 600
_MOST_OF_SUBJECT: Final = 180
_LEFT_TO_DO: Final = (TaskState.RUNNING, TaskState.READY, TaskState.WAITING)


class Letter(Struct, frozen=True, kw_only=True):
    """A mail before it has a sender, a date and an id. `thread`: what the mails of one run have in common."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    pipeline: str
    thread: str


class FailureReport(Struct, frozen=True, kw_only=True):
    """All that a mail about a failed task tells.

    `passed`: by dependency name, the repr of the result that it passed to the task. `states`: of every task
    of the run, at this moment. `blocked`: what will not run because of this task, in topological order.
    `log` is the path of the task's log; `config`: the settings that commands must name, if they must; `hide`
    takes secrets out of what the job file says.
    """

    pipeline: Pipeline
    run: str
    task: Task
    attempt: int
    outcome: Outcome
    instant: datetime | None
    started: datetime
    trigger: str
    host: str
    log: str
    states: Mapping[str, TaskState]
    blocked: tuple[str, ...]
    passed: Mapping[str, str] = {}
    params: Mapping[str, str] = {}
    next: datetime | None = None
    config: str = ""
    usual: timedelta | None = None
    hide: Callable[[str], str] = str


def compose_failure(report: FailureReport, to: tuple[str, ...]) -> Letter:
    """The mail that says that a task failed, why, and what it blocks. Bounded, whatever the report holds."""
    view = _view(report)
    return Letter(
        to=to,
        subject=_subject(report),
        text=render("failure.txt.j2", view),
        html=render("failure.html.j2", view),
        pipeline=report.pipeline.name,
        thread=report.run,
    )


def _subject(report: FailureReport) -> str:
    verb = words.VERBS[report.outcome.state]
    head = f"[longcase] {report.pipeline.name}: task {report.task.name} {verb}"
    room = max(_MOST_OF_SUBJECT - len(f"{head} ()"), 40)
    return f"{head} ({words.one_line(report.outcome.cause, room)})"


def _view(report: FailureReport) -> dict[str, Any]:
    """What the templates say, in the order in which they say it."""
    outcome = report.outcome
    return {
        "pipeline": report.pipeline.name,
        "description": report.hide(report.pipeline.description),
        "task": report.task.name,
        "run": report.run,
        "host": report.host,
        "state": outcome.state.value,
        "verb": words.VERBS[outcome.state],
        "cause": words.one_line(outcome.cause, _MOST_OF_LINE),
        "blocked": list(_blocked(report)),
        "blocked_count": len(report.blocked),
        "others": list(_others(report)),
        "facts": list(_facts(report)),
        "action": words.cut_middle(_action(report), _MOST_CHARACTERS // 2),
        "is_call": isinstance(report.task.action, Call),
        "traceback": words.cut_middle(outcome.traceback or "", _MOST_CHARACTERS).strip("\n"),
        "log_lines": [_log_line(line, report.run) for line in outcome.log_tail[-_MOST_LOG_LINES:]],
        "log": report.log,
        "graph": _graph(report),
        "task_count": len(report.states),
        "next": _next(report),
        "commands": _commands(report),
        "why_you": _why_you(report.pipeline),
        "state_name": words.state_name,
        "number": words.number,
    }


def _blocked(report: FailureReport) -> Iterator[tuple[str, str]]:
    """Each blocked task, and through whom the failure reaches it."""
    blocked, subject = set(report.blocked), report.task.name
    for name in report.blocked[:_MOST_TASKS]:
        needed = report.pipeline.graph.dependencies(name)
        if subject in needed:
            yield name, f"waits for {subject}, which {words.VERBS[report.outcome.state]}"
        else:
            through = [other for other in needed if other in blocked]
            verb = "is" if len(through) == 1 else "are"
            yield name, f"waits for {words.names(through, 3)}, which {verb} blocked by {subject}"


def _others(report: FailureReport) -> Iterator[tuple[str, str]]:
    """By state, what the failure does not touch: first what still goes on."""
    touched = {report.task.name, *report.blocked}
    by_state: dict[str, list[str]] = {}
    for name, state in report.states.items():
        if name not in touched:
            by_state.setdefault(state, []).append(name)
    for state in (*_LEFT_TO_DO, *(state for state in TaskState if state not in _LEFT_TO_DO)):
        if state in by_state:
            yield state.value, words.names(by_state[state], _MOST_NAMES)


def _facts(report: FailureReport) -> Iterator[tuple[str, str]]:
    outcome, zone = report.outcome, report.pipeline.schedule.zone
    yield "Attempt", f"{report.attempt} of {report.task.retry.attempts}"
    yield "Instant", words.moment(report.instant, zone) if report.instant else "none: it was run by hand"
    yield "Trigger", words.one_line(report.trigger, _MOST_OF_VALUE)
    for name, value in report.params.items():
        yield "Parameter", words.one_line(report.hide(f"{name}={value}"), _MOST_OF_VALUE)
    yield "Host", words.one_line(report.host, _MOST_OF_VALUE)
    yield "Run", report.run
    yield "Run started", words.moment(report.started, zone)
    yield "Task started", words.moment(outcome.started, zone)
    yield "Task took", _took(report)
    if outcome.exit_code is not None:
        yield "Exit code", str(outcome.exit_code)
    if outcome.signal:
        yield "Signal", outcome.signal
    if outcome.usage and outcome.usage.memory_peak is not None:
        yield "Memory", words.size(outcome.usage.memory_peak)
    if outcome.left_behind:
        yield "Left behind", words.names([_cut(text, 100) for text in outcome.left_behind], _MOST_NAMES)


def _took(report: FailureReport) -> str:
    took = words.duration(report.outcome.ended - report.outcome.started)
    return f"{took} (usually {words.duration(report.usual)})" if report.usual is not None else took


def _action(report: FailureReport) -> str:
    action = report.task.action
    if isinstance(action, Command):
        return "\n".join([_command(action, report), *_handed_over(report)])
    arguments = list(_arguments(action, report))
    lines = [f"    {value},  # {origin}" if origin else f"    {value}," for value, origin in arguments]
    if len(lines) > _MOST_ARGUMENTS:
        lines[_MOST_ARGUMENTS:] = [
            f"    # … and {words.number(len(lines) - _MOST_ARGUMENTS, 'argument')} more"
        ]
    inline = f"{action.target}({', '.join(value for value, _ in arguments)})"
    if len(inline) <= 72 and not any(origin for _, origin in arguments):
        return inline
    return "\n".join([f"{action.target}(", *lines, ")"])


def _command(action: Command, report: FailureReport) -> str:
    return report.hide(action.run if isinstance(action.run, str) else shlex.join(action.run))


def _handed_over(report: FailureReport) -> Iterator[str]:
    """What a command got from other tasks, as comments beside it."""
    for edge in report.task.depends_on:
        if edge.passing in TO_COMMANDS:
            how = f"${edge.name}" if edge.passing is Passing.ENV else "standard input"
            value = words.one_line(report.passed.get(edge.task, "…"), _MOST_OF_VALUE)
            yield f"# {how}: result of {edge.task}, {value}"


def _arguments(call: Call, report: FailureReport) -> Iterator[tuple[str, str]]:
    """Each argument as the callable got it, and of whose making it is ("": the job file's)."""
    for value in call.args:
        yield _cut(report.hide(repr(value)), _MOST_OF_VALUE), ""
    keywords = {
        name: (_cut(report.hide(repr(value)), _MOST_OF_VALUE), "") for name, value in call.kwargs.items()
    }
    for edge in report.task.depends_on:
        value = words.one_line(report.passed.get(edge.task, "…"), _MOST_OF_VALUE)
        if edge.passing is Passing.ARG:
            yield value, f"result of {edge.task}"
        elif edge.passing is Passing.KWARG:
            keywords[edge.name or edge.task] = (value, f"result of {edge.task}")
    for name, (value, origin) in keywords.items():
        yield f"{name}={value}", origin


def _log_line(line: str, run: str) -> str:
    """Without the date and the run, which are the same in each line and fill half a phone's screen."""
    stamp, found, rest = line.partition(f" {run} ")
    return _cut(f"{stamp[11:23]} {rest}" if found else line, _MOST_OF_LINE)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({words.number(len(text) - most, 'character')} more)"


class _Row(Struct, frozen=True):
    """A task of the graph: how deep it stands, and what it comes after."""

    name: str
    state: str
    level: int
    after: str
    is_subject: bool


def _graph(report: FailureReport) -> list[_Row]:
    """The failed task, what it waits for and what it blocks, then others, in topological order."""
    graph, subject = report.pipeline.graph, report.task.name
    wanted = dict.fromkeys((subject, *graph.dependencies(subject), *report.blocked, *graph.order))
    shown = set(list(wanted)[:_MOST_TASKS])
    levels: dict[str, int] = {}
    for name in graph.order:
        levels[name] = 1 + max((levels[other] for other in graph.dependencies(name)), default=-1)
    top = min(levels[name] for name in shown)
    return [
        _Row(
            name=name,
            state=report.states[name].value,
            level=min(levels[name] - top, _MOST_LEVELS),
            after=words.names(graph.dependencies(name), 4) if graph.dependencies(name) else "",
            is_subject=name == subject,
        )
        for name in graph.order
        if name in shown
    ]


def _next(report: FailureReport) -> str:
    if report.next is None:
        return "none: no schedule starts this pipeline again"
    return words.moment(report.next, report.pipeline.schedule.zone)


def _why_you(pipeline: Pipeline) -> str:
    """Why whoever reads it was told, and where that is changed."""
    file = pipeline.path or "the job file"
    if pipeline.mail.to is None:
        return (
            f"You are told as the operator that longcase.toml names; [mail] to in {file} would name others."
        )
    return f"Who is told stands under [mail] in {file}."


def _commands(report: FailureReport) -> list[tuple[str, list[str]]]:
    """What can be typed next, each as words that are quoted for a shell."""
    pipeline = report.pipeline.name
    longcase = ["longcase", "--config", report.config] if report.config else ["longcase"]
    logs = [*longcase, "logs", f"{pipeline}/{report.task.name}", "--run", report.run]
    return [
        (label, [shlex.quote(word) for word in command])
        for label, command in (
            ("See the log of this run", logs),
            ("See all of the run", [*longcase, "show", report.run]),
        )
    ]
