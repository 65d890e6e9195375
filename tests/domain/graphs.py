"""Graphs for the tests of the domain: drawn ones, and large ones whose names count their use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from hypothesis import strategies as st

Edges = Mapping[str, Sequence[str]]


class CountedName(str):
    """A task's name that counts how often such names are hashed or compared."""

    __slots__ = ()
    touches = 0

    def __hash__(self) -> int:
        CountedName.touches += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        CountedName.touches += 1
        return super().__eq__(other)

    @classmethod
    @contextmanager
    def counting(cls, counts: list[int]) -> Iterator[None]:
        """Append to `counts` how often names were used in the block."""
        before = cls.touches
        yield
        counts.append(cls.touches - before)


Name = Callable[[str], str]


def chain(length: int, name: Name = str) -> dict[str, list[str]]:
    names = [name(f"t{number}") for number in range(length)]
    return {task: names[max(number - 1, 0) : number] for number, task in enumerate(names)}


def fan(width: int, name: Name = str) -> dict[str, list[str]]:
    """One root, `width` tasks that wait for it, and one that waits for all of them."""
    root, leaf = name("root"), name("leaf")
    middle = [name(f"t{number}") for number in range(width)]
    return {root: [], **{task: [root] for task in middle}, leaf: middle}


def layers(size: int, name: Name = str) -> dict[str, list[str]]:
    """`size` tasks in layers of ten; each waits for the whole layer before."""
    rows = [[name(f"t{row}.{column}") for column in range(10)] for row in range(size // 10)]
    return {task: rows[row - 1] if row else [] for row, tasks in enumerate(rows) for task in tasks}


def edge_count(edges: Edges) -> int:
    return sum(len(needed) for needed in edges.values())


@st.composite
def acyclic(draw: st.DrawFn, max_size: int = 12) -> dict[str, list[str]]:
    """A mapping of name to the names it depends on, declared in any order."""
    names = [f"t{number}" for number in range(draw(st.integers(0, max_size)))]
    edges = {
        name: draw(st.lists(st.sampled_from(names[:number]), unique=True, max_size=4)) if number else []
        for number, name in enumerate(names)
    }
    return {name: edges[name] for name in draw(st.permutations(names))}


@st.composite
def any_graph(draw: st.DrawFn, max_size: int = 10) -> dict[str, list[str]]:
    """As `acyclic`, but any task may wait for any, itself included."""
    names = [f"t{number}" for number in range(draw(st.integers(1, max_size)))]
    return {name: draw(st.lists(st.sampled_from(names), max_size=3)) for name in names}


def closure(edges: Edges, name: str) -> set[str]:
    """All that waits for `name` at any depth, found by adding until nothing is added."""
    found = {name}
    while more := {task for task, needed in edges.items() if found & set(needed)} - found:
        found |= more
    return found - {name}
