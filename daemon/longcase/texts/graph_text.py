"""A pipeline's graph as text: step by step, who can run at once, and what each is handed."""

from collections.abc import Iterator, Sequence

from longcase.domain.pipeline import Dependency, Passing, Pipeline, Task
from longcase.texts.words import names, number

_ALL = 40  # tasks up to which each has its line
_MOST_AT_ONCE = 6  # tasks of one step that are shown of a larger graph
_MOST_STEPS = 16
_LAST_STEPS = 4  # of these, those that are the last ones
_LONGEST_NAME = 28
_NARROWEST = 20
_MOST_INPUTS = 4  # of one task


def draw(pipeline: Pipeline, width: int = 80) -> list[str]:
    """Lines of at most `width` columns.

    A step is what can run once the step before is done: its tasks are bracketed. Of a large graph only the
    beginning and the end are drawn, with how much was left out.
    """
    steps = _steps(pipeline)
    whole = len(pipeline.tasks) <= _ALL
    shown = list(enumerate(steps, 1))
    gap = 0 if whole else len(shown) - _MOST_STEPS
    digits = len(str(len(steps)))
    pen = _Pen(pipeline, digits, width)
    if gap <= 0:
        return [line for step in shown for line in pen.step(*step, whole=whole)]
    head, tail = shown[: _MOST_STEPS - _LAST_STEPS], shown[-_LAST_STEPS:]
    lines = [line for step in head for line in pen.step(*step, whole=False)]
    left_out = sum(len(tasks) for _, tasks in shown[len(head) : -len(tail)])
    lines.append(f"{'⋮':>{digits}}   {number(gap, 'more step')} of {number(left_out, 'task')}")
    return lines + [line for step in tail for line in pen.step(*step, whole=False)]


def _steps(pipeline: Pipeline) -> list[list[Task]]:
    """The tasks by how many others they wait for in a row, at most."""
    depth: dict[str, int] = {}
    steps: list[list[Task]] = []
    for name in pipeline.graph.order:
        depth[name] = 1 + max((depth[other] for other in pipeline.graph.dependencies(name)), default=-1)
        if depth[name] == len(steps):
            steps.append([])
        steps[depth[name]].append(pipeline.by_name[name])
    return steps


class _Pen:
    """Draws one step after the other, in common columns."""

    def __init__(self, pipeline: Pipeline, digits: int, width: int) -> None:
        self._digits = digits
        self._name = min(max(len(task.name) for task in pipeline.tasks), _LONGEST_NAME)
        self._width = width

    def step(self, at: int, tasks: Sequence[Task], *, whole: bool) -> Iterator[str]:
        first, last = tasks, tasks[:0]
        if not whole and len(tasks) > _MOST_AT_ONCE:
            first, last = tasks[: _MOST_AT_ONCE - 2], tasks[-1:]
        rows = [self._task(task) for task in first]
        if last:
            rows += [[f"… {len(tasks) - len(first) - 1:,} more"], self._task(last[0])]
        for index, (head, *tail) in enumerate(rows):
            label = str(at) if index == 0 else ""
            yield f"{label:>{self._digits}} {_bracket(index, len(rows))} {head}"
            rail = "│" if index < len(rows) - 1 else " "
            yield from (f"{'':{self._digits}} {rail} {line}" for line in tail)

    def _task(self, task: Task) -> list[str]:
        """The name, and what it is handed, in as many lines as that takes."""
        name = _cut(task.name, self._name)
        if not task.depends_on:
            return [name]
        room = max(self._width - self._digits - self._name - 5, _NARROWEST)
        first, *others = _wrapped(_inputs(task.depends_on), room)
        return [f"{name:{self._name}}  {first}", *(f"{'':{self._name}}  {line}" for line in others)]


def _bracket(index: int, count: int) -> str:
    if count == 1:
        return "─"
    return "┬" if index == 0 else "└" if index == count - 1 else "├"


def _inputs(edges: Sequence[Dependency]) -> list[str]:
    """`fetch → arg`, `stats → $STATS`, and last those that only order: `after validate`."""
    handed = [f"{edge.task} → {_passed_as(edge)}" for edge in edges if edge.passing is not Passing.ORDER]
    awaited = [edge.task for edge in edges if edge.passing is Passing.ORDER]
    shown = handed[:_MOST_INPUTS]
    if len(handed) > _MOST_INPUTS:
        shown.append(f"{len(handed) - _MOST_INPUTS:,} more")
    if awaited:
        shown.append(f"after {names(awaited, _MOST_INPUTS)}")
    return shown


def _passed_as(edge: Dependency) -> str:
    match edge.passing:
        case Passing.KWARG:
            return f"{edge.name}="
        case Passing.ENV:
            return f"${edge.name}"
        case _:
            return edge.passing.value


def _wrapped(items: Sequence[str], room: int) -> list[str]:
    """The items joined by commas, in lines that break between them; one that is too long is cut."""
    lines = [""]
    for item in items:
        joined = f"{lines[-1]}, {item}" if lines[-1] else item
        if len(joined) < room or not lines[-1]:
            lines[-1] = joined
        else:
            lines[-1] += ","
            lines.append(item)
    return [_cut(line, room) for line in lines]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
