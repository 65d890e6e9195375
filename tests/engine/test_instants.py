"""For each moment at which a schedule was due, the history says, once, what became of it."""

from datetime import timedelta

import pytest

from engine.harness import START, pipeline
from longcase.domain.event import InstantSkipped, InstantsMissed, RunStarted
from longcase.domain.outcome import RunState

HOUR = 3600


def minutes(count):
    return START + timedelta(minutes=count)


def test_nothing_is_due_before_the_pipeline_was_accepted(harness):
    harness.accept(pipeline())
    harness.engine.due("etl")
    harness.engine.step()
    assert harness.running() == []
    assert harness.lines() == []


def test_an_instant_while_a_run_is_on_is_skipped_and_says_which(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    harness.pass_time(600, "etl")
    (skipped,) = harness.told(InstantSkipped)
    assert skipped.because == "etl@20261124T021000Z"
    harness.end("only")
    assert harness.lines() == [("succeeded", minutes(10)), ("skipped", minutes(20))]
    (line,) = [line for line in harness.history.latest("etl", 9) if line.state is RunState.SKIPPED]
    assert line.reason == "run etl@20261124T021000Z was still on"


def test_a_lost_wake_up_costs_nothing(harness):
    """Two instants without a gap: both were reached, so the first runs, late, and the second is skipped."""
    harness.accept(pipeline())
    harness.pass_time(1200, "etl")
    harness.end("only")
    assert harness.lines() == [("skipped", minutes(20)), ("succeeded", minutes(10))]
    assert harness.told(RunStarted)[0].late == timedelta(minutes=10)


def test_due_without_an_instant_does_nothing(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl", "etl", "nobody")
    assert len(harness.pool.started) == 1


def test_of_the_instants_of_down_time_the_newest_is_run_and_the_others_are_one_row(harness):
    harness.accept(pipeline())
    harness.clock.advance(HOUR + 30)
    harness.restart()
    harness.accept(pipeline())
    (row,) = harness.told(InstantsMissed)
    assert (row.first, row.last, row.count) == (minutes(10), minutes(50), 5)
    assert row.reason == "the daemon was down until 2026-11-24 03:00:30 UTC"
    (started,) = harness.told(RunStarted)
    assert (started.run, started.late) == ("etl@20261124T030000Z", timedelta(seconds=30))
    harness.end("only")
    assert harness.lines() == [("missed", minutes(50)), ("succeeded", minutes(60))]


def test_a_restart_without_a_missed_instant_writes_nothing(harness):
    harness.accept(pipeline())
    harness.clock.advance(60)
    harness.restart()
    harness.accept(pipeline())
    assert harness.lines() == []
    harness.pass_time(540, "etl")
    assert harness.told(RunStarted)[0].run == "etl@20261124T021000Z"


def test_an_instant_is_not_run_again_after_a_crash_in_its_run(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    harness.clock.advance(5)
    harness.restart()
    assert [record.state for record in harness.recovered] == [RunState.INTERRUPTED]
    harness.accept(pipeline())
    assert harness.running() == []
    assert harness.lines() == [("interrupted", minutes(10))]


def test_a_crash_loop_doubles_nothing(harness):
    harness.accept(pipeline())
    for _ in range(5):
        harness.clock.advance(HOUR)
        harness.restart()
        harness.accept(pipeline())
    entries = [instant for state, instant in harness.lines() if state != "missed"]
    assert entries == sorted(set(entries))
    assert len(entries) == 5
    rows = [line for line in harness.history.latest("etl", 99) if line.state is RunState.MISSED]
    assert sum(row.count for row in rows) + len(entries) == 5 * 6


def test_a_suspended_machine_leaves_a_gap(harness):
    harness.accept(pipeline())
    harness.clock.step_wall(HOUR)  # the monotonic clock stands still in suspend
    harness.engine.step()
    (row,) = harness.told(InstantsMissed)
    assert (row.count, row.reason[:16]) == (5, "the machine slep")
    harness.end("only")
    assert harness.lines() == [("missed", minutes(50)), ("succeeded", minutes(60))]


def test_a_small_step_of_the_clock_is_no_gap(harness):
    harness.accept(pipeline(cron="* * * * *"))
    harness.pass_time(30)
    harness.clock.step_wall(59)
    harness.engine.due("etl")
    harness.engine.step()
    assert harness.told(RunStarted)[0].run == "etl@20261124T020100Z"
    assert harness.told(InstantsMissed) == []


def test_nothing_repeats_after_the_clock_was_set_back(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    harness.end("only")
    harness.clock.step_wall(-900)
    harness.pass_time(900, "etl")
    assert harness.lines() == [("succeeded", minutes(10))]
    harness.pass_time(600, "etl")
    harness.end("only")
    assert harness.lines() == [("succeeded", minutes(10)), ("succeeded", minutes(20))]


def test_a_changed_schedule_counts_from_its_acceptance(harness):
    harness.accept(pipeline())
    harness.pass_time(300)
    harness.accept(pipeline(cron="*/7 * * * *"))
    harness.pass_time(300, "etl")
    assert harness.told(RunStarted)[0].run == "etl@20261124T020700Z"
    harness.end("only")
    assert harness.lines() == [("succeeded", minutes(7))]


def test_the_old_schedules_instants_until_its_change_are_its_own(harness):
    harness.accept(pipeline())
    harness.pass_time(605)
    harness.accept(pipeline(cron="@daily"))
    assert harness.told(RunStarted)[0].run == "etl@20261124T021000Z"


def test_a_schedule_changed_while_down_counts_from_the_start_and_the_old_ones_instants_are_missed(harness):
    harness.accept(pipeline())
    harness.clock.advance(HOUR)
    harness.restart()
    harness.accept(pipeline(cron="*/7 * * * *"))
    assert harness.running() == []
    (row,) = harness.told(InstantsMissed)
    assert (row.first, row.last, row.count) == (minutes(10), minutes(60), 6)
    harness.restart()
    harness.accept(pipeline(cron="*/7 * * * *"))
    assert harness.told(InstantsMissed) == []
    harness.pass_time(420, "etl")
    assert harness.told(RunStarted)[0].run == "etl@20261124T030700Z"


def test_with_an_invalid_file_at_the_start_nothing_of_it_runs_and_its_instants_are_missed(harness):
    harness.accept(pipeline())
    harness.clock.advance(1200)
    harness.restart()
    harness.engine.refuse("etl")
    harness.pass_time(1200)
    harness.accept(pipeline())
    down, invalid = harness.told(InstantsMissed)
    assert (down.last, down.count, down.reason[:19]) == (minutes(20), 2, "the daemon was down")
    assert (invalid.first, invalid.count, invalid.reason) == (minutes(30), 2, "the job file was invalid")
    assert harness.running() == []
    harness.pass_time(600, "etl")
    assert harness.running() == ["only"]


def test_a_file_that_stays_invalid_over_several_starts_is_never_caught_up(harness):
    harness.accept(pipeline())
    for _ in range(2):
        harness.clock.advance(1200)
        harness.restart()
        harness.engine.refuse("etl")
        harness.engine.step()
    harness.clock.advance(1200)
    harness.restart()
    harness.accept(pipeline())
    assert harness.running() == []
    rows = [(line.last, line.count, line.reason) for line in harness.history.latest("etl", 9)]
    assert rows == [
        (minutes(60), 4, "the job file was invalid"),
        (minutes(20), 2, "the daemon was down until 2026-11-24 02:20:00 UTC"),
    ]


def test_a_file_that_is_invalid_the_first_time_is_not_accounted_for(harness):
    harness.engine.refuse("etl")
    harness.pass_time(1200)
    harness.accept(pipeline())
    assert harness.lines() == []


def test_a_file_that_was_removed_while_the_daemon_was_down_counts_anew_when_it_comes_back(harness):
    harness.accept(pipeline())
    harness.clock.advance(1200)
    harness.restart()
    harness.engine.remove("etl")
    harness.pass_time(7200)
    harness.accept(pipeline())
    assert harness.running() == []
    (row,) = harness.told(InstantsMissed)
    assert (row.last, row.count) == (minutes(20), 2)
    harness.pass_time(600, "etl")
    assert harness.running() == ["only"]


def test_a_broken_edit_leaves_the_last_good_version_in_force(harness):
    harness.accept(pipeline())
    harness.engine.refuse("etl")
    harness.pass_time(600, "etl")
    assert harness.running() == ["only"]


def test_instants_while_disabled_are_missed_and_never_caught_up(harness):
    harness.accept(pipeline(enabled=False))
    harness.pass_time(1800, "etl")
    assert harness.running() == []
    harness.accept(pipeline())
    (row,) = harness.told(InstantsMissed)
    assert (row.count, row.reason) == (3, "the pipeline was disabled")
    assert harness.running() == []
    assert harness.lines() == [("missed", minutes(30))]


def test_a_disabled_pipeline_is_not_caught_up_after_suspend(harness):
    harness.accept(pipeline(enabled=False))
    harness.clock.step_wall(HOUR)
    harness.engine.step()
    assert harness.running() == []


def test_disabled_across_a_restart_is_still_disabled(harness):
    harness.accept(pipeline(enabled=False))
    harness.clock.advance(1800)
    harness.restart()
    harness.accept(pipeline())
    assert harness.running() == []
    assert [row.reason for row in harness.told(InstantsMissed)] == ["the pipeline was disabled"]


def test_a_pipeline_whose_file_came_back_counts_from_then(harness):
    harness.accept(pipeline())
    harness.engine.remove("etl")
    harness.engine.step()
    harness.clock.advance(HOUR)
    harness.engine.step()
    harness.accept(pipeline())
    assert harness.lines() == []
    assert harness.running() == []


def test_a_long_gap_of_every_second_is_one_row_and_the_newest_instant_runs(harness):
    harness.accept(pipeline(cron="* * * * * *"))
    harness.clock.advance(3 * HOUR)
    harness.restart()
    harness.accept(pipeline(cron="* * * * * *"))
    while harness.engine.wait() == 0:
        harness.engine.step()
    (row,) = harness.told(InstantsMissed)
    assert row.count == 3 * HOUR - 1
    assert harness.told(RunStarted)[0].run == "etl@20261124T050000Z"


def test_many_instants_at_once_are_taken_in_steps(harness):
    """A loop that was blocked for an hour: every instant was reached, so each has an entry of its own."""
    harness.accept(pipeline(cron="* * * * * *"))
    harness.clock.advance(HOUR)
    harness.engine.due("etl")
    steps = 0
    harness.engine.step()
    while harness.engine.wait() == 0:
        harness.engine.step()
        steps += 1
    assert steps == 3
    harness.end("only")
    assert len(harness.lines()) == HOUR


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_times_in_the_history_bear_the_pipelines_offset(harness, zone):
    berlin = pipeline(zone=zone)
    harness.accept(berlin)
    harness.pass_time(600, "etl")
    (attempt,) = harness.pool.running
    assert attempt.scheduled_for.tzinfo.key == zone
    harness.end("only")
    (line,) = harness.history.latest("etl", 1)
    assert line.instant == minutes(10)
    assert line.instant.utcoffset() == attempt.scheduled_for.utcoffset()


def test_a_run_that_outlives_its_job_file_still_holds_off_the_next(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    harness.engine.remove("etl")
    harness.engine.step()
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    assert len(harness.pool.started) == 1
    assert harness.told(InstantSkipped)[0].because == "etl@20261124T021000Z"


def test_a_pipeline_that_is_removed_while_disabled_leaves_no_instant_out(harness):
    harness.accept(pipeline(enabled=False))
    harness.pass_time(3600)
    harness.engine.remove("etl")
    harness.engine.step()
    (row,) = harness.told(InstantsMissed)
    assert (row.count, row.reason) == (6, "the pipeline was disabled")


def test_a_pipeline_that_is_removed_with_many_instants_due_leaves_none_out(harness):
    harness.accept(pipeline(cron="* * * * * *"))
    harness.clock.advance(2500)
    harness.engine.remove("etl")
    harness.engine.step()
    while harness.engine.wait() == 0:
        harness.engine.step()
    harness.end("only")
    assert len(harness.lines()) == 2500


def test_a_long_time_disabled_is_taken_in_in_steps_and_is_one_row(harness):
    harness.accept(pipeline(cron="* * * * * *", enabled=False))
    harness.clock.advance(3 * HOUR)
    harness.accept(pipeline(cron="* * * * * *"))
    assert harness.told(InstantsMissed) == []
    steps = 0
    while harness.engine.wait() == 0:
        harness.engine.step()
        steps += 1
    assert steps == 3 * HOUR // 1000
    (row,) = harness.told(InstantsMissed)
    assert row.count == 3 * HOUR


def test_runs_by_hand_do_not_hide_what_is_accounted_for(harness):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    harness.end("only")
    for _ in range(1100):
        harness.engine.run_by_hand(pipeline(), "hand")
        harness.engine.step()
        harness.end("only")
    harness.restart()
    harness.accept(pipeline())
    assert harness.told(InstantsMissed) == []
    assert harness.running() == []


def test_what_an_older_version_accepted_and_this_one_refuses_counts_anew(harness):
    harness.accept(pipeline())
    path = harness.root / "etl" / "accepted.json"
    path.write_text(path.read_text().replace("UTC", "Mars/Olympus"))
    harness.clock.advance(HOUR)
    harness.restart()
    harness.accept(pipeline())
    assert harness.running() == []
    harness.pass_time(600, "etl")
    assert harness.running() == ["only"]


def test_instants_that_waited_for_the_disk_are_late_and_in_no_gap(harness):
    harness.accept(pipeline())
    live = harness.root / "etl" / "live"
    live.write_text("a file in place of the folder")
    harness.pass_time(1800, "etl")
    harness.clock.step_wall(120)  # suspend
    harness.engine.step()
    live.unlink()
    harness.pass_time(1)
    assert harness.told(InstantsMissed) == []
    assert harness.told(RunStarted)[0].run == "etl@20261124T021000Z"
    harness.end("only")
    assert [state for state, _ in harness.lines()].count("skipped") == 2


def test_disabled_over_several_starts_is_one_row(harness):
    harness.accept(pipeline(enabled=False))
    for _ in range(3):
        harness.clock.advance(1200)
        harness.restart()
        harness.accept(pipeline(enabled=False))
    harness.accept(pipeline())
    (row,) = harness.told(InstantsMissed)
    assert (row.count, row.last) == (6, minutes(60))
    assert len(harness.lines()) == 1


def test_an_invalid_file_whose_acceptance_could_not_be_written_at_once_is_never_caught_up(harness):
    harness.accept(pipeline())
    harness.clock.advance(1200)
    harness.restart()
    accepted = harness.root / "etl" / ".accepted.json.new"
    accepted.mkdir()
    harness.engine.refuse("etl")
    harness.engine.step()
    accepted.rmdir()
    harness.pass_time(2)
    harness.clock.advance(1200)
    harness.restart()
    harness.accept(pipeline())
    assert harness.running() == []
    assert [row.reason for row in harness.told(InstantsMissed)] == ["the job file was invalid"]


@pytest.mark.parametrize("change", ["edit", "come back", "restart"])
def test_after_the_clock_was_set_back_nothing_gets_a_second_entry(harness, change):
    harness.accept(pipeline())
    harness.pass_time(600, "etl")
    harness.pass_time(600, "etl")
    harness.clock.step_wall(-900)
    if change == "come back":
        harness.engine.remove("etl")
    if change == "restart":
        harness.restart()
    harness.accept(pipeline(cron="*/5 * * * *"))
    harness.pass_time(840, "etl")
    entries = [instant for _, instant in harness.lines()]
    assert sorted(entries) == sorted(set(entries))
    assert set(entries) == {minutes(10), minutes(20)}
