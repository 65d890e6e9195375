"""When pipelines fire."""

from collections.abc import Iterator
from datetime import datetime

from longcase.domain.pipeline import Pipeline


def firings(pipeline: Pipeline, start: datetime) -> Iterator[datetime]:
    """Instants from `start` on, in the pipeline's zone; a disabled pipeline has none."""
    if not pipeline.enabled:
        return
    schedule = pipeline.schedule
    for instant in schedule.instants(start - datetime.resolution):
        yield instant.astimezone(schedule.zone)
