"""One daemon a state folder."""

import os
import subprocess
import sys

import pytest

from longcase.edge.lock import LockedError, StateLock, is_held


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path):
    with StateLock(tmp_path), pytest.raises(LockedError) as refused:
        StateLock(tmp_path)
    assert f"in use by another longcase, process {os.getpid()}" in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def test_the_lock_goes_with_its_holder_even_when_it_is_killed(tmp_path):
    code = (
        "import sys, pathlib; from longcase.edge.lock import StateLock;"
        "lock = StateLock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match=f"process {holder.pid}"):
            StateLock(tmp_path)
        holder.kill()
        holder.wait()
    StateLock(tmp_path).close()


def test_whether_it_is_held_can_be_seen_without_taking_it(tmp_path):
    assert not is_held(tmp_path)
    with StateLock(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    StateLock(tmp_path).close()


def test_those_who_look_do_not_keep_a_daemon_from_starting(tmp_path):
    StateLock(tmp_path).close()
    code = (
        "import sys, pathlib; from longcase.edge.lock import is_held;"
        "print('looking', flush=True)\nwhile True: is_held(pathlib.Path(sys.argv[1]))"
    )
    looker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    with looker:
        looker.stdout.readline()
        for _ in range(50):
            StateLock(tmp_path).close()
        looker.kill()
