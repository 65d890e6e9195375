"""Running a process's tasks one after another, in the calling process."""

from longcase.library.progress import Progress
from longcase.library.task import Failed


def run_in_sequence(progress: Progress) -> None:
    """Run all that can be run, in the graph's order. Raises KeyboardInterrupt."""
    progress.start()
    for name in progress.graph.order:
        if progress.is_ready(name):
            _run_one(progress, name)


def _run_one(progress: Progress, name: str) -> None:
    task = progress.tasks[name]
    passed = progress.passed_to(name)
    progress.begin(name)
    ended = task.perform(lambda: passed)
    if isinstance(ended, Failed):
        ended.failure.raise_if_interrupted()
        progress.failed(name, ended)
    else:
        progress.succeeded(name, ended.value, ended.began, ended.ended)
