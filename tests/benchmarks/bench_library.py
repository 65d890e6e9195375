"""How fast the library face runs graphs of tasks that do nothing, and graphs of tasks that compute.

    python tests/benchmarks/bench_library.py [--peer-python PYTHON] [--repeats 5]

PYTHON is an interpreter that has the library `processes` installed: it then runs the same graphs in turn.
Every measurement is a process of its own, with a log file a task; the time is that of `run()` alone. Read the
ratios, and on an idle machine only.
"""

import argparse
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHAIN, FAN, LAYERED = 200, 1_000, 5_000
OURS, PEER = "longcase", "processes"


def chain():
    """{task: the tasks that it waits for}"""
    return {number: [number - 1] if number else [] for number in range(CHAIN)}


def fan():
    middle = range(1, FAN + 1)
    return {0: [], **{number: [0] for number in middle}, FAN + 1: list(middle)}


def layered(width=100, most=3):
    """Each waits for one to three tasks of the layer before."""
    dice = random.Random(1)
    graph = {}
    for number in range(LAYERED):
        above = range(number - number % width - width, number - number % width)
        graph[number] = sorted(dice.sample(above, dice.randint(1, most))) if number >= width else []
    return graph


GRAPHS = {"chain": chain, "fan": fan, "layered": layered}


def nothing():
    pass


def compute():
    total = 0
    for number in range(4_000_000):
        total += number & 7
    return total


def run(library, graph, func, **how):
    """Seconds that one run took."""
    with tempfile.TemporaryDirectory() as folder:
        tasks = [
            library.Task(
                name=f"t{number}",  # the two differ in the order of these
                log_path=f"{folder}/t{number}.log",
                func=func,
                dependencies=[library.TaskDependency(f"t{other}") for other in needed],
            )
            for number, needed in graph.items()
        ]
        with library.Process(tasks) as process:
            began = time.perf_counter()
            result = process.run(**how)
            took = time.perf_counter() - began
    passed = result.passed_tasks_results if library.__name__ == OURS else result.successes
    assert len(passed) == len(graph)
    return took


def measure_one(name, what):
    """In a process of its own: print the seconds."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the peer keeps all its files open
    library = __import__(name)
    if what in GRAPHS:
        print(run(library, GRAPHS[what](), nothing, parallel=True, max_workers=2))
    else:
        eight = {number: [] for number in range(8)}
        print(run(library, eight, compute, parallel=what == "parallel", max_workers=2))


def measure(python, library, what):
    command = [python, __file__, "--one", library, what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def compare_graphs(peer_python, repeats):
    contenders = {OURS: sys.executable} | ({PEER: peer_python} if peer_python else {})
    print(f"{'no-op tasks a second':24}" + "".join(f"{name:>12}" for name in contenders) + f"{'ratio':>8}")
    for what, graph in GRAPHS.items():
        took = {name: [] for name in contenders}
        for _ in range(repeats):
            for name, python in contenders.items():  # in turn, so that both have the same machine
                took[name].append(measure(python, name, what))
        rates = {name: len(graph()) / statistics.median(seconds) for name, seconds in took.items()}
        ratio = f"{rates[OURS] / rates[PEER]:8.2f}" if peer_python else ""
        print(f"{what:24}" + "".join(f"{rate:12,.0f}" for rate in rates.values()) + ratio, flush=True)


def compare_modes(repeats):
    took = {"sequential": [], "parallel": []}
    for _ in range(repeats):
        for mode, seconds in took.items():
            seconds.append(measure(sys.executable, OURS, mode))
    medians = {mode: statistics.median(seconds) for mode, seconds in took.items()}
    print("\n8 tasks that compute, 2 workers")
    for mode, seconds in medians.items():
        print(f"{mode:24}{seconds:10.2f} s")
    print(f"{'times faster':24}{medians['sequential'] / medians['parallel']:10.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer-python", metavar="PYTHON", help="an interpreter that has `processes`")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("LIBRARY", "WHAT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure_one(*options.one)
        return
    compare_graphs(options.peer_python, options.repeats)
    compare_modes(options.repeats)


if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
    main()
