"""Words for the lines that a worker writes into a task's log."""

import shlex
import signal
from typing import Any, Mapping, Sequence

from .mask import NO_MASK, Mask
from .target import show_call
from .wire import unpack

_LONGEST = 1000
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def duration(seconds: float) -> str:
    """As job files write it: `1s`, `1m30s`, `1.5s`, `2h`."""
    whole, text = int(seconds), ""
    fraction = seconds - whole
    for size, unit in _UNITS:
        if whole >= size:
            text += f"{whole // size}{unit}"
            whole %= size
    if whole or fraction or not text:
        text += f"{whole + fraction:.3f}".rstrip("0").rstrip(".") + "s"
    return text


def signal_name(number: int) -> str:
    """`SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name of its own
        return f"signal {number}"


def header(request: Mapping[str, Any], pid: int = 0, mask: Mask = NO_MASK) -> str:
    """`attempt 1 of 3, pid 1234: etl.users:fetch('https://…', pages=3)`; without a pid it was not started."""
    process = f", pid {pid}" if pid else ""
    return f"attempt {request['number']} of {request['attempts']}{process}: {action(request, mask)}"


def action(request: Mapping[str, Any], mask: Mask = NO_MASK) -> str:
    """What is run: the command, or the callable with its own arguments and those that are passed."""
    if "command" in request:
        run = request["command"]
        return cut(run if isinstance(run, str) else shlex.join(run), mask) + _given(request["passed"])
    args, kwargs = [*unpack(request["args"])], dict(unpack(request["kwargs"]))
    for passed in request["passed"]:
        value = _Shown(passed["result"]["repr"] if passed["result"] else "None")
        if passed["how"] == "kwarg":
            kwargs[passed["name"]] = value
        else:
            args.append(value)
    return cut(show_call(request["call"], args, kwargs, mask), mask)


def _given(passed: Sequence[Mapping[str, Any]]) -> str:
    """What a command is given: ` [STATS_FILE from stats, stdin from fetch]`."""
    shown = [f"{each['name'] or 'stdin'} from {each['task']}" for each in passed]
    return f" [{cut(', '.join(shown))}]" if shown else ""


class _Shown:
    """Stands for a value of which only the repr is known."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def footer(ended: Mapping[str, Any]) -> str:
    """`failed after 1.23 s, CPU 0.80 s, peak memory 45.2 MiB: ValueError: no rows`."""
    parts = [f"{ended['state'].replace('_', ' ')}"]
    usage = ended.get("usage")
    if usage:
        cpu = usage["cpu_user"] + usage["cpu_system"]
        parts[0] += f" after {usage['wall']:.2f} s"
        parts += [f"CPU {cpu:.2f} s", f"peak memory {usage['memory_peak'] / 2**20:.1f} MiB"]
    cause = ended.get("exception") or ended.get("reason")
    left = ended.get("left_behind")
    text = ", ".join(parts)
    if cause:
        text += f": {cut(cause)}"
    return text + (f"; left behind: {', '.join(left)}" if left else "")


def cut(text: str, mask: Mask = NO_MASK) -> str:
    """At most the first 1,000 characters, masked before they are cut off."""
    shown = mask.cut(text, _LONGEST)
    return shown if len(text) <= _LONGEST else f"{shown}…"
