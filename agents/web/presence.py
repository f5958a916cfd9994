"""Presence at the desk: one's own, and everybody's for those who lead."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, ConfigDict, Field

from agents import attendance
from agents.attendance import Standing
from agents.presence import NO_ANSWER, REASONS, State
from agents.web.api import afterwards, answer, change, endpoint, reading, session, who
from agents.web.events import FEED
from agents.web.health import WATCH
from agents.web.problems import Refused


class Wish(StrEnum):
    """What one can choose to be."""

    AVAILABLE = "available"
    PAUSED = "paused"
    AWAY = "away"


class PresenceChange(BaseModel):
    """What one means to do from now on."""

    model_config = ConfigDict(extra="forbid")

    state: Wish
    reason: str = Field(default="", max_length=32, description="Of a pause; see reasons")


class Presence(BaseModel):
    """What somebody does."""

    person: str
    state: State
    reason: str
    reason_name: str = Field(description="Chinese")
    call_id: str = Field(description="Of the call that rings, is talked, or is wrapped up")
    since: datetime
    until: datetime | None = Field(description="When a wrap-up ends by itself")


class Presences(BaseModel):
    """What everybody does who uses a desk."""

    presences: list[Presence]


class PauseReason(BaseModel):
    """Why one may pause."""

    code: str
    name: str


class PauseReasons(BaseModel):
    """All reasons, in the order in which they are offered."""

    reasons: list[PauseReason]


_NAMES = {**REASONS, NO_ANSWER: "振铃未接"}


@endpoint
async def show(request: web.Request) -> r200[Presence]:
    """Give one's own presence; away, for whoever has not said anything yet."""
    person = who(request).person
    seat = request.app[WATCH].seats.get(person)
    async with reading(request) as connection:
        found = await attendance.standing_of(connection, person, seat)
    if found is None:
        raise Refused(404, "presence_unknown", "尚未上线。")
    return answer(_presence(found))


@change
async def set_own(request: web.Request, body: PresenceChange) -> r200[Presence]:
    """Say what one means to do; during a call it counts from its end."""
    if (body.state is Wish.PAUSED) != (body.reason in REASONS):
        raise Refused(422, "reason_unknown", "示忙须选择原因，其他状态不带原因。")
    person, feed = who(request).person, request.app[FEED]
    meant = await attendance.mean(session(request), person, State(body.state), body.reason)
    said = attendance.standing(person, meant, request.app[WATCH].seats.get(person))
    afterwards(request, lambda: feed.tell(said.as_event()))
    return answer(_presence(said))


@endpoint
async def show_all(request: web.Request) -> r200[Presences]:
    """Give everybody's presence."""
    async with reading(request) as connection:
        found = await attendance.standings(connection)
    return answer(Presences(presences=[_presence(one) for one in found]))


@endpoint
async def show_reasons(request: web.Request) -> r200[PauseReasons]:  # noqa: ARG001 - the form of a handler
    """List why one may pause."""
    return answer(PauseReasons(reasons=[PauseReason(code=c, name=n) for c, n in REASONS.items()]))


def _presence(one: Standing) -> Presence:
    return Presence(
        person=one.person,
        state=one.shown.state,
        reason=one.shown.reason,
        reason_name=_NAMES.get(one.shown.reason, ""),
        call_id=one.shown.call_id,
        since=one.since,
        until=one.until,
    )
