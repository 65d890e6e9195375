"""The mail of a task that failed in a Process: what was called, the traceback, and what can't run now."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from msgspec import Struct

from longcase.texts import words
from longcase.texts.templating import Composed, render

_MOST_TASKS: Final = 50  # that are told with whom they wait for; of the others, the names
_MOST_OF_REST: Final = 40_000  # bytes in the page: some 2,000 names
_MOST_ARGUMENTS: Final = 40
_MOST_OF_TRACEBACK: Final = 16_000  # mail programs clip what is over 100 KB in all
_MOST_OF_CALL: Final = 8_000
_MOST_OF_VALUE: Final = 400
_MOST_OF_LINE: Final = 600
_MOST_OF_NAME: Final = 100
_MOST_OF_SUBJECT: Final = 180
_WIDTH: Final = 72


class TaskFailure(Struct, frozen=True, kw_only=True):
    """All that the mail tells. `args`, `kwargs`: reprs of what the function was called with.

    `exception` is one line. `blocked`: each task that can't run because of this failure, with the task that
    it waits for through which the failure reaches it. `host`: "" where it isn't known.
    """

    task: str
    function: str
    args: tuple[str, ...]
    kwargs: Mapping[str, str]
    exception: str
    traceback: str
    blocked: tuple[tuple[str, str], ...]
    host: str = ""


def compose_task_failure(failure: TaskFailure) -> Composed:
    """The mail that says that a task failed, why, and what it blocks. Bounded, whatever the failure holds."""
    view = _view(failure)
    return Composed(
        subject=_subject(failure),
        text=render("task_failure.txt.j2", view),
        html=render("task_failure.html.j2", view),
    )


def _subject(failure: TaskFailure) -> str:
    head = f"[longcase] task {_name(failure.task)} failed"
    room = _MOST_OF_SUBJECT - len(f"{head} ()")
    return f"{head} ({words.one_line(failure.exception, room)})"


def _view(failure: TaskFailure) -> dict[str, Any]:
    """What the templates say, in the order in which they say it."""
    return {
        "task": _name(failure.task),
        "host": words.one_line(failure.host, _MOST_OF_NAME),
        "cause": words.one_line(failure.exception, _MOST_OF_LINE),
        "blocked": list(_blocked(failure)),
        "blocked_count": len(failure.blocked),
        "rest": _rest(failure),
        "call": words.cut_middle(_call(failure), _MOST_OF_CALL),
        "traceback": words.cut_middle(failure.traceback, _MOST_OF_TRACEBACK).strip("\n"),
        "number": words.number,
    }


def _blocked(failure: TaskFailure) -> Iterator[tuple[str, str]]:
    """Each blocked task, and through whom the failure reaches it."""
    task = _name(failure.task)
    for name, through in failure.blocked[:_MOST_TASKS]:
        reach = "which failed" if through == failure.task else f"which is blocked by {task}"
        yield _name(name), f"waits for {_name(through)}, {reach}"


def _rest(failure: TaskFailure) -> str:
    """The names of the other blocked tasks, and how many are left out; "" where there are none."""
    others = failure.blocked[_MOST_TASKS:]
    shown: list[str] = []
    room = _MOST_OF_REST
    for name, _ in others:
        room -= len(escape(_name(name)).encode()) + len(", ")
        if room < 0:
            break
        shown.append(_name(name))
    if len(shown) < len(others):
        shown.append(f"… and {words.number(len(others) - len(shown), 'task')} more")
    return f"Also blocked: {', '.join(shown)}" if shown else ""


def _call(failure: TaskFailure) -> str:
    """As one would type it: on one line where it fits, else an argument a line."""
    function = _cut_within(failure.function)
    arguments = list(_arguments(failure))
    inline = f"{function}({', '.join(arguments)})"
    if len(inline) <= _WIDTH and "\n" not in inline:
        return inline
    lines = ["    " + argument.replace("\n", "\n    ") + "," for argument in arguments[:_MOST_ARGUMENTS]]
    if len(arguments) > _MOST_ARGUMENTS:
        lines.append(f"    # … and {words.number(len(arguments) - _MOST_ARGUMENTS, 'argument')} more")
    return "\n".join([f"{function}(", *lines, ")"])


def _arguments(failure: TaskFailure) -> Iterator[str]:
    yield from map(_cut_within, failure.args)
    for name, value in failure.kwargs.items():
        yield f"{_name(name)}={_cut_within(value)}"


def _name(text: str) -> str:
    return words.one_line(text, _MOST_OF_NAME)


def _cut_within(text: str) -> str:
    """A value that is too long, with its beginning and its end."""
    if len(text) <= _MOST_OF_VALUE:
        return text
    half = _MOST_OF_VALUE // 2
    left_out = words.number(len(text) - 2 * half, "character")
    return f"{text[:half]} [… {left_out} left out …] {text[-half:]}"
