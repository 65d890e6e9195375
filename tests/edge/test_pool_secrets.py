"""A secret reaches the task, and is hidden wherever people read what the task says of it."""

import os
from pathlib import Path

import pytest
from msgspec.structs import astuple

from longcase.domain.outcome import ResultRef, TaskState
from longcase.domain.pipeline import Call, Command, Dependency, Passing, SecretSource
from longcase.edge.pool import request
from longcase.workers import ending
from pool_harness import RUN, mode_of, until

PLAIN = "hunter2-swordfish"
ODD = "pä'ss\"w\\o\nrd %&"
PIECES = """
import os, time
plain, odd = os.environ["PLAIN"], os.environ["ODD"]
for piece in (plain[:7], plain[7:] + ", and " + odd[:9], odd[9:]):
    os.write(1, piece.encode())
    time.sleep(0.05)  # longer than the beginning of a line is kept back
"""


@pytest.fixture
def secrets(tmp_path):
    """A plain one and an odd one, as they stand in a job file."""
    found = {}
    for name, value in (("PLAIN", PLAIN), ("ODD", ODD)):
        path = tmp_path / f"source of {name}"
        path.write_text(value)
        found[name] = SecretSource(file=str(path))
    return found


@pytest.fixture(autouse=True)
def nothing_holds_a_secret(request, tmp_path):
    """Whatever a test does: no log, and nothing that the pool delivers, holds a value."""
    harness = request.getfixturevalue("harness")
    yield
    told = repr([astuple(outcome) for _, outcome in harness.delivered])
    files = [path.read_text("utf-8", "backslashreplace") for path in harness.logs.rglob("*.log*")]
    for text in (told, *files):
        for mark in ("hunter2-s", "swordfish", 'ss"w', 'ss\\"w', 'ss\\\\"w', "ss%22w"):
            assert mark not in text


def executed(code):
    return Call("builtins:exec", (code,))


def evaluated(code):
    return Call("builtins:eval", (code.replace("os.", "__import__('os')."),))


def forged(report):
    """A task that says this of itself by the descriptor of its report; `plain` and `odd` are the secrets."""
    return executed(
        f"""
import json, os, pool_tasks
plain, odd = os.environ["PLAIN"], os.environ["ODD"]
body = json.dumps({report}).encode()
pool_tasks.forge_report((len(body).to_bytes(4, "big") + body).decode("latin-1"))
"""
    )


@pytest.mark.usefixtures("each_python")
async def test_a_secret_is_a_variable_of_the_task_and_hidden_in_all_its_output(harness, secrets):
    code = """
import json, logging, os, sys, urllib.parse
plain, odd = os.environ["PLAIN"], os.environ["ODD"]
print(len(plain), len(odd))
print("out", plain, repr(odd), json.dumps(odd), odd.encode())
sys.stderr.write(f"err {odd}{plain}\\n")
logging.warning("log %s %r", plain, {"password": odd, "url": urllib.parse.quote(odd)})
os.write(1, b"\\xff" + plain.encode() + b"\\xfe\\n")
"""
    outcome = await harness.run(executed(code), secrets=secrets)
    assert outcome.state is TaskState.SUCCEEDED, outcome
    assert harness.said("out")[0] == f"{len(PLAIN)} {len(ODD)}"
    assert harness.said("out")[1].count("•••") == 4
    assert harness.said("out")[2] == "\\xff•••\\xfe"
    assert harness.said("err") == ["err •••"]
    assert harness.said("log")[0].count("•••") == 3


async def test_a_command_has_the_secret_too(harness, secrets):
    script = 'set -x; echo "$PLAIN"; echo "$ODD"; echo ${#PLAIN}'
    outcome = await harness.run(Command(script), secrets=secrets)
    assert outcome.state is TaskState.SUCCEEDED, outcome
    assert harness.said("out") == ["•••", "•••", str(len(PLAIN))]
    assert harness.said("err")[0] == "+ echo •••"


async def test_a_secret_in_pieces_is_never_shown_by_half(harness, secrets, monkeypatch):
    monkeypatch.setattr(request, "LINE_PATIENCE", 0.01)
    await harness.run(executed(PIECES), secrets=secrets)
    assert "".join(harness.said("out")) == "•••, and •••"


async def test_a_task_that_ends_within_a_secret_leaves_no_half_of_it(harness, secrets):
    await harness.run(Command('printf "last %.9s" "$PLAIN"; kill -9 $$'), secrets=secrets)
    assert harness.said("out") == ["last •••"]


@pytest.mark.usefixtures("each_python")
async def test_an_exception_hides_it_in_text_traceback_and_last_words(harness, secrets):
    code = """
import os
print("last words", os.environ["PLAIN"])
try:
    raise KeyError(os.environ["ODD"])
except KeyError as error:
    raise ValueError(f"no login with {os.environ['PLAIN']} or {os.environ['ODD']}") from error
"""
    outcome = await harness.run(executed(code), secrets=secrets)
    assert outcome.exception == "ValueError: no login with ••• or •••"
    assert outcome.traceback.count("•••") == 3
    assert outcome.log_tail == ("last words •••",)
    assert harness.said("---")[1].endswith(": ValueError: no login with ••• or •••")


@pytest.mark.parametrize("length", [1_990, 19_990, 99_990])
async def test_an_exception_is_not_cut_within_a_secret(harness, secrets, length):
    code = f"raise ValueError('x' * {length} + __import__('os').environ['PLAIN'] * 3 + 'y' * 200_000)"
    outcome = await harness.run(executed(code), secrets=secrets)
    assert outcome.exception.startswith("ValueError: xxx")
    assert "hunt" not in outcome.exception + outcome.traceback


async def test_a_child_that_the_task_forked_hides_it_too(harness, secrets):
    code = """
import os
if os.fork() == 0:
    raise ValueError("x" * 49_950 + os.environ["PLAIN"] + "y" * 60_000)
os.wait()
"""
    await harness.run(executed(code), secrets=secrets)
    assert any("ValueError: xxx" in line for line in harness.said("err"))
    assert not any("hunt" in line for line in harness.said("err"))


async def test_arguments_hide_it_also_where_they_are_cut(harness, secrets):
    args = (f"{'x' * 190}{PLAIN}", "x" * 990 + PLAIN, {"password": ODD, PLAIN: [PLAIN]})
    outcome = await harness.run(Call("pool_tasks:nothing", args), secrets=secrets)
    assert outcome.exception.startswith("TypeError: the call nothing('xxx")
    assert "hunt" not in outcome.exception + harness.said("---")[0]
    assert "{'•••': '•••'" not in harness.said("---")[0]
    assert "'password': '•••', '•••': ['•••']" in harness.said("---")[0]


@pytest.mark.parametrize(
    "command",
    [f"true {'x' * 980} {PLAIN} {PLAIN}", ("true", ODD, "x" * 900, PLAIN * 9), ("true", f"it's {ODD}")],
)
async def test_a_command_line_hides_it_also_where_it_is_cut(harness, secrets, command):
    await harness.run(Command(command), secrets=secrets)
    header = harness.said("---")[0]
    assert "hunt" not in header
    assert "rd %&" not in header


async def test_a_reason_hides_it_also_where_it_is_cut(harness, secrets):
    outcome = await harness.run(Command((f"{'x' * 190}{PLAIN}", ODD)), secrets=secrets)
    assert outcome.state is TaskState.FAILED
    assert "hunt" not in outcome.reason
    outcome = await harness.run(Command("true"), working_dir=f"/nowhere/{PLAIN}", secrets=secrets)
    assert outcome.reason == "working_dir /nowhere/•••: No such file or directory"


@pytest.mark.usefixtures("each_python")
@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("os.environ['PLAIN']", "'•••'"),
        ("[os.environ['ODD'], {os.environ['PLAIN']: 1}]", "['•••', {'•••': 1}]"),
        ("os.environ['ODD'].encode()", "b'•••'"),
        ("'x' * 195 + os.environ['PLAIN'] + 'y' * 500", None),
        ("'x' * 500 + os.environ['PLAIN']", None),
        ("bytearray(b'x' * 195 + os.environb[b'PLAIN'])", None),
        ("__import__('pathlib').Path('x' * 180 + os.environ['PLAIN'])", None),
    ],
)
async def test_a_result_hides_it_where_it_is_shown_and_keeps_it_in_its_file(harness, secrets, code, shown):
    outcome = await harness.run(evaluated(code), secrets=secrets)
    assert outcome.state is TaskState.SUCCEEDED, outcome
    assert "hunt" not in outcome.result.repr
    assert shown in {None, outcome.result.repr}
    assert mode_of(Path(outcome.result.path)) == 0o600


async def test_a_long_number_is_not_cut_within_a_secret(harness, tmp_path):
    (tmp_path / "pin").write_text("4711081547110815")
    secrets = {"PIN": SecretSource(file=str(tmp_path / "pin"))}
    outcome = await harness.run(evaluated("int('1' * 192 + os.environ['PIN'] + '2' * 300)"), secrets=secrets)
    assert "4711" not in outcome.result.repr


async def test_what_is_passed_hides_it_in_the_header_of_who_takes_it(harness, secrets):
    first = await harness.run(evaluated("os.environ['ODD']"), secrets=secrets)
    outcome = await harness.run(
        Call("pool_tasks:length"),
        name="second",
        depends_on=(Dependency("task", Passing.ARG),),
        results={"task": first.result},
        secrets=secrets,
    )
    assert outcome.result.repr == str(len(ODD))
    assert harness.said("---", "second")[0].endswith(": pool_tasks:length('•••')")


async def test_a_report_that_a_task_forges_is_masked_too(harness, secrets):
    report = "dict(state='failed', exception=plain, traceback=f'{odd} {plain}', reason=odd)"
    outcome = await harness.run(forged(report), secrets=secrets)
    assert (outcome.exception, outcome.traceback, outcome.reason) == ("•••", "••• •••", "•••")


async def test_a_forged_result_is_masked_too(harness, secrets):
    path = str(harness.results / "p" / RUN / "x.pickle")
    result = f"dict(path={path!r}, offset=0, size=0, format='pickle', repr=plain)"
    outcome = await harness.run(forged(f"dict(state='succeeded', result={result})"), secrets=secrets)
    assert outcome.result == ResultRef(path=path, size=0, repr="•••")


async def test_what_is_no_report_is_told_without_it(harness, secrets):
    outcome = await harness.run(forged("dict(state='succeeded', result={plain: 1})"), secrets=secrets)
    assert outcome.state is TaskState.FAILED
    assert "it sent what is no report" in outcome.reason
    assert "•••" in outcome.reason


@pytest.mark.parametrize(("name", "value"), [("RUN", RUN), ("WORD", "attempt"), ("ITSELF", "••••")])
async def test_a_secret_that_is_a_word_of_the_log_breaks_no_line(harness, tmp_path, name, value):
    (tmp_path / "word").write_text(value)
    secrets = {name: SecretSource(file=str(tmp_path / "word"))}
    await harness.run(Command(f'echo "<${name}>"'), secrets=secrets)
    assert harness.said("out") == ["<•••>"]
    assert all(line.split(" ")[1] == RUN for line in harness.log())


async def test_last_words_of_an_interpreter_are_not_cut_within_a_secret(harness, secrets, tmp_path):
    python = tmp_path / "python"
    words = "'%*s' 490 end"
    python.write_text(f"#!/bin/sh\ncat '{tmp_path}/source of PLAIN' >&2; printf {words} >&2; exit 9\n")
    python.chmod(0o700)
    outcome = await harness.run(Call("pool_tasks:nothing"), python=str(python), secrets=secrets)
    assert outcome.reason.endswith("(exit code 9: ••• end)")


LEAVE_ONE_NAMED = """
import os, signal, time
worker = os.getppid()
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open("/proc/self/comm", "w").write(os.environ["IT"])
    os.kill(worker, signal.SIGKILL)
time.sleep(1000)
"""


async def test_what_a_dead_worker_leaves_behind_is_named_without_it(harness, tmp_path, monkeypatch):
    monkeypatch.setattr(ending, "PATIENCE", 0.0)  # whatever is not gone at the first look is left behind
    (tmp_path / "word").write_text("sw0rdfish")
    secrets = {"IT": SecretSource(file=str(tmp_path / "word"))}
    outcome = await harness.run(executed(LEAVE_ONE_NAMED), secrets=secrets, kill_grace=0.1)
    left = [name.partition(" (pid ") for name in outcome.left_behind]
    assert [name for name, _, _ in left] == ["•••"]
    await until(lambda: os.waitpid(int(left[0][2].rstrip(")")), os.WNOHANG)[0])


SEE_PROCESSES = """
import os
secret = os.environ["PLAIN"].encode()
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if secret in open(f"/proc/{pid}/cmdline", "rb").read():
            print("in the command line of", pid)
    except OSError:
        continue
print(secret in open(f"/proc/{os.getppid()}/environ", "rb").read())
"""


async def test_no_command_line_and_no_worker_s_environment_holds_it(harness, secrets):
    outcome = await harness.run(executed(SEE_PROCESSES), secrets=secrets)
    assert outcome.state is TaskState.SUCCEEDED, outcome
    assert harness.said("out") == ["False"]


async def test_a_secret_is_read_at_each_attempt(harness, tmp_path, monkeypatch):
    source = SecretSource(env="SOURCE_OF_IT")
    for value in ("first-value", "other-value"):
        monkeypatch.setenv("SOURCE_OF_IT", value)
        await harness.run(Command('echo "$IT" "${IT%-value}"'), secrets={"IT": source})
    assert harness.said("out") == ["••• first", "••• other"]


async def test_a_secret_may_be_bytes_that_are_no_text(harness, monkeypatch):
    monkeypatch.setitem(os.environb, b"SOURCE_OF_IT", b"p\xe4ssw\xf6rd")
    await harness.run(Command('echo "<$IT>"'), secrets={"IT": SecretSource(env="SOURCE_OF_IT")})
    assert harness.said("out") == ["<•••>"]


async def test_the_next_task_of_a_worker_has_neither_the_secret_nor_its_mask(harness, tmp_path):
    (tmp_path / "word").write_text("open sesame")
    show = executed("import os; print(os.environ.get('IT'), 'open sesame')")
    await harness.run(show, secrets={"IT": SecretSource(file=str(tmp_path / "word"))})
    await harness.run(show)
    assert harness.said("out") == ["••• •••", "None open sesame"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (SecretSource(file="/no/such/file"), "/no/such/file can't be read: No such file or directory"),
        (SecretSource(env="NO_SUCH_VARIABLE"), "the daemon's environment has no NO_SUCH_VARIABLE"),
    ],
)
@pytest.mark.parametrize("action", [Call("pool_tasks:say", ("begun",)), Command("echo begun")])
async def test_a_secret_that_can_not_be_read_fails_the_attempt_before_it_begins(harness, action, source, why):
    attempt = harness.start(action, secrets={"DB_PASSWORD": source})
    assert harness.delivered == []
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.usage) == (TaskState.FAILED, None)
    assert outcome.reason == f"secret DB_PASSWORD: {why}"
    assert harness.said("out") == []
    assert harness.said("---") == [f"failed: secret DB_PASSWORD: {why}"]
