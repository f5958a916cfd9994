"""Pressing for help: whoever leads is told at once."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from aiohttp_pydantic.oas.typing import r204
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents import audit
from agents.alarms import Alarm, notice
from agents.throttle import HELP
from agents.web.api import change, done, limited, session, who
from agents.web.events import FEED
from agents.web.own import of_own_call

CallOrNone = Annotated[
    str, StringConstraints(pattern=r"^([a-z][a-z0-9-]{0,39}-[0-9]{9,11}\.[a-z]?[0-9]{1,18})?$")
]


class Cry(BaseModel):
    """Somebody needs help."""

    model_config = ConfigDict(extra="forbid")

    call_id: CallOrNone = Field("", description="The call in which; empty: outside of one")


@change
async def cry(request: web.Request, body: Cry) -> r204:
    """Ask for help: all who see everybody's calls are told who, and in which call."""
    await limited(request, HELP)
    connection, person = session(request), who(request).person
    if body.call_id:
        await of_own_call(request, connection, body.call_id)
    await audit.note(connection, person, "help.asked", f"call:{body.call_id}")
    # Before the commit: told twice does no harm, never told would.
    await request.app[FEED].tell(notice(Alarm.HELP, person, body.call_id))
    return done()
