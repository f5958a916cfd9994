"""Whose call it is: nobody but its agents sees a call, unless his role says otherwise.

A call that is somebody else's is answered like one that does not exist, so that nothing can be
learned by asking.
"""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic.types import StringConstraints

from agents import requests
from agents.desk import QUEUES
from agents.roles import Permission, may
from agents.web.api import who
from agents.web.health import WATCH
from agents.web.problems import Refused
from ivr.database import Session
from ivr.queues import Activity

CallId = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}-[0-9]{9,11}\.[a-z]?[0-9]{1,18}$")
]


def talks(request: web.Request) -> bool:
    """Tell whether somebody may be talking at his telephone now.

    A session in the middle of a call is in use, whatever the hands do. While the bridge is away,
    anybody who takes calls may be in one.
    """
    identity, seats = who(request), request.app[WATCH].seats
    if not may(identity.role, Permission.CALLS_TAKE):
        return False
    if (seat := seats.get(identity.person)) is not None:
        return bool(seat["activity"] == Activity.TALKING)
    return not seats


def served(request: web.Request) -> list[str]:
    """Return the queues that somebody serves; all of them while his telephone is unknown."""
    seat = request.app[WATCH].seats.get(who(request).person)
    return list(seat["queues"]) if seat else list(QUEUES)


async def of_own_call(
    request: web.Request,
    connection: Session,
    call_id: str,
    *,
    or_else: Permission | None = None,
) -> None:
    """Let only those go on whose telephone is or was part of a call, or who may see all.

    Raises:
        Refused: 404.
    """
    identity = who(request)
    if or_else is not None and may(identity.role, or_else):
        return
    if request.app[WATCH].call_of(identity.person) == call_id:
        return
    if await requests.had_the_call(connection, call_id, identity.person):
        return
    raise Refused(404)
