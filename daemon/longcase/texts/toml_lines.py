"""Which line of a TOML text each of its keys and array elements stands on. tomllib doesn't tell."""

import re
import tomllib
from collections.abc import Collection, Mapping

KeyPath = tuple[str | int, ...]
"""Where a value lies in a document: keys of tables and indexes of arrays, from the top down."""

LONGEST_KEY = 100
"""Parts that a dotted key may have: no known one has more than three."""

_TOKEN = re.compile(
    r'''
      (?P<newline> \n )
    | (?P<comment> \#[^\n]* )
    | (?P<text> """ [^"\\]* (?: (?: \\. | "{1,2}(?!") ) [^"\\]* )* "{3,5}
              | \'\'\' [^\']* (?: \'{1,2}(?!\') [^\']* )* \'{3,5}
              | "(?!"") [^"\\\n]* (?: \\. [^"\\\n]* )* "
              | \'(?!\'\') [^'\n]* '
              | [^\s"'\#\[\]{},=.]+ )
    | (?P<stray> ["'] )
    | (?P<equals> = )
    | (?P<comma> , )
    | (?P<opening> [\[{] )
    | (?P<closing> [\]}] )
    ''',
    re.DOTALL | re.VERBOSE,
)
_PART = r"""(?: [^\s"'\#\[\]{},=.]+ | " (?: [^"\\\n] | \\. )* " | ' [^'\n]* ' )"""
_KEY = rf"{_PART} (?: [ \t]* \. [ \t]* {_PART} )*"
_HEAD = re.compile(
    rf"[ \t]* ( \[{{1,2}} [ \t]* {_KEY} [ \t]* \]{{0,2}} | {_KEY} (?= [ \t]* = ) )", re.VERBOSE
)


def locate(text: str, wanted: Collection[KeyPath] = ()) -> dict[KeyPath, int]:
    """The line, from 1, on which each key and each array element of `text` first stands.

    `text` must be TOML that tomllib accepts. One pass without recursion: 3,600 lines take about 20 ms.
    It ends where all that is `wanted` is found; nothing wanted in particular: at the end of the text.
    """
    walk = _Walk(wanted)
    for match in _TOKEN.finditer(text):
        walk.take(match.lastgroup or "", match[0])
        if wanted and not walk.missing:
            break
    return walk.lines


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of `path`, or of what it would stand in; 1 where that isn't there either."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return 1


def head(text: str, line: int) -> str:
    """The key, or the [header], that begins the statement of which `line` is a part, as it is written.

    `text` must be TOML up to there. Never any part of a value; "" where there is no key.
    """
    start, at, depth = 0, 1, 0
    for match in _TOKEN.finditer(text):
        if at >= line or match.lastgroup == "stray":
            break
        at += match[0].count("\n")
        depth += (match.lastgroup == "opening") - (match.lastgroup == "closing")
        if match.lastgroup == "newline" and not depth:
            start = match.end()
    found = _HEAD.match(text, start)
    return found[1] if found else ""


def unclosed(text: str) -> int | None:
    """The line of the first quote or bracket that is never closed, in a text that need not be TOML."""
    line = 1
    brackets = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "stray":
            return line
        if match.lastgroup == "opening":
            brackets.append(line)
        elif match.lastgroup == "closing" and brackets:
            brackets.pop()
        line += match[0].count("\n")
    return brackets[0] if brackets else None


def deepest(text: str) -> int:
    """The line of the innermost of all brackets, in a text that need not be TOML."""
    line, depth, most, place = 1, 0, 0, 1
    for match in _TOKEN.finditer(text):
        depth += (match.lastgroup == "opening") - (match.lastgroup == "closing")
        if depth > most:
            most, place = depth, line
        line += match[0].count("\n")
    return place


def longest_number(text: str) -> int:
    """The line of the decimal number with the most digits, in a text that need not be TOML."""
    line, most, place = 1, 0, 1
    for match in _TOKEN.finditer(text):
        word = match[0].lstrip("+-").replace("_", "")
        if word.isdecimal() and len(word) > most:
            most, place = len(word), line
        line += match[0].count("\n")
    return place


def overlong_key(text: str) -> int | None:
    """The line of the first key of more than LONGEST_KEY parts, in a text that need not be TOML.

    tomllib takes time and memory for a key that grow with the square of its parts.
    """
    line, parts, end = 1, 0, 0
    for match in _TOKEN.finditer(text) if text.count(".") >= LONGEST_KEY else ():
        goes_on = match.lastgroup == "text" and text[end : match.start()].strip() == "."
        parts = parts + 1 if goes_on else 1
        if parts > LONGEST_KEY:
            return line
        line += match[0].count("\n")
        end = match.end()
    return None


class _Walk:
    """Reads tokens as they come. What tomllib has checked isn't checked again."""

    def __init__(self, wanted: Collection[KeyPath]) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.missing = set(wanted)
        self._line = 1
        self._expects = "key"  # or "header", "value"
        self._parts: list[str] = []  # of the key or header that is being read
        self._table: KeyPath = ()  # the table that the last header opened
        self._is_array = False  # whether the header being read is [[…]]
        self._counts: dict[KeyPath, int] = {}  # how many elements each [[array]] has so far
        self._stack: list[KeyPath] = []  # the arrays and inline tables that are open
        self._at: KeyPath = ()  # the value that is being read

    def take(self, kind: str, word: str) -> None:
        match kind:
            case "text":
                self._text(word)
            case "newline":
                self._newline()
            case "equals":
                self._equals()
            case "comma":
                self._comma()
            case "opening":
                self._opening(word)
            case "closing":
                self._closing()

    def _newline(self) -> None:
        self._line += 1
        if not self._stack:
            self._expects = "key"
            self._parts = []

    def _text(self, word: str) -> None:
        if self._expects == "value":
            self._mark(self._at)
            self._line += word.count("\n")
        else:
            self._parts.append(_unquote(word))

    def _equals(self) -> None:
        path = self._stack[-1] if self._stack else self._table
        for part in self._parts:
            path = (*path, part)
            self._mark(path)
        self._at = path
        self._expects = "value"

    def _opening(self, word: str) -> None:
        if self._expects != "value":
            self._is_array = self._expects == "header"
            self._expects = "header"
            return
        self._mark(self._at)
        self._stack.append(self._at)
        if word == "{":
            self._expects = "key"
            self._parts = []
        else:
            self._at = (*self._at, 0)

    def _comma(self) -> None:
        last = self._at[-1]
        if isinstance(last, int):
            self._at = (*self._at[:-1], last + 1)
        else:
            self._expects = "key"
            self._parts = []

    def _closing(self) -> None:
        if self._expects == "header":
            self._open_table()
        elif self._stack:
            self._at = self._stack.pop()
        self._expects = "value"

    def _open_table(self) -> None:
        path: KeyPath = ()
        for part in self._parts[:-1]:
            path = self._enter((*path, part))
        path = (*path, self._parts[-1])
        self._mark(path)
        if self._is_array:
            self._counts[path] = self._counts.get(path, 0) + 1
        self._table = self._enter(path)

    def _enter(self, path: KeyPath) -> KeyPath:
        """What a header's part leads into: the table itself, or the last one of an array of tables."""
        self._mark(path)
        if path in self._counts:
            path = (*path, self._counts[path] - 1)
            self._mark(path)
        return path

    def _mark(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self._line)
        self.missing.discard(path)


def _unquote(key: str) -> str:
    if key[0] not in "\"'":
        return key
    if key[0] == "'" or "\\" not in key:
        return key[1:-1]
    return str(tomllib.loads(f"key = {key}")["key"])
