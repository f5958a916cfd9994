"""Classifying all that lies in the database again: resumable, idempotent, in batches.

A batch's verdicts and the run's position are one transaction: killed anywhere, the run goes on
where it was, and no verdict is written twice. People's labels are other rows and not touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import structlog

from ivr.categories.classify import Classifier
from ivr.categories.rules import Request
from ivr.config import DatabaseSettings
from ivr.database import Pool, Session, queries, transaction

log = structlog.get_logger()

BATCH: Final = 500
"""Notes a transaction; about a tenth of a second of computing."""


@dataclass(frozen=True, slots=True)
class Noted:
    """One note that history holds."""

    position: int
    """Rises with each note; where a run goes on."""
    subject: str
    """`call:<id>` or `request:<number>`."""
    request: Request


NotesAfter = Callable[[Session, int, int], Awaitable[Sequence[Noted]]]
"""Gives at most so many notes after a position, in order."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A batch was stored."""

    position: int
    done: int


async def reclassify(
    pool: Pool,
    settings: DatabaseSettings,
    classifier: Classifier,
    name: str,
    notes_after: NotesAfter,
) -> AsyncIterator[Progress]:
    """Classify all notes that this model has not read yet, batch by batch.

    Args:
        pool: where history lies.
        settings: deadlines.
        classifier: the model; a run belongs to its version and taxonomy.
        name: what is run over, such as `confirmations`.
        notes_after: reads the notes.

    Yields:
        How far the run has come, after each committed batch.
    """
    while True:
        async with transaction(pool, settings) as connection:
            moved = await _batch(connection, classifier, name, notes_after)
        if moved is None:
            return
        log.info("classification.progress", run=name, model=classifier.version, done=moved.done)
        yield moved


async def _batch(
    connection: Session, classifier: Classifier, name: str, notes_after: NotesAfter
) -> Progress | None:
    key = {"name": name, "model": classifier.version, "taxonomy": classifier.taxonomy.id}
    row = await queries.run_position(connection, **key)
    position, done = (row["position"], row["done"]) if row else (0, 0)
    notes = await notes_after(connection, position, BATCH)
    if not notes:
        return None
    await store(connection, classifier, notes)
    moved = Progress(notes[-1].position, done + len(notes))
    await queries.move_run(connection, **key, **asdict(moved))
    return moved


async def store(connection: Session, classifier: Classifier, notes: Sequence[Noted]) -> None:
    """Write the verdicts on some notes; one that was given before changes nothing."""
    verdicts = [classifier.classify(note.request) for note in notes]
    await queries.store_verdicts(
        connection,
        subjects=[note.subject for note in notes],
        model=classifier.version,
        taxonomy=classifier.taxonomy.id,
        hashes=[input_hash(note.request) for note in notes],
        codes=[verdict.code for verdict in verdicts],
        guesses=[verdict.guess for verdict in verdicts],
        confidences=[",".join(f"{c:.4f}" for c in verdict.confidence) for verdict in verdicts],
        flags=[",".join(verdict.flags) for verdict in verdicts],
        reviews=[verdict.review for verdict in verdicts],
    )


def input_hash(request: Request) -> bytes:
    """Return the SHA-256 of everything that the verdict was made from."""
    return hashlib.sha256(repr(sorted(asdict(request).items())).encode()).digest()


async def confirmed_notes(connection: Session, position: int, most: int) -> list[Noted]:
    """Read the notes that people have confirmed; a `NotesAfter`."""
    rows = queries.confirmations_after(connection, position=position, most=most)
    return [
        Noted(row["confirmation_id"], row["subject"], Request(text=row["note"]))
        async for row in rows
    ]
