"""Hiding the values of secrets in whatever is written for people."""

import json
import re
from base64 import b64encode
from bisect import bisect_right
from typing import Iterable, Iterator, Sequence

HIDDEN = "•••"
"""What stands where a secret would."""
SHORTEST = 4
"""Characters that a secret has at least, to be hidden: shorter ones would tear every text apart."""

_SHORTEST_LINE = 8
_UNCHANGED = re.compile(r"[A-Za-z0-9]+")  # by every way of spelling
_PERCENT = re.compile(r"%[0-9A-F]{2}")

Span = tuple[int, int]


class Mask:
    """Replaces values by HIDDEN: as they are, and as Python, JSON, URLs, shells, HTML and base64 spell them.

    White space around a value is no part of it. Of a value of several lines each longer line is hidden where
    it stands alone, too. `longest`: characters of the longest spelling.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        spellings = {text: anchor for value in values for text, anchor in _spellings(value)}
        self._by_anchor: dict[str, list[str]] = {}
        for text, anchor in spellings.items():
            self._by_anchor.setdefault(anchor, []).append(text)
        self._of_one_line = _Beginnings(text for text in spellings if "\n" not in text)
        self._of_several = _Beginnings(text for text in spellings if "\n" in text)
        self.longest = max(map(len, spellings), default=0)

    def __bool__(self) -> bool:
        return self.longest > 0

    def hide(self, text: str) -> str:
        """The text without any secret."""
        spans = self.spans(text)
        return _cover(text, spans) if spans else text

    def cut(self, text: str, most: int) -> str:
        """At most the first `most` characters of the text without any secret, nor the beginning of one."""
        if len(text) <= most + self.longest:
            return self.hide(text)[:most]
        return Flow(self).feed(text[: most + self.longest])[:most]

    def tail(self, text: str, most: int) -> str:
        """At most the last `most` characters without any secret, nor the end of one that begins before them.

        `text`: where it is itself the end of a longer one, at least `most + longest` characters of that.
        """
        shown = self.hide(text)
        return (shown if len(text) < most + self.longest else shown[self.longest :])[-most:]

    def spans(self, text: str) -> list[Span]:
        """Where secrets stand, in order, none touching another."""
        found: list[Span] = []
        for anchor, spellings in self._by_anchor.items():
            if anchor in text:  # one look for all spellings of a value, as a rule in vain
                for spelling in spellings:
                    found += _occurrences(spelling, text)
        return _joined(found)

    def held(self, text: str) -> int:
        """How many characters at the end of `text` may be the beginning of a secret that goes on."""
        return max(self._of_several.held(text), self._of_one_line.held(text[text.rfind("\n") + 1 :]))


class _Beginnings:
    """Finds what at the end of a text may be the beginning of one of several others."""

    def __init__(self, whole: Iterable[str]) -> None:
        self._sorted = sorted(whole)
        self._longest = max(map(len, self._sorted), default=0)
        first = "".join({text[0] for text in self._sorted})
        self._first = re.compile(f"[{re.escape(first)}]") if first else None

    def held(self, text: str) -> int:
        """Its length; 0 where there is none. What is whole already isn't counted."""
        if self._first is not None:
            for match in self._first.finditer(text, max(len(text) - self._longest + 1, 0)):
                end = text[match.start() :]
                after = bisect_right(self._sorted, end)  # what goes on from it comes next, where there is any
                if after < len(self._sorted) and self._sorted[after].startswith(end):
                    return len(end)
        return 0


NO_MASK = Mask()
"""Hides nothing."""


class Flow:
    """Hides secrets in a text that comes in pieces: what may be the beginning of one is held back."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = ""
        self._hidden = 0  # characters at the beginning of what is held, for which HIDDEN was shown already

    def feed(self, piece: str) -> str:
        """What is certain now."""
        if not self._mask:
            return piece
        text = self._held + piece
        return self._let_out(text, len(text) - self._mask.held(text))

    def end(self) -> str:
        """The rest. The beginning of a secret is hidden as well, unless it is too short to tell anything."""
        text = self._held
        begun = self._mask.held(text)
        also = [(len(text) - begun, len(text))] if begun >= SHORTEST else []
        return self._let_out(text, len(text), also)

    def _let_out(self, text: str, end: int, also: Sequence[Span] = ()) -> str:
        """The text up to `end`. A secret that goes on behind it is hidden here, and the rest of it later.

        `also`: what is to be hidden besides secrets.
        """
        if end == 0:
            self._held = text
            return ""
        shown_before = [(0, self._hidden)] if self._hidden else []
        spans = _joined([*shown_before, *also, *self._mask.spans(text)])
        self._held = text[end:]
        self._hidden = sum(last - end for first, last in spans if first < end < last)
        shown = _cover(text[:end], [(first, last) for first, last in spans if first < end])
        return shown[len(HIDDEN) :] if shown_before else shown


def _cover(text: str, spans: Iterable[Span]) -> str:
    parts, at = [], 0
    for first, last in spans:
        parts += [text[at:first], HIDDEN]
        at = last
    return "".join([*parts, text[at:]])


def _occurrences(spelling: str, text: str) -> Iterator[Span]:
    """All of them, also where they overlap."""
    at = text.find(spelling)
    while at >= 0:
        yield at, at + len(spelling)
        at = text.find(spelling, at + 1)


def _joined(spans: list[Span]) -> list[Span]:
    """In order; what overlaps or touches becomes one."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _spellings(value: str) -> Iterator[tuple[str, str]]:
    """Each with its anchor: a part that all spellings of the same text have in common."""
    lines = [line.strip() for line in value.splitlines()]
    for part in (value.strip(), *(line for line in lines if len(line) >= _SHORTEST_LINE)):
        if len(part) >= SHORTEST:
            anchor = max(_UNCHANGED.findall(part), key=len, default="")
            for text in {*_nested(part), *_in_urls(part), *_in_shells(part), *_in_pages(part)}:
                yield text, anchor
        for text in _in_base64(part):
            yield text, text


def _nested(text: str) -> Iterator[str]:
    """Escaped once, and once more: the repr of a text in JSON, say."""
    for once in {text, *_escaped(text)}:
        yield once
        yield from _escaped(once)


def _escaped(text: str) -> Iterator[str]:
    raw = text.encode("utf-8", "surrogateescape")  # a variable may hold bytes that are no text
    for literal in (repr('"' + text)[2:-1], ascii('"' + text)[2:-1], repr(b'"' + raw)[3:-1]):
        yield literal
        yield literal.replace("\\'", "'")  # as it stands between double quotes
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield raw.decode("utf-8", "backslashreplace")
    yield text.encode("ascii", "backslashreplace").decode()
    yield text.replace("\n", "\r\n")


def _in_urls(text: str) -> Iterator[str]:
    from urllib.parse import quote, quote_plus  # noqa: PLC0415  few need it, and a worker is kept small

    raw = text.encode("utf-8", "surrogateescape")
    for quoted in (quote(raw), quote(raw, safe=""), quote(raw, safe="!'()*"), quote_plus(raw)):
        yield quoted
        yield _PERCENT.sub(lambda match: match[0].lower(), quoted)


def _in_pages(text: str) -> Iterator[str]:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield escaped
    yield escaped.replace('"', "&quot;").replace("'", "&#x27;")  # as Python does
    yield escaped.replace('"', "&#34;").replace("'", "&#39;")  # as most others do


def _in_base64(text: str) -> Iterator[str]:
    """What of it is the same whatever stands before it: in `Authorization: Basic …`, a name and a colon."""
    raw = text.encode("utf-8", "surrogateescape")
    for before in range(3):
        whole = b64encode(bytes(before) + raw).rstrip(b"=").decode()
        last = len(whole) - ((before + len(raw)) % 3 != 0)
        spelling = whole[-(-before * 8 // 6) : last]
        if len(spelling) >= _SHORTEST_LINE:
            yield spelling
            yield spelling.replace("+", "-").replace("/", "_")


def _in_shells(text: str) -> Iterator[str]:
    """Between single quotes, as `set -x` shows it."""
    yield text.replace("'", "'\\''")
    yield text.replace("'", "'\"'\"'")
