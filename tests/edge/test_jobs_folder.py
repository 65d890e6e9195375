"""Changes of the jobs folder: each told once, when it is certain."""

import asyncio
import os

import pytest

from longcase.edge.jobs_folder import LARGEST, PATIENCE, QUIET, Bad, Gone, Good, JobsFolder

GOOD = '[tasks.a]\nrun = "true"\n'
BAD = '[tasks.a]\nrum = "true"\n'


@pytest.fixture
def folder(tmp_path):
    return JobsFolder(tmp_path, "UTC", {})


def test_what_lies_there_at_the_start_is_told_at_once(folder, tmp_path):
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "bad.toml").write_text(BAD)
    os.utime(tmp_path / "bad.toml", (0, 0))
    bad, good = folder.scan(100.0)
    assert isinstance(good, Good)
    assert good.pipeline.name == "good"
    assert good.pipeline.job_file == GOOD
    assert isinstance(bad, Bad)
    assert any(error.startswith(f"{tmp_path}/bad.toml:2: tasks.a.rum: ") for error in bad.errors)
    assert folder.scan(200.0) == []


def test_a_broken_file_that_was_just_written_when_the_daemon_starts_may_not_be_whole_yet(folder, tmp_path):
    path = tmp_path / "etl.toml"
    path.write_text(GOOD[:5])
    assert folder.scan(100.0) == []
    assert folder.names == {"etl"}
    path.write_text(GOOD)
    folder.scan(100.5)
    (change,) = folder.scan(100.5 + 2 * QUIET)
    assert isinstance(change, Good)


def test_a_new_file_is_told_once_when_it_has_been_quiet(folder, tmp_path):
    folder.scan(0.0)
    (tmp_path / "etl.toml").write_text(GOOD)
    assert folder.scan(10.0) == []
    assert folder.unsettled
    (change,) = folder.scan(10.0 + QUIET)
    assert isinstance(change, Good)
    assert not folder.unsettled
    assert folder.scan(99.0) == []


def test_a_file_that_is_being_written_is_no_error(folder, tmp_path):
    path = tmp_path / "etl.toml"
    folder.scan(0.0)
    path.write_text(GOOD[:5])
    assert folder.scan(10.0) == []
    assert folder.scan(10.0 + QUIET) == []  # broken, but perhaps not complete
    path.write_text(GOOD)
    folder.scan(10.9)
    (change,) = folder.scan(10.9 + QUIET)
    assert isinstance(change, Good)


def test_a_broken_file_is_told_when_patience_is_over_and_again_when_it_is_mended(folder, tmp_path):
    path = tmp_path / "etl.toml"
    folder.scan(0.0)
    path.write_text(BAD)
    folder.scan(10.0)
    (change,) = folder.scan(10.0 + PATIENCE)
    assert isinstance(change, Bad)
    path.write_text(GOOD)
    folder.scan(20.0)
    (change,) = folder.scan(20.0 + QUIET)
    assert isinstance(change, Good)


def test_a_removed_file_is_gone_but_not_while_an_editor_replaces_it(folder, tmp_path):
    path = tmp_path / "etl.toml"
    path.write_text(GOOD)
    folder.scan(0.0)
    path.rename(tmp_path / "etl.toml~")
    assert folder.scan(10.0) == []
    assert folder.scan(10.5) == []
    path.write_text(GOOD + "# edited\n")
    folder.scan(10.6)
    (change,) = folder.scan(10.6 + QUIET)
    assert isinstance(change, Good)
    path.unlink()
    folder.scan(20.0)
    assert folder.scan(20.0 + PATIENCE) == [Gone("etl")]
    assert not folder.unsettled


def test_the_settings_of_the_daemon_hold_where_a_job_file_is_silent(tmp_path):
    (tmp_path / "etl.toml").write_text('tasks.a.run = "x"\n[tasks.b]\nrun = "x"\nretries = 0\n')
    folder = JobsFolder(tmp_path, "UTC", {"retries": 3})
    for (change,) in (folder.read_all(), folder.scan(0.0) or folder.scan(QUIET)):
        assert [task.retry.retries for task in change.pipeline.tasks] == [3, 0]


def test_only_toml_files_count_and_hidden_ones_do_not(folder, tmp_path):
    for name in ("a.txt", ".b.toml", "c.toml~", "d.toml.swp", "e.py"):
        (tmp_path / name).write_text(GOOD)
    assert folder.scan(0.0) == []


def test_a_link_is_followed_and_one_to_nowhere_is_an_error(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "real").write_text(GOOD)
    (tmp_path / "etl.toml").symlink_to(outside / "real")
    (tmp_path / "lost.toml").symlink_to(outside / "nothing")
    good, bad = folder.read_all()
    assert isinstance(good, Good)
    assert bad == Bad("lost", f"{tmp_path}/lost.toml", (bad.errors[0],))
    assert bad.errors[0] == f"{tmp_path}/lost.toml:1: can't be read: No such file or directory"


def test_a_file_with_a_name_that_is_none_is_refused(folder, tmp_path):
    (tmp_path / "a b.toml").write_text(GOOD)
    (change,) = folder.read_all()
    assert isinstance(change, Bad)
    assert "a b" in change.errors[0]


def test_a_change_that_keeps_size_and_time_but_is_another_file_is_seen(folder, tmp_path):
    path = tmp_path / "etl.toml"
    path.write_text(GOOD)
    before = path.stat()
    folder.scan(0.0)
    new = tmp_path / "new"
    new.write_text(GOOD.replace("true", "time"))
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(path)
    folder.scan(10.0)
    (change,) = folder.scan(10.0 + QUIET)
    assert change.pipeline.tasks[0].action.run == "time"


def make_fifo(path):
    os.mkfifo(path)


def make_link_to_a_device(path):
    path.symlink_to("/dev/zero")


def make_folder(path):
    path.mkdir()


@pytest.mark.parametrize("make", [make_fifo, make_link_to_a_device, make_folder])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(folder, tmp_path, make):
    make(tmp_path / "x.toml")
    (tmp_path / "y.toml").write_text(GOOD)
    bad, good = folder.read_all()
    place = f"{tmp_path}/x.toml"
    assert bad == Bad("x", place, (f"{place}:1: is no regular file; put a file there, or a link to one",))
    assert isinstance(good, Good)


def test_a_file_that_is_too_large_is_not_read_whole(folder, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(GOOD)
    os.truncate(path, 1 << 40)  # takes no room on disk, and more memory than there is
    (bad,) = folder.read_all()
    folder.scan(0.0)
    assert bad.errors == (f"{path}:1: is larger than 1 MiB; make several pipelines of it",)
    path.write_text(GOOD + "#" * (LARGEST - len(GOOD)))
    folder.scan(10.0)
    assert isinstance(folder.scan(10.0 + QUIET)[0], Good)


def test_an_error_that_nobody_thought_of_is_told_of_its_file_alone(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(GOOD)
    errors = [change.errors for change in JobsFolder(tmp_path, None, {}).read_all()]  # None is no time zone
    for name, (error,) in zip("ab", errors, strict=True):
        assert error.startswith(f"{tmp_path}/{name}.toml:1: can't be read: ")
        assert error.endswith("that is a defect of Longcase: please report it, with the file")


@pytest.mark.parametrize(
    ("name", "shown"), [(b"\xff\xfe.toml", r"\udcff\udcfe"), (b"a\n\x1b[31m.toml", r"a\n\x1b[31m")]
)
def test_a_name_that_cannot_be_printed_is_refused_and_shown_so_that_it_can(folder, tmp_path, name, shown):
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "w") as file:
        file.write(GOOD)
    (bad,) = folder.read_all()
    folder.scan(0.0)
    folder.scan(PATIENCE)
    assert (bad.name, bad.path) == (shown, f"{tmp_path}/{shown}.toml")
    assert bad.errors[0].startswith(f"{bad.path}:1: its path has signs that can't be printed; rename")
    os.unlink(path)
    folder.scan(10.0)
    assert folder.scan(10.0 + PATIENCE) == [Gone(shown)]


async def test_a_change_gives_a_hint(folder, tmp_path):
    hint = asyncio.Event()
    watcher = asyncio.create_task(folder.watch(hint.set))
    try:
        for number in range(100):  # until the watch is set up
            (tmp_path / f"{number}.toml").write_text(GOOD)
            try:
                await asyncio.wait_for(hint.wait(), 0.1)
                break
            except TimeoutError:
                continue
        assert hint.is_set()
    finally:
        watcher.cancel()
