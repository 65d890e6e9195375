"""What the engine acts on."""

from dataclasses import dataclass

from longcase.domain.event import Tell
from longcase.edge.history import History
from longcase.engine.outage import Outage
from longcase.ports import Clock, Pool, Post


@dataclass(frozen=True, slots=True)
class World:
    """The ports, the history, whom to tell what happens, and how a disk that refuses is told of."""

    clock: Clock
    pool: Pool
    post: Post
    history: History
    tell: Tell
    outage: Outage
