"""The mails in a real browser: no wider than a phone, and nothing is loaded from anywhere."""

import re
import shutil
import subprocess
from html import escape

import pytest

from home import Home
from longcase.shipped import shipped
from longcase.texts.log_entry import LogEntry, compose_log_entry
from longcase.texts.task_failure import TaskFailure, compose_task_failure
from needs import need
from smtp_server import SmtpServer

PAGE = """<!DOCTYPE html><title>?</title>
<iframe width="{width}" height="800" style="border:0" srcdoc="{mail}"></iframe>
<script>
  addEventListener("load", () => {{
    const page = document.querySelector("iframe").contentDocument
    const wide = [...page.querySelectorAll("*")].filter(
      each => each.getBoundingClientRect().right > {width} + 0.5 && !each.closest("pre *"))
    document.title = `scroll ${{page.documentElement.scrollWidth}}, beyond ${{wide.length}}, `
      + `height ${{page.documentElement.scrollHeight}}`
  }})
</script>"""


@pytest.fixture(scope="module")
def mail(tmp_path_factory):
    """The HTML part of the mail of `fails-on-purpose`."""
    root = tmp_path_factory.mktemp("mail")
    folder = shutil.copytree(shipped("examples") / "fails-on-purpose", root / "example")
    with SmtpServer() as server:
        home = Home(root / "home", mail_port=server.port)
        home.run("run", "--local", folder / "fails-on-purpose.toml")
        (letter,) = server.mails
    return letter.message.get_body(("html",)).get_content()


LONG = "x" * 300
TASK_FAILURE = compose_task_failure(
    TaskFailure(
        task=LONG, function=LONG, args=(LONG, "1"), kwargs={LONG: LONG}, exception=LONG, traceback=LONG,
        blocked=((LONG, LONG), ("save", LONG)), host=LONG,
    )
).html  # fmt: skip
LOG_ENTRY = compose_log_entry(
    LogEntry(level="ERROR", logger=LONG, message=LONG, text=f"{LONG}\n" * 20, place=LONG, host=LONG)
).html


def measured(page, tmp_path, width):
    chromium = shutil.which("chromium")
    need(chromium, "the Debian package chromium")
    path = tmp_path / "page.html"
    path.write_text(PAGE.format(width=width, mail=escape(page)))
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1200,1000",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.search(r"<title>scroll (\d+), beyond (\d+), height (\d+)</title>", done.stdout)
    assert found, done.stdout[:300] + done.stderr[-300:]
    return tuple(map(int, found.groups()))


@pytest.mark.parametrize("width", [375, 900])
def test_no_part_of_the_mail_is_wider_than_its_window(mail, tmp_path, width):
    scroll, beyond, height = measured(mail, tmp_path, width)
    assert scroll <= width
    assert beyond == 0
    assert height > 800


@pytest.mark.parametrize("width", [375, 900])
@pytest.mark.parametrize("mail", [TASK_FAILURE, LOG_ENTRY], ids=["task failure", "log entry"])
def test_no_part_of_the_library_s_mails_is_wider_than_its_window(mail, tmp_path, width):
    """With nothing but words that have no place to break at."""
    scroll, beyond, height = measured(mail, tmp_path, width)
    assert scroll <= width
    assert beyond == 0
    assert height > 800


def test_a_page_that_is_too_wide_is_found_out(tmp_path):
    """The measurement itself can fail."""
    scroll, beyond, _ = measured("<div style='width:2000px'>x</div>", tmp_path, 375)
    assert scroll == 2000 + 8
    assert beyond == 1


def test_the_mails_load_nothing_and_run_nothing(mail):
    for page in (mail, TASK_FAILURE, LOG_ENTRY):
        assert not re.search(
            r"<(script|img|link|iframe|object|embed|form)\b|\bsrc=|url\(|@import|\bon\w+=", page
        )
