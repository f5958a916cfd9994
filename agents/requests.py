"""Requests: what an agent wrote of a call. Saved means committed; a correction keeps what was.

The category, the service type and how it was settled stand in `request`, where every bulletin
counts them; the words stand in `request_version`, each version for ever. Both are written in one
transaction, with the draft's end and the label that the classifier learns from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from agents import audit, drafts
from agents.database import queries
from ivr.categories.taxonomy import CURRENT, edition
from ivr.database import Pool, Session
from ivr.database import queries as call_queries

MOST: Final = 20
"""Requests of one call."""


@dataclass(frozen=True, slots=True)
class Written:
    """What an agent wrote of one request."""

    code: str
    settlement: str
    transferred_to: str = ""
    note: str = ""
    region: str = ""
    red_flags: tuple[str, ...] = ()
    """Flags whose prompt the agent has seen."""
    risk: Mapping[str, Any] | None = None
    """Of a self-harm call; see `agents.web.forms.Risk`."""
    suspected_event: bool = False
    articles: tuple[int, ...] = ()
    """Those of the knowledge base that the answer rests on."""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Guess:
    """What the classifier had said when the agent filed the request."""

    code: str
    confidence: tuple[float, ...]
    model: str


@dataclass(frozen=True, slots=True)
class Place:
    """Which request it is, through all its versions."""

    request_id: int
    call_id: str
    position: int
    scheme: str


@dataclass(frozen=True, slots=True)
class By:
    """Who wrote a version, and why."""

    person: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One version of a request."""

    request_id: int
    version: int
    call_id: str
    position: int
    scheme: str
    written: Written
    written_by: str
    written_at: datetime
    reason: str


async def had_the_call(connection: Session | Pool, call_id: str, person: str) -> bool:
    """Tell whether somebody's telephone was part of a call, by its record."""
    return bool(await queries.had_the_call(connection, call_id=call_id, person=person))


async def save(
    connection: Session, person: str, call_id: str, filed: Sequence[tuple[Written, Guess | None]]
) -> list[int] | None:
    """Make requests of a form, and an end of its draft; None while the call has no record yet.

    Args:
        connection: inside the transaction of the change.
        person: who filed them.
        call_id: of which call.
        filed: each with what the classifier had guessed.

    Returns:
        The requests' numbers.
    """
    await lock(connection, call_id)
    if not await queries.call_is_recorded(connection, call_id=call_id):
        return None
    made = []
    for written, guess in filed:
        row = await queries.add_request(
            connection,
            call_id=call_id,
            scheme=CURRENT,
            code=written.code,
            settlement=written.settlement,
        )
        place = Place(row["request_id"], call_id, row["position"], CURRENT)
        await _write(connection, place, 1, written, By(person))
        await _label(connection, place, person, written, guess)
        made.append(int(row["request_id"]))
    await drafts.drop(connection, person, call_id)
    return made


async def correct(
    connection: Session, person: str, before: Request, written: Written, reason: str
) -> None:
    """Write a further version of a request, and count it where it belongs now."""
    place = Place(before.request_id, before.call_id, before.position, before.scheme)
    if written.withdrawn:
        await queries.uncount_request(connection, call_id=place.call_id, position=place.position)
    else:
        await queries.file_request_again(
            connection,
            call_id=place.call_id,
            position=place.position,
            scheme=place.scheme,
            code=written.code,
            settlement=written.settlement,
        )
        await _label(connection, place, person, written, None)
    await _write(connection, place, before.version + 1, written, By(person, reason))
    await audit.note(
        connection, person, "request.corrected", f"request:{before.request_id}", reason=reason
    )


async def of_call(connection: Session | Pool, call_id: str) -> list[Request]:
    """List the requests that people wrote of a call, withdrawn ones too."""
    return [_request(row) async for row in queries.requests_in_force(connection, call_id=call_id)]


async def versions(connection: Session, request_id: int) -> list[Request]:
    """List every version of a request, the newest first; none for an unknown one."""
    rows = queries.versions_of_request(connection, request_id=request_id)
    return [_request(row) async for row in rows]


async def lock(connection: Session, call_id: str) -> None:
    """Let one transaction at a time write a call's requests."""
    await queries.lock_form(connection, call_id=call_id)


def fileable(code: str, scheme: str | None = None) -> bool:
    """Tell whether something can be filed under a code of an edition, by default today's."""
    tree = edition(scheme or CURRENT)
    return code in tree and tree.selectable(code)


async def _write(connection: Session, place: Place, version: int, written: Written, by: By) -> None:
    await queries.write_version(
        connection,
        request_id=place.request_id,
        version=version,
        call_id=place.call_id,
        position=place.position,
        scheme=place.scheme,
        content=json.dumps(asdict(written), ensure_ascii=False),
        written_by=by.person,
        reason=by.reason,
    )


async def _label(
    connection: Session, place: Place, person: str, written: Written, guess: Guess | None
) -> None:
    """Keep the agent's choice beside the classifier's guess: it is what the next model learns."""
    if not written.note:
        return
    guess = guess or Guess("", (), "")
    await call_queries.confirm_category(
        connection,
        subject=f"request:{place.request_id}",
        agent=person,
        taxonomy=place.scheme,
        code=written.code,
        guess=guess.code,
        confidence=list(guess.confidence),
        model=guess.model,
        note=written.note,
    )


_WRITTEN: Final = tuple(field.name for field in fields(Written))


def _request(row: Mapping[str, Any]) -> Request:
    content = {name: row[name] for name in _WRITTEN}
    content["risk"] = json.loads(row["risk"]) if row["risk"] else None
    content["red_flags"] = tuple(row["red_flags"])
    content["articles"] = tuple(row["articles"])
    return Request(
        request_id=row["request_id"],
        version=row["version"],
        call_id=row["call_id"],
        position=row["position"],
        scheme=row["scheme"],
        written=Written(**content),
        written_by=row["written_by"],
        written_at=row["written_at"],
        reason=row["reason"],
    )
