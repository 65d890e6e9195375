"""Hiding the values of secrets."""

import base64
import html
import json
import re
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longcase.workers.mask import HIDDEN, NO_MASK, Flow, Mask

ODD = "pä'ss\"w\\o\nrd %/?&"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nab/+cd==\n-----END KEY-----"


def as_bytes(text):
    return repr(text.encode())


def as_json(text):
    return json.dumps(text, ensure_ascii=False)


def in_a_longer_text(text):
    return repr(f'we\'ve "{text}"')


def in_json_in_python(text):
    return repr(json.dumps({"password": text}))


def in_python_in_json(text):
    return json.dumps(f"no login with {text!r}")


def by_a_narrow_terminal(text):
    return text.encode("ascii", "backslashreplace").decode()


def by_windows(text):
    return text.replace("\n", "\r\n")


def quote_all(text):
    return quote(text, safe="")


def in_small_hex(text):
    return re.sub("%..", lambda match: match[0].lower(), quote_all(text))


def in_a_page(text):
    return html.escape(text)


def in_a_page_by_others(text):
    return html.escape(text, quote=False).replace('"', "&#34;").replace("'", "&#39;")


def without_quotes(text):
    return re.sub(r"""['"\\]""", "", text)


@pytest.mark.parametrize("secret", ["hunter2", ODD, "it's", 'say "friend"', "§§–ä–§§", "C:\\new", KEY])
@pytest.mark.parametrize(
    "spell",
    [
        str,
        repr,
        ascii,
        as_bytes,
        json.dumps,
        as_json,
        in_a_longer_text,
        in_json_in_python,
        in_python_in_json,
        by_a_narrow_terminal,
        by_windows,
        quote,
        quote_all,
        quote_plus,
        in_small_hex,
        in_a_page,
        in_a_page_by_others,
        shlex.quote,
    ],
)
def test_a_secret_is_hidden_however_it_is_spelled(secret, spell):
    shown = Mask([secret]).hide(f"<{spell(secret)}>")
    assert without_quotes(shown) == without_quotes(f"<{spell('SECRET')}>").replace("SECRET", HIDDEN)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("secret", ["hunter2", ODD, KEY, "p?>~ÿÿÿ?>"])
@pytest.mark.parametrize("before", ["", "u", "me", "you", "alice:"])
@pytest.mark.parametrize("after", ["", "!", "?!", " and more"])
def test_of_a_secret_in_base64_no_more_is_seen_than_at_its_edges(encode, secret, before, after):
    """As in `Authorization: Basic …`; what is shown of the secret is less than three of its bytes."""
    whole = encode((before + secret + after).encode()).decode()
    shown = Mask([secret]).hide(f"Basic {whole}")
    assert HIDDEN in shown
    assert len(shown) - len("Basic •••") <= len(encode((before + after).encode())) + 4
    assert Mask([secret]).hide("Basic aGVsbG8gd29ybGQ=") == "Basic aGVsbG8gd29ybGQ="


def test_what_holds_no_secret_stays_as_it_is():
    text = "hunter 2, Hunter2 and hunte"
    assert Mask(["hunter2"]).hide(text) is text
    assert NO_MASK.hide(text) is text
    assert not NO_MASK
    assert not Mask([])


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (["pass", "password"], "a password, a pass, passwor", "a •••, a •••, •••wor"),
        (["abcd", "cdef"], "<abcdef> <abcd> <cdef>", "<•••> <•••> <•••>"),
        (["abab"], "<ababab>", "<•••>"),
        (["abcd", "efgh"], "<abcdefgh>", "<•••>"),
        ([HIDDEN + "•"], "<••••>", "<•••>"),
        (["run", "abc", ""], "a run of abc", "a run of abc"),
        (["  padded\n"], "<padded>", "<•••>"),
        ([" \n "], "< \n >", "< \n >"),
    ],
)
def test_secrets_within_and_beside_each_other(secrets, text, shown):
    assert Mask(secrets).hide(text) == shown


def test_a_longer_line_of_a_secret_is_hidden_where_it_stands_alone():
    shown = Mask([KEY]).hide("MIIEvQIBADANBgkq, ab/+cd==, ab%2F%2Bcd%3D%3D, -----END KEY----- and nothing")
    assert shown == "•••, •••, •••, ••• and nothing"
    assert Mask(["first line of it\nshort"]).hide("short") == "short"


def test_a_variable_may_hold_bytes_that_are_no_text():
    mask = Mask([b"p\xe4ssw\xf6rd".decode("utf-8", "surrogateescape")])
    assert (
        mask.hide("p\udce4ssw\udcf6rd p\\xe4ssw\\xf6rd p\\udce4ssw\\udcf6rd p%E4ssw%F6rd")
        == "••• ••• ••• •••"
    )


def collapsed(text):
    return re.sub("•+", "•••", text)


SECRETS = st.lists(st.text("ab", min_size=4, max_size=9), max_size=3)


@given(SECRETS, st.text("abc", max_size=40))
@example(["abcd", "cdef"], "abcdef")
def test_every_character_of_every_secret_is_hidden_and_no_other(secrets, text):
    covered = [False] * len(text)
    for secret in secrets:
        for at in range(len(text) - len(secret) + 1):
            if text.startswith(secret, at):
                covered[at : at + len(secret)] = [True] * len(secret)
    signs = ("•" if hidden else sign for sign, hidden in zip(text, covered, strict=True))
    assert collapsed(Mask(secrets).hide(text)) == collapsed("".join(signs))


@given(SECRETS, st.lists(st.text("ab\n", max_size=9), max_size=9))
@example(["abba"], ["abba", "bba", "ab"])
@example(["aaaab", "aabb"], ["aaaa", "b", "b"])
@example(["abab"], ["ababab", "", "b"])
def test_what_comes_in_pieces_is_hidden_as_what_comes_at_once(secrets, pieces):
    mask = Mask(secrets)
    at_once, in_pieces = Flow(mask), Flow(mask)
    whole = at_once.feed("".join(pieces)) + at_once.end()
    shown = "".join(map(in_pieces.feed, pieces)) + in_pieces.end()
    assert collapsed(shown) == collapsed(whole)
    assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 20])
def test_no_part_of_a_secret_in_pieces_is_ever_shown(width):
    text = f"key:\n{KEY}\nkey again: {KEY}, pass: {ODD}!"
    flow = Flow(Mask([KEY, ODD]))
    shown = [flow.feed(text[at : at + width]) for at in range(0, len(text), width)]
    assert "".join([*shown, flow.end()]) == "key:\n•••\nkey again: •••, pass: •••!"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc", "abc"),
        ("0123456789", "23456789"),
        ("s3cret99", HIDDEN),
        ("12345s3cret99", "12345" + HIDDEN),
        ("a" * 40 + "s3cret99" + "1234567", "•1234567"),
        ("cret99" + "12345678901234567890", "34567890"),
        ("cret99" + "s3cret99" * 3, ""),
    ],
)
def test_of_the_end_of_a_text_no_part_of_a_secret_is_shown(text, shown):
    """The last two texts are themselves the end of a longer one, which a secret was cut in two by."""
    assert Mask(["s3cret99"]).tail(text, 8) == shown


def test_what_may_be_a_beginning_waits_and_no_more_than_that():
    flow = Flow(Mask(["hunter2"]))
    assert flow.feed("user h") == "user "
    assert flow.feed("ead, hunte") == "head, "
    assert flow.feed("") == ""
    assert flow.feed("r2 and") == "••• and"


@pytest.mark.parametrize(("rest", "shown"), [("hunter", "•••"), ("hunt", "•••"), ("hun", "hun"), ("", "")])
def test_at_the_end_a_beginning_is_hidden_unless_it_tells_nothing(rest, shown):
    flow = Flow(Mask(["hunter2"]))
    assert flow.feed(f"last {rest}") == "last "
    assert flow.end() == shown


def test_without_a_secret_everything_flows():
    flow = Flow(NO_MASK)
    assert (flow.feed("half"), flow.feed(" a line"), flow.end()) == ("half", " a line", "")


@pytest.mark.parametrize("secret", ["hunter2", ODD, KEY])
def test_a_cut_never_goes_through_a_secret(secret):
    mask = Mask([secret])
    for text in (f"{'x' * 9}{secret}{'y' * 400}", f"{secret}{secret}z{'y' * 400}", f"{'x' * 9}{secret}"):
        for most in range(len(text) + 1):
            shown = mask.cut(text, most)
            assert mask.hide(text).startswith(shown)
            assert len(shown) <= most
    assert NO_MASK.cut("abc", 2) == "ab"


def test_a_secret_may_be_as_long_as_secrets_are():
    line = "0123456789abcdef" * 4096
    mask = Mask([line, "\n".join(f"line {number} of a long file" for number in range(2000))])
    flow = Flow(mask)
    shown = [flow.feed(piece) for piece in (line[:40_000], line[40_000:], f" {line[:40_000]}")]
    assert (*shown, flow.end()) == ("", "•••", " ", "•••")
    assert mask.hide("<line 7 of a long file>") == "<•••>"
