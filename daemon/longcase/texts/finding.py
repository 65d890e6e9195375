"""What `check` finds in a job file that reads well."""

from collections.abc import Iterable

from msgspec import Struct

from longcase.domain.pipeline import Pipeline
from longcase.texts.document import Problem, key_text
from longcase.texts.faults import Fault
from longcase.texts.toml_lines import line_of, locate


class Finding(Struct, frozen=True):
    """An error, or a hint: something that may surprise. `details` are lines that show more."""

    problem: Problem
    is_hint: bool = False
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`FILE:LINE: key: message`, with `hint: ` in front of a hint's key, and the details."""
        place = f"{self.problem.path}:{self.problem.line}: "
        text = str(self.problem).replace(place, f"{place}hint: ", 1) if self.is_hint else str(self.problem)
        return "\n".join([text, *(f"    {line}" for line in self.details)])


class Remark(Struct, frozen=True):
    """A finding before its line is known."""

    fault: Fault
    is_hint: bool = False
    details: tuple[str, ...] = ()


def at_lines(remarks: Iterable[Remark], pipeline: Pipeline) -> list[Finding]:
    """Each remark at its line of the job file, by line."""
    lines = locate(pipeline.job_file)
    found = [
        Finding(
            Problem(
                pipeline.path,
                line_of(remark.fault.path, lines),
                key_text(remark.fault.path),
                remark.fault.message,
            ),
            remark.is_hint,
            remark.details,
        )
        for remark in remarks
    ]
    return sorted(found, key=lambda finding: finding.problem.line)
