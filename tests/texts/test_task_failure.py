"""The mails of the library face: complete, bounded, escaped, whatever tasks are called with."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longcase.texts.log_entry import LogEntry, compose_log_entry
from longcase.texts.task_failure import TaskFailure, compose_task_failure
from longcase.texts.templating import Composed

TRACEBACK = (
    'Traceback (most recent call last):\n  File "users.py", line 7, in validate\nValueError: no users\n'
)
HOSTILE = "<script>alert('x')</script> & <b onload=evil()>"


def compose(**changes: Any) -> Composed:
    parts: dict[str, Any] = {
        "task": "validate",
        "function": "users.validate",
        "args": ("3", "'two'"),
        "kwargs": {"strict": "True"},
        "exception": "ValueError: no users",
        "traceback": TRACEBACK,
        "blocked": (("prepare", "validate"), ("save", "prepare"), ("report", "save")),
        "host": "wall.example.org",
    }
    return compose_task_failure(TaskFailure(**(parts | changes)))


def entry(**changes: Any) -> Composed:
    parts: dict[str, Any] = {
        "level": "ERROR",
        "logger": "etl.users",
        "message": "no users",
        "text": "no users\n" + TRACEBACK,
        "place": "/opt/etl/users.py:7, in validate",
        "host": "wall.example.org",
    }
    return compose_log_entry(LogEntry(**(parts | changes)))


class Page(HTMLParser):
    """What a reader of the HTML sees, and what it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self._words: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self._words.append(data)


def both(mail: Composed) -> list[str]:
    """Both bodies as a reader sees them, with every run of white space as one blank."""
    return [" ".join(mail.text.split()), Page(mail.html).text]


def assert_in_both(mail: Composed, *sentences: str) -> None:
    for body in both(mail):
        for sentence in sentences:
            assert sentence in body


def test_the_subject_says_task_and_cause():
    assert compose().subject == "[longcase] task validate failed (ValueError: no users)"


def test_the_mail_tells_all_of_it():
    assert_in_both(
        compose(),
        "Task validate failed",
        "on wall.example.org",
        "users.validate(3, 'two', strict=True)",
        'File "users.py", line 7, in validate',
        "Blocked: 3 tasks will not run",
    )


def test_every_blocked_task_is_told_with_whom_it_waits_for():
    lines = [line.strip() for line in compose().text.splitlines()]
    assert "prepare — waits for validate, which failed" in lines
    assert "save — waits for prepare, which is blocked by validate" in lines
    assert "report — waits for save, which is blocked by validate" in lines
    assert "report waits for save, which is blocked by validate" in both(compose())[1]


def test_a_task_that_blocks_nothing_says_so():
    assert_in_both(compose(blocked=()), "It blocks no other task.")


def test_what_is_not_known_is_not_made_up():
    mail = compose(host="", traceback="")
    for body in both(mail):
        assert "Traceback" not in body
        assert " on " not in body


def test_the_order_is_what_a_reader_needs_first():
    titles = ["ValueError", "Blocked:", "What was called", "Traceback"]
    for body in both(compose()):
        start = body.index("Task validate failed")  # before it: what a mailbox shows of a mail
        found = [body.index(title, start) for title in titles]
        assert found == sorted(found)


@pytest.mark.parametrize("value", ["x" * 80, "   id\n0  17"])
def test_an_argument_that_is_long_or_has_lines_gets_its_own(value):
    mail = compose(args=(value, "2"), kwargs={"strict": "True"})
    shown = value.replace("\n", "\n      ")
    assert f"users.validate(\n      {shown},\n      2,\n      strict=True,\n  )\n" in mail.text


def test_everything_that_others_wrote_is_escaped():
    mail = compose(
        task=HOSTILE, function=HOSTILE, args=(HOSTILE,), kwargs={HOSTILE: HOSTILE}, exception=HOSTILE,
        traceback=HOSTILE, blocked=((HOSTILE, "other"), ("other", HOSTILE)), host=HOSTILE,
    )  # fmt: skip
    page = Page(mail.html)
    assert "script" not in page.tags
    assert "onload" not in page.attributes
    assert page.text.count(HOSTILE) >= 10


def test_everything_that_was_logged_is_escaped():
    mail = entry(
        level=HOSTILE, logger=HOSTILE, message=HOSTILE, text=HOSTILE, place=HOSTILE, host=HOSTILE
    )  # fmt: skip
    page = Page(mail.html)
    assert "script" not in page.tags
    assert "onload" not in page.attributes
    assert page.text.count(HOSTILE) >= 6


@pytest.mark.parametrize("mail", [compose(), entry()])
def test_the_page_needs_nothing_from_elsewhere(mail):
    page = Page(mail.html)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "a"}
    assert not {"src", "href", "background"} & page.attributes
    assert "url(" not in mail.html
    assert "@import" not in mail.html


@pytest.mark.parametrize(
    "text", ["one\nBcc: evil@example.com", "x" * 5000, "\x1b[31mred\x1b[0m\r\x00", "\ud800"]
)
def test_a_subject_is_one_line_of_sane_length_whatever_it_tells(text):
    for mail in (compose(task=text, exception=text), entry(level=text, logger=text, message=text)):
        assert mail.subject.isprintable()
        assert len(mail.subject) <= 180
        mail.subject.encode()


def test_nothing_makes_the_mail_too_long_for_mail_programs():
    """They clip what is over 100 KB."""
    long = "x" * 1_000_000
    mail = compose(
        task=long, function=long, args=(long,) * 200, kwargs={long: long}, exception=long,
        traceback=f"{long}\n" * 3, blocked=((long, long),) * 20_000, host=long,
    )  # fmt: skip
    assert max(len(mail.html), len(mail.text)) < 100_000
    assert_in_both(mail, "Blocked: 20,000 tasks will not run", "tasks more", "characters left out")
    logged = entry(level=long, logger=long, message=long, text=long, place=long, host=long)
    assert max(len(logged.html), len(logged.text)) < 100_000


def test_every_blocked_task_is_named_however_many_there_are():
    names = [f"task_number-{number:04}" for number in range(1_500)]
    for body in both(compose(blocked=tuple((name, "validate") for name in names))):
        assert [name for name in names if name not in body] == []
        assert "tasks more" not in body


@pytest.mark.parametrize("name", ["<&>" * 20, "\u00e9" * 100])
def test_names_of_blocked_tasks_that_have_no_room_are_counted(name):
    mail = compose(blocked=tuple((f"{number:05}{name}", "validate") for number in range(9_999)))
    assert len(mail.html.encode()) < 100_000
    for body in both(mail):
        told = re.findall(r"\b\d{5}(?=<|\u00e9)", body.partition("Blocked:")[2])
        left_out = int(re.search(r"and ([\d,]+) tasks more", body)[1].replace(",", ""))
        assert len(told) + left_out == 9_999
        assert told == [f"{number:05}" for number in range(len(told))]


def test_arguments_beyond_the_40th_are_counted():
    mail = compose(args=tuple(f"argument{number}" for number in range(50)), kwargs={})
    assert_in_both(mail, "argument39,", "… and 10 arguments more")
    assert "argument40" not in mail.text


def test_of_a_long_argument_the_beginning_and_the_end_are_kept():
    mail = compose(args=("begin" + "x" * 10_000 + "end",))
    assert_in_both(mail, "beginx", "xend,", "[… 9,608 characters left out …]")


def test_of_a_long_traceback_the_beginning_and_more_of_the_end_are_kept():
    mail = compose(traceback="\n".join(f"line {number}" for number in range(10_000)))
    assert_in_both(mail, "line 0 ", "line 9999", "characters left out")
    assert "line 5000\n" not in mail.text


def test_terminal_colours_and_control_characters_stay_out():
    for mail in (
        compose(traceback="\x1b[31mred\x1b[0m\x00 \udcff"),
        entry(text="\x1b[31mred\x1b[0m\x00 \udcff"),
    ):
        assert_in_both(mail, "red\ufffd \ufffd")


@settings(max_examples=50)
@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_any_text_at_all_gives_mails_that_can_be_encoded(name, text, values):
    mail = compose(
        task=name, function=text, args=tuple(values), kwargs={name: text}, exception=text, traceback=text,
        blocked=((text, name),),
    )  # fmt: skip
    logged = entry(level=name, logger=name, message=text, text=text, place=text)
    for each in (mail, logged):
        "".join(each).encode()
        assert "\n" not in each.subject


def test_an_entry_tells_what_was_logged_and_where():
    mail = entry()
    assert mail.subject == "[longcase] ERROR in etl.users: no users"
    assert_in_both(
        mail,
        "ERROR in etl.users",
        "on wall.example.org",
        'File "users.py", line 7, in validate',
        "Logged at /opt/etl/users.py:7, in validate",
    )
