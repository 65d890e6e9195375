"""What all tests share."""

import pytest
from hypothesis import settings

from home import Home

# The machine's load is none of the code's business: what grows with size is counted, not timed.
settings.register_profile("longcase", deadline=None)
settings.load_profile("longcase")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")
