"""What is installed on this machine, in six small tasks.

These are plain functions: they know nothing of Longcase. package-report.toml says which of them waits for
which, and whose result goes where. All that they print or log lands in the log file of their task.
"""

import logging
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).with_name("fallback-status")

log = logging.getLogger(__name__)

Package = dict[str, str]
Stats = dict[str, Any]


def fetch_data(status_file: str) -> list[Package]:
    """Read Debian's list of packages, or, on a system that has none, the sample beside this file."""
    path = Path(status_file)
    if not path.exists():
        log.warning("%s does not exist, so this is no Debian: reading the sample %s", path, SAMPLE.name)
        path = SAMPLE
    paragraphs = path.read_text(encoding="utf-8").split("\n\n")
    packages = [read_package(text) for text in paragraphs if text.strip()]
    # dpkg remembers some packages that are not there at all; `dpkg-query -W` does not list them either.
    packages = [package for package in packages if package["state"] != "not-installed"]
    print(f"read {len(packages)} packages from {path}")
    return packages


def read_package(paragraph: str) -> Package:
    """One package, from lines like `Section: editors`; lines that begin with a blank continue the last."""
    lines = [line for line in paragraph.splitlines() if not line.startswith(" ")]
    fields = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return {
        "name": fields.get("Package", ""),
        "version": fields.get("Version", ""),
        "architecture": fields.get("Architecture", ""),
        "section": fields.get("Section", "unknown"),
        "state": fields.get("Status", "").rpartition(" ")[2],  # the last word of "install ok installed"
        "kib": fields.get("Installed-Size", "0"),
    }


def validate(packages: list[Package]) -> list[Package]:
    """Hand on the packages if every one of them is sound; otherwise say all that is wrong."""
    problems = [problem for package in packages for problem in find_problems(package)]
    keys = Counter((package["name"], package["architecture"]) for package in packages)
    problems += [
        f"{name}:{architecture} is listed {n} times" for (name, architecture), n in keys.items() if n > 1
    ]
    if problems:
        raise ValueError(f"{len(problems)} broken records: {'; '.join(problems)}")
    print(f"all {len(packages)} packages are sound")
    return packages


def find_problems(package: Package) -> list[str]:
    """What is wrong with one package."""
    name = package["name"] or "a package without a name"
    problems = [f"{name} has no {field}" for field in ("name", "state") if not package[field]]
    if not package["kib"].isdecimal():
        problems.append(f"{name} has the size {package['kib']!r}, which is no number of KiB")
    return problems


def calculate_stats(packages: list[Package], top: int = 5) -> Stats:
    """Count packages and add up sizes; of sections and packages, keep the `top` largest."""
    by_section = Counter(package["section"] for package in packages)
    by_size = sorted(packages, key=lambda package: int(package["kib"]), reverse=True)
    stats = {
        "total": len(packages),
        "kib": sum(int(package["kib"]) for package in packages),
        "sections": by_section.most_common(top),
        "largest": [(package["name"], int(package["kib"])) for package in by_size[:top]],
    }
    log.info("%d packages in %d sections", stats["total"], len(by_section))
    return stats


def prepare_storage(packages: list[Package], stats: Stats) -> dict[str, list[tuple[Any, ...]]]:
    """Turn both results into the rows of two tables."""
    rows = {
        "package": [
            (p["name"], p["architecture"], p["version"], p["section"], p["state"], int(p["kib"]))
            for p in packages
        ],
        "summary": [("packages", stats["total"]), ("kib", stats["kib"])],
    }
    print(f"{len(rows['package'])} rows are ready to be saved")
    return rows


def save_data(database: str, rows: dict[str, list[tuple[Any, ...]]]) -> str:
    """Replace what the database holds, whole or not at all, and return its path.

    Running this twice leaves the same as running it once, so a retry does no harm.
    """
    path = Path(database).absolute()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS package (name, architecture, version, section, state, kib)")
        db.execute("CREATE TABLE IF NOT EXISTS summary (key, value)")
        with db:  # one transaction: readers see the old rows or the new ones, never half of them
            db.execute("DELETE FROM package")
            db.execute("DELETE FROM summary")
            db.executemany("INSERT INTO package VALUES (?, ?, ?, ?, ?, ?)", rows["package"])
            db.executemany("INSERT INTO summary VALUES (?, ?)", rows["summary"])
    print(f"saved {len(rows['package'])} packages to {path}")
    return str(path)


def generate_report(saved: str, stats: Stats) -> str:
    """Print the report, and return it."""
    lines = ["Largest sections"]
    lines += [f"{count:>9,}  {section}" for section, count in stats["sections"]]
    lines += ["", "Largest packages, in MiB"]
    lines += [f"{kib / 1024:>9,.1f}  {name}" for name, kib in stats["largest"]]
    lines += ["", f"All together: {stats['kib'] / 1024:,.0f} MiB", f"Saved to: {saved}"]
    lines += [f"total: {stats['total']} packages"]
    report = "\n".join(lines)
    print(report)
    return report
