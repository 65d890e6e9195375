"""What the engine acts on."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from longcase.domain.event import Tell
from longcase.domain.pipeline import Environment
from longcase.edge.history import History
from longcase.engine.outage import Outage
from longcase.ports import Clock, Pool, Post
from longcase.workers.mask import Mask


@dataclass(frozen=True, slots=True)
class World:
    """The ports, the history, whom to tell what happens, and how a disk that refuses is told of.

    `mask`: what hides the secrets of an environment in what people read. `chance`: evenly from 0 to 1.
    """

    clock: Clock
    pool: Pool
    post: Post
    history: History
    tell: Tell
    outage: Outage
    mask: Callable[[Environment], Mask]
    chance: Callable[[], float] = random.random
