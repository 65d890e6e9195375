"""Secrets that stand where they must not: in the job file itself."""

import re
from collections.abc import Iterator, Mapping

from longcase.domain.pipeline import Pipeline
from longcase.texts.document import Problem
from longcase.texts.finding import Finding

_TELLING = 8  # characters from which on a value is no part of other words by chance


def planted(pipeline: Pipeline, secrets: Mapping[str, str]) -> Iterator[Finding]:
    """A hint for each line on which the value of a secret stands or begins; it is not repeated.

    No more than a hint: a password may be a word of the file by chance. `secrets`: values that are long
    enough to be one, by name.
    """
    for name, value in secrets.items():
        lines = {pipeline.job_file.count("\n", 0, at) + 1 for at in _places(value, pipeline.job_file)}
        for line in sorted(lines):
            message = (
                f"the value of secret {name} stands in the job file; unless that is by chance, remove it "
                "here, and change the secret"
            )
            yield Finding(Problem(pipeline.path, line, "", message), is_hint=True)


def _places(value: str, text: str) -> Iterator[int]:
    literal = re.escape(value)
    pattern = literal if len(value) >= _TELLING else rf"(?<!\w){literal}(?!\w)"
    yield from (match.start() for match in re.finditer(pattern, text))
