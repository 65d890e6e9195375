"""Tasks in a folder of their own, run in each way that there is."""

import pytest

from longcase import Process, Task, TaskDependency


@pytest.fixture
def task(tmp_path):
    """Makes a task. What it depends on is named, or given as a TaskDependency."""

    def make(name, func=lambda: None, *depends_on, **how):
        edges = [on if isinstance(on, TaskDependency) else TaskDependency(on) for on in depends_on]
        how.setdefault("log_path", tmp_path / f"{name}.log")
        return Task(name, how.pop("log_path"), func, dependencies=edges, **how)

    return make


@pytest.fixture(params=["sequential", "parallel"])
def run(request):
    """Runs tasks, one after another or two at once."""

    def run_all(tasks):
        with Process(tasks) as process:
            return process.run(parallel=request.param == "parallel", max_workers=2)

    run_all.mode = request.param
    return run_all


@pytest.fixture
def run_parallel():
    def run_all(tasks, max_workers=2):
        with Process(tasks) as process:
            return process.run(parallel=True, max_workers=max_workers)

    return run_all
