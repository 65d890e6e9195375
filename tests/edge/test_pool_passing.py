# ruff: noqa: ASYNC240  the files are small, and nobody else waits
"""Results of commands, and results to commands."""

import json
import os
import resource
import signal
import sys
from pathlib import Path

import pytest

from longcase.domain.outcome import ResultRef, TaskState
from longcase.domain.pipeline import Call, Command, Dependency, Passing, ResultKind
from longcase.domain.policy import Rotation
from pool_harness import RUN, mode_of, until

TEXT, JSON = ResultKind.TEXT, ResultKind.JSON
NO_JSON = "the result is JSON, and the standard output isn't: "
STDIN = Dependency("made", Passing.STDIN)


def variable(name="MADE"):
    return Dependency("made", Passing.ENV, name)


def says(output):
    """A command with this standard output."""
    return ("printf", "%s", output)


async def made(harness, action, **options):
    """The result of a task `made`, which is wanted as JSON."""
    outcome = await harness.run(action, name="made", json_result=True, **options)
    assert outcome.state is TaskState.SUCCEEDED, outcome.cause
    return outcome.result


async def given(harness, result, run, edge):
    """What a command says that is given a result."""
    outcome = await harness.run(Command(run), depends_on=(edge,), results={"made": result})
    assert outcome.state is TaskState.SUCCEEDED, outcome.cause
    return harness.said("out")


async def read_by_a_callable(harness, result):
    """The repr of what a callable is given."""
    await harness.run(
        Call("pool_tasks:describe"),
        name="reader",
        depends_on=(Dependency("made", Passing.ARG),),
        results={"made": result},
    )
    return harness.delivered[-1][1].result.repr


def folder(harness):
    return harness.results / "p" / RUN


@pytest.mark.parametrize(
    ("output", "text"),
    [("one\ntwo\n\n", "one\ntwo"), ("\n\n", ""), ("", ""), (" ü \r\n", " ü \r"), ("\nx", "\nx")],
)
async def test_a_text_result_is_the_output_without_the_newlines_at_its_end(harness, output, text):
    outcome = await harness.run(Command(says(output), TEXT))
    assert (outcome.state, outcome.exit_code) == (TaskState.SUCCEEDED, 0)
    result = outcome.result
    assert (result.format, result.repr, result.json) == ("text", repr(text), "")
    assert Path(result.path) == folder(harness) / "task.1.txt"
    assert result.size == len(text.encode())
    assert Path(result.path).read_bytes() == text.encode()
    assert mode_of(Path(result.path)) == 0o600
    assert await read_by_a_callable(harness, result) == repr([repr((text,)), "[]"])


@pytest.mark.parametrize("wanted_as_json", [False, True])
async def test_a_json_result_is_the_value_and_its_one_file_serves_commands_too(harness, wanted_as_json):
    command = Command("echo '{\"rows\":'; echo '[1, 2.50]}'", JSON)
    outcome = await harness.run(command, json_result=wanted_as_json)
    result = outcome.result
    assert (result.format, result.repr) == ("json", "{'rows': [1, 2.5]}")
    assert result.path == f"{folder(harness)}/task.1.json"
    assert result.json == (result.path if wanted_as_json else "")
    assert Path(result.path).read_text() == '{"rows":\n[1, 2.50]}\n'
    assert os.listdir(folder(harness)) == ["task.1.json"]
    assert mode_of(Path(result.path)) == 0o600
    assert harness.said("out") == ['{"rows":', "[1, 2.50]}"]
    assert await read_by_a_callable(harness, result) == repr(["({'rows': [1, 2.5]},)", "[]"])


async def test_only_the_standard_output_is_the_result_and_both_streams_are_in_the_log(harness):
    outcome = await harness.run(Command("echo mine; echo stray >&2", TEXT))
    assert outcome.result.repr == "'mine'"
    assert (harness.said("out"), harness.said("err")) == (["mine"], ["stray"])


async def test_a_command_without_a_result_stores_nothing(harness):
    outcome = await harness.run(Command("echo x"))
    assert outcome.result is None
    assert not folder(harness).exists()


@pytest.mark.parametrize(
    ("run", "kind", "options", "reason"),
    [
        ("echo x; exit 3", TEXT, {}, "exited with code 3"),
        ("echo 1; exit 3", JSON, {}, "exited with code 3"),
        ("echo x; kill -KILL $$", TEXT, {}, "killed by SIGKILL"),
        ("echo x; sleep 1000", TEXT, {"timeout": 0.2}, "no end within its timeout of 0.2s"),
        (
            ("no-such-command",),
            TEXT,
            {"env": {"PATH": "/"}},
            "command 'no-such-command': No such file or dir",
        ),
        (
            r"printf 'one\ntwo \303x'",
            TEXT,
            {},
            "the result is text, and byte 0xc3 in line 2 of the standard output is no UTF-8",
        ),
        (r"printf '\303'", TEXT, {}, "the result is text, and byte 0xc3 in line 1 of the standard outp"),
        ("", JSON, {}, f"{NO_JSON}it is empty"),
        (
            r"printf '[\n1,\n]'",
            JSON,
            {},
            f"{NO_JSON}Expecting value in line 3, column 1",
        ),
        (
            "echo '[1] 2'",
            JSON,
            {},
            f"{NO_JSON}Extra data in line 1, column 5",
        ),
        ("echo '[NaN]'", JSON, {}, f"{NO_JSON}NaN is no JSON"),
        (
            "echo -Infinity",
            JSON,
            {},
            f"{NO_JSON}-Infinity is no JSON",
        ),
        (
            r"printf '[\n\"\377\"]'",
            JSON,
            {},
            f"{NO_JSON}byte 0xff in line 2 is no UTF-8",
        ),
        (
            "head -c 1000000 /dev/zero | tr '\\0' '['",
            JSON,
            {},
            "the result is JSON, and can't be read: it is nested too deeply",
        ),
    ],
)
async def test_a_command_that_fails_or_says_no_result_leaves_none(harness, run, kind, options, reason):
    outcome = await harness.run(Command(run, kind), json_result=True, kill_grace=0.1, **options)
    assert outcome.state is not TaskState.SUCCEEDED
    assert outcome.reason.startswith(reason)
    assert f": {reason}" in harness.said("---")[-1]
    assert outcome.result is None
    assert list(folder(harness).iterdir()) == []


async def test_a_command_that_is_cancelled_while_it_is_heard_leaves_no_result(harness):
    attempt = harness.start(Command("yes", TEXT), kill_grace=0.1)
    await until(lambda: (folder(harness) / "task.1.txt").exists() and harness.said("out"))
    harness.pool.cancel(attempt)
    assert (await harness.outcome(attempt)).state is TaskState.CANCELLED
    assert list(folder(harness).iterdir()) == []


async def test_a_result_that_a_killed_worker_left_in_part_is_in_nobodys_way(harness):
    attempt = harness.start(Command("echo $PPID; exec sleep 1000", TEXT), kill_grace=0.1)
    os.kill(int(await harness.word()), signal.SIGKILL)
    outcome = await harness.outcome(attempt)
    assert (outcome.state, outcome.result) == (TaskState.KILLED, None)
    assert os.listdir(folder(harness)) == ["task.1.txt"]
    again = await harness.run(Command("echo whole", TEXT))
    assert Path(again.result.path).read_text() == "whole"


async def test_a_text_of_100_megabytes_is_a_result_and_the_worker_stays_small(harness):
    size = 100_000_000
    run = f"head -c {size} /dev/zero | tr '\\0' x; echo; echo $PPID >&2"
    result = await made(harness, Command(run, TEXT), timeout=120)
    (worker,) = harness.said("err", "made")
    (peak,) = [line for line in Path(f"/proc/{worker}/status").read_text().splitlines() if "VmHWM" in line]
    assert int(peak.split()[1]) < 80_000
    assert result.size == size
    assert result.repr.startswith("'xxx")
    assert os.stat(result.json).st_size == size + 3
    assert await given(harness, result, "wc -c", STDIN) == [str(size + 3)]
    await harness.run(
        Call("pool_tasks:length"),
        name="length",
        depends_on=(Dependency("made", Passing.ARG),),
        results={"made": result},
    )
    assert harness.delivered[-1][1].result.repr == str(size)


@pytest.mark.parametrize("kind", [TEXT, JSON])
async def test_where_the_result_does_not_fit_on_the_disk_the_task_fails_and_its_log_goes_on(harness, kind):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # the worker inherits it
    try:
        attempt = harness.start(Command("seq 50000", kind), rotation=Rotation(max_bytes=50_000))
        outcome = await harness.outcome(attempt)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    name = "task.1.txt" if kind is TEXT else "task.1.json"
    assert (outcome.state, outcome.exit_code) == (TaskState.FAILED, 0)
    assert outcome.reason == f"the result can't be written to {folder(harness)}/{name}: File too large"
    assert list(folder(harness).iterdir()) == []
    assert harness.said("out")[-1] == "50000"


@pytest.mark.parametrize(("json_result", "name"), [(True, "json"), (False, "pickle")])
async def test_where_a_callables_result_does_not_fit_on_the_disk_nothing_stays(harness, json_result, name):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        outcome = await harness.run(Call("pool_tasks:characters", (200_000,)), json_result=json_result)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    place = f"{folder(harness)}/task.1.{name}"
    assert outcome.exception == f"ResultError: the result can't be written to {place}: File too large"
    assert list(folder(harness).iterdir()) == []


async def test_where_no_file_can_be_made_for_the_result_the_command_is_not_started(harness, tmp_path):
    (folder(harness) / "task.1.txt").mkdir(parents=True)
    outcome = await harness.run(Command("touch started", TEXT), working_dir=str(tmp_path))
    assert outcome.reason == f"the result can't be written to {folder(harness)}/task.1.txt: Is a directory"
    assert not (tmp_path / "started").exists()
    assert (await harness.run(Command("true", TEXT), number=2)).state is TaskState.SUCCEEDED


async def test_a_link_in_the_place_of_a_result_is_not_followed(harness, tmp_path):
    folder(harness).mkdir(parents=True)
    (folder(harness) / "task.1.txt").symlink_to(tmp_path / "elsewhere")
    assert (await harness.run(Command("echo x", TEXT))).state is TaskState.SUCCEEDED
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.usefixtures("each_python")
@pytest.mark.parametrize(
    ("expression", "spelled"),
    [
        ("None", "null"),
        ("{'ü': [1, 2.5, True, (None, 'x')], 2: {}}", '{"ü": [1, 2.5, true, [null, "x"]], "2": {}}'),
        ("10 ** 30", "1" + "0" * 30),
        ("'\\n\"'", '"\\n\\""'),
    ],
)
async def test_a_callables_result_is_stored_as_json_beside_the_pickle_where_that_is_wanted(
    harness, expression, spelled
):
    result = await made(harness, Call("builtins:eval", (expression,)))
    assert result.format == "pickle"
    assert result.json == f"{folder(harness)}/made.1.json"
    assert Path(result.json).read_text() == spelled + "\n"
    assert mode_of(Path(result.json)) == 0o600
    assert await given(harness, result, "cat", STDIN) == [spelled]


@pytest.mark.usefixtures("each_python")
@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("object()", "result: Object of type object is not JSON serializable"),
        (
            "{'rows': [1, {'at': __import__('datetime').date(2026, 1, 1)}]}",
            "result['rows'][1]['at']: Object of type date is not JSON serializable",
        ),
        (
            "{'rows': [{(1, 2): 3}]}",
            "result['rows'][0]: keys must be str, int, float, bool or None, not tuple",
        ),
        ("[0.5, float('nan')]", "result[1]: Out of range float values are not JSON compliant"),
        ("float('-inf')", "result: Out of range float values are not JSON compliant"),
        (
            "['a', 'b' + chr(0xdcff)]",
            "result[1]: '\\udcff' is no character of Unicode",
        ),
        ("(lambda a: a.append(a) or {'x': a})([1])", "result['x']: Circular reference detected"),
        (
            "__import__('functools').reduce(lambda deep, _: [deep], range(100_000), 1)",
            "it is nested too deeply",
        ),
    ],
)
async def test_a_result_that_json_can_not_hold_fails_its_task_and_says_where(harness, expression, why):
    path = harness.logs.parent / "maker.py"
    path.write_text(f"def make():\n    return {expression}\n")
    outcome = await harness.run(Call(f"{path}:make"), json_result=True)
    assert outcome.state is TaskState.FAILED
    begin = "ResultError: the result is passed on as JSON, and can't be written as JSON: "
    assert outcome.exception.startswith(begin + why)
    assert outcome.traceback is None
    assert list(folder(harness).iterdir()) == []


@pytest.mark.parametrize(
    ("action", "value"),
    [
        (Call("builtins:str", ("$HOME `x` 'y' \"z\"",)), "$HOME `x` 'y' \"z\""),
        (Call("builtins:str", ("",)), ""),
        (Call("builtins:int", ("42",)), "42"),
        (Call("builtins:float", ("0.1",)), "0.1"),
        (Call("builtins:float", ("1e300",)), "1e+300"),
        (Call("builtins:bool", (1,)), "true"),
        (Call("builtins:bool", (0,)), "false"),
        (Command(says("eins zwei\n"), TEXT), "eins zwei"),
        (Command(says(' "\\u00fc" \n'), JSON), "ü"),
        (Command(says("1E5\n"), JSON), "1E5"),
        (Command(says("true"), JSON), "true"),
    ],
)
async def test_a_scalar_is_passed_as_a_variable_by_its_value(harness, action, value):
    result = await made(harness, action)
    assert await given(harness, result, ("sh", "-c", 'printf "%s|" "$MADE"'), variable()) == [f"{value}|"]
    assert harness.said("---")[0].endswith(" [MADE from made]")


@pytest.mark.parametrize(
    ("action", "spelled"),
    [
        (Call("pool_tasks:nothing"), "null"),
        (Call("builtins:list", ("ab",)), '["a", "b"]'),
        (Call("builtins:dict"), "{}"),
        (Command(says(" \n{} "), JSON), "{}"),
        (Command(says("null"), JSON), "null"),
    ],
)
async def test_everything_else_is_passed_as_a_variable_by_the_path_of_a_json_file(harness, action, spelled):
    result = await made(harness, action)
    said = await given(harness, result, 'echo "$MADE"; cat "$MADE"', variable())
    assert said[0] == result.json
    assert "".join(said[1:]).strip() == spelled


HOSTILE = "\"; touch pwned; ' $(touch pwned) `touch pwned` & touch pwned\n|| touch pwned #"


@pytest.mark.parametrize("producer", [Call("builtins:str", (HOSTILE,)), Command(says(HOSTILE), TEXT)])
async def test_what_a_task_says_is_never_run_by_the_shell_of_the_next_one(harness, tmp_path, producer):
    result = await made(harness, producer)
    for name, edge, run in (
        ("env", variable(), 'printf "%s\n" "$MADE"; printf "%s\n" $MADE >/dev/null'),
        ("stdin", STDIN, "cat"),
    ):
        await harness.run(
            Command(run), name=name, depends_on=(edge,), results={"made": result}, working_dir=str(tmp_path)
        )
    assert not (tmp_path / "pwned").exists()
    assert "\n".join(harness.said("out", "env")) == HOSTILE
    assert json.loads("\n".join(harness.said("out", "stdin"))) == HOSTILE
    assert "pwned" not in harness.log("stdin")[0]


async def test_a_passed_variable_overrides_one_of_the_job_file(harness):
    result = await made(harness, Call("builtins:str", ("passed",)))
    await harness.run(
        Command("echo $MADE"), env={"MADE": "set"}, depends_on=(variable(),), results={"made": result}
    )
    assert harness.said("out") == ["passed"]


async def test_one_command_may_be_given_several_variables_and_its_input(harness):
    result = await made(harness, Call("builtins:int", (7,)))
    await harness.run(
        Command("echo $A $B; cat"),
        depends_on=(variable("A"), Dependency("stats", Passing.STDIN), Dependency("other", Passing.ENV, "B")),
        results={"made": result, "other": result, "stats": result},
    )
    assert harness.said("out") == ["7 7", "7"]
    assert harness.said("---")[0].endswith("cat [A from made, stdin from stats, B from other]")


async def test_two_commands_that_read_one_result_do_not_share_their_place_in_it(harness):
    result = await made(harness, Call("builtins:str", ("once",)))
    first = harness.start(Command("cat"), name="a", depends_on=(STDIN,), results={"made": result})
    second = harness.start(Command("cat"), name="b", depends_on=(STDIN,), results={"made": result})
    for attempt in (first, second):
        await harness.outcome(attempt)
    assert harness.said("out", "a") == harness.said("out", "b") == ['"once"']


LONGEST = 32 * os.sysconf("SC_PAGE_SIZE")


async def test_the_longest_value_that_fits_into_a_variable_is_passed(harness):
    result = await made(harness, Call("pool_tasks:characters", (LONGEST - len("MADE=") - 1,)))
    assert await given(harness, result, "echo ${#MADE}", variable()) == [str(LONGEST - 6)]


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (Call("pool_tasks:characters", (LONGEST - 5,)), "it is longer than the {most} KiB of a variable"),
        (Call("pool_tasks:characters", (9 * LONGEST,)), "it is longer than the {most} KiB of a variable"),
        (Call("builtins:str", ("a\0b",)), "it holds a NUL, which no variable can"),
        (Command(says('"\\ud800"'), JSON), "'\\ud800' is no character of Unicode"),
    ],
)
async def test_what_no_variable_can_hold_fails_the_attempt_before_it_starts(harness, tmp_path, action, why):
    outcome = await harness.run(
        Command("touch started"),
        depends_on=(variable(),),
        results={"made": await made(harness, action)},
        working_dir=str(tmp_path),
    )
    assert outcome.state is TaskState.FAILED
    expected = f"the result of task 'made' can't be passed as $MADE: {why.format(most=LONGEST >> 10)}"
    assert outcome.reason.startswith(expected)
    assert outcome.reason.endswith("; pass it as stdin")
    assert not (tmp_path / "started").exists()
    assert harness.said("---")[0] == "attempt 1 of 1: touch started [MADE from made]"


async def test_what_all_variables_together_can_not_hold_says_what_to_do(harness):
    result = await made(harness, Call("pool_tasks:characters", (LONGEST - 100,)))
    edges = tuple(variable(f"MADE_{number}") for number in range(100))
    outcome = await harness.run(
        Command("true"),
        depends_on=tuple(Dependency(f"t{n}", edge.passing, edge.name) for n, edge in enumerate(edges)),
        results={f"t{n}": result for n in range(100)},
    )
    assert outcome.reason == "command 'true': Argument list too long; pass large results as stdin"


@pytest.mark.parametrize("edge", [STDIN, variable()])
async def test_a_result_that_is_gone_fails_the_command_that_needs_it_and_names_the_task(harness, edge):
    result = await made(harness, Call("builtins:int"))
    os.unlink(result.json)
    outcome = await harness.run(Command("true"), depends_on=(edge,), results={"made": result})
    gone = f"{result.json}: No such file or directory"
    assert outcome.reason == f"the result of task 'made' can't be read: {gone}"


@pytest.mark.parametrize(
    ("action", "edge"),
    [
        (Command("true"), STDIN),
        (Command("true"), variable()),
        (Call("pool_tasks:length"), Dependency("made", Passing.ARG)),
    ],
)
async def test_a_fifo_in_the_place_of_a_result_is_not_waited_for(harness, action, edge):
    result = await made(harness, Command("echo 1", JSON))
    os.unlink(result.json)
    os.mkfifo(result.json)
    outcome = await harness.run(action, depends_on=(edge,), results={"made": result})
    assert outcome.cause.startswith("ResultError: " if isinstance(action, Call) else "the result of")
    assert "the result of task 'made' can't be read: " in outcome.cause
    assert "it is no regular file" in outcome.cause
    assert "attempt 1 of 1" in harness.said("---")[0]


async def test_the_standard_input_of_a_command_blocks_as_any(harness):
    result = await made(harness, Call("builtins:int"))
    flags = "import fcntl, os; print(fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK)"
    assert await given(harness, result, (sys.executable, "-c", flags), STDIN) == ["0"]


LONG_NUMBER = "9" * 5000
DEEP = "[" * 1500 + "]" * 1500


@pytest.mark.parametrize(
    ("output", "shown"), [(LONG_NUMBER, "999"), (f"[-{LONG_NUMBER}]", "[-99"), (DEEP, "[[")]
)
async def test_json_that_python_itself_does_not_read_is_a_result_that_commands_read(harness, output, shown):
    result = await made(harness, Command(says(output), JSON))
    assert result.repr.startswith(shown)
    assert await given(harness, result, "cat", STDIN) == [output]


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (
            LONG_NUMBER,
            "it holds an integer of more digits than Python reads; PYTHONINTMAXSTRDIGITS = ",
        ),
        (DEEP, "it is nested more deeply than Python reads JSON"),
    ],
)
async def test_a_callable_that_can_not_be_given_it_says_why(harness, output, why):
    result = await made(harness, Command(says(output), JSON))
    edge = Dependency("made", Passing.ARG)
    outcome = await harness.run(Call("pool_tasks:nothing"), depends_on=(edge,), results={"made": result})
    assert outcome.exception.startswith(f"ResultError: the result of task 'made' can't be read: {why}")


async def test_the_limit_of_digits_is_lifted_as_the_message_says(harness):
    result = await made(harness, Command(says(LONG_NUMBER), JSON))
    outcome = await harness.run(
        Call("pool_tasks:add"),
        depends_on=(Dependency("made", Passing.ARG),),
        results={"made": result},
        env={"PYTHONINTMAXSTRDIGITS": "0"},
    )
    assert outcome.state is TaskState.SUCCEEDED, outcome.cause


async def test_a_result_that_was_not_stored_as_json_is_told_from_one_that_is_gone(harness):
    outcome = await harness.run(Call("builtins:int"), name="made")
    outcome = await harness.run(Command("true"), depends_on=(STDIN,), results={"made": outcome.result})
    assert outcome.reason == "the result of task 'made' was not stored as JSON"


async def test_no_result_is_null_as_it_is_none_to_a_callable(harness):
    assert await given(harness, None, "cat", STDIN) == ["null"]
    await harness.run(Command('cat "$MADE"'), name="other", depends_on=(variable(),), results={"made": None})
    assert harness.said("out", "other") == ["null"]


@pytest.mark.parametrize("changes", [{"format": "text"}, {"format": "json"}])
async def test_a_result_that_is_not_what_its_reference_says_fails_its_reader(harness, changes):
    folder(harness).mkdir(parents=True)
    path = folder(harness) / "made.1.txt"
    path.write_bytes(b"\xff")
    reference = ResultRef(path=str(path), size=1, **changes)
    outcome = await harness.run(
        Call("pool_tasks:length"),
        depends_on=(Dependency("made", Passing.ARG),),
        results={"made": reference},
    )
    assert outcome.exception.startswith("ResultError: the result of task 'made' can't be read: UnicodeDecode")
