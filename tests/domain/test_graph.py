"""The graph orders, finds descendants and refuses what is no graph, in O(V + E) and without recursion."""

from itertools import pairwise

import pytest
from hypothesis import given, settings

from domain.graphs import CountedName, acyclic, any_graph, chain, closure, edge_count, fan, layers
from longcase.domain.errors import CycleError, DuplicateTaskError, LongcaseError, UnknownDependencyError
from longcase.domain.graph import Graph


def rounds(edges):
    """Kahn's algorithm with pencil and paper: strike out the first free name, until none is left.

    A name that becomes free goes to the end of the free ones; of several, the first declared goes first.
    """
    open_edges = {name: set(needed) for name, needed in edges.items()}
    free = [name for name, needed in open_edges.items() if not needed]
    order = []
    while free:
        struck, *free = free
        order.append(struck)
        for name, needed in open_edges.items():
            if struck in needed:
                needed.remove(struck)
                free += [] if needed else [name]
    return tuple(order)


@given(acyclic())
def test_every_name_is_listed_once_and_after_all_that_it_depends_on(edges):
    order = Graph.of(edges).order
    assert sorted(order) == sorted(edges)
    assert all(order.index(needed) < order.index(name) for name in edges for needed in edges[name])


@given(acyclic())
def test_the_order_is_kahns_with_declaration_order_among_equals(edges):
    assert Graph.of(edges).order == rounds(edges)


def test_names_without_edges_keep_their_declaration_order():
    assert Graph.of({"c": [], "a": [], "b": []}).order == ("c", "a", "b")


def test_the_order_of_the_examples_diamond():
    edges = {"report": ["left", "right"], "right": ["start"], "left": ["start"], "start": []}
    assert Graph.of(edges).order == ("start", "right", "left", "report")


@given(acyclic())
def test_descendants_are_all_that_wait_at_any_depth(edges):
    graph = Graph.of(edges)
    for name in edges:
        found = graph.descendants(name)
        assert len(found) == len(set(found))
        assert set(found) == closure(edges, name)


def test_descendants_come_nearest_first():
    graph = Graph.of({"a": [], "b": ["a"], "c": ["b"], "d": ["a"], "e": ["c", "d"]})
    assert graph.descendants("a") == ("b", "d", "c", "e")


@given(acyclic())
def test_dependants_and_dependencies_are_the_same_edges_seen_from_both_ends(edges):
    graph = Graph.of(edges)
    forth = {(name, needed) for name in edges for needed in graph.dependencies(name)}
    back = {(name, needed) for needed in edges for name in graph.dependants(needed)}
    assert forth == back == {(name, needed) for name in edges for needed in edges[name]}


def test_dependencies_keep_their_declaration_order_and_count_once():
    graph = Graph.of({"a": [], "b": [], "c": ["b", "a", "b"]})
    assert graph.dependencies("c") == ("b", "a")
    assert graph.dependants("b") == ("c",)


def test_length_and_membership():
    graph = Graph.of({"a": [], "b": ["a"]})
    assert len(graph) == 2
    assert "a" in graph
    assert "x" not in graph
    assert len(Graph.of({})) == 0


@given(any_graph())
@settings(max_examples=300)
def test_a_graph_is_refused_exactly_where_it_has_a_cycle_and_the_cycle_shown_is_one(edges):
    if not any(needed in closure(edges, name) | {name} for name in edges for needed in edges[name]):
        assert len(Graph.of(edges)) == len(edges)
        return
    with pytest.raises(CycleError) as caught:
        Graph.of(edges)
    cycle = caught.value.cycle
    assert cycle[0] == cycle[-1]
    assert len(set(cycle)) == len(cycle) - 1
    assert all(needed in edges[name] for name, needed in pairwise(cycle))


def test_a_cycle_is_shown_as_a_path_with_the_remedy():
    with pytest.raises(CycleError) as caught:
        Graph.of({"start": [], "a": ["start", "c"], "b": ["a"], "c": ["b"], "after": ["c"]})
    assert (
        str(caught.value) == "tasks wait for each other in a cycle: a → c → b → a; remove one of these edges"
    )


def test_a_cycle_is_found_from_a_task_that_only_waits_for_it():
    with pytest.raises(CycleError) as caught:
        Graph.of({"after": ["a"], "a": ["b"], "b": ["a"]})
    assert caught.value.cycle == ("a", "b", "a")


def test_a_task_that_waits_for_itself_is_a_cycle():
    with pytest.raises(CycleError) as caught:
        Graph.of({"a": ["a"]})
    assert caught.value.cycle == ("a", "a")


def test_an_unknown_dependency_is_named_with_the_task_that_wants_it():
    with pytest.raises(UnknownDependencyError) as caught:
        Graph.of({"a": [], "b": ["a", "x"]})
    assert (caught.value.task, caught.value.missing) == ("b", "x")
    assert str(caught.value) == "Task b depends on missing task: x"


def test_a_name_twice_is_refused():
    with pytest.raises(DuplicateTaskError) as caught:
        Graph([("a", []), ("b", []), ("a", ["b"])])
    assert caught.value.name == "a"
    assert str(caught.value) == "two tasks are named 'a': rename one of them"


def test_all_that_is_wrong_with_a_graph_can_be_caught_as_one():
    for edges in ([("a", ["a"])], [("a", ["b"])], [("a", []), ("a", [])]):
        with pytest.raises(LongcaseError):
            Graph(edges)


@pytest.mark.parametrize("shape", [chain, fan, layers], ids=lambda shape: shape.__name__)
def test_building_and_walking_touch_each_task_and_edge_a_few_times_however_large_the_graph(shape):
    for size in (500, 2_000):
        edges = shape(size, CountedName)
        counts = []
        with CountedName.counting(counts):
            graph = Graph.of(edges)
        with CountedName.counting(counts):
            graph.descendants(next(iter(edges)))
        assert max(counts) <= 10 * (len(edges) + edge_count(edges))


@pytest.mark.parametrize("shape", [chain, fan], ids=lambda shape: shape.__name__)
def test_a_hundred_thousand_tasks_are_built_and_walked_without_recursion(shape):
    edges = shape(100_000)
    graph = Graph.of(edges)
    assert len(graph.order) == len(edges)
    assert len(graph.descendants(graph.order[0])) == len(edges) - 1


def test_a_cycle_of_a_hundred_thousand_tasks_is_found_without_recursion():
    edges = chain(100_000)
    edges[next(iter(edges))] = [next(reversed(edges))]
    with pytest.raises(CycleError) as caught:
        Graph.of(edges)
    assert len(caught.value.cycle) == 100_001
