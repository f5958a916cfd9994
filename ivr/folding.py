"""Folds due calls into their records: taken, folded and stored in one transaction.

Which calls are due stands in PostgreSQL beside the lines, so a death at any moment leaves either
the old record and the call still due, or the new record.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec
import structlog

from ivr.asterisk import spool
from ivr.calls import CALL_ID, Call
from ivr.config import DatabaseSettings
from ivr.database import Pool, Session, queries, transaction
from ivr.errors import PeerBroke
from ivr.failpoints import reach
from ivr.fold import fold
from ivr.messages import store_messages
from ivr.missed import store_missed
from ivr.tickets import store_tickets

log = structlog.get_logger()

PATIENCE: Final = timedelta(seconds=1)
"""How long the record of a call that is going on may lag behind, so that it is not folded for
every line."""

_BATCH: Final = 200

_OUR_FAULT: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""A record that the schema refuses; the others of its batch must not wait for it."""


@dataclass(frozen=True, slots=True)
class Due:
    """A call whose record is older than its lines."""

    call_id: str
    opened_at: datetime
    node: str
    attempts: int


class Folding:
    """Keeps the records equal to the fold of their lines."""

    def __init__(self, pool: Pool, settings: DatabaseSettings) -> None:
        self._pool = pool
        self._settings = settings
        self._batch = _BATCH

    async def step(self) -> int:
        """Fold the calls that are due, up to a batch; returns how many there were."""
        try:
            taken = await self._fold_batch()
        except _OUR_FAULT as error:
            if self._batch > 1:
                self._batch = 1
                return 1
            log.error("call.unstorable", why=str(error))  # noqa: TRY400 - the statement is known; a trace would show values
            return await self._postpone_first()
        self._batch = _BATCH
        return taken

    async def _fold_batch(self) -> int:
        async with transaction(self._pool, self._settings) as connection:
            due = await _take_due(connection, self._batch)
            if due:
                await fold_calls(connection, due)
            reach("folding.commit.before")
        reach("folding.commit.after")
        return len(due)

    async def _postpone_first(self) -> int:
        async with transaction(self._pool, self._settings) as connection:
            due = await _take_due(connection, 1)
            await _postpone(connection, due)
        return len(due)


async def _take_due(connection: Session, most: int) -> list[Due]:
    rows = queries.take_due(connection, patience=PATIENCE, most=most)
    return [
        Due(row["call_id"], row["opened_at"], row["node"], row["attempts"]) async for row in rows
    ]


async def fold_calls(connection: Session, due: Sequence[Due]) -> None:
    """Fold some calls and put their records in place, inside the caller's transaction."""
    await queries.lock_calls(connection, call_ids=[call.call_id for call in due])
    calls, failed = [], []
    folded = await folds(connection, due)
    for call in due:
        record = folded.get(call.call_id)
        if record is None:
            failed.append(call)
        else:
            calls.append(record)
    await _postpone(connection, failed)
    await store(connection, calls)


async def folds(connection: Session, due: Iterable[Due]) -> dict[str, Call]:
    """Fold some calls from their stored lines; those that cannot be folded are left out."""
    wanted = {call.call_id: call for call in due}
    boots = {row["node"]: row["boot"] async for row in queries.newest_boots(connection)}
    lines: dict[str, list[str]] = {call_id: [] for call_id in wanted}
    found = queries.lines_of_calls(
        connection,
        opened_at=[call.opened_at for call in wanted.values()],
        call_ids=list(wanted),
    )
    async for row in found:
        lines[row["call_id"]] += row["lines"].split("\n")
    records = {}
    for call_id, texts in lines.items():
        identity = CALL_ID.fullmatch(call_id)
        restarted = identity is not None and boots.get(identity["node"], 0) > int(identity["boot"])
        try:
            records[call_id] = fold(_events(call_id, texts), engine_restarted=restarted)
        except PeerBroke as error:
            log.error("call.unfoldable", call_id=call_id, why=str(error))  # noqa: TRY400 - the reason is in the error itself
    return records


def _events(call_id: str, lines: Iterable[str]) -> list[Any]:
    found = []
    for line in lines:
        try:
            event = spool.parse(line)
        except PeerBroke as error:
            log.warning("line.unreadable", call_id=call_id, why=str(error))
            continue
        if event is not None:
            found.append(event)
    return found


async def _postpone(connection: Session, due: Sequence[Due]) -> None:
    if not due:
        return
    await queries.postpone(
        connection,
        call_ids=[call.call_id for call in due],
        opened_at=[call.opened_at for call in due],
        nodes=[call.node for call in due],
        attempts=[call.attempts for call in due],
    )


def digest(call: Call) -> str:
    """Return the SHA-256 of a whole record, in hex: equal digests, equal records."""
    return hashlib.sha256(msgspec.json.encode(call)).hexdigest()


async def store(connection: Session, calls: Sequence[Call]) -> None:
    """Put records in place where they differ from what stands there."""
    if not calls:
        return
    by_id = {call.call_id: call for call in calls}
    rows = [_flat(call) | {"digest": digest(call)} for call in calls]
    changed = [row["call_id"] async for row in queries.store_calls(connection, calls=_json(rows))]
    if not changed:
        return
    await queries.forget_parts(connection, call_ids=changed)
    stored = [by_id[call_id] for call_id in changed]
    await store_messages(connection, stored)
    await store_tickets(connection, stored)
    await store_missed(connection, stored)
    await queries.store_parts(connection, **{k: _json(v) for k, v in _parts(stored).items()})
    for call in stored:
        if call.final:
            log.info(
                "call.finished",
                call_id=call.call_id,
                disposition=call.disposition,
                queue=call.queue,
                agent=call.agent,
                wait_ms=call.wait_ms,
                talk_ms=call.talk_ms,
            )


def _flat(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any of the record's dataclasses
    fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    return {name: content for name, content in fields if not isinstance(content, tuple)}


def _parts(calls: Iterable[Call]) -> Mapping[str, list[dict[str, Any]]]:
    parts: dict[str, list[dict[str, Any]]] = {
        "legs": [],
        "menu_steps": [],
        "visits": [],
        "requests": [],
        "offers": [],
    }
    for call in calls:
        for name in ("legs", "menu_steps", "visits", "requests"):
            for position, part in enumerate(getattr(call, name), 1):
                place = {"call_id": call.call_id, "position": position}
                parts[name].append(_flat(part) | place)
        for visit, entered in enumerate(call.visits, 1):
            for position, offer in enumerate(entered.offers, 1):
                place = {"call_id": call.call_id, "visit": visit, "position": position}
                parts["offers"].append(_flat(offer) | place)
    return parts


def _json(value: Any) -> str:  # noqa: ANN401 - whatever has a form in JSON
    return msgspec.json.encode(value).decode()
