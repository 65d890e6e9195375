"""`longcase schema`."""

import json
import subprocess

from home import LONGCASE
from longcase.shipped import shipped


def test_what_it_prints_is_the_schema_that_is_shipped():
    """Editors read the shipped file. Where this fails: longcase schema >config/job.schema.json"""
    done = subprocess.run([*LONGCASE, "schema"], capture_output=True, text=True, check=True)
    assert (shipped("config") / "job.schema.json").read_text() == done.stdout
    assert json.loads(done.stdout)["title"] == "A job file of Longcase"
