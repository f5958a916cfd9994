"""How calls sound: told by the browsers, read beside the call."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final, Self

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200, r204
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.types import StringConstraints

from agents import quality
from agents.roles import Permission
from agents.web.api import answer, done, endpoint, reading, who
from agents.web.own import CallId, of_own_call
from agents.web.problems import Refused

_LONGEST_CALL: Final = 24 * 60 * 60
_MOST_PACKETS: Final = 2**40
_MOST_MS: Final = 600_000

Milliseconds = Annotated[float, Field(ge=0, le=_MOST_MS, allow_inf_nan=False)]
Packets = Annotated[int, Field(ge=0, le=_MOST_PACKETS)]


class Quality(BaseModel):
    """Sums of one part of a call, from its beginning in this browser."""

    model_config = ConfigDict(extra="forbid")

    part: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{8,64}$")] = Field(
        description="New for each time that a browser is in the call"
    )
    codec: Annotated[str, StringConstraints(max_length=32)]
    seconds: Annotated[int, Field(ge=0, le=_LONGEST_CALL)]
    received: Packets = Field(description="RTP packets")
    lost: Packets
    jitter_ms: Milliseconds = Field(description="Mean")
    jitter_most_ms: Milliseconds
    round_trip_ms: Milliseconds | None = Field(description="Mean; null: never reported")
    round_trip_most_ms: Milliseconds | None

    @model_validator(mode="after")
    def _worst_is_worst(self) -> Self:
        if self.jitter_most_ms < self.jitter_ms:
            raise ValueError("jitter_most_ms: expected the worst, came less than the mean")
        if (self.round_trip_ms is None) != (self.round_trip_most_ms is None):
            raise ValueError("round_trip_ms: expected both or none")
        if (self.round_trip_most_ms or 0) < (self.round_trip_ms or 0):
            raise ValueError("round_trip_most_ms: expected the worst, came less than the mean")
        return self


class PartHeard(BaseModel):
    """What one person heard in one part of a call."""

    person: str
    told_at: datetime
    quality: Quality


class CallQuality(BaseModel):
    """How a call sounded."""

    parts: list[PartHeard]


@endpoint
async def tell(request: web.Request, call_id: CallId, /, body: Quality) -> r204:
    """Keep what the browser measured so far.

    Needs no Idempotency-Key: what is told twice, or late, changes nothing.
    """
    told = quality.Measured(**body.model_dump())
    async with reading(request) as connection:
        await of_own_call(request, connection, call_id)
        if not await quality.keep(connection, who(request).person, call_id, told):
            raise Refused(409, "too_many_parts", "通话质量记录过多。")
    return done()


@endpoint
async def show(request: web.Request, call_id: CallId, /) -> r200[CallQuality]:
    """Give how a call sounded, part by part."""
    async with reading(request) as connection:
        await of_own_call(request, connection, call_id, or_else=Permission.CALLS_SEE)
        found = await quality.of_call(connection, call_id)
    parts = [
        PartHeard(person=one.person, told_at=one.told_at, quality=Quality(**asdict(one.measured)))
        for one in found
    ]
    return answer(CallQuality(parts=parts))
