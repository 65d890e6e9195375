"""The history on disk.

`PIPELINE/live/RUN.jsonl` is the journal of a run while it lives, `PIPELINE/YYYY-MM/RUN.json` its document
when it has ended, and `PIPELINE/index.jsonl` has a line for what became of each instant.

Every `*.json` is one whole document or absent. A journal is written, with its first line, under a temporary
name, fsynced and then linked to the name of its run: a second run of one id can't come to be.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from longcase.disk import append_line, lines_backwards, make_folder, sync_folder, write_all, write_whole
from longcase.domain.errors import LongcaseError
from longcase.domain.outcome import RunState
from longcase.domain.run import is_run_id, pipeline_of
from longcase.domain.schedule import Cron, Schedule
from longcase.edge.history.journal import Journal, read_journal
from longcase.texts.record import (
    Finish,
    IndexLine,
    Intent,
    RunRecord,
    decode_line,
    decode_record,
    encode,
    run_line,
)
from longcase.texts.recorder import JournalError, Recorder

_RECENT = 1000
"""Lines of an index among which one that stands out of order is looked for."""


class RunExistsError(LongcaseError):
    """A run of this id is in the history already."""


class DamagedError(LongcaseError):
    """A file of the history that can't be understood."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The schedule of a pipeline that counts since `since`: what is due is due by it.

    `idle`: why what is due is missed all the same; "": it isn't.
    """

    since: datetime
    expressions: tuple[str, ...]
    timezone: str
    idle: str = ""
    version: int = 1

    @property
    def schedule(self) -> Schedule:
        return Schedule(expressions=tuple(map(Cron, self.expressions)), timezone=self.timezone)


class History:
    """All runs of all pipelines below one folder. Has one writer: the holder of the state folder's lock.

    `unfinished`: as what a run is read that has only a journal. Without a daemon it is not running.
    """

    def __init__(self, root: Path, unfinished: RunState = RunState.RUNNING) -> None:
        self.root = root
        self._unfinished = unfinished

    # -- writing ------------------------------------------------------------------------------------------

    def open(self, intent: Intent) -> Journal:
        """Make the intent to run durable. Raises RunExistsError, or OSError with nothing left behind."""
        header = intent.header
        live = self._live(header.pipeline)
        make_folder(live)
        path = live / f"{header.run}.jsonl"
        if self._document(header.run).exists():
            raise RunExistsError(f"run {header.run} is in the history already")
        new, linked = live / f".{header.run}.new", False
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            write_all(descriptor, encode(intent) + b"\n")
            os.fsync(descriptor)
            os.link(new, path)
            linked = True
            sync_folder(live)
        except FileExistsError:
            os.close(descriptor)
            raise RunExistsError(f"run {header.run} is on already") from None
        except OSError:
            os.close(descriptor)
            if linked:
                path.unlink()
            raise
        finally:
            new.unlink(missing_ok=True)
        return Journal(path, descriptor)

    def close(self, journal: Journal, record: RunRecord) -> None:
        """End a run: its document, then its index line, then the journal goes.

        Raises OSError with nothing lost: it may be called again.
        """
        journal.sync()
        if not journal.recorded:
            self._write_document(record)
            self.settle(run_line(record))
            journal.recorded = True
        journal.path.unlink(missing_ok=True)
        journal.close()

    def settle(self, line: IndexLine) -> None:
        """Add a line to the index of its pipeline: whole, or not at all. Raises OSError."""
        folder = self.root / line.pipeline
        make_folder(folder)
        append_line(folder / "index.jsonl", encode(line))

    def accept(self, pipeline: str, accepted: Accepted) -> None:
        """Remember the schedule that counts from now on. Raises OSError."""
        folder = self.root / pipeline
        make_folder(folder)
        write_whole(folder / "accepted.json", encode(accepted))

    def forget(self, pipeline: str) -> None:
        """The pipeline's job file is gone: when it comes back it counts from then. Raises OSError."""
        (self.root / pipeline / "accepted.json").unlink(missing_ok=True)

    def recover(self, now: datetime) -> tuple[list[RunRecord], list[Path]]:
        """Journals without a living daemon become documents of interrupted (or finished) runs.

        A journal that tells of no run is set aside, as `RUN.jsonl.damaged`: those are the second list.
        """
        make_folder(self.root)
        for half in self.root.glob("*/live/.*.new"):
            half.unlink()
        records, damaged = [], []
        for path in sorted(self.root.glob("*/live/*.jsonl")):
            try:
                records.append(self._recover(path, now))
            except JournalError:
                damaged.append(path.rename(f"{path}.damaged"))
        return records, damaged

    def _recover(self, path: Path, now: datetime) -> RunRecord:
        """The document, where the run got that far, is the truth: the end of the journal may be lost."""
        recorder = Recorder.replay(read_journal(path))
        record = recorder.record()
        try:
            record = _load(self._document(record.run))
        except (FileNotFoundError, msgspec.DecodeError):
            if record.ended is None:
                recorder.apply(Finish(at=now, state=RunState.INTERRUPTED))
                record = recorder.record()
            self._write_document(record)
        line = run_line(record)
        if line not in islice(self._lines(record.pipeline), _RECENT):
            self.settle(line)
        path.unlink()
        return record

    def _write_document(self, record: RunRecord) -> None:
        document = self._document(record.run)
        make_folder(document.parent)
        write_whole(document, encode(record))

    # -- reading ------------------------------------------------------------------------------------------

    def pipelines(self) -> list[str]:
        """The names of all pipelines that have a history."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        return []

    def accepted(self, pipeline: str) -> Accepted | None:
        """The schedule that counts, or None where the pipeline was never accepted."""
        # Damaged, or of another version's making: it counts anew.
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError, LongcaseError):
            text = (self.root / pipeline / "accepted.json").read_bytes()
            accepted = msgspec.json.decode(text, type=Accepted)
            _ = accepted.schedule
            return accepted
        return None

    def accounted_until(self, pipeline: str) -> datetime | None:
        """The last instant of the pipeline with an entry, or None.

        A run's line is written when it ends, so lines stand a little out of order: the last of many counts.
        """
        latest = [record.instant for record in self.live(pipeline)]
        settled = (line.latest_instant for line in self._lines(pipeline))
        latest += islice((instant for instant in settled if instant), _RECENT)
        return max((instant for instant in latest if instant), default=None)

    def latest(self, pipeline: str, limit: int) -> list[IndexLine]:
        """The newest `limit` lines of a pipeline, newest first, live runs included.

        In the index a run stands where it ended, after what was skipped while it was on: lines are read until
        none that began later can follow. Of a run with several lines the last counts.
        """
        lines: list[IndexLine] = []
        runs: set[str] = set()
        oldest = datetime.max.replace(tzinfo=UTC)
        for line in self._newest(pipeline):
            if len(lines) >= limit and line.begins <= oldest:
                break
            if line.run and line.run in runs:
                continue
            if line.run:
                runs.add(line.run)
            lines.append(line)
            oldest = min(oldest, line.begins)
        return sorted(lines, key=lambda line: line.begins, reverse=True)[:limit]

    def last_run(self, pipeline: str) -> IndexLine | None:
        """The run that began last, live or ended, or None."""
        return next((line for line in self._newest(pipeline) if line.run), None)

    def _newest(self, pipeline: str) -> Iterator[IndexLine]:
        """Live runs, then the index from its end."""
        live = [run_line(record) for record in self.live(pipeline)]
        yield from sorted(live, key=lambda line: line.begins, reverse=True)
        yield from self._lines(pipeline)

    def live(self, pipeline: str) -> list[RunRecord]:
        """The runs of a pipeline that are on, from their journals."""
        records = []
        for path in sorted(self._live(pipeline).glob("*.jsonl")):
            with contextlib.suppress(FileNotFoundError, JournalError):  # it ended just now, or is damaged
                records.append(self._replay(path))
        return records

    def record(self, run: str) -> RunRecord | None:
        """The record of a run, live or ended, or None where there is none of this id.

        Raises DamagedError where its file can't be understood.
        """
        if not is_run_id(run):
            return None
        for path, read in (
            (self._live(pipeline_of(run)) / f"{run}.jsonl", self._replay),
            (self._document(run), _load),
        ):
            try:
                return read(path)
            except FileNotFoundError:
                continue
            except (JournalError, msgspec.DecodeError) as error:
                raise DamagedError(f"{path} is damaged: {error}") from error
        return None

    def _replay(self, path: Path) -> RunRecord:
        record = Recorder.replay(read_journal(path)).record()
        return record if record.ended else msgspec.structs.replace(record, state=self._unfinished)

    def _lines(self, pipeline: str) -> Iterator[IndexLine]:
        for text in lines_backwards(self.root / pipeline / "index.jsonl"):
            with contextlib.suppress(msgspec.DecodeError):  # a line that a power cut tore
                yield decode_line(text)

    def _live(self, pipeline: str) -> Path:
        return self.root / pipeline / "live"

    def _document(self, run: str) -> Path:
        stamp = run.rpartition("@")[2]
        return self.root / pipeline_of(run) / f"{stamp[:4]}-{stamp[4:6]}" / f"{run}.json"


def _load(path: Path) -> RunRecord:
    return decode_record(path.read_bytes())
