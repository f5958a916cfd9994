"""Learning from the labels in the database, and what they say about the classifier.

The labels are read, a model is trained without a connection held, and what came of it is written
down: a model that was refused as well, with both figures.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from ivr.categories.confirmations import Confirmation, Precision, disagreement, drift, precision
from ivr.categories.corpus import Example
from ivr.categories.learn import Learnt, learn
from ivr.categories.schedule import Learning, due
from ivr.categories.taxonomy import CURRENT
from ivr.config import DatabaseSettings
from ivr.database import Pool, Session, queries, transaction
from ivr.errors import DefinitionInvalid

MOST: Final = 30_000
"""The newest requests learned from; more only takes longer: some minutes of one core."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Opinion:
    """What people's labels of a period say."""

    labels: int
    precision: tuple[Precision, ...]
    """By guessed level-1 category, worst first."""
    disagreement: dict[str, float]
    """By level-1 category, of the requests that two people filed."""
    drift: float | None
    """Against the period before; None when one of them has no labels."""


async def is_due(pool: Pool, settings: DatabaseSettings, now: datetime) -> bool:
    """Tell whether enough labels came to learn again; see `ivr.categories.schedule`."""
    async with transaction(pool, settings) as connection:
        last = await _last(connection)
        since = await queries.labels_since(connection, position=last.position if last else 0)
    return due(now, last, since["labels"])


async def learn_from_labels(pool: Pool, settings: DatabaseSettings, directory: Path) -> Learnt:
    """Learn from all that people filed; blocks the loop while it trains.

    Raises:
        DefinitionInvalid: there is no label yet, or another run is learning into the folder.
    """
    with _alone(directory):
        async with transaction(pool, settings) as connection:
            everything = await queries.labels_since(connection, position=0)
            rows = [
                Example(row["note"], row["code"], row["agent"])
                async for row in queries.labels_to_learn(connection, taxonomy=CURRENT, most=MOST)
            ]
        if not rows:
            raise DefinitionInvalid("expected labels that people gave, there is none yet.")
        learnt = learn(rows, directory)
        async with transaction(pool, settings) as connection:
            await queries.store_learning(
                connection,
                position=everything["position"],
                labels=len(rows),
                model=learnt.version,
                before=learnt.before or "",
                taken=learnt.taken,
                held=learnt.guard.held,
                candidate=list(learnt.guard.candidate),
                used=list(learnt.guard.used),
            )
    return learnt


async def opinion(
    pool: Pool, settings: DatabaseSettings, since: datetime, until: datetime
) -> Opinion:
    """Sum up the labels of `[since, until)`, and set them against as long a time before."""
    async with transaction(pool, settings) as connection:
        now = await _between(connection, since, until)
        before = await _between(connection, since - (until - since), since)
    return Opinion(
        len(now),
        precision(item for item in now if item.guess),
        disagreement(now),
        drift(before, now) if before and now else None,
    )


async def _last(connection: Session) -> Learning | None:
    row = await queries.last_learning(connection)
    return Learning(row["position"], row["learnt_at"]) if row else None


async def _between(connection: Session, since: datetime, until: datetime) -> list[Confirmation]:
    rows = queries.labels_between(connection, taxonomy=CURRENT, since=since, until=until)
    return [
        Confirmation(row["subject"], row["agent"], row["code"], row["guess"]) async for row in rows
    ]


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (directory / ".learning").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DefinitionInvalid(f"{directory}: another run is learning into it.") from None
        yield
