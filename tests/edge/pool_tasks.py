# ruff: noqa: LOG015  the root logger is what users begin with
"""Tasks that do what tasks do, good and bad; they run under Python 3.9 too."""

import asyncio
import atexit
import ctypes
import functools
import logging
import logging.config
import os
import signal
import subprocess
import sys
import threading
import time

CONSTANT = 3


def add(a, b=0, *, c=0):
    return a + b + c


def describe(*args, **kwargs):
    return [repr(args), repr(sorted(kwargs.items()))]


def nothing():
    return None


async def later():
    await asyncio.sleep(0)
    return "later"


async def in_order(*names, end=""):
    await asyncio.sleep(0)
    return ", ".join(names) + end


ordered = functools.partial(in_order, "first", end="!")


class Later:
    async def __call__(self, value):
        await asyncio.sleep(0)
        return value


later_object = Later()


def hand_over():
    return in_order("handed over")


async def yield_later():
    yield 1


async def fail_later():
    await asyncio.sleep(0)
    _deeper("too late")


async def leave_later():
    await asyncio.sleep(0)
    sys.exit(3)


async def cancel_myself():
    asyncio.current_task().cancel()
    await asyncio.sleep(60)


async def sleep_later(seconds):
    print(os.getpid(), flush=True)
    await asyncio.sleep(seconds)


async def end_later_on_sigterm():
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    print(os.getpid(), flush=True)
    await asked.wait()
    print("asked to end", flush=True)
    return "ended"


async def leave_a_task():
    async def linger():
        try:
            await asyncio.sleep(60)
        finally:
            print("told to end", flush=True)

    left = asyncio.ensure_future(linger())
    await asyncio.sleep(0)
    return left.done()


async def leave_a_stubborn_task():
    async def linger():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    left = asyncio.ensure_future(linger())
    await asyncio.sleep(0)
    return left.done()


async def leave_an_executor():
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
    await asyncio.sleep(0)
    return "done"


async def fail_beside_an_executor():
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
    await fail_later()


async def fork_later():
    await asyncio.sleep(0)
    return forked_child_returns()


async def unpicklable_later():
    return threading.Lock()


class Shop:
    class Till:
        @staticmethod
        def open():
            return "open"


doubled = functools.partial(add, b=2)


def where():
    return {
        "cwd": os.getcwd(),
        "umask": os.umask(0),
        "environ": dict(os.environ),
        "stdin": os.readlink("/proc/self/fd/0"),
        "session": os.getsid(0) == os.getpid(),
        "argv": sys.argv,
        "path": sys.path,
        "tz": time.tzname[0],
        "executable": sys.executable,
        "version": sys.version_info[:2],
        "descriptors": sorted(os.listdir("/proc/self/fd")),
    }


def users_modules():
    import results
    import worker

    return [results.MINE, worker.MINE]


def fail(text="no rows"):
    return _deeper(text)


def _deeper(text):
    raise ValueError(text)


class RudeError(Exception):
    def __str__(self):
        raise RuntimeError("no text for you")


def fail_rudely():
    raise RudeError


def fail_with_bytes():
    raise OSError("bad name \udcff")


def import_fails():
    import no_such_module_anywhere  # noqa: F401


def leave(code):
    sys.exit(code)


def leave_at_once(code):
    os._exit(code)


def kill_myself(name):
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(60)


def crash():
    ctypes.string_at(0)


def kill_my_worker():
    subprocess.Popen(["sleep", "1000"], start_new_session=True, env={})
    print(os.getpid(), flush=True)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def stop_my_worker():
    with open("worker", "w") as file:
        file.write(f"{os.getppid()}\n")
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(60)


def close_everything():
    os.closerange(0, 1000)


def unpicklable():
    return (number for number in range(3))


class BadRepr:
    def __repr__(self):
        raise RuntimeError("no repr for you")


def bad_repr():
    return BadRepr()


def megabytes(count):
    return bytearray(count * 1024 * 1024)


def characters(count):
    return "x" * count


def length(value):
    return len(value)


def forked_child_returns():
    if os.fork() == 0:
        return "child"
    os.wait()
    return "parent"


def say_at_exit():
    atexit.register(print, "bye")


def hang_at_exit():
    atexit.register(time.sleep, 60)
    return 7


def leave_a_thread():
    threading.Thread(target=time.sleep, args=(60,)).start()
    return "done"


def show_logging():
    logging.getLogger("shop").info("opened")
    logging.getLogger("shop").debug("not shown")
    quiet = logging.getLogger("library")
    quiet.addHandler(logging.NullHandler())
    quiet.warning("hear me")
    logging.info("by root")


def show_basic_config():
    logging.basicConfig(format="mine:%(message)s", stream=sys.stdout)
    logging.warning("shown")
    logging.info("not shown")


def show_dict_config():
    logging.config.dictConfig(
        {
            "version": 1,
            "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
            "loggers": {"shop": {"handlers": ["out"], "level": "DEBUG"}},
        }
    )
    logging.getLogger("shop").debug("once")


def say(*lines):
    for line in lines:
        print(line)


def write_bytes(text):
    os.write(1, text.encode("latin-1"))


def write_half_a_line():
    os.write(1, b"half a")
    time.sleep(60)


def print_megabytes(count):
    line = "x" * 99
    for _ in range(count * 10_000):
        print(line)
    print("last words")


def sleep(seconds):
    print(os.getpid(), flush=True)
    time.sleep(seconds)


def sleep_through_sigterm(seconds):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep(seconds)


def end_well_on_sigterm():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    sleep(60)


def stop_myself():
    print(os.getpid(), flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)


STUBBORN = """
import os, signal, sys, time
os.setsid()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(1000)
"""


def leave_stubborn_child(seconds):
    """A child in a session of its own, of which nothing is left in its environment, deaf to SIGTERM."""
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, env={})
    print(child.stdout.readline().decode().strip(), flush=True)
    time.sleep(seconds)


def leave_daemon():
    """Double fork: the grandchild's parent is gone, and it holds the task's pipes open."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print(os.getpid(), flush=True)
            time.sleep(1000)
        os._exit(0)
    os.wait()
    time.sleep(0.05)
    return "done"


BURN = """
import time
end = time.process_time() + {}
while time.process_time() < end:
    pass
"""


def burn(seconds):
    exec(BURN.format(seconds))
    subprocess.run([sys.executable, "-c", BURN.format(seconds)], check=True)


def hold_memory(megabytes, seconds):
    held = b"x" * (megabytes * 1024 * 1024)
    child = subprocess.Popen(
        [sys.executable, "-c", f"import time; held = b'x' * ({megabytes} << 20); time.sleep({seconds})"]
    )
    child.wait()
    return len(held)


def scribble(text="x" * 9):
    """Write onto every descriptor that may be the one by which the result is reported."""
    for fd in range(3, 64):
        try:
            os.write(fd, text.encode("latin-1"))
        except OSError:
            continue


def forge_report(text):
    scribble(text)
    os._exit(0)


def forked_child_returns_late():
    """The child comes out of the callable when its parent's result is stored already."""
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(0.005)
        return b"child" * 100_000
    return b"parent" * 100_000


def forked_child(raises):
    """The exit code of a child that an exception ends."""
    child = os.fork()
    if child == 0:
        print("child", end="")
        raise raises
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])


def forked_child_fails():
    return forked_child(ValueError("in the child"))


def forked_child_leaves():
    return forked_child(SystemExit(3))


def forked_child_leaves_with_words():
    return forked_child(SystemExit("no rows"))


def fail_with(text, times):
    raise ValueError(text * times)


class LeavingError(Exception):
    def __str__(self):
        raise SystemExit("gone")


def fail_while_failing():
    raise LeavingError


def replace_stdout():
    print("half a line", end="")
    sys.stdout = None


def leave_at_exit():
    atexit.register(sys.exit, 9)
    print("half a line", end="")


def with_session(func):
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func("session", *args, **kwargs)

    return wrapper


@with_session
def load_rows(session, rows):
    return [session, rows]
