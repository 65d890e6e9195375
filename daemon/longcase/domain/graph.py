"""The graph of a pipeline's tasks: who waits for whom."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from longcase.domain.errors import CycleError, DuplicateTaskError, UnknownDependencyError


class Graph:
    """An immutable directed acyclic graph over task names.

    Its order is that of Kahn's algorithm, with declaration order among equals.
    Building it and walking it are O(V + E), without recursion.
    """

    __slots__ = ("_dependants", "_dependencies", "_order")

    def __init__(self, nodes: Iterable[tuple[str, Sequence[str]]]) -> None:
        """`nodes`: (name, names it depends on) in declaration order.

        Raises DuplicateTaskError, UnknownDependencyError or CycleError.
        """
        self._dependencies = _collect(nodes)
        self._dependants = _invert(self._dependencies)
        self._order = _kahn(self._dependencies, self._dependants)

    @classmethod
    def of(cls, edges: Mapping[str, Sequence[str]]) -> Self:
        """From a mapping of name to the names it depends on."""
        return cls(edges.items())

    @property
    def order(self) -> tuple[str, ...]:
        """Every name after all that it depends on."""
        return self._order

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, name: object) -> bool:
        return name in self._dependencies

    def dependencies(self, name: str) -> tuple[str, ...]:
        """The names that `name` itself waits for, in declaration order."""
        return self._dependencies[name]

    def dependants(self, name: str) -> tuple[str, ...]:
        """The names that wait for `name` itself."""
        return self._dependants[name]

    def descendants(self, name: str) -> tuple[str, ...]:
        """All names that wait for `name`, at any depth, nearest first."""
        seen = {name}
        found: list[str] = []
        queue = deque((name,))
        while queue:
            for dependant in self._dependants[queue.popleft()]:
                if dependant not in seen:
                    seen.add(dependant)
                    found.append(dependant)
                    queue.append(dependant)
        return tuple(found)


def _collect(nodes: Iterable[tuple[str, Sequence[str]]]) -> dict[str, tuple[str, ...]]:
    dependencies: dict[str, tuple[str, ...]] = {}
    for name, needed in nodes:
        if name in dependencies:
            raise DuplicateTaskError(name)
        dependencies[name] = tuple(dict.fromkeys(needed))
    for name, needed in dependencies.items():
        for other in needed:
            if other not in dependencies:
                raise UnknownDependencyError(name, other)
    return dependencies


def _invert(dependencies: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    dependants: dict[str, list[str]] = {name: [] for name in dependencies}
    for name, needed in dependencies.items():
        for other in needed:
            dependants[other].append(name)
    return {name: tuple(names) for name, names in dependants.items()}


def _kahn(
    dependencies: Mapping[str, tuple[str, ...]], dependants: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    open_count = {name: len(needed) for name, needed in dependencies.items()}
    queue = deque(name for name, count in open_count.items() if count == 0)
    order: list[str] = []
    while queue:
        name = queue.popleft()
        order.append(name)
        for dependant in dependants[name]:
            open_count[dependant] -= 1
            if open_count[dependant] == 0:
                queue.append(dependant)
    if len(order) < len(dependencies):
        raise CycleError(_find_cycle(dependencies, {name for name, count in open_count.items() if count}))
    return tuple(order)


def _find_cycle(dependencies: Mapping[str, tuple[str, ...]], stuck: set[str]) -> list[str]:
    """A cycle among `stuck`: each of them waits for another of them, so a walk must come back."""
    position: dict[str, int] = {}
    walk: list[str] = []
    name = next(name for name in dependencies if name in stuck)
    while name not in position:
        position[name] = len(walk)
        walk.append(name)
        name = next(needed for needed in dependencies[name] if needed in stuck)
    return [*walk[position[name] :], name]
