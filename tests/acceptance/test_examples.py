"""The examples, as they are shipped, run by hand."""

import hmac
import json
import re
import shutil

import pytest

from home import Home
from longcase.shipped import shipped

EXAMPLES = sorted(path.name for path in shipped("examples").iterdir())


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_ends_as_it_says(home, tmp_path, name):
    """They are copied first, since they write beside themselves."""
    folder = shutil.copytree(shipped("examples") / name, tmp_path / name)
    assert home.run("check", folder / f"{name}.toml").returncode == 0
    done = home.run("run", "--local", folder / f"{name}.toml")
    (run,) = home.json("history", name)
    states = {task: record["state"] for task, record in home.json("show", run["run"])["tasks"].items()}
    if name == "fails-on-purpose":
        assert done.returncode == 1
        assert states == {
            "load_orders": "succeeded",
            "average_price": "failed",
            "count_items": "succeeded",
            "archive": "succeeded",
            "compare": "blocked",
            "publish": "blocked",
        }
    else:
        assert done.returncode == 0, done.stdout
        assert set(states.values()) == {"succeeded"}


def test_log_digest_publishes_what_its_tasks_handed_on_and_shows_its_key_nowhere(home, tmp_path):
    folder = shutil.copytree(shipped("examples") / "log-digest", tmp_path / "log-digest")
    key = "the key of this test"
    (folder / "sample-key").write_text(f"{key}\n")
    assert home.run("run", "--local", folder / "log-digest.toml").returncode == 0
    digest = json.loads((folder / "digest.json").read_text())
    content = json.dumps(digest["messages"], sort_keys=True).encode()
    assert digest["hmac_sha256"] == hmac.digest(key.encode(), content, "sha256").hex()
    counts = [message["count"] for message in digest["messages"]]
    assert len(counts) <= 5
    assert counts == sorted(counts, reverse=True)
    said = re.search(r" out digested (\d+) lines into ", home.task_log("log-digest", "publish"))
    assert sum(counts) <= int(said[1]) <= 200
    assert [
        path for path in home.root.rglob("*") if path.is_file() and key.encode() in path.read_bytes()
    ] == []


def test_a_failure_by_hand_is_mailed_before_the_command_ends(tmp_path):
    from smtp_server import SmtpServer

    with SmtpServer() as server:
        home = Home(tmp_path / "home", mail_port=server.port)
        home.job("etl", '[tasks.a]\nrun = "exit 7"\n')
        assert home.run("run", "--local", "etl").returncode == 1
        (mail,) = server.mails
    assert "op@example.com" in mail.to
    assert "exited with code 7" in str(mail.message.get_body(("plain",)))


def test_a_mail_server_that_refuses_does_not_fail_the_run_and_the_mail_waits(tmp_path):
    home = Home(tmp_path / "home", mail_port=1)
    home.job("etl", '[tasks.a]\nrun = "exit 7"\n[tasks.b]\nrun = "true"\n')
    done = home.run("run", "--local", "etl")
    assert done.returncode == 1
    assert "1 mail could not be sent yet: in the outbox until the daemon" in done.stderr
    assert len(list((home.state / "outbox").glob("*.eml"))) == 1
    (run,) = home.json("history")
    assert home.json("show", run["run"])["tasks"]["b"]["state"] == "succeeded"
