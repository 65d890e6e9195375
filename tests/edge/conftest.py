"""What the tests of the edges share."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from pool_harness import Harness, children, descriptors


@pytest_asyncio.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    """A pool that must leave neither a process nor a descriptor behind."""
    before = children(), descriptors()
    harness = Harness(tmp_path)
    yield harness
    await harness.pool.close(grace=0.1)
    assert harness.pool.running == ()
    assert (children(), descriptors()) == before


@pytest.fixture(params=["this Python", "the oldest Python"])
def each_python(request: pytest.FixtureRequest, harness: Harness) -> None:
    """Runs a test once with the daemon's Python and once with the oldest one that tasks may use."""
    if request.param == "the oldest Python":
        harness.python = request.getfixturevalue("oldest_python")


@pytest.fixture
def oldest_python() -> str:
    """The oldest Python that tasks may be run with."""
    homes = sorted(Path("~/.pyenv/versions").expanduser().glob("3.9.*/bin/python3.9"))
    found = shutil.which("python3.9", path=":".join(str(home.parent) for home in homes)) or shutil.which(
        "python3.9"
    )
    if found is None:
        pytest.skip("there is no python3.9 on PATH or in ~/.pyenv/versions")
    return found
