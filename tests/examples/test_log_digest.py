"""The functions and commands of log-digest, without the daemon."""

import hashlib
import hmac
import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "log-digest"
TASKS = tomllib.loads((FOLDER / "log-digest.toml").read_text())["tasks"]


@pytest.fixture
def digest(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setenv("DIGEST_KEY", "key")
    return importlib.import_module("log_digest")


def collect(logs):
    """What the first task prints, with `logs` in place of /var/log."""
    command = TASKS["collect"]["run"].replace("/var/log", str(logs))
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=FOLDER,
        env={"PATH": "/usr/bin:/bin", "LOG_LINES": "3"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode(), done.stderr.decode()


def top(messages, count=5):
    command = [sys.executable, FOLDER / "top.py", str(count)]
    done = subprocess.run(command, input=json.dumps(messages), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-24T02:30:00.123+01:00 host sshd[42]: Connection closed by 192.0.2.7",
        "2026-11-24T02:30:00Z host sshd[7]: Connection closed by 192.0.2.70",
        "2026-11-24 02:30:00 host sshd[7]: Connection closed by 10.0.0.1",
        "Nov  4 02:30:00 host sshd[0x2a]: Connection closed by 10.0.0.1\r",
    ],
)
def test_lines_that_differ_in_their_time_and_in_numbers_say_the_same(digest, line):
    assert digest.message_of(line) == "host sshd[#]: Connection closed by #.#.#.#"


def test_a_number_that_is_part_of_a_word_stays(digest):
    assert digest.message_of("amd64 v2 10") == "amd64 v2 #"


def test_messages_are_counted_the_most_frequent_first_and_empty_lines_are_none(digest):
    text = "a 1\n\nb\na 2\nA\n \n"
    assert digest.find_messages(text) == [
        {"message": "a #", "count": 2},
        {"message": "b", "count": 1},
        {"message": "A", "count": 1},
    ]
    assert digest.count_lines(text) == 6
    assert digest.find_messages("") == []


def test_top_hands_on_the_first_ones():
    assert top([1, 2, 3], 2) == [1, 2]
    assert top([], 2) == []


def test_the_signature_is_made_with_the_secret_and_tells_whether_anything_was_changed(digest, monkeypatch):
    messages = [{"message": "a", "count": 2}]
    signed = digest.sign(messages)
    content = b'[{"count": 2, "message": "a"}]'
    assert signed == {
        "messages": messages,
        "hmac_sha256": hmac.new(b"key", content, hashlib.sha256).hexdigest(),
    }
    assert digest.sign([{"message": "a", "count": 3}])["hmac_sha256"] != signed["hmac_sha256"]
    monkeypatch.setenv("DIGEST_KEY", "other")
    assert digest.sign(messages)["hmac_sha256"] != signed["hmac_sha256"]


def test_the_first_log_that_can_be_read_is_collected_without_what_is_no_text(tmp_path):
    (tmp_path / "syslog").touch()
    (tmp_path / "dpkg.log").write_bytes(b"zero\none\ntw\xffo\xe2\x82\xac\nthr\x1b[31mee\n")
    assert collect(tmp_path) == ("one\ntwo\nthr[31mee\n", f"reading {tmp_path}/dpkg.log\n")


def test_where_there_is_no_log_the_sample_is_collected(tmp_path):
    text, said = collect(tmp_path)
    assert said == "reading sample.log\n"
    assert text == "".join((FOLDER / "sample.log").read_text().splitlines(keepends=True)[-3:])


def test_the_digest_of_the_sample(digest):
    messages = top(digest.find_messages((FOLDER / "sample.log").read_text()), 2)
    assert messages == [
        {"message": "longcase sshd[#]: Connection closed by #.#.#.# port # [preauth]", "count": 4},
        {"message": "longcase CRON[#]: (root) CMD (run-parts --report /etc/cron.hourly)", "count": 2},
    ]


def test_publish_writes_the_digest_that_it_is_given(tmp_path):
    (tmp_path / "result.json").write_text('{"a": 1}')
    done = subprocess.run(
        ["/bin/sh", "-c", TASKS["publish"]["run"]],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "DIGEST": str(tmp_path / "result.json"), "LINE_COUNT": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / "digest.json").read_text() == '{"a": 1}'
    assert done.stdout == f"digested 3 lines into {tmp_path}/digest.json\n"
