"""A log file that is bounded while it is being written."""

import gzip
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcase.workers.logfile import LogFile

LINES = st.lists(st.integers(0, 60).map(lambda width: b"x" * width + b"\n"), max_size=30)


def oldest_first(path):
    numbers = sorted(int(file.suffix[1:]) for file in path.parent.glob(f"{path.name}.*"))
    return [path.with_name(f"{path.name}.{number}") for number in reversed(numbers)] + [path]


@given(st.lists(LINES, max_size=6), st.integers(61, 200), st.integers(0, 3))
def test_no_file_outgrows_its_bound_and_the_newest_lines_are_kept_whole(blocks, max_bytes, backups):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.log"
        file = LogFile(str(path), max_bytes, backups)
        for block in blocks:
            file.write(b"".join(block))
        file.close()
        files = oldest_first(path)
        kept = [each.read_bytes() for each in files]
    assert len(kept) <= backups + 1
    assert all(len(text) <= max_bytes for text in kept)
    assert all(text.endswith(b"\n") for text in kept if text)
    everything = b"".join(line for block in blocks for line in block)
    assert everything.endswith(b"".join(kept))
    assert len(b"".join(kept)) >= min(len(everything), backups * (max_bytes - 60))
    assert (file.lost, file.trouble) == (0, None)


def test_a_log_goes_on_where_it_ended(tmp_path):
    path = tmp_path / "task.log"
    for text in (b"one\n", b"two\n", b"three\n"):
        file = LogFile(str(path), max_bytes=10, backups=1)
        file.write(text)
        file.close()
    assert [each.read_bytes() for each in oldest_first(path)] == [b"one\ntwo\n", b"three\n"]


def test_a_line_that_no_file_has_room_for_is_cut(tmp_path):
    file = LogFile(str(tmp_path / "task.log"), max_bytes=10, backups=0)
    file.write(b"a\n" + b"x" * 100 + b"\n")
    file.close()
    assert (tmp_path / "task.log").read_bytes() == b"x" * 9 + b"\n"


def test_compressed_files_move_on_beside_others(tmp_path):
    path = tmp_path / "task.log"
    for number, compress in enumerate([False, False, True, True]):
        file = LogFile(str(path), max_bytes=4, backups=3, compress=compress)
        file.write(b"%d\n" % number * 2)
        file.close()
    assert path.read_bytes() == b"3\n3\n"
    assert gzip.decompress((tmp_path / "task.log.1.gz").read_bytes()) == b"2\n2\n"
    assert gzip.decompress((tmp_path / "task.log.2.gz").read_bytes()) == b"1\n1\n"
    assert (tmp_path / "task.log.3").read_bytes() == b"0\n0\n"
    assert len(list(tmp_path.iterdir())) == 4


def test_a_log_that_can_not_be_opened_raises(tmp_path):
    with pytest.raises(IsADirectoryError):
        LogFile(str(tmp_path), max_bytes=10, backups=1)


def test_what_can_not_be_written_is_counted_and_raises_nothing(tmp_path):
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    file = LogFile(str(full), max_bytes=100, backups=1)
    file.write(b"lost\n")
    file.close()
    assert (file.lost, file.trouble) == (5, "No space left on device")


def test_a_fifo_is_no_log_even_while_somebody_reads_it(tmp_path):
    fifo = tmp_path / "task.log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="it is a FIFO"):
        LogFile(str(fifo), max_bytes=10, backups=1)
    os.close(reader)


@pytest.mark.parametrize("backups", [0, 1])
def test_a_log_that_somebody_removes_comes_back_at_the_next_rotation(tmp_path, backups):
    path = tmp_path / "task.log"
    file = LogFile(str(path), max_bytes=10, backups=backups)
    file.write(b"1234567\n")
    path.unlink()
    file.write(b"more\n")
    file.close()
    assert path.read_bytes() == b"more\n"
    assert (file.lost, file.trouble) == (0, None)


def test_a_rotation_that_fails_loses_lines_and_not_the_bound(tmp_path):
    file = LogFile(str(tmp_path / "task.log"), max_bytes=10, backups=1)
    file.write(b"1234567\n")
    (tmp_path / "task.log.1").mkdir()  # so that nothing can be renamed to it, not even by root
    file.write(b"more\n")
    file.close()
    assert (tmp_path / "task.log").read_bytes() == b"1234567\n"
    assert (file.lost, file.trouble) == (5, "Is a directory")
