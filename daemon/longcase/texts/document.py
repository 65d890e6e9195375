"""A TOML document that people write: parsed, and refused with every error at its line."""

import re
import tomllib
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from msgspec import Struct

from longcase.domain.errors import LongcaseError
from longcase.texts.faults import MOST_KEPT, Fault, excerpt, quoted
from longcase.texts.toml_lines import (
    LONGEST_KEY,
    KeyPath,
    deepest,
    head,
    line_of,
    locate,
    longest_number,
    overlong_key,
    unclosed,
)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_REMEDIES = {
    "Cannot overwrite a value": "the key stands there twice: remove one of the two",
    "Cannot declare": "the table stands there twice: join the two",
    "Cannot mutate": "the table is complete already: write all of its keys in one place",
    "Cannot redefine": "the table is complete already: write all of its keys in one place",
    "Duplicate inline table key": "remove one of the two",
    "Invalid value": 'text stands in quotes: key = "text"; other values are 1, 1.5, true, false, […], {…}',
    "Invalid initial character for a key part": "a key is A-Z a-z 0-9 _ -, or stands in quotes; "
    "{…} stands on one line, without a comma at its end",
    "Expected '=' after a key": "a line is key = value, [table] or # comment; a key with blanks or other "
    "signs stands in quotes",
    "Invalid statement": "a line is key = value, [table] or # comment",
    "Expected newline or end of document": "one key = value a line; text stands in quotes",
    "Unclosed array": "its elements are separated by commas, and ] closes it",
    "Unclosed inline table": "its key = value pairs are separated by commas on one line, and } closes it",
    "Unescaped '\\' in a string": "write \\\\ for a backslash, or put the text in 'single quotes'",
    "Illegal character '\\n'": "the string is not closed on its line: add the quote",
    "Illegal character": "save the file as plain text, and write \\uXXXX for such a character in a string",
    "Unterminated string": "add the quotes that close it",
    "Expected '\"": "add the quotes that close the string",
    "Expected \"'": "add the quotes that close the string",
    "Invalid date or datetime": "there is no such day or time",
}


MOST_TOLD = 100
"""How many errors of one document are told: more, nobody reads."""


class Problem(Struct, frozen=True):
    """One error of a document: where, in file and document, and what. `key` is "" for the whole file."""

    path: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}: "
        return f"{place}{self.key}: {self.message}" if self.key else f"{place}{self.message}"


class DocumentErrors(LongcaseError):  # noqa: N818 - it carries all errors of a document
    """A document that is refused, with every problem in it, by line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(map(str, self.problems)))


class Document:
    """A text that was parsed: `text` without a byte order mark, and its `data`.

    `refusal` is the error that is raised for it. A text that is no UTF-8 or no TOML raises it at once.
    """

    def __init__(self, source: str | bytes, path: str, refusal: type[DocumentErrors]) -> None:
        self.path = path
        self._refusal = refusal
        self.text = self._decode(source).removeprefix("\ufeff")
        self.data = self._parse()

    def refused(self, faults: Iterable[Fault]) -> DocumentErrors:
        """The error that tells the first MOST_TOLD of `faults`, each at its line, and how many more."""
        faults = tuple(faults)
        lines = locate(self.text, {fault.path for fault in faults if fault.path})
        placed = sorted(((line_of(fault.path, lines), fault) for fault in faults), key=itemgetter(0))
        problems = [
            Problem(self.path, line, key_text(fault.path), fault.message)
            for line, fault in placed[:MOST_TOLD]
        ]
        if len(placed) > MOST_TOLD:
            least = "at least " if len(placed) >= MOST_KEPT else ""
            more = f"… and {least}{len(placed) - MOST_TOLD} more"
            problems.append(Problem(self.path, placed[MOST_TOLD][0], "", more))
        return self._refusal(problems)

    def _decode(self, source: str | bytes) -> str:
        if isinstance(source, str):
            return source
        try:
            return source.decode()
        except UnicodeDecodeError as error:
            line = source.count(b"\n", 0, error.start) + 1
            byte = source[error.start]
            raise self._unreadable(
                line, f"not in UTF-8: found byte 0x{byte:02x}; save the file in UTF-8"
            ) from None

    def _parse(self) -> dict[str, Any]:
        overlong = overlong_key(self.text)
        if overlong:
            raise self._unreadable(overlong, f"a key of more than {LONGEST_KEY} parts; use fewer dots")
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            message, line = self._syntax(str(error))
        except RecursionError:
            message, line = "nested too deeply; use fewer levels of brackets", deepest(self.text)
        except ValueError:
            right = "an integer has at most 64 bits; write a longer number as text, in quotes"
            message, line = f"not a value that can be read; {right}", longest_number(self.text)
        raise self._unreadable(line, message)

    def _syntax(self, error: str) -> tuple[str, int]:
        """The parser's message, with the key on the line and what would be right; and the line.

        The value is not repeated: it may be a secret.
        """
        position = _POSITION.search(error)
        if position and position[1]:
            line = int(position[1])
        else:
            line = unclosed(self.text) or self.text.rstrip().count("\n") + 1
        what = _POSITION.sub("", error)
        remedy = next((right for start, right in _REMEDIES.items() if what.startswith(start)), "")
        key = head(self.text, line)
        place = f", at `{excerpt(key)}`" if key else ""
        tail = f"; {remedy}" if remedy else ""
        return f"no valid TOML: {what}{place}{tail}", line

    def _unreadable(self, line: int, message: str) -> DocumentErrors:
        return self._refusal([Problem(self.path, line, "", message)])


def key_text(path: KeyPath) -> str:
    """A path as people write it: `tasks.report.depends_on[0].pass`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part if _BARE_KEY.fullmatch(part) else quoted(part)
            text += f".{bare}" if text else bare
    return text
