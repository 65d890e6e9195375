"""What an attempt's process tree used."""

import os
import subprocess

from longcase.workers.usage import Meter


def reap(*command):
    child = subprocess.Popen(command)
    _, _, used = os.wait4(child.pid, 0)
    child.returncode = 0
    return used


def test_the_memory_of_what_ended_before_it_could_be_sampled_is_what_the_kernel_says():
    meter = Meter()
    used = reap("true")
    meter.reaped(used)
    found = meter.report(wall=0.5)
    assert (found["memory_peak"], found["memory_measured"]) == (used.ru_maxrss * 1024, "wait4")
    assert (found["wall"], found["cpu_measured"]) == (0.5, "wait4")


def test_processor_times_add_up_and_the_largest_memory_counts():
    meter = Meter()
    used = [reap("true"), reap("sh", "-c", "true; true")]
    for each in used:
        meter.reaped(each)
    found = meter.report(wall=1)
    assert found["cpu_user"] == sum(each.ru_utime for each in used)
    assert found["cpu_system"] == sum(each.ru_stime for each in used)
    assert found["memory_peak"] == max(each.ru_maxrss for each in used) * 1024


def test_a_sample_sees_what_was_not_there_at_the_last_one():
    meter = Meter()
    meter.sample()
    assert meter.report(wall=1)["memory_measured"] == "wait4"
    child = subprocess.Popen(["sh", "-c", "sleep 1000; exit"])
    meter.sample()
    subprocess.run(["pkill", "-P", str(child.pid)], check=False)
    child.kill()
    child.wait()
    assert meter.report(wall=1)["memory_measured"] == "sampled every 100 ms"


def test_a_sample_sees_every_descendant():
    meter = Meter()
    child = subprocess.Popen(["sleep", "1000"])
    meter.sample()
    child.kill()
    child.wait()
    found = meter.report(wall=1)
    assert found["memory_measured"] == "sampled every 100 ms"
    assert found["memory_peak"] > 0
