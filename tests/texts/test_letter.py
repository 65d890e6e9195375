"""The failure mail: complete, bounded, escaped, and in the order in which a reader needs it."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from longcase.domain.outcome import Outcome, TaskState, Usage
from longcase.domain.pipeline import Call, Command, Dependency, Passing, Pipeline, Task
from longcase.domain.policy import RetryPolicy
from longcase.domain.schedule import Cron, Schedule
from longcase.texts.letter import FailureReport, Letter, compose_failure

INSTANT = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
TRACEBACK = (
    'Traceback (most recent call last):\n  File "fails.py", line 7, in divide\nZeroDivisionError: no\n'
)
HOSTILE = "<script>alert('x')</script> & <b onload=evil()>"


def task(name: str, *needed: str | Dependency, **call: Any) -> Task:
    edges = tuple(Dependency(edge) if isinstance(edge, str) else edge for edge in needed)
    return Task(name=name, action=Call(f"fails:{name}", **call), depends_on=edges)


def pipeline(*tasks: Task) -> Pipeline:
    schedule = Schedule((Cron("30 2 * * *"),), "Europe/Berlin")
    return Pipeline(name="nightly", tasks=tasks, schedule=schedule, path="/etc/longcase/jobs.d/nightly.toml")


DIVIDE = Task(
    name="divide",
    action=Call("fails:divide", args=(1, "two"), kwargs={"precision": 3, "limit": 10}),
    depends_on=(
        Dependency("load", Passing.ARG),
        Dependency("limits", Passing.KWARG, "limit"),
        Dependency("warm", Passing.ORDER),
    ),
    retry=RetryPolicy(retries=2),
)
DIAMOND = pipeline(
    task("load"), task("limits"), task("warm"), DIVIDE,
    task("count", "load"), task("archive", "count"),
    task("save", "divide"), task("plot", "divide"), task("report", "save", "plot", "count"),
)  # fmt: skip
STATES: Mapping[str, TaskState] = {
    "load": TaskState.SUCCEEDED,
    "limits": TaskState.SUCCEEDED,
    "warm": TaskState.SUCCEEDED,
    "divide": TaskState.FAILED,
    "count": TaskState.RUNNING,
    "archive": TaskState.WAITING,
    "save": TaskState.BLOCKED,
    "plot": TaskState.BLOCKED,
    "report": TaskState.BLOCKED,
}


def outcome(**changes: Any) -> Outcome:
    parts: dict[str, Any] = {
        "state": TaskState.FAILED,
        "started": INSTANT + timedelta(seconds=2),
        "ended": INSTANT + timedelta(seconds=3.2),
        "exit_code": 1,
        "exception": "ZeroDivisionError: no",
        "traceback": TRACEBACK,
        "usage": Usage(wall=1.2, cpu_user=0.4, cpu_system=0.1, memory_peak=52 * 1024 * 1024),
        "log_tail": ("2026-11-24T02:30:02.123+01:00 RUN out twelve numbers",),
    }
    return Outcome(**(parts | changes))


def report(**changes: Any) -> FailureReport:
    parts: dict[str, Any] = {
        "pipeline": DIAMOND,
        "run": "nightly-20261124T013000Z",
        "task": DIVIDE,
        "attempt": 3,
        "outcome": outcome(),
        "instant": INSTANT,
        "started": INSTANT + timedelta(seconds=1),
        "trigger": "schedule",
        "host": "wall.example.org",
        "log": "/var/log/longcase/nightly/divide.log",
        "states": STATES,
        "blocked": ("save", "plot", "report"),
        "passed": {"load": "[3, 5, 8]", "limits": "99"},
        "next": INSTANT + timedelta(days=1),
        "usual": timedelta(milliseconds=900),
    }
    return FailureReport(**(parts | changes))


def compose(**changes: Any) -> Letter:
    return compose_failure(report(**changes), ("data@example.com",))


class Page(HTMLParser):
    """What a reader of the HTML sees, and what it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self._words: list[str] = []
        self._in_style = False
        self.feed(html)
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def both(letter: Letter) -> list[str]:
    """Both bodies as a reader sees them, with every run of white space as one blank."""
    return [" ".join(letter.text.split()), Page(letter.html).text]


def assert_in_both(letter: Letter, *sentences: str) -> None:
    for body in both(letter):
        for sentence in sentences:
            assert sentence in body


def test_the_subject_says_pipeline_task_and_cause():
    assert compose().subject == "[longcase] nightly: task divide failed (ZeroDivisionError: no)"


def test_the_letter_is_for_whom_it_was_asked_and_threads_by_run():
    letter = compose()
    assert (letter.to, letter.pipeline) == (("data@example.com",), "nightly")
    assert letter.thread == "nightly-20261124T013000Z"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (TaskState.FAILED, "task divide failed (no end within 1 s)"),
        (TaskState.TIMED_OUT, "task divide timed out (no end within 1 s)"),
        (TaskState.KILLED, "task divide was killed (no end within 1 s)"),
    ],
)
def test_what_happened_is_said_in_words(state, words):
    letter = compose(outcome=outcome(state=state, exception=None, traceback=None, reason="no end within 1 s"))
    assert letter.subject.endswith(words)
    assert_in_both(letter, words.partition(" (")[0].replace("task", "Task"), "no end within 1 s")
    assert all("Traceback" not in body for body in both(letter))


@pytest.mark.parametrize(
    "cause", ["one\nBcc: evil@example.com", "x" * 5000, "\x1b[31mred\x1b[0m\r\x00", "\ud800"]
)
def test_a_subject_is_one_line_of_sane_length_whatever_the_cause(cause):
    subject = compose(outcome=outcome(exception=cause)).subject
    assert subject.isprintable()
    assert len(subject) <= 180
    subject.encode()


def test_every_blocked_task_is_named_with_what_blocks_it():
    assert_in_both(
        compose(),
        "Blocked: 3 tasks will not run",
        "waits for divide, which failed",
        "waits for save and plot, which are blocked by divide",
    )
    lines = [line.strip() for line in compose().text.splitlines()]
    assert "save — waits for divide, which failed" in lines
    assert "report — waits for save and plot, which are blocked by divide" in lines


def test_a_chain_is_blocked_through_its_nearest_link():
    chain = pipeline(task("a"), task("b", "a"), task("c", "b"))
    states = {"a": TaskState.FAILED, "b": TaskState.BLOCKED, "c": TaskState.BLOCKED}
    letter = compose(pipeline=chain, task=chain.by_name["a"], states=states, blocked=("b", "c"), passed={})
    assert_in_both(letter, "waits for a, which failed", "waits for b, which is blocked by a")


def test_a_task_that_blocks_nothing_says_so():
    assert_in_both(compose(blocked=()), "It blocks no other task.")


def test_what_goes_on_is_told_by_state():
    lines = [" ".join(line.split()) for line in compose().text.splitlines()]
    at = lines.index("Not affected")
    assert lines[at + 2 : at + 5] == ["running count", "waiting archive", "succeeded load, limits and warm"]


def test_the_details_are_complete():
    assert_in_both(
        compose(),
        "Attempt 3 of 3",
        "Instant 2026-11-24 02:30:00 +01:00 (Europe/Berlin)",
        "Trigger schedule",
        "Host wall.example.org",
        "Run nightly-20261124T013000Z",
        "Run started 2026-11-24 02:30:01 +01:00 (Europe/Berlin)",
        "Task took 1.2 s (usually 900 ms)",
        "Exit code 1",
        "Memory 52 MiB",
        "Next instant: 2026-11-25 02:30:00 +01:00 (Europe/Berlin)",
        "/var/log/longcase/nightly/divide.log",
        "02:30:02.123",
        "twelve numbers",
        "ZeroDivisionError: no",
    )


def test_what_is_not_known_is_not_made_up():
    letter = compose(
        instant=None, next=None, usual=None, outcome=outcome(exit_code=None, signal="SIGKILL", usage=None)
    )
    assert_in_both(
        letter, "none: it was run by hand", "none: no schedule starts this pipeline again", "Signal SIGKILL"
    )
    for body in both(letter):
        assert not any(word in body for word in ("usually", "Exit code", "Memory", "None"))


def test_processes_that_could_not_be_killed_are_named():
    letter = compose(outcome=outcome(left_behind=("4711 (dd if=/dev/sda)",)))
    assert_in_both(letter, "Left behind 4711 (dd if=/dev/sda)")


def test_the_call_shows_own_arguments_then_passed_results_and_who_overrides():
    assert (
        "fails:divide(\n"
        "      1,\n"
        "      'two',\n"
        "      [3, 5, 8],  # result of load\n"
        "      precision=3,\n"
        "      limit=99,  # result of limits\n"
        "  )"
    ) in compose().text


def test_a_short_call_stands_on_one_line():
    short = task("divide", args=(1, 0))
    assert "\n  fails:divide(1, 0)\n" in compose(task=short).text


@pytest.mark.parametrize(
    ("run", "shown"),
    [("report --stats $F | wc -l", "report --stats $F | wc -l"), (("cp", "a b", "c"), "cp 'a b' c")],
)
def test_a_command_is_shown_as_it_could_be_typed(run, shown):
    letter = compose(task=Task(name="divide", action=Command(run)))
    assert_in_both(letter, "The command", shown)


def test_the_next_commands_can_be_pasted_into_a_shell():
    letter = compose(run="run $(reboot); 1")
    assert "longcase logs nightly/divide --run 'run $(reboot); 1'" in letter.text
    assert_in_both(letter, "longcase show 'run $(reboot); 1'")


def test_the_graph_shows_each_task_below_what_it_waits_for():
    shown = compose().text.partition("All tasks of the run")[2].splitlines()[2:11]
    assert shown == [
        "  load (succeeded)",
        "  limits (succeeded)",
        "  warm (succeeded)",
        "    count (running, after load)",
        "  > divide (failed, after load, limits and warm)",
        "      archive (waiting, after count)",
        "      save (blocked, after divide)",
        "      plot (blocked, after divide)",
        "        report (blocked, after save, plot and count)",
    ]


def test_the_order_is_what_a_reader_needs_first():
    titles = ["failed", "ZeroDivisionError", "Blocked:", "Not affected", "Attempt", "What was called",
              "Traceback", "Last lines", "All tasks", "What next", "longcase logs"]  # fmt: skip
    for body in both(compose()):
        start = body.index("Task divide")  # before it: the page's title, and what a mailbox shows of a mail
        found = [body.index(title, start) for title in titles]
        assert found == sorted(found)


def test_everything_that_others_wrote_is_escaped():
    hostile = Task(
        name="divide",
        action=Call(f"m:{HOSTILE}", args=(HOSTILE,), kwargs={HOSTILE: HOSTILE}),
        depends_on=(Dependency("load", Passing.ARG),),
    )
    letter = compose(
        task=hostile,
        pipeline=replace(DIAMOND, description=HOSTILE, path=HOSTILE),
        run=HOSTILE, trigger=HOSTILE, host=HOSTILE, log=HOSTILE, passed={"load": HOSTILE},
        outcome=outcome(exception=HOSTILE, traceback=HOSTILE, log_tail=(HOSTILE,), left_behind=(HOSTILE,)),
    )  # fmt: skip
    page = Page(letter.html)
    assert "script" not in page.tags
    assert not any(name == "onload" for name, _ in page.attributes)
    assert page.text.count(HOSTILE) >= 12


def test_the_page_needs_nothing_from_elsewhere():
    page = Page(compose().html)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "a"}
    assert not {"src", "href", "background"} & {name for name, _ in page.attributes}
    assert "url(" not in compose().html
    assert "@import" not in compose().html


def test_20_000_blocked_tasks_are_counted_and_the_first_50_named():
    names = [f"t{number}" for number in range(20_000)]
    wide = pipeline(task("root"), *(task(name, "root") for name in names))
    states = {"root": TaskState.FAILED} | dict.fromkeys(names, TaskState.BLOCKED)
    letter = compose(pipeline=wide, task=wide.by_name["root"], states=states, blocked=tuple(names), passed={})
    assert_in_both(
        letter,
        "Blocked: 20,000 tasks will not run",
        "t49",
        "… and 19,950 tasks more",
        "… and 19,951 tasks more",
    )
    assert "t50 " not in letter.text
    assert len(letter.html) < 100_000


def test_nothing_makes_the_mail_too_long_for_mail_programs():
    """They clip what is over 100 KB."""
    long = "<" + "x" * 1_000_000
    big = Task(name="divide", action=Call("m:f", args=tuple(long for _ in range(200)), kwargs={"k": long}))
    letter = compose(
        task=big,
        outcome=outcome(exception=long, traceback=f"{long}\n" * 3, log_tail=(long,) * 500),
        trigger=long,
    )
    assert len(letter.html) < 100_000
    assert len(letter.text) < 100_000
    assert_in_both(letter, "characters left out", "… and 161 arguments more", "characters more)")


def test_of_a_long_traceback_the_beginning_and_more_of_the_end_are_kept():
    lines = [f"line {number}" for number in range(10_000)]
    text = compose(outcome=outcome(traceback="\n".join(lines))).text
    assert "line 0\n" in text
    assert "line 9999\n" in text
    assert "line 5000\n" not in text
    assert "characters left out" in text


def test_long_command_is_bounded():
    letter = compose(task=Task(name="divide", action=Command("echo " + "x" * 1_000_000)))
    assert len(letter.html) < 100_000


def test_terminal_colours_and_control_characters_stay_out():
    letter = compose(
        outcome=outcome(traceback="\x1b[31mred\x1b[0m\x00 \udcff", log_tail=("50 %\r100 %\x07",))
    )
    for body in both(letter):
        assert "red\ufffd \ufffd" in body
        assert "100 %\ufffd" in body
    letter.text.encode()
    letter.html.encode()


@settings(max_examples=50)
@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_any_text_at_all_gives_a_mail_that_can_be_encoded(exception, traceback, log):
    letter = compose(outcome=outcome(exception=exception, traceback=traceback, log_tail=tuple(log)))
    (letter.subject + letter.text + letter.html).encode()
    assert "\n" not in letter.subject


def test_importing_letters_loads_no_template_engine():
    code = "import sys, longcase.texts.letter; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_command_is_shown_with_what_other_tasks_passed_to_it_beside_it():
    publish = Task(
        name="divide",
        action=Command("publish --rows $ROWS"),
        depends_on=(
            Dependency("load", Passing.STDIN),
            Dependency("limits", Passing.ENV, "ROWS"),
            Dependency("warm"),
        ),
    )
    assert (
        "  publish --rows $ROWS\n"
        "  # standard input: result of load, [3, 5, 8]\n"
        "  # $ROWS: result of limits, 99\n"
    ) in compose(task=publish).text


def test_the_parameters_of_a_run_stand_among_the_facts():
    assert "Parameter     region=eu\n" in compose(params={"region": "eu"}).text


def test_what_the_job_file_says_is_shown_without_secrets_even_where_it_is_cut():
    hiding = {"hide": lambda text: text.replace("s3cret", "•••")}
    long = Task(name="divide", action=Call("fails:divide", args=("x" * 396 + "s3cret",)))
    letter = compose(task=long, passed={}, **hiding)
    assert "xxx•••" in letter.text
    assert "s3" not in letter.text
    command = Task(name="divide", action=Command(("curl", "-u", "me:s3cret")))
    assert "curl -u me:•••\n" in compose(task=command, **hiding).text.replace("'", "")
