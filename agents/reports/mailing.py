"""Scheduled reports: made, stopped and listed by people, and sent when they are due.

Each due time is a row. A server takes one by a lease that PostgreSQL's clock measures, and holds it
anew before each letter, so two servers never both send one; the lease of one that died lapses, and
another one goes on with the addresses that are left. SMTP has no "once": when the answer to a
letter's content is lost, the letter goes again, under the same Message-ID.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import structlog
from redis.exceptions import RedisError

from agents import audit
from agents.alarms import Alarm, of_a_report
from agents.database import queries
from agents.feed import Feed
from agents.mail import Letter, MailFailed, MailServer, RecipientRefused, mail_server
from agents.reports.catalogue import run_report
from agents.reports.main_figures import main_figures
from agents.reports.periods import Relative
from agents.reports.saved import Wish, rhythm_of, today
from agents.reports.schedules import latest_due, next_due, pause_after
from agents.roles import Permission, Role, may
from ivr.config import MailSettings
from ivr.database import OUTSIDE_FAILURES, Pool
from ivr.errors import HotlineError, ValueRefused

LOOK_SECONDS: Final = 5.0
LEASE: Final = timedelta(minutes=10)
"""Longer than any one thing that is done between two looks at it."""
COMPUTE_SECONDS: Final = 120.0
_NOT_ALLOWED: Final = "not_allowed"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Run:
    """One time that a report is due, while this server holds it."""

    run_id: int
    holder: str
    due_at: datetime
    tries: int
    owner: str
    is_allowed: bool
    """Whether the owner still works here and may have reports mailed."""
    saved_id: int
    wish: Wish
    form: Any
    short_text: bool


class Post:
    """Sends what is due; runs beside the application."""

    def __init__(self, pool: Pool, settings: MailSettings, feed: Feed, address: str) -> None:
        """Know the mail server, and under which address people open reports."""
        self._pool, self._settings, self._feed, self._address = pool, settings, feed, address
        self._failing = False

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            try:
                await self.look()
                self._failing = False
            except (*OUTSIDE_FAILURES, RedisError) as error:
                if not self._failing:
                    _log.warning("mailing.stalled", reason=type(error).__name__)
                self._failing = True
            _heed()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Write down what has become due, and do all that can be done now."""
        await self._plan()
        while (run := await self._take()) is not None:
            await self._do(run)
            _heed()

    async def _plan(self) -> None:
        """Make one run of each schedule whose time has come, however often it was missed."""
        async with self._pool.acquire() as connection, connection.transaction():
            now = await queries.present(connection)
            for row in [one async for one in queries.due_schedules(connection, now=now)]:
                rhythm = rhythm_of(row["every"], row["on_day"], row["at"])
                schedule = row["schedule_id"]
                due = latest_due(rhythm, row["next_due"], now)
                await queries.make_run(connection, schedule_id=schedule, due_at=due)
                await queries.set_next_due(
                    connection, schedule_id=schedule, next_due=next_due(rhythm, now)
                )

    async def _take(self) -> Run | None:
        holder = secrets.token_hex(8)
        row = await queries.take_run(self._pool, holder=holder, lease=LEASE)
        return None if row is None else _read(row, holder)

    async def _do(self, run: Run) -> None:
        found = queries.deliveries_left(self._pool, run_id=run.run_id)
        left = [row["recipient"] async for row in found]
        if not run.is_allowed:
            await queries.stop_schedule_of_run(self._pool, run_id=run.run_id)
            await self._end(run, "no_right")
            return
        try:
            letters = await self._write(run, left)
            async with mail_server(self._settings) as server:
                reason = await self._send(run, server, letters)
        except MailFailed as failure:
            reason = failure.reason
        except (HotlineError, TimeoutError, asyncpg.QueryCanceledError) as failure:
            _log.warning("mailing.not_computed", run=run.run_id, reason=type(failure).__name__)
            reason = "figures"
        await self._settle(run, reason)

    async def _write(self, run: Run, recipients: list[str]) -> list[Letter]:
        # The writers of office formats are loaded when the first letter is written.
        from agents.reports.letters import Told, write_letters  # noqa: PLC0415 - see above

        filters = run.wish.filters(today(run.due_at))
        told = Told(
            run_id=run.run_id,
            name=run.wish.name,
            report=run.wish.report,
            first=filters.first,
            last=filters.last,
            form=run.form,
            address=f"{self._address}/#/reports?saved={run.saved_id}",
        )
        async with asyncio.timeout(COMPUTE_SECONDS), self._pool.acquire() as connection:
            report = await run_report(connection, run.wish.report, filters)
            figures = await main_figures(connection, filters) if run.short_text else None
        return await asyncio.to_thread(write_letters, told, report, figures, recipients)

    async def _send(self, run: Run, server: MailServer, letters: list[Letter]) -> str:
        """Send to whoever is left; returns why some must wait, or nothing."""
        waits = ""
        for letter in letters:
            _heed()
            kept = await queries.keep_run(
                self._pool, run_id=run.run_id, holder=run.holder, lease=LEASE
            )
            if kept is None:
                _log.warning("mailing.lease_lost", run=run.run_id)
                return waits
            try:
                await server.give(letter, run.due_at)
            except RecipientRefused as refusal:
                await self._ended(run, letter, "refused", refusal.reason)
            except ValueRefused:
                await self._ended(run, letter, "refused", _NOT_ALLOWED)
            except MailFailed as failure:
                waits = failure.reason
                if not waits.startswith("put_off"):
                    return waits
            else:
                await self._ended(run, letter, "sent", "")
        return waits

    async def _ended(self, run: Run, letter: Letter, state: str, reason: str) -> None:
        told = {"recipient": letter.recipient, "state": state, "reason": reason}
        await queries.end_delivery(self._pool, run_id=run.run_id, **told)

    async def _settle(self, run: Run, reason: str) -> None:
        """Go by what the addresses say: all have it, some must wait, or it is given up."""
        counts = await queries.deliveries_counted(self._pool, run_id=run.run_id)
        if counts["waiting"] and run.tries < self._settings.tries:
            _log.warning("mailing.put_off", run=run.run_id, tries=run.tries, reason=reason)
            await queries.put_run_off(
                self._pool,
                run_id=run.run_id,
                holder=run.holder,
                pause=pause_after(run.tries),
                reason=reason,
            )
        elif counts["waiting"]:
            await self._end(run, reason)
        else:
            await self._end(run, "refused" if counts["refused"] else "")

    async def _end(self, run: Run, reason: str) -> None:
        """End a run for good; with a reason it has failed, and those who lead are told."""
        if reason:
            await self._feed.tell_once(
                of_a_report(Alarm.REPORT_UNSENT, run.owner), f"report:{run.run_id}"
            )
            _log.error("mailing.given_up", run=run.run_id, tries=run.tries, reason=reason)
        async with self._pool.acquire() as connection, connection.transaction():
            ended = await queries.end_report_run(
                connection,
                run_id=run.run_id,
                holder=run.holder,
                state="failed" if reason else "sent",
                reason=reason,
            )
            if ended is None:
                return
            await queries.refuse_left(connection, run_id=run.run_id, reason=reason)
            sent = (await queries.deliveries_counted(connection, run_id=run.run_id))["sent"]
            about = f"report:{run.saved_id}"
            await audit.note(connection, run.owner, "report.mailed", about, run=run.run_id, to=sent)
        if not reason:
            _log.info("mailing.sent", run=run.run_id, letters=sent)


def _heed() -> None:
    """Be cancelled if somebody has asked for it.

    Before Python 3.12 `asyncio.wait_for`, by which the library of mail waits, loses a cancellation
    that comes together with an answer; the server would then never stop.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _read(row: Mapping[str, Any], holder: str) -> Run:
    wish = Wish(
        name=row["name"],
        report=row["report"],
        period=Relative(row["period"]),
        queue=row["queue"],
        agent=row["agent"],
        unit=row["unit"],
    )
    return Run(
        run_id=row["run_id"],
        holder=holder,
        due_at=row["due_at"],
        tries=row["tries"],
        owner=row["owner"],
        is_allowed=row["active"] and may(Role(row["role"]), Permission.REPORTS_MAIL),
        saved_id=row["saved_id"],
        wish=wish,
        form=row["form"],
        short_text=row["short_text"],
    )
