"""Mails go out through real mail servers on loopback."""

import asyncio
import email
import os
import socket
import ssl
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import policy
from pathlib import Path

import pytest
import trustme

from longcase.domain.event import Event, MailFailed, MailQueued, MailSent, Trouble
from longcase.domain.pipeline import SecretSource
from longcase.edge.post import OutboxPost, Patience
from longcase.host import full_host_name
from longcase.texts.letter import Letter
from longcase.texts.settings import MailSettings
from smtp_server import SmtpServer

# aiosmtpd warns of a server that takes a login without TLS; on loopback that is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

QUICK = Patience(first=0.05, longest=0.2)
NEVER_AGAIN = Patience(first=3600)
SECRET = "s3cret-pa55"


def letter(**changes: object) -> Letter:
    parts = {
        "to": ("data@example.com",),
        "subject": "[longcase] nightly: task fetch failed (ValueError: „nö“)",
        "text": "Task fetch failed — „nö“.\n" + "x" * 2000 + "\n",
        "html": "<p>Task <b>fetch</b> failed — „nö“.</p>\n" + "y" * 2000 + "\n",
        "pipeline": "nightly",
        "thread": "nightly-20261124T013000Z",
    }
    return Letter(**(parts | changes))  # type: ignore[arg-type]  # a test's shorthand


class Told:
    """What the post told, and on which thread."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.threads: set[int] = set()
        self._news = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.threads.add(threading.get_ident())
        self._news.set()

    def of(self, kind: type[Event]) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[Event], count: int = 1) -> list:
        async with asyncio.timeout(10):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def build(tmp_path, told):
    """Builds and starts a post for a server; closes it in the end."""
    posts = []

    def build(server, patience: Patience = QUICK, **settings: object) -> OutboxPost:
        host, port = (server.host, server.port) if isinstance(server, SmtpServer) else server
        settings.setdefault("sender", "longcase@wall.example.org")
        mail = MailSettings(host=host, port=port, **settings)
        post = OutboxPost(tmp_path / "outbox", mail, told, patience)
        post.start()
        posts.append(post)
        return post

    yield build
    for post in posts:
        await post.close(0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch) -> None:
    """Makes the test's own authority one that this process trusts."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@pytest.fixture(scope="module")
def context(authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@contextmanager
def listening(*, backlog: int = 5) -> Iterator[socket.socket]:
    """A server whose kernel takes connections, and who never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as sock:
        yield sock


@contextmanager
def dripping() -> Iterator[tuple[str, int]]:
    """A server that sends its greeting a byte at a time, without end."""
    with listening() as sock:

        def drip() -> None:
            connection, _ = sock.accept()
            with connection:
                try:
                    while True:
                        connection.sendall(b"2")
                        threading.Event().wait(0.01)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        yield sock.getsockname()
        thread.join()


def waiting(folder: Path) -> list[Path]:
    return sorted((folder / "outbox").glob("*.eml"))


def refused(folder: Path) -> list[Path]:
    return sorted((folder / "outbox" / "refused").glob("*.eml"))


async def test_a_letter_arrives_whole_and_leaves_the_outbox(build, told, tmp_path):
    with SmtpServer() as server:
        post = build(server)
        post.send(letter())
        [sent] = await told.until(MailSent)
        assert await post.close(5) == 0
    [mail] = server.mails
    assert (mail.sender, mail.to) == ("longcase@wall.example.org", ["data@example.com"])
    assert mail.message["Subject"] == letter().subject == sent.subject
    bodies = {part.get_content_type(): part.get_content() for part in mail.message.iter_parts()}
    assert bodies["text/plain"].replace("\r\n", "\n") == letter().text
    assert bodies["text/html"].replace("\r\n", "\n") == letter().html
    assert waiting(tmp_path) == []
    assert [type(event) for event in told.events] == [MailQueued, MailSent]
    assert told.threads == {threading.get_ident()}


async def test_headers_are_complete_and_lines_are_short(build, told):
    with SmtpServer() as server:
        post = build(server)
        post.send(letter(to=("a@example.com", "b@example.com"), pipeline="p" * 100))
        await told.until(MailSent)
    [mail] = server.mails
    headers = mail.message
    assert headers["From"] == "Longcase <longcase@wall.example.org>"
    assert headers["To"] == "a@example.com, b@example.com"
    assert headers["Date"].datetime.tzinfo is not None
    assert headers["Message-ID"].endswith("@wall.example.org>")
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["List-Id"].startswith("<ppp")
    assert headers["X-Longcase-Pipeline"] == "p" * 100
    assert headers["X-Longcase-Run"] == letter().thread
    assert headers["X-Envelope-To"] is None
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 78


async def test_mails_of_one_run_form_one_thread(build, told):
    with SmtpServer() as server:
        post = build(server)
        for run in ("run-1", "run-1", "run-2"):
            post.send(letter(thread=run))
        await told.until(MailSent, 3)
    first, second, other = (mail.message for mail in server.mails)
    assert first["References"] == second["References"] == second["In-Reply-To"] != other["References"]
    assert len({mail.message["Message-ID"] for mail in server.mails}) == 3


async def test_the_outbox_is_for_the_daemon_s_eyes_only(build, tmp_path):
    with listening() as silent:
        post = build(silent.getsockname())
        post.send(letter())
        [path] = waiting(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        stored = email.message_from_bytes(path.read_bytes(), policy=policy.default)
        assert stored["X-Envelope-To"] == "data@example.com"
        assert stored["Subject"] == letter().subject


async def test_starttls_with_login(build, told, context, trusted, tmp_path):
    secret = tmp_path / "password"
    secret.write_text(SECRET + "\n")
    with SmtpServer(context=context, login=("mailer", SECRET)) as server:
        post = build(server, security="starttls", username="mailer", password=SecretSource(file=str(secret)))
        post.send(letter())
        await told.until(MailSent)
    assert len(server.mails) == 1


async def test_tls_from_the_first_byte(build, told, context, trusted):
    with SmtpServer(context=context, implicit=True) as server:
        post = build(server, security="tls")
        post.send(letter())
        await told.until(MailSent)
    assert len(server.mails) == 1


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(build, told, context, security, implicit):
    with SmtpServer(context=context, implicit=implicit) as server:
        build(server, NEVER_AGAIN, security=security).send(letter())
        [failed] = await told.until(MailFailed)
    assert "certificate is not trusted" in failed.reason
    assert "SSL_CERT_FILE can name an authority of your own" in failed.reason
    assert f"localhost:{server.port}" in failed.reason
    assert server.mails == []


async def test_a_server_without_starttls_gets_no_mail_in_the_clear(build, told):
    with SmtpServer() as server:
        build(server, NEVER_AGAIN, security="starttls").send(letter())
        [failed] = await told.until(MailFailed)
    assert "offers no STARTTLS" in failed.reason
    assert server.mails == []


async def test_tls_on_a_plain_port_is_explained(build, told):
    with SmtpServer() as server:
        build(server, NEVER_AGAIN, security="tls").send(letter())
        [failed] = await told.until(MailFailed)
    assert "is security in [mail] right for this port?" in failed.reason


async def test_a_corrected_password_counts_at_the_next_try(build, told, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "wr0ng-pa55")
    with SmtpServer(login=("mailer", SECRET)) as server:
        build(server, username="mailer", password=SecretSource(env="MAIL_PASSWORD")).send(letter())
        [failed] = await told.until(MailFailed)
        monkeypatch.setenv("MAIL_PASSWORD", SECRET)
        await told.until(MailSent)
    assert "refused the login of 'mailer': 535" in failed.reason
    assert failed.retry_in is not None
    assert len(server.mails) == 1


async def test_no_secret_stands_in_what_is_told_or_kept(build, told, tmp_path, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    with chatty(f"554 go away with your {SECRET}") as address:
        build(address, NEVER_AGAIN, username="mailer", password=SecretSource(env="MAIL_PASSWORD")).send(
            letter()
        )
        [failed] = await told.until(MailFailed)
    assert "go away with your …" in failed.reason
    assert SECRET not in repr(told.events)
    assert SECRET.encode() not in waiting(tmp_path)[0].read_bytes()


def no_source(tmp_path: Path) -> tuple[SecretSource | None, str]:
    return None, "but no password"


def empty_env(tmp_path: Path) -> tuple[SecretSource | None, str]:
    return SecretSource(env="NO_SUCH_PASSWORD"), "the daemon's environment has no NO_SUCH_PASSWORD"


def absent_file(tmp_path: Path) -> tuple[SecretSource | None, str]:
    return SecretSource(file=f"{tmp_path}/nowhere"), f"{tmp_path}/nowhere can't be read: No such file"


def binary_file(tmp_path: Path) -> tuple[SecretSource | None, str]:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    return SecretSource(file=f"{tmp_path}/binary"), f"{tmp_path}/binary can't be read: it is no text"


def no_credentials(tmp_path: Path) -> tuple[SecretSource | None, str]:
    return SecretSource(credential="smtp"), "no credential 'smtp': $CREDENTIALS_DIRECTORY is not set"


def unspeakable(tmp_path: Path) -> tuple[SecretSource | None, str]:
    (tmp_path / "umlaut").write_text("pässword")
    return SecretSource(file=f"{tmp_path}/umlaut"), "other characters than ASCII"


@pytest.mark.parametrize(
    "case", [no_source, empty_env, absent_file, binary_file, no_credentials, unspeakable]
)
async def test_a_username_without_a_usable_password_names_where_it_was_looked_for(
    build, told, tmp_path, monkeypatch, case: Callable
):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    source, words = case(tmp_path)
    with SmtpServer(login=("mailer", SECRET)) as server:
        build(server, NEVER_AGAIN, username="mailer", password=source).send(letter())
        [failed] = await told.until(MailFailed)
    assert words in failed.reason
    assert "pässword" not in failed.reason
    assert failed.retry_in == timedelta(hours=1)


async def test_the_password_may_be_a_credential_of_the_service_manager(build, told, tmp_path, monkeypatch):
    (tmp_path / "smtp-password").write_text(SECRET)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with SmtpServer(login=("mailer", SECRET)) as server:
        build(server, username="mailer").send(letter())
        await told.until(MailSent)


async def test_a_server_that_comes_up_later_gets_each_letter_once(build, told):
    with listening() as sock:
        port = sock.getsockname()[1]
    post = build(("localhost", port))
    post.send(letter(subject="one"))
    post.send(letter(subject="two"))
    failed = await told.until(MailFailed, 2)
    assert f"mail server localhost:{port}: Connection refused" in failed[0].reason
    assert failed[0].retry_in > timedelta()
    with SmtpServer(port=port) as server:
        await told.until(MailSent, 2)
        assert await post.close(5) == 0
    assert sorted(mail.message["Subject"] for mail in server.mails) == ["one", "two"]


async def test_a_new_letter_is_tried_at_once_and_takes_the_old_ones_along(build, told):
    with listening() as sock:
        port = sock.getsockname()[1]
    post = build(("localhost", port), NEVER_AGAIN)
    post.send(letter(subject="old"))
    await told.until(MailFailed)
    with SmtpServer(port=port) as server:
        post.send(letter(subject="new"))
        await told.until(MailSent, 2)
    assert [mail.message["Subject"] for mail in server.mails] == ["new", "old"]


async def test_a_flood_of_letters_does_not_lengthen_the_pause(build, told):
    with listening() as sock:
        port = sock.getsockname()[1]
    post = build(("localhost", port), Patience(first=1000, longest=3000))
    for _ in range(5):
        post.send(letter())
    failed = await told.until(MailFailed, 5)
    assert all(event.retry_in <= timedelta(seconds=1000) for event in failed)


async def test_a_silent_server_holds_up_nobody(build, told, tmp_path):
    with listening() as silent:
        post = build(silent.getsockname())
        post.send(letter())
        post.send(letter())
        assert len(waiting(tmp_path)) == 2
        assert await post.close(0.05) == 2
    assert len(waiting(tmp_path)) == 2
    assert told.of(MailFailed) == []


async def test_a_server_that_does_not_answer_in_time_is_tried_again(build, told):
    with listening() as silent:
        build(silent.getsockname(), Patience(answer=0.05, first=3600)).send(letter())
        [failed] = await told.until(MailFailed)
    assert "gave no answer within 0.05 s" in failed.reason
    assert failed.retry_in == timedelta(hours=1)


async def test_a_server_that_drips_is_cut_off(build, told):
    with dripping() as address:
        build(address, Patience(whole=0.1, first=3600)).send(letter())
        [failed] = await told.until(MailFailed)
    assert "no end within 0.1 s" in failed.reason


async def test_closing_does_not_wait_for_a_try_that_comes_too_late(build, told):
    with listening() as sock:
        port = sock.getsockname()[1]
    post = build(("localhost", port), NEVER_AGAIN)
    post.send(letter())
    await told.until(MailFailed)
    async with asyncio.timeout(5):
        assert await post.close(30) == 1


async def test_once_closed_it_is_closed_at_once(build):
    with listening() as silent:
        post = build(silent.getsockname())
        post.send(letter())
        assert await post.close(0.1) == 1
        async with asyncio.timeout(5):
            assert await post.close(3600) == 1


async def test_a_refused_recipient_does_not_keep_the_mail_from_the_others(build, told, tmp_path):
    with SmtpServer(replies={"gone@example.com": "550 no such user"}) as server:
        build(server).send(letter(to=("gone@example.com", "data@example.com")))
        [failed] = await told.until(MailFailed)
    assert server.mails[0].to == ["data@example.com"]
    assert told.of(MailSent)[0].to == ("data@example.com",)
    assert (failed.to, failed.reason, failed.retry_in) == (("gone@example.com",), "550 no such user", None)
    assert waiting(tmp_path) == []
    assert refused(tmp_path)[0].read_bytes().startswith(b"X-Envelope-To: gone@example.com\r\n")


async def test_a_recipient_put_off_gets_it_later_and_the_others_once(build, told):
    with SmtpServer(replies={"slow@example.com": "450 later"}) as server:
        post = build(server)
        post.send(letter(to=("slow@example.com", "data@example.com")))
        [failed] = await told.until(MailFailed)
        server.replies.clear()
        await told.until(MailSent, 2)
        assert await post.close(5) == 0
    assert failed.to == ("slow@example.com",)
    assert failed.retry_in == timedelta(seconds=0.05)
    assert [mail.to for mail in server.mails] == [["data@example.com"], ["slow@example.com"]]


async def test_after_a_restart_only_who_lacks_it_gets_it(build, told):
    with SmtpServer(replies={"slow@example.com": "450 later"}) as server:
        post = build(server, NEVER_AGAIN)
        post.send(letter(to=("slow@example.com", "data@example.com")))
        await told.until(MailFailed)
        assert await post.close(0) == 1
        server.replies.clear()
        build(server)
        await told.until(MailSent, 2)
    assert [mail.to for mail in server.mails] == [["data@example.com"], ["slow@example.com"]]


@pytest.mark.parametrize(
    "rules",
    [{"replies": {"data@example.com": "550 no such user"}}, {"data_reply": "554 looks like spam"}],
    ids=["recipient", "content"],
)
async def test_a_letter_refused_for_good_is_put_aside(build, told, tmp_path, rules):
    with SmtpServer(**rules) as server:
        post = build(server)
        post.send(letter())
        [failed] = await told.until(MailFailed)
        assert await post.close(5) == 0
    assert failed.retry_in is None
    assert failed.reason in {"550 no such user", "554 looks like spam"}
    assert waiting(tmp_path) == []
    assert len(refused(tmp_path)) == 1


async def test_letters_survive_a_restart(build, told, tmp_path):
    with listening() as silent:
        post = build(silent.getsockname())
        post.send(letter(subject="„überlebt“"))
        await post.close(0)
    with SmtpServer() as server:
        build(server)
        [sent] = await told.until(MailSent)
    assert server.mails[0].message["Subject"] == sent.subject == "„überlebt“"
    assert waiting(tmp_path) == []


async def test_half_a_letter_is_cleared_away_and_a_foreign_file_left_alone(build, told, tmp_path):
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    (outbox / ".1.eml.new").write_bytes(b"X-Enve")
    (outbox / "foreign.eml").write_bytes(b"Subject: hello\r\n\r\n")
    with SmtpServer() as server:
        build(server)
        [trouble] = await told.until(Trouble)
    assert trouble.place == str(outbox)
    assert "foreign.eml is no mail that waits" in trouble.reason
    assert [path.name for path in outbox.iterdir()] == ["foreign.eml"]


async def test_a_disk_that_takes_nothing_does_not_keep_a_letter_from_going_out(build, told, tmp_path):
    (tmp_path / "outbox").write_text("a file where the folder should be")
    with SmtpServer() as server:
        build(server).send(letter())
        await told.until(MailSent)
    troubles = [event.reason for event in told.of(Trouble)]
    assert any("can't be written: " in reason and "sent from memory" in reason for reason in troubles)
    assert len(server.mails) == 1
    assert told.of(MailQueued) == []


async def test_a_letter_lost_with_the_daemon_is_named(build, told, tmp_path):
    (tmp_path / "outbox").write_text("a file where the folder should be")
    with listening() as silent:
        post = build(silent.getsockname())
        post.send(letter())
        assert await post.close(0) == 1
    assert "1 not sent and lost" in told.of(Trouble)[-1].reason


async def test_what_was_in_memory_only_is_kept_once_the_disk_takes_it(build, told, tmp_path):
    blocker = tmp_path / "outbox"
    blocker.write_text("a file where the folder should be")
    with listening() as silent:
        post = build(silent.getsockname(), Patience(answer=0.05, first=3600))
        post.send(letter())
        blocker.unlink()
        await told.until(MailFailed)
        assert len(waiting(tmp_path)) == 1


async def test_an_address_that_is_none_is_told_and_raises_nothing(build, told):
    with SmtpServer() as server:
        build(server).send(letter(to=("nobody",)))
    [failed] = told.of(MailFailed)
    assert "'nobody' is no mail address" in failed.reason
    assert failed.retry_in is None


async def test_an_address_beyond_ascii_is_written_to(build, told):
    with SmtpServer() as server:
        build(server).send(letter(to=("jürgen@exämple.com",)))
        await told.until(MailSent)
    assert server.mails[0].to == ["jürgen@exämple.com"]
    assert server.mails[0].message["To"] == "jürgen@exämple.com"


async def test_a_server_that_breaks_off_is_tried_again(build, told):
    with chatty("220 hello") as address:
        build(address, NEVER_AGAIN).send(letter())
        [failed] = await told.until(MailFailed)
    assert failed.reason.endswith("broke off the connection")
    assert failed.retry_in is not None


async def test_a_name_that_does_not_exist_is_said(build, told):
    """Blanks are allowed in no name, so that no name server is asked."""
    build(("no such host", 25), NEVER_AGAIN).send(letter())
    [failed] = await told.until(MailFailed)
    assert "mail server no such host:25: its name can't be resolved" in failed.reason


@contextmanager
def chatty(line: str) -> Iterator[tuple[str, int]]:
    """A server that says one line and hangs up."""
    with listening() as sock:

        def talk() -> None:
            connection, _ = sock.accept()
            with connection:
                connection.sendall(line.encode() + b"\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        yield sock.getsockname()
        thread.join()


SENDS_AND_ENDS = """
    import asyncio, sys
    from pathlib import Path
    from longcase.edge.post import OutboxPost
    from longcase.texts.letter import Letter
    from longcase.texts.settings import MailSettings

    async def main():
        settings = MailSettings(host="127.0.0.1", port=int(sys.argv[1]), sender="longcase@wall.example.org")
        post = OutboxPost(Path(sys.argv[2]), settings, print)
        post.start()
        post.send(Letter(to=("a@example.com",), subject="s", text="t", html="h", pipeline="p", thread="r"))
        if sys.argv[3] == "close":
            print(await post.close(0.1))

    asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["close", "just end"])
def test_a_silent_server_does_not_keep_the_process_from_ending(tmp_path, how):
    with listening() as silent:
        ended = subprocess.run(
            [
                sys.executable,
                "-c",
                textwrap.dedent(SENDS_AND_ENDS),
                str(silent.getsockname()[1]),
                tmp_path,
                how,
            ],
            timeout=15,
            check=False,
            capture_output=True,
            text=True,
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(list(tmp_path.glob("*.eml"))) == 1


def test_delays_double_up_to_the_longest():
    patience = Patience()
    assert [patience.delay(failures) for failures in (1, 2, 3, 10, 11, 100_000)] == [
        5,
        10,
        20,
        2560,
        3600,
        3600,
    ]


def test_the_full_name_of_the_host_comes_from_the_hosts_file(tmp_path):
    own = os.uname().nodename
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n127.0.1.1 wall.example.org {own}  # this one\n")
    assert full_host_name(hosts) == (own if "." in own else "wall.example.org")
    assert full_host_name(tmp_path / "nowhere") == own
