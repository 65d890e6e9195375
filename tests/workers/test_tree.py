"""Process trees, as /proc shows them."""

import os
import shutil
import signal
import subprocess
import sys

from home import eventually
from longcase.workers import tree
from longcase.workers.ending import PATIENCE, Ending
from needs import need


def test_a_process_is_read_whatever_its_name(tmp_path):
    program = tmp_path / "a) S (b"
    shutil.copy(shutil.which("sleep"), program)
    child = subprocess.Popen([program, "1000"], start_new_session=True)
    try:
        (found,) = [process for process in tree.below(os.getpid()) if process.pid == child.pid]
        assert (found.parent, found.session) == (os.getpid(), child.pid)
        assert found.resident > 0
        assert str(found) in (f"a) S (b (pid {child.pid})", f"pytest (pid {child.pid})")
    finally:
        child.kill()
        child.wait()


def process(pid, parent, state="S"):
    return tree.Process(pid, "name", state, parent, 1, 1, 1)


def test_descendants_are_found_at_every_depth():
    processes = [process(5, 4), process(4, 3), process(3, 2), process(9, 1), process(6, 3)]
    assert [found.pid for found in tree.descendants([2, 9], processes)] == [3, 4, 6, 5]
    assert tree.descendants([77], processes) == []


def test_a_stopped_process_is_woken_to_take_its_signal():
    child = subprocess.Popen(["sleep", "1000"])
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    tree.send(signal.SIGTERM, [found for found in tree.below(os.getpid()) if found.pid == child.pid])
    assert child.wait() == -signal.SIGTERM


def test_a_signal_to_what_is_gone_raises_nothing():
    child = subprocess.Popen(["true"])
    child.wait()
    tree.send(signal.SIGTERM, [process(child.pid, os.getpid())])


def test_an_ending_kills_after_the_grace_again_and_again_and_gives_up_in_the_end():
    asked = []

    def targets():
        asked.append(True)
        return []

    ending = Ending(targets, grace=10, now=100)
    assert (len(asked), ending.due) == (1, 110)
    ending.act(109)
    assert len(asked) == 1
    ending.hurry(grace=2, now=101)
    ending.hurry(grace=50, now=101)
    assert ending.due == 103
    ending.act(103)
    assert len(asked) == 2
    assert 103 < ending.due < 104
    assert ending.left_behind(103 + PATIENCE - 1) == []
    assert len(asked) == 2


def test_what_is_forked_while_the_others_are_asked_to_end_is_asked_too_and_nothing_twice(tmp_path):
    """A shell that leaves a mark for each SIGTERM; the second one appears after the first has been asked."""
    script = f"trap 'echo >>{tmp_path}/$$' TERM; echo; while :; do sleep 0.01; done"
    shells = [subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) for _ in range(2)]
    for shell in shells:
        shell.stdout.readline()
    found = {process.pid: process for process in tree.below(os.getpid())}
    first, second = (found[shell.pid] for shell in shells)
    looks = iter([[first], [first, second], [first, second]])
    Ending(lambda: next(looks), grace=10, now=0)
    for shell in shells:
        eventually((tmp_path / str(shell.pid)).exists)
    for shell in shells:
        shell.kill()
        shell.wait()
        shell.stdout.close()
        assert (tmp_path / str(shell.pid)).read_text() == "\n"


def test_what_can_not_be_killed_is_named_after_half_a_minute():
    ending = Ending(lambda: [process(2**22 + 1, 1, "D")], grace=0, now=0)
    assert ending.left_behind(29) == []
    assert ending.left_behind(30) == [f"name (pid {2**22 + 1})"]


HIDDEN = """
import os
from longcase.workers import tree
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print({process.pid for process in tree.snapshot()} <= {os.getpid()})
"""


def test_processes_that_may_not_be_looked_at_are_left_out():
    """So it is for all but root where /proc is mounted with hidepid=1."""
    need(os.getuid() == 0 and shutil.which("unshare"), "root, and util-linux")
    mount = "mount -t proc -o hidepid=1 proc /proc"
    script = f"{mount} || exit 77; {sys.executable} -c '{HIDDEN}'; exit $?"
    done = subprocess.run(
        ["unshare", "-mpf", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    need(done.returncode != 77, f"the right to mount: {done.stderr}")
    assert done.stdout == "True\n", done.stderr
