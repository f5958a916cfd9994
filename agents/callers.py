"""Who calls: what an agent sees while the telephone rings, and how a number is revealed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from agents import audit
from agents.database import queries
from agents.ongoing import Heard, so_far
from agents.places import Origin, origin_of
from ivr.callers import national_number
from ivr.categories.taxonomy import edition
from ivr.database import Pool, Session
from ivr.database import queries as call_queries
from ivr.log import mask_number
from ivr.menu.model import Priority

EARLIER: Final = 10
"""Earlier calls that are shown."""


@dataclass(frozen=True, slots=True)
class Step:
    """A key that the caller pressed."""

    menu: str
    key: str


@dataclass(frozen=True, slots=True)
class Preset:
    """What the menu took the call to be about."""

    scheme: str
    code: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EarlierRequest:
    """What an earlier call was about."""

    request_id: int
    code: str
    path: tuple[str, ...]
    settlement: str
    suspected_event: bool
    risk: str


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """A call of the same number."""

    call_id: str
    started_at: datetime
    direction: str
    disposition: str
    queue: str
    agent: str
    talk_ms: int
    requests: tuple[EarlierRequest, ...]


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Something that is still to be done for the caller."""

    kind: str
    call_id: str
    state: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """Everything at a glance; the number only masked."""

    call_id: str
    direction: str
    called_back: bool
    """Whether the centre's machine rang the citizen, because he had asked for it."""
    number: str
    origin: Origin
    dialled: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    disposition: str
    menu_path: str
    queue: str
    agent: str
    wait_ms: int
    talk_ms: int
    priority: str
    """`P0` to `P3`, by which he was queued; empty for who was in no queue."""
    flags: tuple[str, ...]
    """`anonymous`, `elderly`, `gave_up` (twice lately), `blocked`, `risk` (self-harm, before)."""
    steps: tuple[Step, ...]
    presets: tuple[Preset, ...]
    earlier: tuple[EarlierCall, ...]
    open_items: tuple[OpenItem, ...]


_GIVEN_UP: Final = 2
"""Times within an hour from which a caller is treated first."""
_RISKY: Final = frozenset({"high", "extreme"})


async def card(connection: Session | Pool, call_id: str) -> Card | None:
    """Gather what is known of a call and its caller; None while nothing is."""
    row = await queries.call_at_a_glance(connection, call_id=call_id)
    if row is None:
        return None
    number = row["caller"] if row["direction"] != "outbound" else row["dialled"]
    earlier = await _earlier(connection, number, call_id)
    waiting = [item async for item in queries.waiting_for_caller(connection, caller=number)]
    heard = await _heard(connection, row)
    return Card(
        call_id=call_id,
        direction=row["direction"],
        called_back=row["called_back"],
        number=mask_number(number),
        origin=origin_of(number),
        dialled=row["dialled"] if row["direction"] == "inbound" else mask_number(row["dialled"]),
        started_at=row["started_at"],
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
        disposition=row["disposition"] or "",
        menu_path=heard.menu_path,
        queue=heard.queue,
        agent=row["agent"] or "",
        wait_ms=row["wait_ms"],
        talk_ms=row["talk_ms"],
        priority=class_of(heard.priority),
        flags=await _flags(connection, number, earlier),
        steps=tuple(Step(menu, key) for menu, key in heard.steps),
        presets=tuple(
            Preset(scheme, code, path_of(scheme, code)) for scheme, code in heard.presets
        ),
        earlier=earlier,
        open_items=tuple(
            OpenItem(i["kind"], i["call_id"], i["state"], i["since"]) for i in waiting
        ),
    )


async def _heard(connection: Session | Pool, row: asyncpg.Record) -> Heard:
    """Return what the menu has heard: of a call that goes on, what the journal says by now."""
    call_id = row["call_id"]
    if not row["final"] and (heard := await so_far(connection, call_id, row["opened_at"])):
        return heard
    keys = queries.keys_of_call(connection, call_id=call_id)
    presets = queries.presets_of_call(connection, call_id=call_id)
    return Heard(
        row["menu_path"],
        row["queue"] or "",
        await queries.priority_of_call(connection, call_id=call_id),
        tuple([(key["menu"], key["key"]) async for key in keys]),
        tuple([(preset["scheme"], preset["code"]) async for preset in presets]),
    )


def class_of(priority: int | None) -> str:
    """Name the class that a call was queued with; empty for none."""
    if priority is None:
        return ""
    return max((one for one in Priority if one <= priority), default=Priority.P3).name


async def reveal(connection: Session, person: str, call_id: str, reason: str) -> str | None:
    """Give a caller's number whole, and write down who saw it and why; None for no call."""
    number = await queries.number_of_call(connection, call_id=call_id)
    if number is None:
        return None
    await audit.note(connection, person, "number.revealed", f"call:{call_id}", reason=reason)
    return str(number)


def path_of(scheme: str, code: str) -> tuple[str, ...]:
    """Return the displayed path of a code; the code itself where an edition does not know it."""
    tree = edition(scheme)
    return tree.path(code) if code in tree else (code,)


async def _flags(
    connection: Session | Pool, number: str, earlier: Sequence[EarlierCall]
) -> tuple[str, ...]:
    national = national_number(number)
    if not national:
        return ("anonymous",)
    [known] = [
        row
        async for row in call_queries.callers_known(
            connection, callers=[number], numbers=[national]
        )
    ]
    raised = {
        "elderly": known["elderly"],
        "gave_up": known["abandons"] >= _GIVEN_UP,
        "blocked": known["level"] > 0,
        "risk": any(r.risk in _RISKY for call in earlier for r in call.requests),
    }
    return tuple(name for name, holds in raised.items() if holds)


async def _earlier(
    connection: Session | Pool, number: str, call_id: str
) -> tuple[EarlierCall, ...]:
    rows = queries.earlier_calls(connection, caller=number, call_id=call_id, most=EARLIER)
    return tuple([_earlier_call(row) async for row in rows])


def _earlier_call(row: asyncpg.Record) -> EarlierCall:
    return EarlierCall(
        call_id=row["call_id"],
        started_at=row["started_at"],
        direction=row["direction"],
        disposition=row["disposition"] or "",
        queue=row["queue"] or "",
        agent=row["agent"] or "",
        talk_ms=row["talk_ms"],
        requests=tuple(_earlier_request(made) for made in json.loads(row["requests"])),
    )


def _earlier_request(made: dict[str, Any]) -> EarlierRequest:
    return EarlierRequest(
        request_id=made["request_id"],
        code=made["code"],
        path=path_of(made["scheme"], made["code"]),
        settlement=made["settlement"],
        suspected_event=made["suspected_event"],
        risk=made["risk"] or "",
    )
