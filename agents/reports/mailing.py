"""Scheduled reports: made, stopped and listed by people, and sent when they are due.

Each due time is a row. A server takes one by a lease that PostgreSQL's clock measures, and holds it
anew before each letter, so two servers never both send one; the lease of one that died lapses, and
another one goes on with the addresses that are left; one that is stopped gives its run back first.
SMTP has no "once": when the answer to a letter's content is lost, the letter goes again, under the
same Message-ID.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from datetime import timedelta
from importlib.util import find_spec
from typing import Final

import structlog
from redis.exceptions import RedisError

from agents import audit
from agents.alarms import Alarm, of_a_report
from agents.database import queries
from agents.feed import Feed
from agents.mail import Letter, MailFailed, MailServer, RecipientRefused, mail_server
from agents.reports.catalogue import run_report
from agents.reports.mail_run import Run, read_run
from agents.reports.main_figures import main_figures
from agents.reports.moment import TooLong, one_report
from agents.reports.saved import rhythm_of, today
from agents.reports.schedules import latest_due, next_due, pause_after
from ivr.config import DatabaseSettings, MailSettings
from ivr.database import OUTSIDE_FAILURES, Pool, transaction
from ivr.errors import HotlineError, SettingsInvalid, ValueRefused

LOOK_SECONDS: Final = 5.0
LEASE: Final = timedelta(minutes=10)
"""Longer than any one thing that is done between two looks at it: a step of a report, a letter."""
FAREWELL_SECONDS: Final = 1.0
"""How long a server that stops takes to give a run back."""
_DEATHS: Final = 3
"""Tries that may have ended with their server, beyond the others; then the run is taken for why."""
_NOT_ALLOWED: Final = "not_allowed"
_WITHDRAWN: Final = "withdrawn"
_TOO_LONG: Final = "too_long"
_FINAL: Final = frozenset({"no_right", _TOO_LONG})
"""Reasons that no further try does away with."""
_WRITER: Final = "xlsxwriter"

_log = structlog.get_logger()


class LeaseLost(HotlineError):
    """Another server has taken the run over."""


class Withdrawn(HotlineError):
    """The schedule was stopped, or its report put away."""


def hold_to_writers() -> None:
    """Go on where letters can be written.

    Raises:
        SettingsInvalid: there is no writer of office formats.
    """
    if find_spec(_WRITER) is None:
        raise SettingsInvalid(
            f"mail.host is set: expected the extra `reports` to be installed, came no {_WRITER}."
        )


class Post:
    """Sends what is due; runs beside the application."""

    def __init__(
        self,
        pool: Pool,
        database: DatabaseSettings,
        settings: MailSettings,
        feed: Feed,
        address: str,
    ) -> None:
        """Know the mail server, and the address that people use; empty: letters have no link."""
        self._pool, self._database = pool, database
        self._settings, self._feed, self._address = settings, feed, address
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
        async with transaction(self._pool, self._database) as connection:
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
        return None if row is None else read_run(row, holder)

    async def _do(self, run: Run) -> None:
        """Do a run; as the server stops, let another one go on with it."""
        try:
            await self._finish(run)
        except asyncio.CancelledError:
            await self._let_go(run)
            raise

    async def _finish(self, run: Run) -> None:
        """Say what came of a run, whatever comes: the desks are in the same process."""
        try:
            reason = await self._attempt(run)
        except LeaseLost:
            _log.warning("mailing.lease_lost", run=run.run_id)
            return
        except Withdrawn:
            await self._end(run, _WITHDRAWN)
            return
        except MailFailed as failure:
            reason = failure.reason
        except TooLong:
            reason = _TOO_LONG
        except (HotlineError, *OUTSIDE_FAILURES) as failure:
            _log.warning("mailing.not_computed", run=run.run_id, reason=type(failure).__name__)
            reason = "figures"
        except Exception:  # noqa: BLE001 - see above
            _log.exception("mailing.broken", run=run.run_id)
            reason = "broken"
        await self._settle(run, reason)

    async def _attempt(self, run: Run) -> str:
        """Send to whoever is left; returns why some must wait, or nothing.

        Raises:
            Withdrawn: nobody wants it any more.
            LeaseLost: it is another server's.
            TooLong: no further try would be shorter.
            MailFailed: the mail server cannot be asked.
        """
        found = queries.deliveries_left(self._pool, run_id=run.run_id)
        left = [row["recipient"] async for row in found]
        if not left:
            return ""
        await self._hold(run)
        if not run.is_allowed:
            await queries.stop_schedule_of_run(self._pool, run_id=run.run_id)
            return "no_right"
        if run.tries > self._settings.tries + _DEATHS:
            return "broken"
        letters = await self._write(run, left)
        async with mail_server(self._settings) as server:
            return await self._send(run, server, letters)

    async def _let_go(self, run: Run) -> None:
        """Give a run back as this server stops; whoever holds it by then keeps it."""
        with suppress(*OUTSIDE_FAILURES):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await queries.let_run_go(self._pool, run_id=run.run_id, holder=run.holder)

    async def _hold(self, run: Run) -> None:
        """Hold a run for longer.

        Raises:
            LeaseLost: it has become another's.
            Withdrawn: nobody wants it any more.
        """
        wanted = await queries.keep_run(
            self._pool, run_id=run.run_id, holder=run.holder, lease=LEASE
        )
        if wanted is None:
            raise LeaseLost
        if not wanted:
            raise Withdrawn

    async def _write(self, run: Run, recipients: list[str]) -> list[Letter]:
        # The writers of office formats are loaded when the first letter is written.
        from agents.reports.letters import Told, write_letters  # noqa: PLC0415 - see above

        wish = run.wish
        filters = wish.filters(today(run.due_at))
        told = Told(
            run_id=run.run_id,
            name=wish.name,
            report=wish.report,
            filters=filters,
            form=run.form,
            address=self._address,
            saved_id=run.saved_id,
        )

        async def step(_step: int, _steps: int) -> None:
            await self._hold(run)

        async with (
            self._pool.acquire(timeout=self._database.acquire_seconds) as connection,
            one_report(connection) as session,
        ):
            report = await run_report(session, wish.report, filters, step)
            figures = await main_figures(session, filters, step) if run.short_text else None
        return await asyncio.to_thread(write_letters, told, report, figures, recipients)

    async def _send(self, run: Run, server: MailServer, letters: list[Letter]) -> str:
        waits = ""
        for letter in letters:
            _heed()
            await self._hold(run)
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
        is_final = reason in _FINAL or run.tries >= self._settings.tries
        if not counts["waiting"]:
            await self._end(run, "refused" if counts["refused"] else "")
        elif is_final:
            await self._end(run, reason)
        else:
            await self._put_off(run, reason)

    async def _put_off(self, run: Run, reason: str) -> None:
        pause = pause_after(run.tries)
        told = {"run_id": run.run_id, "holder": run.holder, "pause": pause, "reason": reason}
        if await queries.put_run_off(self._pool, **told) is None:
            _log.warning("mailing.lease_lost", run=run.run_id)
        else:
            _log.warning("mailing.put_off", run=run.run_id, tries=run.tries, reason=reason)

    async def _end(self, run: Run, reason: str) -> None:
        """End a run for good; with a reason it has failed, and those who lead are told."""
        has_failed = bool(reason) and reason != _WITHDRAWN
        async with transaction(self._pool, self._database) as connection:
            ended = await queries.end_report_run(
                connection,
                run_id=run.run_id,
                holder=run.holder,
                state="failed" if reason else "sent",
                reason=reason,
            )
            if ended is None:
                _log.warning("mailing.lease_lost", run=run.run_id)
                return
            await queries.refuse_left(connection, run_id=run.run_id, reason=reason)
            sent = (await queries.deliveries_counted(connection, run_id=run.run_id))["sent"]
            about = f"report:{run.saved_id}"
            await audit.note(connection, run.owner, "report.mailed", about, run=run.run_id, to=sent)
            # Told while the row is ours and before the end is kept: when nobody can be told,
            # the run has not ended, and whoever takes it next tells them.
            if has_failed:
                alarm = of_a_report(Alarm.REPORT_UNSENT, run.owner)
                await self._feed.tell_once(alarm, f"report:{run.run_id}")
        if has_failed:
            _log.error("mailing.given_up", run=run.run_id, tries=run.tries, reason=reason)
        elif reason:
            _log.info("mailing.withdrawn", run=run.run_id, letters=sent)
        else:
            _log.info("mailing.sent", run=run.run_id, letters=sent)


def _heed() -> None:
    """Be cancelled if somebody has asked for it.

    Before Python 3.12 `asyncio.wait_for`, by which the library of mail waits, loses a cancellation
    that comes together with an answer; the server would then never stop.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
