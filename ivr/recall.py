"""Calls back those who booked it: a place holder in line, an agent, and then the caller.

Runs in the bridge. Each attempt is committed before Asterisk is asked for it, under the id that its
channel and its call will have, and is never asked for again. Whoever is told the number to ring is
told once, when the agent is there, in a transaction that checks everything anew. What became of
an attempt is known from the journal (`ivr.tickets`). So the process may be killed at any moment:
nobody is rung twice for one attempt, and no ticket is forgotten.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from ivr.asterisk.actions import Hangup, Originate
from ivr.asterisk.channel import Channel
from ivr.asterisk.link import Item, Link
from ivr.asterisk.variables import (
    CALLBACK_NUMBER,
    CALLBACK_OF,
    CALLBACK_PLACE,
    CALLBACK_QUEUE,
    CALLBACK_UNTIL,
    NOT_AFTER,
)
from ivr.callback import FOR_PEOPLE, OPEN, Happening, Policy, after, line_until, place
from ivr.calls import CALL_ID
from ivr.config import CallbackSettings, Settings
from ivr.database import OUTSIDE_FAILURES, Pool, Session, queries, transaction
from ivr.errors import HotlineError, PeerBroke
from ivr.failpoints import reach
from ivr.hours import Hours, Span
from ivr.tickets import save_ticket, ticket_of

log = structlog.get_logger()

NOT_AFTER_SECONDS: Final = 20
"""An order that lay in the socket of a frozen Asterisk for longer is refused by the dialplan."""

UNTRACED_SECONDS: Final = 60
"""After that, and this much for the ledger, an attempt without a trace never began."""

NUMBER_SECONDS: Final = 5.0
"""How long an agent waits for the number. Then nobody is rung, and until the place holder stands
in line again whoever is next is served: a database that halts for a moment shall not cost that."""

LEAST_IN_LINE: Final = timedelta(seconds=30)
"""With less time before closing, a place holder does not enter the line any more."""

_STEP_SECONDS: Final = 30.0
_AT_ONCE: Final = 20
_LONGEST_BOOT: Final = 9


def policy_of(settings: CallbackSettings) -> Policy:
    """Take the policy from the settings."""
    begin, end = (_minute(clock) for clock in settings.permitted.split("-"))
    return Policy(
        tries=settings.tries,
        pause=timedelta(seconds=settings.pause_seconds),
        keep=timedelta(seconds=settings.keep_seconds),
        permitted=Span(begin, end),
    )


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


@dataclass(frozen=True, slots=True)
class Intent:
    """A committed attempt that is now to be placed."""

    attempt_id: str
    not_after: datetime
    until: datetime
    """When it leaves the line if nobody was free."""
    call_id: str
    """The call that booked it."""
    queue: str
    place: int
    """The priority that is its place in line."""

    def order(self, now: datetime) -> Originate:
        """Say it in AMI's words; the number is not among them."""
        return Originate(
            channel="Local/s@callback-line",
            channel_id=self.attempt_id,
            context="callback-call",
            extension="s",
            timeout_seconds=max(1.0, (self.until - now).total_seconds()),
            variables={
                CALLBACK_OF: self.call_id,
                CALLBACK_QUEUE: self.queue,
                CALLBACK_PLACE: str(self.place),
                CALLBACK_UNTIL: str(int(self.until.timestamp())),
                NOT_AFTER: str(int(self.not_after.timestamp())),
            },
        )


class Recaller:
    """Places due tickets of one node, and moves those whose attempts are over."""

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        hours: Callable[[], Hours],
        links: tuple[Link, Link],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Use two links: that of the account which may originate, and one that may hang up."""
        self._pool = pool
        self._settings = settings
        self._policy = policy_of(settings.callback)
        self._hours = hours
        self._dialler, self._live = links
        self._now = now
        self._stalled = False

    async def run(self) -> None:
        """Look for what is due until cancelled; the caller runs the links."""
        while True:
            try:
                async with asyncio.timeout(_STEP_SECONDS):
                    await self.step()
                self._note_stall("")
            except (*OUTSIDE_FAILURES, HotlineError) as failure:
                self._note_stall(type(failure).__name__)
            await asyncio.sleep(self._settings.callback.look_seconds)

    async def step(self) -> int:
        """Move what is over, then place what is due; returns how many were placed."""
        await self._move()
        await self._clear_line()
        if not self._dialler.connected:
            return 0
        intents = await self._intend()
        reach("recall.intent.after")
        for intent in intents:
            await self._place(intent)
        return len(intents)

    async def number_for(self, attempt_id: str) -> str:
        """Say whom to ring for an attempt whose agent is there; empty: nobody, and never again."""
        database = self._settings.database
        async with transaction(self._pool, database) as connection:
            row = await queries.give_number(connection, attempt_id=attempt_id)
            reach("recall.number.before")
        reach("recall.number.after")
        if row is None or self._until(row["queue"]) is None:
            return ""
        return str(row["number"])

    async def give_number(self, channel: Channel) -> None:
        """Answer the dialplan's `callback,<attempt>`.

        Raises:
            CallerGone: the agent hung up.
            PeerBroke: the dialplan asked without an attempt's id.
        """
        attempt_id = (*channel.environment.arguments[2:], "")[0]
        if not CALL_ID.fullmatch(attempt_id):
            raise PeerBroke("Expected an attempt's id with `callback` (dialplan).")
        number = ""
        try:
            async with asyncio.timeout(NUMBER_SECONDS):
                number = await self.number_for(attempt_id)
        except OUTSIDE_FAILURES as failure:
            self._note_stall(type(failure).__name__)
        if number:
            await channel.set_variable(CALLBACK_NUMBER, number)
            log.info("recall.number_given", attempt=attempt_id)
        else:
            log.info("recall.void", attempt=attempt_id)

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)

    def _until(self, queue: str, least: timedelta = timedelta(0)) -> datetime | None:
        return line_until(self._hours(), queue, self._moment(), self._policy, least=least)

    async def _move(self) -> None:
        node = self._settings.node.name
        async with transaction(self._pool, self._settings.database) as connection:
            untraced = queries.withdraw_untraced(connection, node=node, seconds=UNTRACED_SECONDS)
            for attempt_id in [row["attempt_id"] async for row in untraced]:
                log.warning("recall.untraced", attempt=attempt_id)
            before = self._moment() - self._policy.keep
            await queries.settle_as_said(connection, node=node)
            rows = [row async for row in queries.tickets_to_move(connection, node=node)]
            await self._advance(connection, rows)
            overdue = queries.tickets_overdue(connection, node=node, booked_before=before)
            await self._advance(connection, [row async for row in overdue])
            reach("recall.move.before")
        reach("recall.move.after")

    async def _advance(self, connection: Session, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            happening = Happening(row["happening"])
            ticket = after(ticket_of(row), happening, row["happened_at"], self._policy)
            await save_ticket(connection, row["ticket_id"], ticket)
            if ticket.state in FOR_PEOPLE:
                await queries.hand_to_people(
                    connection, ticket_id=row["ticket_id"], reason=ticket.state.value
                )
            if ticket.state not in OPEN:
                log.info(
                    "recall.closed",
                    ticket=row["ticket_id"],
                    state=ticket.state.value,
                    tries=ticket.tries,
                )

    async def _clear_line(self) -> None:
        """Take place holders away whose tickets are closed: no agent need be rung for them."""
        if not self._live.connected:
            return
        node = self._settings.node.name
        async with transaction(self._pool, self._settings.database) as connection:
            rows = queries.attempts_in_vain(connection, node=node)
            in_vain = [row["attempt_id"] async for row in rows]
        for attempt_id in in_vain:
            try:
                await self._live.send(Hangup(attempt_id))
            except HotlineError as failure:
                log.debug("recall.not_cleared", attempt=attempt_id, reason=failure.detail)

    async def _intend(self) -> list[Intent]:
        """Write intents down for the tickets that are due, and commit them."""
        node, hours = self._settings.node.name, self._hours()
        open_now = [queue for queue in hours.queues if self._until(queue, LEAST_IN_LINE)]
        async with transaction(self._pool, self._settings.database) as connection:
            free = self._settings.callback.in_line - await queries.attempts_open(
                connection, node=node
            )
            boot = await self._boot(connection)
            if free <= 0 or boot is None:
                return []
            due = queries.due_tickets(
                connection, node=node, queues=open_now, most=min(free, _AT_ONCE)
            )
            rows = [row async for row in due]
            intents = [await self._commit(connection, row, boot) for row in rows]
            reach("recall.intent.before")
        return [intent for intent in intents if intent is not None]

    async def _commit(
        self, connection: Session, row: Mapping[str, Any], boot: int
    ) -> Intent | None:
        until = self._until(row["queue"], LEAST_IN_LINE)
        ticket, at = ticket_of(row), self._moment()
        if row["forbidden"]:
            ticket = after(ticket, Happening.FORBIDDEN, at, self._policy)
            await save_ticket(connection, row["ticket_id"], ticket)
            log.info("recall.closed", ticket=row["ticket_id"], state=ticket.state.value, tries=0)
            return None
        if until is None:
            return None
        written = await queries.commit_attempt(
            connection,
            ticket_id=row["ticket_id"],
            node=self._settings.node.name,
            boot=boot,
            seconds=NOT_AFTER_SECONDS,
        )
        ticket = after(ticket, Happening.PLACED, at, self._policy)
        await save_ticket(connection, row["ticket_id"], ticket)
        return Intent(
            attempt_id=written["attempt_id"],
            not_after=written["not_after"],
            until=until,
            call_id=row["call_id"],
            queue=row["queue"],
            place=place(row["urgency"], int(row["entered_at"].timestamp())),
        )

    async def _place(self, intent: Intent) -> None:
        """Ask Asterisk once; whatever it answers, the journal tells what became of it."""
        try:
            await self._dialler.send(intent.order(self._moment()))
        except HotlineError as failure:
            log.warning("recall.unplaced", attempt=intent.attempt_id, reason=failure.detail)
        else:
            log.info("recall.placed", attempt=intent.attempt_id, queue=intent.queue)
        reach("recall.placed")

    async def _boot(self, connection: Session) -> int | None:
        """Tell which start of Asterisk this is; the dialplan refuses ids of an earlier one."""
        counter = self._settings.spool.boots
        if counter is not None:
            return await asyncio.to_thread(_counted, counter)
        boots = {row["node"]: row["boot"] async for row in queries.newest_boots(connection)}
        return boots.get(self._settings.node.name)

    def _note_stall(self, reason: str) -> None:
        if bool(reason) != self._stalled:
            self._stalled = bool(reason)
            if reason:
                log.warning("recall.stalled", reason=reason)
            else:
                log.info("recall.resumed")


def _counted(counter: Path) -> int | None:
    try:
        said = counter.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(said) if said.isdecimal() and len(said) <= _LONGEST_BOOT else None


def ignore(_item: Item) -> None:
    """Let an event pass: what became of an order is read in the journal, not over AMI."""
