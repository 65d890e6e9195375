"""What a test needs of the machine: where it is absent the test is skipped, and names it."""

import os

import pytest


def need(there, what):
    """`what` names the Debian package, or whatever else is to be had. LONGCASE_REQUIRE_ALL=1: no excuse."""
    if there:
        return
    if os.environ.get("LONGCASE_REQUIRE_ALL") == "1":
        pytest.fail(f"needs {what}")
    pytest.skip(f"needs {what}")
