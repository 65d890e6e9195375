"""The functions and job files of the examples, without the daemon."""

import importlib
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PACKAGE_REPORT = EXAMPLES / "package-report"
FAILS_ON_PURPOSE = EXAMPLES / "fails-on-purpose"
JOB_FILES = sorted(EXAMPLES.glob("*/*.toml"))

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="needs the Debian package dpkg")


@pytest.fixture(autouse=True)
def nothing_is_written_beside_the_examples(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def report(monkeypatch):
    monkeypatch.syspath_prepend(PACKAGE_REPORT)
    return importlib.import_module("package_report")


@pytest.fixture
def purpose(monkeypatch):
    monkeypatch.syspath_prepend(FAILS_ON_PURPOSE)
    return importlib.import_module("fails_on_purpose")


def run_whole_graph(report, status_file):
    packages = report.fetch_data(str(status_file))
    checked = report.validate(packages)
    stats = report.calculate_stats(packages, top=5)
    rows = report.prepare_storage(checked, stats)
    return report.generate_report(report.save_data("packages.sqlite", rows), stats=stats)


def rows_of(database, table):
    with closing(sqlite3.connect(database)) as db:
        return db.execute(f"SELECT * FROM {table}").fetchall()


def count_by_dpkg(*options):
    listed = subprocess.run(["dpkg-query", *options, "-f", ".\n", "-W"], capture_output=True, check=True)
    return len(listed.stdout.splitlines())


def paragraph(name="hello", state="install ok installed", architecture="amd64", size="280"):
    return (
        f"Package: {name}\nStatus: {state}\nInstalled-Size: {size}\n"
        f"Maintainer: A Sample <sample@example.com>\n"
        f"Architecture: {architecture}\nMulti-Arch: same\nVersion: 1.0\nDescription: a sample\n"
    )


@needs_dpkg
def test_the_total_is_what_dpkg_query_counts_on_this_machine(report):
    printed = run_whole_graph(report, "/var/lib/dpkg/status")
    assert printed.splitlines()[-1] == f"total: {count_by_dpkg()} packages"


@needs_dpkg
def test_removed_packages_with_configuration_and_each_architecture_count_as_dpkg_query_counts_them(
    report, tmp_path
):
    (tmp_path / "info").mkdir()
    (tmp_path / "updates").mkdir()
    paragraphs = [
        paragraph("both"),
        paragraph("both", architecture="i386"),
        paragraph("configured", state="deinstall ok config-files"),
        paragraph("half", state="install reinstreq half-installed"),
        paragraph("unpacked", state="install ok unpacked"),
        paragraph("wanted", state="install ok not-installed"),
        paragraph("forgotten", state="unknown ok not-installed"),
    ]
    status = tmp_path / "status"
    status.write_text("\n".join(paragraphs))
    assert len(report.fetch_data(str(status))) == count_by_dpkg(f"--admindir={tmp_path}") == 5


def test_without_dpkg_the_sample_is_read_and_the_log_says_so(report, tmp_path, caplog):
    printed = run_whole_graph(report, tmp_path / "none")
    assert printed.splitlines()[-1] == "total: 15 packages"
    assert f"{tmp_path}/none does not exist" in caplog.text
    assert "fallback-status" in caplog.text


def test_continued_lines_are_no_fields(report):
    bash = next(package for package in report.fetch_data("none") if package["name"] == "bash")
    assert bash == {
        "name": "bash",
        "version": "5.2.15-2+b2",
        "architecture": "amd64",
        "section": "shells",
        "state": "installed",
        "kib": "7164",
    }


def test_validation_names_every_broken_record(report, tmp_path):
    status = tmp_path / "status"
    broken = [
        paragraph("good"),
        paragraph("big", size="12 MB"),
        paragraph("twice"),
        paragraph("twice"),
        paragraph(name=""),
    ]
    status.write_text("\n".join(broken))
    packages = report.fetch_data(str(status))
    with pytest.raises(ValueError) as caught:
        report.validate(packages)
    assert str(caught.value) == (
        "3 broken records: big has the size '12 MB', which is no number of KiB; "
        "a package without a name has no name; twice:amd64 is listed 2 times"
    )


def test_sound_packages_are_handed_on_unchanged(report):
    packages = report.fetch_data("none")
    assert report.validate(packages) == packages


def test_the_statistics_keep_the_largest(report):
    stats = report.calculate_stats(report.fetch_data("none"), top=2)
    assert stats == {
        "total": 15,
        "kib": 66036,
        "sections": [("utils", 4), ("libs", 3)],
        "largest": [("coreutils", 18062), ("libc6", 12989)],
    }


def test_saving_twice_leaves_the_same_as_saving_once(report):
    run_whole_graph(report, "none")
    once = [rows_of("packages.sqlite", table) for table in ("package", "summary")]
    run_whole_graph(report, "none")
    twice = [rows_of("packages.sqlite", table) for table in ("package", "summary")]
    assert twice == once
    assert len(once[0]) == 15
    assert once[1] == [("packages", 15), ("kib", 66036)]


def test_saving_is_whole_or_not_at_all(report):
    run_whole_graph(report, "none")
    before = rows_of("packages.sqlite", "package")
    with pytest.raises(sqlite3.ProgrammingError):
        report.save_data("packages.sqlite", {"package": [("too", "short")], "summary": []})
    assert rows_of("packages.sqlite", "package") == before


def test_the_report_names_sections_packages_and_the_database(report, capsys, tmp_path):
    printed = run_whole_graph(report, "none")
    assert capsys.readouterr().out.endswith(printed + "\n")
    assert "4  utils" in printed
    assert "17.6  coreutils" in printed
    assert f"Saved to: {tmp_path}/packages.sqlite" in printed


def test_package_report_is_wired_as_the_six_task_graph():
    tasks = tomllib.loads((PACKAGE_REPORT / "package-report.toml").read_text())["tasks"]

    def passed(task, how="arg", **name):
        return {"task": task, "pass": how} | name

    assert {name: task.get("depends_on", []) for name, task in tasks.items()} == {
        "fetch_data": [],
        "validate": [passed("fetch_data")],
        "calculate_stats": [passed("fetch_data"), "validate"],
        "prepare_storage": [passed("validate"), passed("calculate_stats")],
        "save_data": [passed("prepare_storage")],
        "generate_report": [passed("save_data"), passed("calculate_stats", "kwarg", **{"as": "stats"})],
    }


@pytest.mark.parametrize("path", JOB_FILES, ids=lambda path: path.stem)
def test_an_example_has_one_schedule_and_one_working_dir_to_rewrite(path):
    head = path.read_text().partition("\n[")[0].splitlines()
    for key in ("schedule", "working_dir"):
        assert sum(line.startswith(f"{key} =") for line in head) == 1


@pytest.mark.parametrize("path", JOB_FILES, ids=lambda path: path.stem)
def test_every_callable_of_an_example_exists(path, monkeypatch):
    monkeypatch.syspath_prepend(path.parent)
    for task in tomllib.loads(path.read_text())["tasks"].values():
        if "call" in task:
            module, _, name = task["call"].partition(":")
            assert callable(getattr(importlib.import_module(module.removesuffix(".py")), name))


def test_examples_can_lie_in_one_folder():
    names = [path.name for path in EXAMPLES.glob("*/*") if path.is_file()]
    assert len(names) == len(set(names))


def test_average_price_fails_and_says_why(purpose):
    orders = purpose.load_orders("orders.csv")
    with pytest.raises(ValueError) as caught:
        purpose.average_price("harbour", orders, currency="EUR")
    assert str(caught.value) == "no average price: the shop 'harbour' has no orders today"


def test_every_other_task_of_fails_on_purpose_would_succeed(purpose, capsys):
    orders = purpose.load_orders("orders.csv")
    average = purpose.average_price("market", orders, currency="EUR")
    purpose.publish(purpose.compare(average=average, items=purpose.count_items(orders)))
    assert capsys.readouterr().out.endswith("3 items were ordered, for 677.83 EUR on average\n")


def test_the_archive_of_fails_on_purpose_holds_the_orders(purpose, tmp_path):
    purpose.load_orders("orders.csv")
    tasks = tomllib.loads((FAILS_ON_PURPOSE / "fails-on-purpose.toml").read_text())["tasks"]
    subprocess.run(["/bin/sh", "-c", tasks["archive"]["run"]], check=True)
    unpacked = subprocess.run(["gzip", "-dc", "orders.csv.gz"], check=True, capture_output=True)
    assert unpacked.stdout == (tmp_path / "orders.csv").read_bytes()
