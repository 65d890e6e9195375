"""The daemon's own log."""

import io
import json
from datetime import UTC, datetime, timedelta

from longcase.domain.event import DaemonReady, JobFileRefused, RunStarted, TaskEnded
from longcase.domain.outcome import Outcome, TaskState
from longcase.edge.log import teller

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)


def logged(event):
    stream = io.StringIO()
    teller(stream)(event)
    return json.loads(stream.getvalue())


def test_an_event_is_one_line_of_json_with_its_fields():
    line = logged(RunStarted(when=NOW, pipeline="etl", run="r", late=timedelta(seconds=1.5)))
    assert datetime.fromisoformat(line.pop("timestamp")) == NOW
    assert line == {"event": "run started", "level": "info", "pipeline": "etl", "run": "r", "late": 1.5}


def test_a_failure_and_a_refused_file_are_errors():
    outcome = Outcome(
        state=TaskState.FAILED, started=NOW, ended=NOW, exception="E: e", traceback="T", log_tail=("x",)
    )
    ended = TaskEnded(
        when=NOW,
        pipeline="p",
        run="r",
        task="t",
        attempt=1,
        attempts=1,
        outcome=outcome,
        retry_in=None,
        log="l",
    )
    line = logged(ended)
    assert (line["level"], line["outcome"]["exception"]) == ("error", "E: e")
    assert not {"traceback", "log_tail"} & set(line["outcome"])
    refused = JobFileRefused(when=NOW, path="p", pipeline="p", errors=("p:1: x",), kept=False)
    assert logged(refused)["level"] == "error"


def test_times_within_a_tuple_are_times_too():
    line = logged(DaemonReady(when=NOW, pipelines=1, jobs_dir="/j", next=(NOW, "etl")))
    assert datetime.fromisoformat(line["next"][0]) == NOW
