"""Keeps presence true: what follows is written down, shown to desks, and told to the queues.

PostgreSQL holds what is meant and what was shown; so a restart goes on where it stopped, and of
several processes that come to the same conclusion one writes it. Nobody is touched who never
used a desk: telephones and queues do not need us.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from agents.alarms import Alarm, notice
from agents.auth import REST_SECONDS
from agents.database import queries
from agents.events import CALL, PRESENCE, Event
from agents.feed import Feed
from agents.live import Watch
from agents.presence import Meant, Moment, Shown, State, effect, follows, phone_of, shown
from agents.roles import Permission
from ivr.asterisk.actions import QueuePause
from ivr.asterisk.link import Link
from ivr.config import DatabaseSettings
from ivr.database import OUTSIDE_FAILURES, Pool, Session, transaction
from ivr.errors import ActionRefused, HotlineError
from ivr.queues import AGENT_INTERFACE

LOOK_SECONDS: Final = 1.0
"""How often everybody is looked at though nothing was heard."""
REPEAT_SECONDS: Final = 3.0
"""After this the queues are told again what they did not do."""
REFUSED_SECONDS: Final = 30.0
"""After this they are told again what they refused."""

_LEAST_SECONDS: Final = 0.05
_REST: Final = timedelta(seconds=REST_SECONDS)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody's presence as it is told to desks."""

    person: str
    shown: Shown
    since: datetime
    until: datetime | None

    def as_event(self) -> Event:
        """Return it for its person, and for those who see everybody's."""
        data = {
            "person": self.person,
            "state": self.shown.state.value,
            "reason": self.shown.reason,
            "call_id": self.shown.call_id,
            "since": self.since.isoformat(),
            "until": self.until.isoformat() if self.until else None,
        }
        return Event(PRESENCE, data, to=self.person, needs=Permission.CALLS_SEE)


@dataclass(frozen=True, slots=True)
class Doors:
    """What presence is learnt from and told to."""

    pool: Pool
    settings: DatabaseSettings
    watch: Watch
    feed: Feed
    link: Link | None
    """None: the queues are nobody's business here."""


class Attendance:
    """The keeper of everybody's presence."""

    def __init__(
        self, doors: Doors, wrap_up: timedelta, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pool, self._settings = doors.pool, doors.settings
        self._watch, self._feed, self._link = doors.watch, doors.feed, doors.link
        self._wrap_up = wrap_up
        self._clock = clock
        self._stirred = asyncio.Event()
        self._told: dict[str, float] = {}
        self._failing = False
        doors.feed.watch(self._hear)

    async def run(self) -> None:
        """Look at everybody, when something was heard and now and then, until cancelled."""
        while True:
            try:
                await self.look()
                self._failing = False
            except (*OUTSIDE_FAILURES, RedisError) as error:
                if not self._failing:
                    _log.warning("presence.stalled", reason=type(error).__name__)
                self._failing = True
            await asyncio.sleep(_LEAST_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._stirred.wait()
            self._stirred.clear()

    async def look(self) -> None:
        """Look at everybody once."""
        async with self._pool.acquire(timeout=self._settings.acquire_seconds) as connection:
            rows = [row async for row in queries.presences(connection, rest=_REST)]
        for row in rows:
            await self._see_to(row)

    async def _see_to(self, row: Mapping[str, Any]) -> None:
        person, before = row["person"], _meant(row)
        phone = phone_of(self._watch.seats.get(person))
        was = Shown(State(row["shown"] or State.AWAY), row["shown_reason"], row["shown_call"])
        moment = Moment(before, was, phone, row["signed_in"], datetime.now(UTC), row["filed"])
        meant = follows(moment, self._wrap_up)
        seen = shown(meant, phone, was)
        if phone is None and was.state in {State.RINGING, State.TALKING}:
            return  # the bridge is away: what was seen last stands until it is back
        if meant != before or seen != was or not row["shown"]:
            async with transaction(self._pool, self._settings) as connection:
                if meant != before and not await _moved(connection, person, before, meant):
                    return  # somebody said something else meanwhile: looked at again at once
                await _log_down(connection, person, seen)
            await self._feed.tell(Standing(person, seen, moment.now, meant.until).as_event())
            ran_out = (before.state, meant.state) == (State.WRAP_UP, State.AVAILABLE)
            # A colleague who was only asked has nothing to save.
            if ran_out and not row["filed_by_any"]:
                await self._feed.tell(notice(Alarm.FORM_UNFINISHED, person, before.call_id))
        await self._tell_queues(person, meant)

    async def _tell_queues(self, person: str, meant: Meant) -> None:
        pause = effect(meant, phone_of(self._watch.seats.get(person)))
        if pause is None or self._clock() < self._told.get(person, 0.0):
            return
        if self._link is None or not self._link.connected:
            return
        action = QueuePause(f"{AGENT_INTERFACE}{person}", pause.paused, reason=pause.reason)
        self._told[person] = self._clock() + REPEAT_SECONDS
        try:
            await self._link.send(action)
        except ActionRefused as refusal:
            self._told[person] = self._clock() + REFUSED_SECONDS
            _log.warning("presence.refused", person=person, reason=refusal.detail)
        except HotlineError as failure:
            _log.warning("presence.untold", person=person, reason=type(failure).__name__)

    def _hear(self, event: Event) -> None:
        if event.kind in {CALL, PRESENCE}:
            self._told.pop(event.to, None)
            self._stirred.set()


async def standing_of(
    connection: Session | Pool, person: str, seat: Mapping[str, Any] | None = None
) -> Standing | None:
    """Return somebody's presence; None for whoever never used a desk.

    Args:
        connection: for reading.
        person: whose.
        seat: what his telephone does: what he has said since he was last shown then counts at
            once, before the keeper has looked.
    """
    rows = [row async for row in queries.presences(connection, rest=_REST)]
    for row in rows:
        if row["person"] == person:
            said = row["shown"] and row["since"] > row["shown_since"]
            return standing(person, _meant(row), seat) if said and seat else _as_shown(row)
    return None


async def standings(connection: Session | Pool) -> list[Standing]:
    """Return everybody's presence as it was last shown."""
    return [_as_shown(row) async for row in queries.presences(connection, rest=_REST)]


def _as_shown(row: Mapping[str, Any]) -> Standing:
    if row["shown"]:
        seen = Shown(State(row["shown"]), row["shown_reason"], row["shown_call"])
    else:
        seen = shown(_meant(row), None)
    return Standing(row["person"], seen, row["shown_since"] or row["since"], row["until"])


async def mean(connection: Session, person: str, state: State, reason: str = "") -> Meant:
    """Note what somebody means to do; the keeper sees to the rest."""
    await queries.mean_presence(
        connection, person=person, state=state.value, reason=reason, call_id="", until=None
    )
    return Meant(state, datetime.now(UTC), reason)


async def end_wrap_up(connection: Session, person: str, call_id: str) -> bool:
    """End the wrap-up of a call whose form was saved; False when there was none."""
    status = await queries.end_wrap_up(connection, person=person, call_id=call_id)
    return str(status).endswith(" 1")


def standing(person: str, meant: Meant, seat: Mapping[str, Any] | None) -> Standing:
    """Return what is seen of somebody who means this from now on."""
    return Standing(person, shown(meant, phone_of(seat)), meant.since, meant.until)


async def _moved(connection: Session, person: str, before: Meant, meant: Meant) -> bool:
    status = await queries.move_presence(
        connection,
        person=person,
        was=before.state.value,
        since=before.since,
        state=meant.state.value,
        reason=meant.reason,
        call_id=meant.call_id,
        until=meant.until,
    )
    return str(status).endswith(" 1")


async def _log_down(connection: Session, person: str, seen: Shown) -> None:
    stay = {
        "person": person,
        "state": seen.state.value,
        "reason": seen.reason,
        "call_id": seen.call_id,
    }
    await queries.lock_presence_log(connection, person=person)
    await queries.close_presence_log(connection, **stay)
    await queries.open_presence_log(connection, **stay)


def _meant(row: Mapping[str, Any]) -> Meant:
    return Meant(State(row["state"]), row["since"], row["reason"], row["call_id"], row["until"])
