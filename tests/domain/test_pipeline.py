"""A pipeline that is wrong can't be built; one that is built is frozen."""

from datetime import timedelta

import pytest

from domain.runs import WHEN
from longcase.domain.attempt import Attempt
from longcase.domain.errors import (
    CycleError,
    DuplicateTaskError,
    InvalidError,
    LongcaseError,
    ScheduleError,
    UnknownDependencyError,
)
from longcase.domain.pipeline import (
    NAME_RULE,
    Call,
    Command,
    Dependency,
    Environment,
    Passing,
    Pipeline,
    Task,
    is_name,
)
from longcase.domain.policy import SMALLEST_LOG, RetryPolicy, Rotation
from longcase.domain.schedule import Schedule

GOOD_NAMES = ["a", "Z", "7", "fetch_data", "a.b-c_d", "0.1", "a..b", "x" * 100]
BAD_NAMES = [
    "",
    ".",
    "..",
    ".a",
    "-a",
    "_a",
    "a b",
    "a/b",
    "a\n",
    "\na",
    "ä",
    "a:b",
    "a@b",
    "٣",
    "x" * 101,
    "a\0",
]


def task(name, *depends_on):
    return Task(name=name, action=Call("m:f"), depends_on=tuple(Dependency(needed) for needed in depends_on))


def pipeline(*tasks, name="p"):
    return Pipeline(name=name, tasks=tasks)


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_name_that_may_be_a_path_is_taken(name):
    assert is_name(name)
    assert pipeline(task(name), name=name).by_name[name].name == name


@pytest.mark.parametrize("name", BAD_NAMES)
def test_any_other_name_is_refused_with_the_rule(name):
    assert not is_name(name)
    with pytest.raises(LongcaseError) as caught:
        task(name)
    assert str(caught.value) == f"task name {name!r} is not allowed: {NAME_RULE}"
    with pytest.raises(LongcaseError) as caught:
        pipeline(task("a"), name=name)
    assert str(caught.value) == f"pipeline name {name!r} is not allowed: {NAME_RULE}"


def test_the_graph_is_made_of_the_tasks_dependencies():
    built = pipeline(task("late", "early"), task("early"))
    assert built.graph.order == ("early", "late")
    assert built.graph.dependencies("late") == ("early",)
    assert list(built.by_name) == ["late", "early"]


@pytest.mark.parametrize(
    ("tasks", "error"),
    [
        ([("a", ["b"]), ("b", ["a"])], CycleError),
        ([("a", ["x"])], UnknownDependencyError),
        ([("a", []), ("a", [])], DuplicateTaskError),
    ],
)
def test_a_pipeline_whose_graph_is_wrong_can_not_be_built(tasks, error):
    with pytest.raises(error):
        pipeline(*(task(name, *needed) for name, needed in tasks))


def test_a_schedule_without_a_known_time_zone_can_not_be_built():
    for zone in ("Europe/Berlyn", "", "Europe", "../etc/passwd", "/etc/localtime"):
        with pytest.raises(ScheduleError) as caught:
            Schedule(timezone=zone)
        assert str(caught.value) == f"{zone!r} is no IANA time zone such as 'Europe/Berlin'"


def test_pipelines_and_tasks_are_frozen_and_compare_by_value():
    built = pipeline(task("a"))
    with pytest.raises(AttributeError):
        built.name = "q"
    with pytest.raises(AttributeError):
        built.tasks[0].timeout = None
    assert built == pipeline(task("a"))
    assert built != pipeline(task("b"))


def test_a_task_without_retries_has_one_attempt():
    assert RetryPolicy().attempts == 1
    assert RetryPolicy(retries=2).attempts == 3


def test_an_attempt_is_named_by_run_task_and_number():
    attempt = Attempt(
        run="p@20261124T023000Z",
        pipeline="p",
        task=task("a"),
        number=2,
        environment=Environment(),
        scheduled_for=WHEN,
    )
    assert attempt.key == ("p@20261124T023000Z", "a", 2)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Task(name="a", action=Command("x"), timeout=timedelta()),
        lambda: Task(name="a", action=Command("x"), kill_grace=timedelta(seconds=-1)),
        lambda: Task(name="a", action=Command("x"), depends_on=(Dependency("b", Passing.ARG),)),
        lambda: Dependency("b", Passing.KWARG),
        lambda: Dependency("b", Passing.ARG, "name"),
        lambda: Call("module"),
        lambda: Call("module:"),
        lambda: RetryPolicy(retries=-1),
        lambda: RetryPolicy(delay=timedelta(seconds=-1)),
        lambda: Rotation(max_bytes=SMALLEST_LOG - 1),
        lambda: Rotation(backups=-1),
    ],
)
def test_a_value_that_can_not_be_can_not_be_built(build):
    with pytest.raises(InvalidError):
        build()
