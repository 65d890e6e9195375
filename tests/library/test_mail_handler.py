"""Mails of the library face go out through real mail servers on loopback, or fail without a fuss."""

import copy
import logging
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trustme

from longcase.library.mail_handler import HTMLSMTPHandler
from longcase.texts.task_failure import TaskFailure
from smtp_server import SmtpServer, dripping, scripted

# aiosmtpd warns of a server that takes a login without TLS; on loopback that is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

FROM = "etl@wall.example.org"
TO = ["data@example.com"]
LOGIN = ("mailer", "s3cret-pa55")
FAILURE = TaskFailure(
    task="zählen",
    function="users.count",
    args=("'„Zoë“'",),
    kwargs={"strict": "True"},
    exception="ValueError: „nö“",
    traceback="Traceback (most recent call last):\nValueError: „nö“\n",
    blocked=(("save", "zählen"), ("report", "save")),
)
GREETED = ("220 mail.test", "250 mail.test")


class Handler(HTMLSMTPHandler):
    """Keeps what it was told of trouble."""

    def __init__(self, mailhost, fromaddr=FROM, toaddrs=TO, *args, **kwargs):
        super().__init__(mailhost, fromaddr, toaddrs, *args, **kwargs)
        self.trouble = []

    def handleError(self, record):  # noqa: N802 - logging's name
        self.trouble.append(sys.exception())

    @property
    def told(self):
        """The one trouble there was."""
        (error,) = self.trouble
        return str(error)


def record(message="it failed", **extra):
    made = logging.makeLogRecord({"name": "etl.users", "levelno": 40, "levelname": "ERROR", "msg": message})
    made.__dict__.update(extra)
    return made


def failed():
    return record(task_failure=FAILURE)


def address(server):
    return server.host, server.port


def bodies(mail):
    parts = {part.get_content_type(): part.get_content() for part in mail.message.iter_parts()}
    assert list(parts) == ["text/plain", "text/html"]
    return parts["text/plain"], parts["text/html"]


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    """Makes the test's own authority one that this process trusts."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


def server_context(authority, name="localhost"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@contextmanager
def nothing_left() -> Iterator[None]:
    """No thread and no descriptor is left of what happens within."""
    threads, descriptors = set(threading.enumerate()), set(os.listdir("/proc/self/fd"))
    yield
    assert set(threading.enumerate()) == threads
    assert set(os.listdir("/proc/self/fd")) == descriptors


def test_a_failure_arrives_whole():
    with nothing_left(), SmtpServer() as server:
        handler = Handler(address(server))
        handler.handle(failed())
    assert handler.trouble == []
    [mail] = server.mails
    assert (mail.sender, mail.to) == (FROM, TO)
    headers = mail.message
    assert headers["From"] == FROM
    assert headers["To"] == "data@example.com"
    assert headers["Subject"] == "[longcase] task zählen failed (ValueError: „nö“)"
    assert headers["Date"].datetime.tzinfo is not None
    assert headers["Message-ID"].endswith("@wall.example.org>")
    assert headers["Auto-Submitted"] == "auto-generated"
    for body in bodies(mail):
        for words in ("zählen", "„Zoë“", "ValueError: „nö“", "save", "report", "Blocked: 2 tasks"):
            assert words in body
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 78


def test_the_host_is_named_where_the_failure_names_none():
    with SmtpServer() as server:
        Handler(address(server)).handle(failed())
    text, _ = bodies(server.mails[0])
    assert f" on {os.uname().nodename}" in text


def test_the_constructor_can_be_called_as_it_always_was(authority, trusted):
    with SmtpServer(context=server_context(authority), login=("user", "pass")) as server:
        handler = HTMLSMTPHandler(
            (server.host, server.port), "sender@example.com", ["admin@example.com", "user@example.com"],
            use_tls=True, credentials=("user", "pass"),
        )  # fmt: skip
        handler.handle(failed())
    [mail] = server.mails
    assert mail.to == ["admin@example.com", "user@example.com"]
    assert mail.message["To"] == "admin@example.com, user@example.com"


def test_it_is_the_standard_library_s_handler_with_its_attributes():
    handler = HTMLSMTPHandler(("mail.example.com", 587), FROM, TO, LOGIN, (), 7)
    assert isinstance(handler, logging.handlers.SMTPHandler)
    assert (handler.mailhost, handler.mailport, handler.timeout) == ("mail.example.com", 587, 7)
    assert (handler.fromaddr, handler.toaddrs, handler.secure) == (FROM, TO, ())
    assert ((handler.username, handler.password), handler.subject) == (LOGIN, "")
    plain = HTMLSMTPHandler("mail.example.com", FROM, TO[0])
    assert (plain.mailhost, plain.mailport, plain.toaddrs) == ("mail.example.com", None, TO)
    assert (plain.username, plain.secure, plain.timeout) == (None, None, 5)


@pytest.mark.parametrize("login", [None, LOGIN])
@pytest.mark.parametrize("how", [{"use_tls": True}, {"secure": ()}])
def test_starttls_with_and_without_a_login(authority, trusted, how, login):
    with nothing_left(), SmtpServer(context=server_context(authority), login=login) as server:
        handler = Handler(address(server), credentials=login, **how)
        handler.handle(failed())
    assert handler.trouble == []
    assert len(server.mails) == 1


def test_a_context_of_one_s_own_says_whom_to_trust(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with SmtpServer(context=server_context(authority)) as server:
        Handler(address(server), secure=(context,)).handle(failed())
    assert len(server.mails) == 1


def test_a_context_may_come_without_a_key_of_its_own(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with SmtpServer(context=server_context(authority)) as server:
        Handler(address(server), secure=(None, None, context)).handle(failed())
    assert len(server.mails) == 1


@pytest.mark.parametrize("files", [1, 2, "2 and a context"])
def test_the_client_can_show_a_certificate(authority, trusted, tmp_path, files):
    mine = authority.issue_cert("etl@wall.example.org")
    if files == 1:
        mine.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
        secure = (str(tmp_path / "both.pem"),)
    else:
        mine.private_key_pem.write_to_path(tmp_path / "key.pem")
        mine.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        secure = (tmp_path / "key.pem", tmp_path / "cert.pem")
    if files == "2 and a context":
        secure = (*secure, ssl.create_default_context())
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    with SmtpServer(context=context) as server:
        handler = Handler(address(server), secure=secure)
        handler.handle(failed())
    assert handler.trouble == []
    assert len(server.mails) == 1


def test_a_key_that_is_not_there_is_named(authority, trusted):
    with SmtpServer(context=server_context(authority)) as server:
        handler = Handler(address(server), secure=("/nowhere/key.pem",))
        handler.handle(failed())
    assert "secure=('/nowhere/key.pem',) names no usable key and certificate: No such file" in handler.told


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(authority):
    with nothing_left(), SmtpServer(context=server_context(authority)) as server:
        handler = Handler(address(server), use_tls=True)
        handler.handle(failed())
    assert f"mail server localhost:{server.port}: its certificate is not trusted" in handler.told
    assert "SSL_CERT_FILE" in handler.told
    assert server.mails == []


def test_a_certificate_for_another_name_is_not_trusted(authority, trusted):
    with SmtpServer(context=server_context(authority, "mail.example.org")) as server:
        handler = Handler(address(server), use_tls=True)
        handler.handle(failed())
    assert "its certificate is not trusted: Hostname mismatch" in handler.told
    assert server.mails == []


def test_without_starttls_on_offer_nothing_is_sent_in_the_clear():
    with nothing_left(), SmtpServer(login=LOGIN) as server:
        handler = Handler(address(server), credentials=LOGIN, use_tls=True)
        handler.handle(failed())
    assert handler.told == (
        f"mail server localhost:{server.port}: STARTTLS extension not supported by server."
    )
    assert server.mails == []


def test_credentials_without_tls_log_in():
    with SmtpServer(login=LOGIN) as server:
        Handler(address(server), credentials=LOGIN).handle(failed())
    assert len(server.mails) == 1


def test_a_login_that_is_refused_is_told_without_the_password():
    with nothing_left(), SmtpServer(login=LOGIN) as server:
        handler = Handler(address(server), credentials=("mailer", "wr0ng-pa55"))
        handler.handle(failed())
    assert "refused the login: 535" in handler.told
    assert "wr0ng" not in handler.told
    assert server.mails == []


def test_a_server_that_repeats_the_password_is_not_quoted_with_it():
    with scripted("220 hi", f"500 what is {LOGIN[1]}", f"500 {LOGIN[1]}") as server:
        handler = Handler(server, credentials=LOGIN)
        handler.handle(failed())
    assert handler.told.endswith("500 …")


def test_a_sender_that_is_refused_is_told():
    with nothing_left(), scripted(*GREETED, "550 who are you?", "250 forgotten") as server:
        handler = Handler(server)
        handler.handle(failed())
    assert f"refused the sender {FROM}: 550 who are you?" in handler.told


def test_a_mail_that_is_refused_is_told():
    with SmtpServer(data_reply="554 too red") as server:
        handler = Handler(address(server))
        handler.handle(failed())
    assert handler.told == f"mail server localhost:{server.port}: 554 too red"


def test_recipients_that_are_refused_are_told_and_the_others_get_the_mail():
    to = ["gone@example.com", *TO, "full@example.com"]
    replies = {"gone@example.com": "550 unknown here", "full@example.com": "452 full"}
    with nothing_left(), SmtpServer(replies=replies) as server:
        handler = Handler(address(server), toaddrs=to)
        handler.handle(failed())
    [mail] = server.mails
    assert mail.to == TO
    assert handler.told.endswith(
        "refused gone@example.com: 550 unknown here; refused full@example.com: 452 full"
    )


def test_a_mail_that_everyone_refuses_is_told():
    with SmtpServer(replies={TO[0]: "550 unknown here"}) as server:
        handler = Handler(address(server))
        handler.handle(failed())
    assert "refused data@example.com: 550 unknown here" in handler.told


def test_a_connection_that_is_refused_is_told():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with nothing_left():
        handler = Handler(("127.0.0.1", port))
        handler.handle(failed())
    assert handler.told == f"mail server 127.0.0.1:{port}: Connection refused"


@pytest.mark.parametrize(
    ("host", "words"), [("::g", "its name can't be resolved: "), ("a..b", "UnicodeError: ")]
)
def test_a_host_that_cannot_be_is_told(host, words):
    handler = Handler((host, 25))
    handler.handle(failed())
    assert handler.told.startswith(f"mail server {host}:25: {words}")


def test_a_server_that_does_not_want_to_talk_is_told():
    with nothing_left(), scripted("554 not you") as server:
        handler = Handler(server)
        handler.handle(failed())
    assert handler.told.endswith(": 554 not you")


@pytest.mark.parametrize(
    "hanging",
    [
        scripted,
        dripping,
        lambda: scripted(*GREETED, "250 sender fine"),
        lambda: scripted(*GREETED, "250 sender fine", "250 recipient fine", "354 go on"),
    ],
    ids=["silent", "dripping", "silent after the sender", "silent after the mail"],
)
def test_a_server_that_hangs_does_not_hang_the_program(hanging):
    began = time.monotonic()
    with nothing_left(), hanging() as server:
        handler = Handler(server, timeout=0.3)
        handler.handle(failed())
    assert handler.told == f"mail server localhost:{server[1]}: no end within 0.3 s"
    assert time.monotonic() - began < 5


def test_a_server_that_hangs_in_the_tls_handshake_does_not_hang_the_program():
    with nothing_left(), scripted("220 hi", "250-mail.test\r\n250 STARTTLS", "220 go on") as server:
        handler = Handler(server, timeout=0.3, use_tls=True)
        handler.handle(failed())
    assert handler.told.endswith("no end within 0.3 s")


def test_a_server_that_takes_no_connections_does_not_hang_the_program():
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as sock,
        socket.create_connection(sock.getsockname()),
    ):
        handler = Handler(sock.getsockname(), timeout=0.3)
        with nothing_left():
            handler.handle(failed())
    assert "timed out" in handler.told or "no end within 0.3 s" in handler.told


def test_a_mail_counts_as_sent_once_the_server_took_it():
    with nothing_left(), scripted(*GREETED, "250 ok", "250 ok", "354 go on", "250 taken") as server:
        handler = Handler(server, timeout=0.3)
        handler.handle(failed())
    assert handler.trouble == []


def test_a_name_server_that_is_silent_does_not_hang_the_program(monkeypatch):
    answered = threading.Event()

    def silent(*args, **kwargs):
        answered.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with nothing_left():
        handler = Handler(("mail.example.com", 25), timeout=0.1)
        handler.handle(failed())
        answered.set()
        for thread in threading.enumerate():
            if thread.name == "longcase-mail":
                thread.join()
    assert handler.told == "mail server mail.example.com:25: no end within 0.1 s"


def test_an_interrupt_is_not_swallowed_and_leaves_nothing():
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with nothing_left(), scripted() as server:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(KeyboardInterrupt):
                Handler(server, timeout=60).handle(failed())
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("loud", [True, False])
def test_trouble_goes_to_standard_error_or_nowhere_as_logging_has_it(capsys, monkeypatch, loud):
    monkeypatch.setattr(logging, "raiseExceptions", loud)
    with scripted("554 not you") as server:
        HTMLSMTPHandler(server, FROM, TO).handle(failed())
    told = capsys.readouterr().err
    assert (f"MailError: mail server localhost:{server[1]}: 554 not you" in told) == loud
    assert bool(told) == loud


def test_names_may_have_other_letters_than_ascii():
    with SmtpServer() as server:
        handler = Handler(address(server), "Zoë <zoe@example.com>", ['"Ops, „Nacht“" <ops@example.com>'])
        handler.handle(failed())
    [mail] = server.mails
    assert (mail.sender, mail.to) == ("zoe@example.com", ["ops@example.com"])
    assert mail.message["From"].addresses[0].display_name == "Zoë"
    assert mail.message["To"].addresses[0].display_name == "Ops, „Nacht“"


def test_addresses_may_have_other_letters_than_ascii():
    with SmtpServer() as server:
        Handler(address(server), "zoë@exämple.com", ["jörg@exämple.com"]).handle(failed())
    [mail] = server.mails
    assert (mail.sender, mail.to) == ("zoë@exämple.com", ["jörg@exämple.com"])
    assert "To: jörg@exämple.com\r\n".encode() in mail.raw


def test_a_server_that_knows_no_such_letters_is_told_about():
    with scripted("220 hi", "250 mail.test") as server:
        handler = Handler(server, toaddrs=["jörg@exämple.com"])
        handler.handle(failed())
    assert "SMTPUTF8" in handler.told


def test_no_name_and_no_text_adds_a_header():
    evil = "x\r\nBcc: evil@example.com\r\n\r\nbody"
    with SmtpServer() as server:
        handler = Handler(address(server))
        handler.handle(record(task_failure=TaskFailure(
            task=evil, function=evil, args=(evil,), kwargs={evil: evil}, exception=evil, traceback=evil,
            blocked=((evil, evil),), host=evil,
        )))  # fmt: skip
        handler.handle(record(evil, name=evil, levelname=evil))
        handler.subject = evil
        handler.handle(failed())
    assert handler.trouble == []
    assert len(server.mails) == 3
    for mail in server.mails:
        assert mail.to == TO
        assert mail.message["Bcc"] is None
        assert "Bcc: evil@example.com" in mail.message["Subject"]


def test_a_subject_of_one_s_own_is_every_mail_s():
    with SmtpServer() as server:
        handler = Handler(address(server))
        handler.subject = "Nightly ETL"
        handler.handle(failed())
    assert server.mails[0].message["Subject"] == "Nightly ETL"


@pytest.fixture
def logger():
    made = logging.getLogger("etl.users")
    yield made
    made.handlers.clear()


def divide():
    return 1 / 0


def test_any_logger_can_mail_with_it(logger):
    with SmtpServer() as server:
        handler = Handler(address(server))
        handler.setFormatter(logging.Formatter("%(process)d: %(message)s"))
        handler.setLevel(logging.ERROR)
        logger.addHandler(handler)
        logger.warning("not worth a mail")
        try:
            divide()
        except ZeroDivisionError:
            logger.exception("could not load <b>%s</b>", "„Öl“")
    assert handler.trouble == []
    [mail] = server.mails
    assert mail.message["Subject"] == "[longcase] ERROR in etl.users: could not load <b>„Öl“</b>"
    text, html = bodies(mail)
    assert f"{os.getpid()}: could not load <b>„Öl“</b>" in text
    assert f"{os.getpid()}: could not load &lt;b&gt;„Öl“&lt;/b&gt;" in html
    for body in (text, html):
        assert "in divide" in body
        assert "ZeroDivisionError: division by zero" in body
        assert f"Logged at {__file__}:" in body


def test_a_record_that_cannot_be_formatted_is_trouble_and_no_mail():
    with SmtpServer() as server:
        handler = Handler(address(server))
        handler.handle(record("%d", args=("three",)))
    assert "%d format" in handler.told
    assert server.mails == []


@pytest.mark.parametrize("copied", [HTMLSMTPHandler.copy, copy.copy, copy.deepcopy])
def test_a_copy_does_the_same_at_the_same_port(authority, copied):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with SmtpServer(context=server_context(authority), login=LOGIN) as server:
        handler = Handler(address(server), credentials=LOGIN, secure=(context,), timeout=7)
        handler.setFormatter(logging.Formatter("FORMATTED %(message)s"))
        handler.setLevel(logging.ERROR)
        handler.addFilter(lambda record: "quiet" not in record.msg)
        handler.subject = "Nightly ETL"
        twin = copied(handler)
        assert type(twin) is Handler
        for message in ("quiet", "loud"):
            twin.handle(record(message))
    assert (twin.level, twin.timeout, twin.secure, twin.trouble) == (logging.ERROR, 7, (context,), [])
    [mail] = server.mails
    assert mail.message["Subject"] == "Nightly ETL"
    assert "FORMATTED loud" in bodies(mail)[0]


def test_a_copy_is_another_handler():
    handler = HTMLSMTPHandler("mail.example.com", FROM, TO)
    handler.name = "mail"
    twin = handler.copy()
    twin.toaddrs.append("more@example.com")
    twin.addFilter(lambda record: False)
    twin.setLevel(logging.CRITICAL)
    assert (handler.toaddrs, handler.filters, handler.level) == (TO, [], logging.NOTSET)
    assert twin.lock is not handler.lock
    assert (handler.name, twin.name) == ("mail", None)


def test_the_caller_s_list_is_not_kept():
    mine = list(TO)
    handler = HTMLSMTPHandler("mail.example.com", FROM, mine)
    mine.clear()
    assert handler.toaddrs == TO


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"mailhost": 25}, TypeError, "mailhost must be such as 'mail.example.com' or"),
        ({"mailhost": ("a",)}, TypeError, "not ('a',)"),
        ({"mailhost": ("a", "25")}, TypeError, "not ('a', '25')"),
        ({"mailhost": ("a", True)}, TypeError, "not ('a', True)"),
        ({"mailhost": ""}, ValueError, "mailhost must name the mail server"),
        ({"mailhost": "a b"}, ValueError, "found 'a b'"),
        ({"mailhost": "a\n"}, ValueError, "found 'a\\n'"),
        ({"mailhost": ("a", 0)}, ValueError, "a port from 1 to 65535; found 0"),
        ({"mailhost": ("a", 65536)}, ValueError, "found 65536"),
        ({"fromaddr": None}, TypeError, "fromaddr must be a mail address such as 'ops@example.com'"),
        ({"fromaddr": "nobody"}, ValueError, "fromaddr must be one mail address"),
        ({"fromaddr": "a@b.c\nBcc: d@e.f"}, ValueError, "found 'a@b.c\\nBcc: d@e.f'"),
        ({"fromaddr": "x\nBcc: d@e.f <a@b.c>"}, ValueError, "fromaddr must be one mail address"),
        ({"toaddrs": None}, TypeError, "toaddrs must be a list of mail addresses"),
        ({"toaddrs": {"a@b.c"}}, TypeError, "not {'a@b.c'}"),
        ({"toaddrs": []}, ValueError, "toaddrs is empty"),
        ({"toaddrs": ["a@b.c", 3]}, TypeError, "toaddrs[1] must be a mail address"),
        ({"toaddrs": "a@b.c, d@e.f"}, ValueError, "toaddrs[0] must be one mail address"),
        ({"toaddrs": ["a@b.c", "d"]}, ValueError, "toaddrs[1] must be one mail address"),
        ({"credentials": "user:s3cret"}, TypeError, "(username, password); found a str"),
        ({"credentials": ("user", "s3cret", "x")}, TypeError, "found a tuple"),
        ({"credentials": ("user", b"s3cret")}, TypeError, "two strings"),
        ({"credentials": ("", "s3cret")}, ValueError, "the username in credentials is empty"),
        ({"credentials": ("user", "")}, ValueError, "the password in credentials is empty"),
        ({"credentials": ("user", "s3crët")}, ValueError, "the password in credentials has other characters"),
        ({"secure": True}, TypeError, "secure must be None, (), "),
        ({"secure": ("a", "b", "c")}, TypeError, "not ('a', 'b', 'c')"),
        ({"secure": (1,)}, TypeError, "not (1,)"),
        ({"secure": ("a", None, ssl.create_default_context())}, TypeError, "not ('a', None, <ssl.SSLContext"),
        ({"secure": ("a", ssl.create_default_context())}, TypeError, "not ('a', <ssl.SSLContext"),
        ({"timeout": None}, TypeError, "timeout must be a number of seconds, not None"),
        ({"timeout": True}, TypeError, "not True"),
        ({"timeout": 0}, ValueError, "timeout must be more than 0 seconds"),
        ({"timeout": -1}, ValueError, "found -1"),
        ({"timeout": float("inf")}, ValueError, "found inf"),
        ({"timeout": float("nan")}, ValueError, "found nan"),
        ({"use_tls": 1}, TypeError, "use_tls must be True or False, not 1"),
    ],
)  # fmt: skip
def test_an_argument_that_cannot_be_is_refused_with_what_would_be_right(changes, kind, words):
    arguments = {"mailhost": "mail.example.com", "fromaddr": FROM, "toaddrs": TO} | changes
    with pytest.raises(kind) as refused:
        HTMLSMTPHandler(**arguments)
    assert words in str(refused.value)
    assert "s3cr" not in str(refused.value)
