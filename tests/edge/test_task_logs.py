"""The tasks' logs, read while they are written and rotated."""

import gzip
import subprocess
import sys

import pytest

from longcase.edge.task_logs import TaskLog, tasks_with_logs
from longcase.workers.logfile import LogFile

STAMP = "2026-11-24T02:30:00.123+01:00"

WRITER = f"""
import sys, time
from longcase.workers.logfile import LogFile
path, compress = sys.argv[1], sys.argv[2] == "compress"
log = LogFile(path, 4096, 900, compress=compress)
end, number = time.monotonic() + 1.2, 0
while time.monotonic() < end and number < 30000:
    log.write(b"".join(b"{STAMP} r out %d\\n" % (number + i) for i in range(7)))
    number += 7
    time.sleep(0.0002)
print(number)
"""


def numbers(lines):
    return [int(line.text.rpartition(" ")[2]) for line in lines]


def write(log, *values):
    log.write(b"".join(f"{STAMP} r out {value}\n".encode() for value in values))


@pytest.fixture
def log(tmp_path):
    file = LogFile(str(tmp_path / "a.log"), 4096, 50)
    yield file
    file.close()


@pytest.fixture
def reader(tmp_path):
    with TaskLog(tmp_path, "a") as reader:
        yield reader


@pytest.mark.parametrize("compress", ["compress", "plain"])
def test_every_line_is_read_once_and_in_order_while_a_process_writes_and_rotates(tmp_path, reader, compress):
    command = [sys.executable, "-c", WRITER, tmp_path / "a.log", compress]
    seen = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        while writer.poll() is None:
            seen += numbers(reader.read())
            with TaskLog(tmp_path, "a") as another:  # from the beginning
                past = numbers(another.read())
                assert past == list(range(len(past)))
        count = int(writer.stdout.read())
    seen += numbers(reader.read())
    assert len(list(tmp_path.glob("a.log.*"))) > 5
    assert seen == list(range(count))


def test_what_was_there_is_read_first_and_then_only_what_comes(log, reader):
    write(log, *range(300))
    assert numbers(reader.read()) == list(range(300))
    assert numbers(reader.read()) == []
    write(log, *range(300, 900))
    assert numbers(reader.read()) == list(range(300, 900))


def test_a_log_that_comes_later_is_read_from_its_first_line(tmp_path, reader):
    assert list(reader.read()) == []
    (tmp_path / "a.log").write_text(f"{STAMP} r out 1\n")
    assert numbers(reader.read()) == [1]


def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path, reader):
    path = tmp_path / "a.log"
    path.write_text(f"{STAMP} r out 1\n{STAMP} r o")
    assert numbers(reader.read()) == [1]
    path.write_text(f"{STAMP} r out 1\n{STAMP} r out 2\n")
    assert numbers(reader.read()) == [2]


@pytest.mark.parametrize(
    "foreign",
    [b"no stamp\n", b"2026-11-24T02:30:00 r out naive\n", b"2026-11-24 a day\n", b"\n", b"\xff\xfe \0\n"],
)
def test_lines_that_somebody_else_wrote_are_passed_over(tmp_path, reader, foreign):
    line = f"{STAMP} r out 1\n".encode()
    (tmp_path / "a.log").write_bytes(line + foreign + line)
    assert numbers(reader.read()) == [1, 1]


def test_a_log_that_somebody_empties_or_removes_is_read_on(tmp_path, log, reader):
    write(log, *range(150))
    assert numbers(reader.read()) == list(range(150))
    (tmp_path / "a.log").write_bytes(b"")
    assert numbers(reader.read()) == []
    (tmp_path / "a.log").write_text(f"{STAMP} r out 500\n")
    assert numbers(reader.read()) == [500]
    (tmp_path / "a.log").unlink()
    (tmp_path / "a.log").write_text(f"{STAMP} r out 501\n")
    assert numbers(reader.read()) == [501]


def test_files_are_read_in_the_order_of_their_numbers_whatever_is_missing(tmp_path, reader):
    for number, text in ((10, 0), (7, 1), (2, 2)):
        (tmp_path / f"a.log.{number}").write_text(f"{STAMP} r out {text}\n")
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(f"{STAMP} r out 3\n".encode()))
    (tmp_path / "a.log.old").write_text(f"{STAMP} r out 99\n")
    (tmp_path / "a.log").write_text(f"{STAMP} r out 4\n")
    assert numbers(reader.read()) == [0, 1, 2, 3, 4]


def test_a_compressed_copy_beside_its_original_is_not_read_twice(tmp_path, reader):
    text = f"{STAMP} r out 1\n".encode()
    (tmp_path / "a.log.1").write_bytes(text)
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(text))
    (tmp_path / "a.log").write_text(f"{STAMP} r out 2\n")
    assert numbers(reader.read()) == [1, 2]


@pytest.mark.parametrize("cut", [5, 30])
def test_a_damaged_compressed_file_is_named(tmp_path, reader, cut):
    packed = gzip.compress("".join(map(str, range(99))).encode())
    (tmp_path / "a.log.1.gz").write_bytes(packed[:cut])
    (tmp_path / "a.log").write_text("")
    with pytest.raises(OSError, match="is damaged") as error:
        list(reader.read())
    assert error.value.filename == f"{tmp_path}/a.log.1.gz"


def test_the_tasks_are_those_with_a_log(tmp_path):
    for name in ("b.log", "a.log", "a.log.1", "c.d.log", "notes.txt"):
        (tmp_path / name).touch()
    assert tasks_with_logs(tmp_path) == ["a", "b", "c.d"]
    assert tasks_with_logs(tmp_path / "nowhere") == []
