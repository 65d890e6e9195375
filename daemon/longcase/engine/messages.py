"""What can come in to the engine."""

from dataclasses import dataclass

from longcase.domain.attempt import Attempt
from longcase.domain.outcome import Outcome
from longcase.domain.pipeline import Pipeline
from longcase.domain.run import RunHeader


@dataclass(frozen=True, slots=True)
class Accept:
    """A valid job file is there, new or changed."""

    definition: Pipeline

    @property
    def pipeline(self) -> str:
        return self.definition.name


@dataclass(frozen=True, slots=True)
class Refuse:
    """A job file is invalid."""

    pipeline: str


@dataclass(frozen=True, slots=True)
class Remove:
    """A job file is gone."""

    pipeline: str


@dataclass(frozen=True, slots=True)
class Due:
    """A pipeline may be due."""

    pipeline: str


@dataclass(frozen=True, slots=True)
class RunByHand:
    """Someone asks for a run."""

    definition: Pipeline
    header: RunHeader

    @property
    def pipeline(self) -> str:
        return self.definition.name


@dataclass(frozen=True, slots=True)
class Resume:
    """What was held back for a pipeline is tried again."""

    pipeline: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt ended."""

    attempt: Attempt
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Retry:
    """The delay before a task's next attempt is over."""

    run: str
    task: str


@dataclass(frozen=True, slots=True)
class Expire:
    """The time that a run may take is over."""

    run: str


@dataclass(frozen=True, slots=True)
class Save:
    """A run has ended, and its document could not be written yet."""

    run: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Begin nothing more."""


PipelineMessage = Accept | Refuse | Remove | Due | RunByHand
"""These change what is known of a pipeline: they are acted on one after the other, whatever the disk does."""

Message = PipelineMessage | Resume | Ended | Retry | Expire | Save | Stop
