"""Deletes what retention says, and writes a certificate of it.

The row's state, the end of the message's transcript and the certificate come about in one
transaction, and only then do the files go: a death in between leaves files of a deleted recording,
which the next round takes away. A hold and a deletion of the same call wait for each other, and the
hold is asked for under that lock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import structlog

from ivr.calls import Direction
from ivr.config import Settings
from ivr.database import Pool, queries, transaction
from ivr.failpoints import reach
from ivr.recordings.holds import certify, lock_call
from ivr.recordings.reading import files_of
from ivr.recordings.retention import CENTRE_TIME, Retained, RetentionClass, Verdict, horizon, judge
from ivr.recordings.rows import FIRST, Place
from ivr.recordings.storage import Storage

log = structlog.get_logger()

ACTOR: Final = "retention"
"""Who the audit says it was."""

_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Due:
    """A recording whose time is over."""

    call_id: str
    leg: str
    size: int
    verdict: Verdict


class Deletion:
    """Retention of one node's recordings."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._spans = settings.recordings.retention.spans()
        self._place = FIRST
        self.unfinished = False
        """Whether more deleted recordings wait behind those of the last `remove`."""

    async def due(self, now: datetime) -> AsyncIterator[Due]:
        """List what would be deleted now, the oldest first; nothing is changed."""
        outbound = horizon(self._spans[RetentionClass.OUTBOUND], now)
        others = horizon(
            min(
                (span for rule, span in self._spans.items() if rule is not RetentionClass.OUTBOUND),
                key=lambda span: span.after(date(2023, 1, 1)),
            ),
            now,
        )
        place = FIRST
        while True:
            rows = await self._judged(place, _midnight(outbound), _midnight(others))
            for row in rows:
                verdict = judge(_retained(row, held=row["held"]), self._spans, now)
                if verdict.due:
                    yield Due(row["call_id"], row["leg"], row["bytes"], verdict)
            if len(rows) < _BATCH:
                return
            place = Place.of(rows[-1])

    async def _judged(
        self, place: Place, outbound: datetime, others: datetime
    ) -> list[Mapping[str, Any]]:
        async with transaction(self._pool, self._settings.database) as connection:
            rows = queries.recordings_to_judge(
                connection,
                node=self._settings.node.name,
                outbound_before=outbound,
                others_before=others,
                most=_BATCH,
                **place._asdict(),
            )
            return [row async for row in rows]

    async def delete(self, due: Due) -> bool:
        """Say of one recording that it is gone, with its certificate.

        Returns:
            False when a hold came meanwhile, or somebody else was quicker.
        """
        async with transaction(self._pool, self._settings.database) as connection:
            await lock_call(connection, due.call_id)
            if await queries.call_is_held(connection, call_id=due.call_id):
                return False
            row = await queries.recording_of_call(connection, call_id=due.call_id, leg=due.leg)
            deleted = await queries.delete_recording(connection, call_id=due.call_id, leg=due.leg)
            if deleted is None:
                return False
            written = None  # of a conversation nothing is ever written down
            if due.leg == "voicemail":
                written = await queries.forget_transcript(connection, call_id=due.call_id)
            detail = _certified(row, written, due.verdict)
            target = f"{due.call_id}/{due.leg}"
            await certify(connection, ACTOR, "recording.deleted", target, detail)
            reach("deletion.commit.before")
        reach("deletion.commit.after")
        log.info("recording.deleted", call_id=due.call_id, leg=due.leg, rule=due.verdict.rule.value)
        return True

    async def remove(self, storages: Mapping[str, Storage]) -> int:
        """Take away the files of some deleted recordings; returns how many are gone now.

        The next time it goes on behind them, and begins anew after the last.
        """
        async with transaction(self._pool, self._settings.database) as connection:
            found = queries.recordings_unremoved(
                connection, node=self._settings.node.name, most=_BATCH, **self._place._asdict()
            )
            rows = [row async for row in found]
        self.unfinished = len(rows) == _BATCH
        self._place = Place.of(rows[-1]) if self.unfinished else FIRST
        done = 0
        for row in rows:
            done += await self._remove(row, storages)
        return done

    async def _remove(self, row: Mapping[str, Any], storages: Mapping[str, Storage]) -> bool:
        try:
            for file in files_of(row):
                # Everywhere: a move that was killed half-way has left it in two places.
                for storage in {**storages, file.storage: storages[file.storage]}.values():
                    await storage.delete(file.path)
        except (OSError, KeyError) as error:
            log.error("recording.undeleted", call_id=row["call_id"], why=type(error).__name__)  # noqa: TRY400 - tried again; a trace would repeat every round
            return False
        reach("deletion.removed")
        async with transaction(self._pool, self._settings.database) as connection:
            await queries.mark_removed(connection, call_id=row["call_id"], leg=row["leg"])
        return True


def _certified(
    row: Mapping[str, Any], transcript_characters: int | None, verdict: Verdict
) -> dict[str, object]:
    """Return what the certificate says went, and by which rule."""
    return {
        "sha256": row["sha256"].hex(),
        "wav_sha256": row["wav_sha256"].hex() if row["wav_sha256"] else None,
        "bytes": row["bytes"],
        "milliseconds": row["milliseconds"],
        # By its length: a digest of so short a text would prove a guess of it right.
        "transcript_characters": transcript_characters,
        "rule": verdict.rule,
        "kept_for": str(verdict.span),
        "last_day": verdict.last_day.isoformat(),
    }


def _retained(row: Mapping[str, Any], *, held: bool) -> Retained:
    return Retained(row["ended_at"], Direction(row["direction"]), row["queues"], held)


def _midnight(day: date) -> datetime:
    """Return the end of a day of the centre, with a day to spare: the rule itself decides."""
    return datetime.combine(day + timedelta(days=2), time.min, CENTRE_TIME)
