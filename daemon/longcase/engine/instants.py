"""What becomes of each instant: run, skipped or missed, in the order in which they are due.

One code path for a wake-up, a start after down time, a reload, suspend and a step of the clock: whatever the
cause, the instants later than `Book.until` are taken in.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from longcase.domain.event import InstantSkipped, InstantsMissed, Tell
from longcase.domain.pipeline import Pipeline
from longcase.domain.run import RunHeader, run_id
from longcase.edge.history import Accepted, History, RunExistsError
from longcase.engine.book import DISABLED, INVALID, STEP, Book, Gap, Terms
from longcase.texts.record import missed_row, skipped_line


class Instants:
    """The books of all pipelines.

    What says "whether that was all" takes at most a step of instants in, and wants to be called again until
    it was. All raises OSError where an entry can't be made durable: nothing is lost, the instant waits.
    """

    def __init__(
        self,
        history: History,
        tell: Tell,
        begin: Callable[[Pipeline, RunHeader], None],
        started: datetime,
    ) -> None:
        self._history = history
        self._tell = tell
        self._begin = begin
        self._started = started
        self._on: dict[str, str] = {}  # by pipeline, the run that is on; it may outlive the pipeline's book
        self._books: dict[str, Book] = {}

    @property
    def pipelines(self) -> list[str]:
        """The names of the pipelines that have a valid definition in force."""
        return [name for name, book in self._books.items() if book.pipeline is not None]

    def accept(self, pipeline: Pipeline, now: datetime) -> bool:
        """A definition is there; it is in force when all that was due by the one before is accounted for."""
        terms = Terms(pipeline.schedule, "" if pipeline.enabled else DISABLED)
        book = self._books.get(pipeline.name) or self._open(pipeline.name, terms, now)
        if book.terms != terms and not self._change(pipeline.name, book, terms, now):
            return False
        book.pipeline = pipeline
        return self.settle(pipeline.name, now)

    def refuse(self, pipeline: str, now: datetime) -> bool:
        """The job file is invalid: its last good version stays in force, or, without one, nothing runs."""
        book = self._books.get(pipeline)
        accepted = self._history.accepted(pipeline)
        if accepted is None or (book and book.pipeline):
            return True
        terms = Terms(accepted.schedule, INVALID)
        book = book or self._open(pipeline, terms, now)
        if book.terms != terms and not self._change(pipeline, book, terms, now):
            return False
        return self.settle(pipeline, now)

    def remove(self, pipeline: str, now: datetime) -> bool:
        """The job file is gone: what was due until now is accounted for, and then nothing is due any more."""
        accepted = self._history.accepted(pipeline)
        if pipeline not in self._books and accepted is not None:
            self._open(pipeline, Terms(accepted.schedule, INVALID), now)
        if pipeline in self._books and not self._close(pipeline, self._books[pipeline], now):
            return False
        self._books.pop(pipeline, None)
        self._history.forget(pipeline)
        return True

    def ended(self, pipeline: str, run: str) -> None:
        """A run is over: the next instant of its pipeline may run."""
        if self._on.get(pipeline) == run:
            del self._on[pipeline]

    def gap(self, since: datetime, now: datetime) -> list[str]:
        """Nobody was there from `since` to `now`: whose instants are to be settled."""
        reason = f"the machine slept, or its clock was set, from {since:%H:%M:%S} to {now:%H:%M:%S} UTC"
        concerned = [name for name, book in self._books.items() if not book.terms.idle]
        for name in concerned:
            book = self._books[name]
            book.gaps.append(Gap(book.terms.schedule, now, reason, caught_up=True, since=since))
        return concerned

    def settle(self, name: str, now: datetime) -> bool:
        """Account for a step of the pipeline's instants until `now`: whether that was all."""
        book = self._books.get(name)
        if book is None:
            return True
        if not book.accepted:
            self._remember(name, book)
        while book.gaps:
            if not self._walk(name, book, book.gaps[0], now):
                return False
            book.gaps.popleft()
        return self._reach_all(book, now, now)

    def _open(self, name: str, terms: Terms, now: datetime) -> Book:
        """The book of a pipeline that comes into sight; if it did before, down time is a gap in it."""
        accepted = self._history.accepted(name)
        accounted = self._history.accounted_until(name)
        if accepted is None:
            book = Book(terms, max(now, accounted or now), accepted=False)
        else:
            until = max(accepted.since, accounted or accepted.since)
            book = Book(Terms(accepted.schedule, accepted.idle), until)
            if not accepted.idle:
                same = book.terms == terms
                reason = f"the daemon was down until {self._started:%Y-%m-%d %H:%M:%S} UTC"
                until = self._started if same else now
                book.gaps.append(Gap(accepted.schedule, until, reason, caught_up=same))
        self._books[name] = book
        return book

    def _change(self, name: str, book: Book, terms: Terms, now: datetime) -> bool:
        """Other terms are in force from now on, when all that was due by those before is accounted for."""
        if not self._close(name, book, now):
            return False
        book.terms, book.until = terms, max(book.until, now)
        self._remember(name, book)
        return True

    def _close(self, name: str, book: Book, now: datetime) -> bool:
        """Account for a step of what was due until `now` by the terms in force: whether that was all."""
        while self.settle(name, now):
            if book.until >= now or (book.pipeline and not book.terms.idle):
                return True
            reason = book.terms.idle or INVALID
            book.gaps.append(Gap(book.terms.schedule, now, reason, caught_up=False))
        return False

    def _remember(self, name: str, book: Book) -> None:
        schedule = book.terms.schedule
        expressions = tuple(cron.text for cron in schedule.expressions)
        accepted = Accepted(
            since=book.until, expressions=expressions, timezone=schedule.timezone, idle=book.terms.idle
        )
        book.accepted = False
        self._history.accept(name, accepted)
        book.accepted = True

    def _walk(self, name: str, book: Book, gap: Gap, now: datetime) -> bool:
        """Take a step through a gap: whether it is done, its row written and its newest instant run."""
        if gap.since and not self._reach_all(book, gap.since, now):
            return False
        if not gap.walk(max(book.until, gap.since or book.until)):
            return False
        if gap.first and gap.last:
            self._miss(name, gap.first, gap.last, gap, now)
            book.until = gap.last
            gap.first = None  # written down: a failure below doesn't write it again
        if gap.newest and book.pipeline:
            self._reach(book.pipeline, book, gap.newest, now)
        book.until = max(book.until, gap.until)
        return True

    def _miss(self, name: str, first: datetime, last: datetime, gap: Gap, now: datetime) -> None:
        zone = gap.schedule.zone
        first, last = first.astimezone(zone), last.astimezone(zone)
        self._history.settle(missed_row(name, first, last, gap.count, gap.reason))
        self._tell(
            InstantsMissed(
                when=now, pipeline=name, first=first, last=last, count=gap.count, reason=gap.reason
            )
        )

    def _reach_all(self, book: Book, until: datetime, now: datetime) -> bool:
        """A step of the instants until `until` have come without a gap: whether those were all."""
        if book.terms.idle or book.pipeline is None:
            return True
        instants = book.terms.schedule.due(book.until, until, STEP)
        for instant in instants:
            self._reach(book.pipeline, book, instant, now)
        return len(instants) < STEP

    def _reach(self, pipeline: Pipeline, book: Book, instant: datetime, now: datetime) -> None:
        """An instant has come: it is run, unless a run is on."""
        name = pipeline.name
        local = instant.astimezone(book.terms.schedule.zone)
        on = self._on.get(name)
        if on is not None:
            self._history.settle(skipped_line(name, local, f"run {on} was still on"))
            self._tell(InstantSkipped(when=now, pipeline=name, instant=instant, because=on))
        else:
            header = RunHeader(
                run=run_id(name, instant), pipeline=name, asked=local, instant=local, params=pipeline.params
            )
            with suppress(RunExistsError):  # it has its entry, from before a crash
                self._begin(pipeline, header)
                self._on[name] = header.run
        book.until = instant
