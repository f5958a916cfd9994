"""What supervisors are told at once: somebody asks for help, or something went on without an agent.

An alarm is a notice to all who see everybody's calls. It is told once, whichever process notices;
Redis remembers for an hour which were.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Final

import structlog
from redis.exceptions import RedisError

from agents.database import queries
from agents.events import NOTICE, Event
from agents.feed import Feed
from agents.live import Watch
from agents.roles import Permission
from ivr.database import OUTSIDE_FAILURES, Pool
from ivr.queues import Activity

LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger()


class Alarm(StrEnum):
    """Why a supervisor should look."""

    HELP = "help"
    """An agent pressed for help."""
    SELF_HARM = "self_harm"
    """A form says that the risk is high or extreme."""
    SUSPECTED_EVENT = "suspected_event"
    """A form says: maybe a public-health event."""
    AGENT_LOST = "agent_lost"
    """An agent's browser was lost in a call and did not come back; his caller is in line again."""
    FORM_UNFINISHED = "form_unfinished"
    """A wrap-up ended at its limit, and the form was not saved."""
    REPORT_UNSENT = "report_unsent"
    """A scheduled report was given up, or an address would not have it."""


def notice(alarm: Alarm, person: str, call_id: str) -> Event:
    """Return an alarm as it is told to all who see everybody's calls.

    Args:
        alarm: why.
        person: whom it is about.
        call_id: in which call; empty: in none.
    """
    data = {"alarm": alarm.value, "call_id": call_id, "by": person}
    return Event(NOTICE, data, needs=Permission.CALLS_SEE)


def of_a_report(alarm: Alarm, owner: str) -> Event:
    """Return an alarm about somebody's report, which he hears himself, whatever his role.

    It is by nobody: whom an alarm is by does not hear it.
    """
    data = {"alarm": alarm.value, "call_id": "", "by": "", "owner": owner}
    return Event(NOTICE, data, to=owner, needs=Permission.CALLS_SEE)


class Alarms:
    """Notices callers who are in line again because their agent's browser did not come back."""

    def __init__(self, pool: Pool, watch: Watch, feed: Feed) -> None:
        self._pool, self._watch, self._feed = pool, watch, feed
        self._seen: frozenset[str] = frozenset()
        self._failing = False

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            try:
                await self.look()
                self._failing = False
            except (*OUTSIDE_FAILURES, RedisError) as error:
                if not self._failing:
                    _log.warning("alarms.stalled", reason=type(error).__name__)
                self._failing = True
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once at who has come into a line since the last time."""
        waiting = self._watch.waiting
        for call_id in sorted(waiting - self._seen):
            async for row in queries.who_spoke_in(self._pool, call_id=call_id):
                await self._judge(call_id, row["agent"])
        self._seen = waiting

    async def _judge(self, call_id: str, person: str) -> None:
        seat = self._watch.seats.get(person)
        if seat is None or seat["activity"] != Activity.OFFLINE:
            return
        alarm = Alarm.AGENT_LOST
        if await self._feed.tell_once(notice(alarm, person, call_id), f"{alarm}:{call_id}"):
            _log.warning("alarms.agent_lost", person=person, call_id=call_id)
