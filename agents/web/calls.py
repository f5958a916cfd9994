"""Calls at the desk: what pops up while the telephone rings, and the number behind the mask."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents import callers
from agents.roles import Permission
from agents.throttle import REVEAL
from agents.web.api import answer, change, endpoint, limited, reading, session, who
from agents.web.health import WATCH
from agents.web.own import CallId, of_own_call
from agents.web.problems import Refused
from ivr.queues import Activity


class Origin(BaseModel):
    """What the number tells; empty where it tells nothing."""

    model_config = ConfigDict(from_attributes=True)

    place: str
    carrier: str


class Step(BaseModel):
    """A key that the caller pressed."""

    model_config = ConfigDict(from_attributes=True)

    menu: str
    key: str


class Preset(BaseModel):
    """What the menu took the call to be about."""

    model_config = ConfigDict(from_attributes=True)

    scheme: str
    code: str
    path: list[str]


class EarlierRequest(BaseModel):
    """What an earlier call was about."""

    model_config = ConfigDict(from_attributes=True)

    request_id: int
    code: str
    path: list[str]
    settlement: str
    suspected_event: bool
    risk: str


class EarlierCall(BaseModel):
    """Another call of the same number."""

    model_config = ConfigDict(from_attributes=True)

    call_id: str
    started_at: datetime
    direction: str
    disposition: str
    queue: str
    agent: str
    talk_ms: int
    requests: list[EarlierRequest]


class OpenItem(BaseModel):
    """Something that is still to be done for the caller."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(description="message, missed or callback")
    call_id: str
    state: str
    since: datetime


class Card(BaseModel):
    """A call at a glance."""

    model_config = ConfigDict(from_attributes=True)

    call_id: str
    direction: str
    called_back: bool = Field(description="The centre rang him, because he had asked for it")
    number: str = Field(description="Masked; see reveal")
    origin: Origin
    dialled: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    disposition: str = Field(description="Empty while the call goes on")
    menu_path: str
    queue: str
    agent: str
    wait_ms: int
    talk_ms: int
    priority: str = Field(
        description="P0 (self-harm), P1 (emergency), P2 (waited before) or P3; empty: in no queue"
    )
    flags: list[str] = Field(description="anonymous, elderly, gave_up, blocked, risk")
    steps: list[Step]
    presets: list[Preset]
    earlier: list[EarlierCall] = Field(description="The last ones first")
    open_items: list[OpenItem]


class Current(BaseModel):
    """The call at one's own telephone."""

    activity: str = Field(description="offline, ready, ringing, talking, paused; empty: unknown")
    call_id: str = Field(description="Empty: none")
    card: Card | None = Field(description="Null: none, or its record is not written yet: ask again")


class Reason(BaseModel):
    """Why somebody wants to see a number; written down with his name."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=2, max_length=200, strip_whitespace=True)]


class Number(BaseModel):
    """A number, whole."""

    number: str = Field(description="Empty when it was withheld")


@endpoint
async def current(request: web.Request) -> r200[Current]:
    """Give the call that rings at one's own telephone, or is talked through it."""
    seat = request.app[WATCH].seats.get(who(request).person)
    if seat is None:
        return answer(Current(activity="", call_id="", card=None))
    call_id = seat["call"]
    found = None
    if call_id:
        async with reading(request) as connection:
            found = await callers.card(connection, call_id)
    return answer(
        Current(
            activity=Activity(seat["activity"]),
            call_id=call_id,
            card=Card.model_validate(found) if found else None,
        )
    )


@endpoint
async def show(request: web.Request, call_id: CallId, /) -> r200[Card]:
    """Give a call at a glance."""
    async with reading(request) as connection:
        await of_own_call(request, connection, call_id, or_else=Permission.CALLS_SEE)
        found = await callers.card(connection, call_id)
    if found is None:
        raise Refused(404)
    return answer(Card.model_validate(found))


@change
async def reveal(request: web.Request, call_id: CallId, /, body: Reason) -> r200[Number]:
    """Show the caller's number; who saw it and why is written into the audit."""
    await limited(request, REVEAL)
    connection = session(request)
    await of_own_call(request, connection, call_id, or_else=Permission.CALLS_SEE)
    number = await callers.reveal(connection, who(request).person, call_id, body.reason)
    if number is None:
        raise Refused(404)
    return answer(Number(number=number))
