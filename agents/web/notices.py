"""A line from whoever leads to somebody's desk, to those of a queue, or to all."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents import audit, users
from agents.events import NOTICE, Event
from agents.roles import Permission
from agents.throttle import NOTIFY
from agents.web.api import answer, change, limited, session, who
from agents.web.events import FEED
from agents.web.health import WATCH
from agents.web.problems import Refused

LONGEST: int = 200
"""Characters: what is read in passing, between two sentences of a caller."""

Words = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=LONGEST, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
]


class NewNotice(BaseModel):
    """A line, and for whom: a person, a queue's agents, or with neither everybody at a desk."""

    model_config = ConfigDict(extra="forbid")

    text: Words
    person: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{0,16}$")] = ""
    queue: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{0,32}$")] = ""


class Told(BaseModel):
    """Whom it went to."""

    people: list[str] = Field(description="Staff ids; empty: everybody at a desk")
    reached: list[str] = Field(
        description="Whose desks are open and show it now, but for the sender's own; nobody gets it"
        " later"
    )


@change
async def send(request: web.Request, body: NewNotice) -> r200[Told]:
    """Show a line at desks; whoever sits at one has it at once, nobody later."""
    await limited(request, NOTIFY)
    if body.person and body.queue:
        raise Refused(422, "one_target", "请只选择一个人或一个队列。")
    connection, sender = session(request), who(request)
    about, people = "everybody", []
    if body.person:
        account = await users.account_of(connection, body.person)
        if account is None or not account.active:
            raise Refused(404, "person_unknown", "没有此工号。")
        about, people = f"user:{body.person}", [body.person]
    elif body.queue:
        about, people = f"queue:{body.queue}", _in_queue(request, body.queue)
    data = {"text": body.text, "by": sender.person, "by_name": sender.name}
    events = [Event(NOTICE, data, to=one) for one in people] or [
        Event(NOTICE, data, needs=Permission.CALLS_TAKE)
    ]
    feed = request.app[FEED]
    reached = [one for one in await feed.hearers(events) if one != sender.person]
    told = {"length": len(body.text), "reached": len(reached)}
    await audit.note(connection, sender.person, "notice.sent", about, **told)
    # Before the commit: told twice does little harm, called sent and never told would.
    await feed.tell_all(events)
    return answer(Told(people=people, reached=reached))


def _in_queue(request: web.Request, queue: str) -> list[str]:
    """Return who answers a queue, as the switch has it now.

    Raises:
        Refused: 404, nobody does, or it is not known.
    """
    seats = request.app[WATCH].seats
    people = sorted(person for person, seat in seats.items() if queue in seat["queues"])
    if not people:
        raise Refused(404, "queue_empty", "此队列目前没有座席。")
    return people
