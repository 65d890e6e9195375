"""Mails of failing tasks: one each, at once, and never at the cost of the run."""

import functools
import os
import select
import socket
import sys
import threading
import time

import pytest

from longcase import HTMLSMTPHandler, Process, TaskDependency
from longcase.library.mailroom import Mailroom
from smtp_server import SmtpServer

PATIENCE = 30


def fail(*args, **kwargs):
    raise ValueError("no rows")


class Recording(HTMLSMTPHandler):
    """Remembers what went wrong, where others print it."""

    def __init__(self, port, timeout=5.0):
        super().__init__(("localhost", port), "longcase@example.com", ["ops@example.com"], timeout=timeout)
        self.troubles = []

    def handleError(self, record):  # noqa: N802 - logging's name
        self.troubles.append((record.name, str(sys.exc_info()[1])))


@pytest.fixture
def server():
    with SmtpServer() as made:
        yield made


@pytest.fixture
def handler(server):
    return Recording(server.port)


def bodies(received):
    return [received.message.get_body((kind,)).get_content() for kind in ("plain", "html")]


def subjects(server):
    return sorted(received.message["Subject"] for received in server.mails)


def test_a_failing_task_sends_one_mail_that_lists_exactly_what_it_blocks(task, run, server, handler):
    run(
        [
            task("before", lambda: 1),
            task("bad_one", fail, "before", html_mail_handler=handler),
            task("child_one", print, "bad_one"),
            task("grandchild_one", print, "child_one", "before"),
            task("tail_one", print, "grandchild_one"),
            task("beside", lambda: 1, "before"),
        ]
    )
    assert handler.troubles == []
    (received,) = server.mails
    assert "bad_one" in received.message["Subject"]
    for body in bodies(received):
        assert all(name in body for name in ("bad_one", "child_one", "grandchild_one", "tail_one"))
        assert "beside" not in body
        assert "before" not in body
        assert "no rows" in body
        assert "Traceback" in body


def test_every_task_that_fails_sends_its_own_and_no_other_does(task, run, server, handler):
    bad = [task(f"bad{n}", fail, html_mail_handler=handler) for n in range(3)]
    others = [
        task("blocked", print, "bad0", html_mail_handler=handler),
        task("good", html_mail_handler=handler),
    ]
    found = run([*bad, *others, task("unmailed", fail)])
    assert len(found.failures) == 4
    assert [subject.split("task ")[1].split()[0] for subject in subjects(server)] == ["bad0", "bad1", "bad2"]


def test_a_mail_goes_out_while_the_run_goes_on(task, run, handler, server):
    """The second task ends only when the mail of the first has come."""
    reader, writer = os.pipe()
    taken = server.handle_DATA

    async def tell(*args):
        os.write(writer, b".")
        return await taken(*args)

    server.handle_DATA = tell
    try:
        waits = task("waits", lambda: select.select([reader], [], [], PATIENCE)[0] == [reader])
        found = run([task("bad", fail, html_mail_handler=handler), waits])
    finally:
        os.close(reader)
        os.close(writer)
    assert found.passed_tasks_results["waits"].result is True


def spoil(rows, name="own", more=None):
    rows.clear()
    raise LookupError("spoiled")


def test_the_mail_shows_the_arguments_as_the_task_got_them(task, run, server, handler):
    edge = TaskDependency("source", True, True, "more")
    bad = task("bad", spoil, edge, kwargs={"name": "<b>"}, html_mail_handler=handler)
    run([task("source", lambda: ["first", "second"]), bad])
    plain, html = bodies(server.mails[0])
    call = ["['first', 'second'],", "name='<b>',", "more=['first', 'second'],", ")"]
    assert "spoil( " + " ".join(call) in " ".join(plain.split())
    assert "&lt;b&gt;" in html
    assert "<b>'" not in html


def test_a_worker_that_dies_is_mailed_with_what_it_was_called_with(task, run_parallel, server, handler):
    edge = TaskDependency("source", use_result_as_additional_args=True)
    run_parallel([task("source", lambda: 3), task("bad", os._exit, edge, html_mail_handler=handler)])
    plain = bodies(server.mails[0])[0]
    assert "posix._exit(3)" in plain
    assert "its process exited with code 3 without returning" in plain


class Odd:
    """Can be called, and has no name of its own."""

    def __call__(self):
        fail()


class Spiteful(Odd):
    def __getattr__(self, name):
        raise RuntimeError("ask for nothing")


@pytest.mark.parametrize(
    ("func", "shown"),
    [(str.upper, "str.upper()"), (functools.partial(functools.partial(fail)), ".fail()"), (Odd(), ".Odd()")],
    ids=["built in", "partials", "object"],
)
def test_the_mail_names_whatever_was_called(task, server, handler, func, shown):
    task("bad", func, html_mail_handler=handler).run()
    assert shown in bodies(server.mails[0])[0]


def test_a_function_that_can_not_be_described_harms_nothing(task, run, handler):
    found = run([task("bad", Spiteful(), html_mail_handler=handler), task("good", lambda: 1)])
    assert found.passed_tasks_results["good"].result == 1
    assert handler.troubles == [("bad", "ask for nothing")]


def test_a_task_that_is_run_alone_is_mailed_too(task, server, handler):
    bad = task("bad", fail, html_mail_handler=handler)
    bad.run()
    assert len(server.mails) == 1
    process = Process([bad, task("child", print, "bad")])
    bad.run(process)
    assert "child" in bodies(server.mails[1])[0]


# Mail servers as they are


@pytest.fixture
def silent():
    """Takes connections and says nothing."""
    with socket.create_server(("localhost", 0), backlog=50) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed():
    with socket.create_server(("localhost", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def slow():
    """Says one byte in a while, so that it is never silent for long."""
    over = threading.Event()

    def drip(connection):
        with connection:
            while not over.wait(0.05):
                try:
                    connection.send(b"2")
                except OSError:
                    return

    def serve(listener):
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    with socket.create_server(("localhost", 0), backlog=50) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("kind", ["closed", "silent", "slow"])
def test_a_server_that_takes_no_mail_neither_breaks_nor_hangs_the_run(task, run, request, kind):
    handler = Recording(request.getfixturevalue(kind), timeout=0.3)
    bad = [task(f"bad{n}", fail, html_mail_handler=handler) for n in range(8)]
    began = time.monotonic()
    found = run([*bad, task("good", lambda: 1), task("child", print, "bad0")])
    assert time.monotonic() - began < 10
    assert found.passed_tasks_results["good"].result == 1
    assert len(found.failures) == 8
    assert found.blocked == {"child": "bad0"}
    assert sorted(name for name, _ in handler.troubles) == [f"bad{n}" for n in range(8)]
    assert not [thread for thread in threading.enumerate() if "longcase" in thread.name]


def test_a_server_that_does_not_keep_up_has_its_mails_given_up_and_told(task, run, silent):
    handler = Recording(silent, timeout=0.3)
    run([task(f"bad{n:02}", fail, html_mail_handler=handler) for n in range(30)])
    given_up = [text for _, text in handler.troubles if "was not sent within 0.3 s" in text]
    assert len(handler.troubles) == 30
    assert len(given_up) > 20


def test_one_slow_server_does_not_keep_the_mails_of_another(task, run, silent, server, handler):
    slow = Recording(silent, timeout=0.5)
    bad = [task(f"bad{n}", fail, html_mail_handler=handler if n % 2 else slow) for n in range(6)]
    run(bad)
    assert len(server.mails) == 3
    assert handler.troubles == []


@pytest.fixture
def refusing():
    """Refuses every mail, but only after most of a second."""
    over = threading.Event()

    def refuse(connection):
        with connection:
            over.wait(0.7)
            connection.send(b"554 no\r\n")

    def serve(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=refuse, args=(connection,), daemon=True).start()

    with socket.create_server(("localhost", 0), backlog=50) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_slow_server_costs_many_handlers_no_more_than_one(task, refusing):
    """At each handler's end the mail that is sent then is the last: not one more for every handler before."""
    handlers = [Recording(refusing, timeout=1) for _ in range(8)]
    bad = task("bad", fail)
    failure = bad.perform(dict).failure
    with Mailroom() as mailroom:
        for handler in handlers * 20:
            bad.html_mail_handler = handler
            mailroom.post(bad, failure)
    told = [[text for _, text in handler.troubles] for handler in handlers]
    assert [len(texts) for texts in told] == [20] * 8
    assert max(sum("554 no" in text for text in texts) for texts in told) <= 2


def test_a_mail_thread_that_can_not_start_is_told_and_harms_nothing(task, run, server, handler):
    bad = task("bad", fail, html_mail_handler=handler)
    usual = threading.stack_size(1 << 46)  # more than there are addresses
    try:
        found = run([bad, task("good", lambda: 1)])
        alone = bad.run()
    finally:
        threading.stack_size(usual)
    assert found.passed_tasks_results["good"].result == 1
    assert set(found.failures) == {"bad"}
    assert isinstance(alone.exception, ValueError)
    assert handler.troubles == [("bad", "can't start new thread")] * 2
    assert server.mails == []


def test_a_handler_that_raises_is_told_so_and_harms_nothing(task, run, server):
    class Broken(Recording):
        def emit(self, record):
            raise RuntimeError("broken")

    handler = Broken(server.port)
    found = run([task("bad", fail, html_mail_handler=handler), task("good", lambda: 1)])
    assert found.passed_tasks_results["good"].result == 1
    assert handler.troubles == [("bad", "broken")]


def test_a_run_that_is_interrupted_does_not_wait_for_its_mails(task, silent):
    handler = Recording(silent, timeout=PATIENCE)
    began = time.monotonic()
    bad = task("bad", fail, html_mail_handler=handler)

    def interrupted():
        with Mailroom() as mailroom:
            mailroom.post(bad, bad.perform(dict).failure)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - began < PATIENCE / 2
