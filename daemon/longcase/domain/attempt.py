"""One try of a task within a run, as it is handed to the pool."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from longcase.domain.outcome import ResultRef
from longcase.domain.pipeline import Environment, Task


class Attempt(Struct, frozen=True, kw_only=True):
    """All that a pool needs to know.

    `number` counts from 1. `scheduled_for` is the instant, or for a run by hand the time it was asked for, in
    the pipeline's zone. `results` holds, by task name, the result of every dependency that passes one.
    `json_result`: whether the result is wanted as JSON, too.
    """

    run: str
    pipeline: str
    task: Task
    number: int
    environment: Environment
    scheduled_for: datetime
    params: Mapping[str, str] = {}
    results: Mapping[str, ResultRef | None] = {}
    json_result: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        """What names this attempt among all: run, task, number."""
        return (self.run, self.task.name, self.number)
