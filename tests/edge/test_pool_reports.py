"""Results that a task claims to have: a reference may be forged, and is held against the run's folder."""

import json

import pytest

from longcase.domain.outcome import TaskState
from longcase.domain.pipeline import Call
from longcase.edge.pool import report
from pool_harness import RUN


async def forge(harness, **changes):
    """The outcome of a task that writes its own report."""
    folder = f"{harness.results}/p/{RUN}"
    result = {
        "path": f"{folder}/x",
        "offset": 0,
        "size": 1,
        "format": "json",
        "repr": "1",
        "json": f"{folder}/x",
    }
    result |= {key: value.format(folder=folder) for key, value in changes.items()}
    body = json.dumps({"state": "succeeded", "result": result})
    frame = len(body).to_bytes(4, "big").decode("latin-1") + body
    return await harness.run(Call("pool_tasks:forge_report", (frame,)), kill_grace=0.1)


@pytest.mark.parametrize("form", ["pickle", "text", "json"])
async def test_what_lies_in_the_folder_of_the_run_is_a_result_of_any_format(harness, form):
    outcome = await forge(harness, format=form)
    assert outcome.state is TaskState.SUCCEEDED, outcome.cause
    assert outcome.result.format == form
    assert outcome.result.json == outcome.result.path == f"{harness.results}/p/{RUN}/x"


@pytest.mark.parametrize("key", ["path", "json"])
@pytest.mark.parametrize(
    "place",
    [
        "/etc/shadow",
        "{folder}/../other/x",
        "{folder}/..",
        "{folder}/",
        "{folder}/sub/x",
        "{folder}2/x",
        "x",
        "{folder}",
    ],
)
async def test_a_reference_to_another_place_is_refused(harness, key, place):
    outcome = await forge(harness, **{key: place})
    assert outcome.state is TaskState.FAILED
    folder = f"{harness.results}/p/{RUN}"
    wrong = f"its result {place.format(folder=folder)!r} is not in {folder}"
    assert outcome.reason == f"its worker was ended, since it sent what is no report: {wrong}"


@pytest.mark.parametrize("form", ["", "yaml", "json\n", "pickle\n"])
async def test_a_format_that_there_is_not_is_refused(harness, form):
    outcome = await forge(harness, format=form)
    assert "sent what is no report: Invalid enum value" in outcome.reason


def test_a_result_needs_no_json():
    body = {"path": "x", "offset": 0, "size": 1, "format": "text", "repr": ""}
    usage = {"wall": 1, "cpu_user": 1, "cpu_system": 1, "cpu_measured": "", "memory_measured": ""}
    ended = {"type": "ended", "state": "succeeded", "started": 1, "ended": 2, "result": body}
    parsed = report.parse(json.dumps({**ended, "usage": {**usage, "memory_peak": 1}}).encode())
    assert parsed.result.json == ""
