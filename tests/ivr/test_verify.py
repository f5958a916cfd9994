from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr import counterparts
from ivr.config import Settings
from ivr.crosscheck import NO_QUEUE_LOG
from ivr.database import Pool
from ivr.recordings.sweeper import Sweeper
from ivr.refold import EVER
from ivr.verify import Finding, begin, report, verify
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_sweeper import recorded
from tests.ivr.test_command_line import run

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on beside these checks, so what looks wrong need not settle."""
    monkeypatch.setattr("ivr.recordings.checks._SETTLING_SECONDS", 0.01)


async def failing(settings: Settings) -> list[str]:
    return [finding.name for finding in await verify(settings) if not finding.holds]


@pytest.fixture
async def kept(pool: Pool, settings: Settings) -> cel.Journal:
    """A centre with three calls, one of them recorded, and nothing wrong."""
    call = cel.answered(1)
    recorded(settings, f"{call.call_id}.raw", seconds=30)
    await took(pool, settings, call, cel.abandoned(2, agent="a1002"), cel.left_in_menu(3))
    await Sweeper(pool, settings).step()
    return call


async def test_a_ledger_in_order_has_no_violation(settings: Settings, kept: cel.Journal) -> None:
    findings = await verify(settings)
    assert kept.call_id
    assert [finding for finding in findings if not finding.holds] == []
    assert len(findings) == 32
    checked = {finding.name: finding.checked for finding in findings}
    assert checked["records unlike the fold of their lines"] == 3
    assert checked["recordings gone or unlike their row"] == 1


async def test_an_empty_ledger_is_in_order(settings: Settings) -> None:
    assert await failing(settings) == []


BREAKS = {
    "linked ids heard of without a record": "DELETE FROM call WHERE call_id LIKE '%.3'",
    "records without a line": "DELETE FROM spool_line WHERE call_id LIKE '%.3'",
    "open calls of an earlier start of Asterisk": """
        UPDATE call SET final = false, disposition = NULL, ended_at = NULL WHERE call_id LIKE '%.3';
        INSERT INTO engine_boot VALUES ('n1', 8)""",
    "ended calls waiting for their record": """
        INSERT INTO fold_due
        SELECT call_id, opened_at, node, true, now() - interval '2 min' FROM call""",
    "records unlike the fold of their lines": "UPDATE leg SET talk_ms = talk_ms + 1",
    "queue days that do not add up": "UPDATE call SET disposition = 'night' WHERE queue <> ''",
    "records that do not add up with their parts": "UPDATE call SET wait_ms = wait_ms + 1",
    "counts that differ from what they count": "DELETE FROM count_change",
    "stays in a queue beyond the call's end": "UPDATE queue_visit SET outcome = 'waiting'",
    "agents offered two calls at once": """
        INSERT INTO leg SELECT opened_at, call_id, 9, channel, kind, agent, started_at, answered_at,
                               ended_at, 0, 0, 0, 16 FROM leg WHERE agent IS NOT NULL LIMIT 1""",
    "conversations without a recording": "UPDATE recording SET state = 'missing', path = NULL",
    "recordings shorter than the talk": "UPDATE recording SET milliseconds = 27000",
    "conversations and messages not asked for their recording": """
        DELETE FROM recording;
        UPDATE call SET ended_at = now() - interval '11 min' WHERE talk_ms > 0""",
    "breaks in the audit's chain": """
        INSERT INTO audit (actor, action, object, detail) VALUES ('a', 'b', 'c', '{}');
        INSERT INTO audit (actor, action, object, detail) VALUES ('d', 'e', 'f', '{}');
        ALTER TABLE audit DISABLE TRIGGER ALL;
        UPDATE audit SET actor = 'someone else' WHERE seq = 1""",
    "recordings gone or unlike their row": "UPDATE recording SET sha256 = sha256('other')",
    "archived files without a row": "DELETE FROM recording",
    "deleted recordings that are still there": """
        UPDATE recording SET state = 'deleted', deleted_at = now()""",
    "deleted recordings without a certificate": """
        INSERT INTO audit (actor, action, object, detail)
        SELECT 'x', 'recording.deleted', call_id || '/both', '{"rule": "general", "sha256": "00"}'
        FROM recording;
        UPDATE recording SET state = 'deleted', deleted_at = now()""",
    "recordings deleted under a legal hold": """
        INSERT INTO recording_hold (opened_at, call_id, reason, set_by, set_at)
        SELECT opened_at, call_id, 'court', 's1', now() - interval '1 h' FROM recording;
        UPDATE recording SET state = 'deleted', deleted_at = now()""",
    "spool files whose bytes are not all kept": "DELETE FROM spool_line WHERE position = 0",
}


@pytest.mark.parametrize("name", BREAKS)
async def test_what_is_broken_is_found(
    name: str, settings: Settings, kept: cel.Journal, connection: Connection
) -> None:
    assert kept.call_id
    await connection.execute(BREAKS[name])
    assert name in await failing(settings)


async def test_a_call_offered_to_an_agent_who_has_dialled_is_found(
    settings: Settings, kept: cel.Journal, connection: Connection
) -> None:
    """What he dials himself while he speaks is no offer."""
    other = (
        "INSERT INTO leg SELECT opened_at, call_id, $1, channel || 'x', kind, agent, $2, $2, $3, "
    )
    other += "0, 0, 0, 16, 0 FROM leg WHERE call_id = $4 AND agent = 'a1001'"
    row = await connection.fetchrow(
        "SELECT * FROM leg WHERE call_id = $1 AND agent = 'a1001'", kept.call_id
    )
    assert row is not None
    name = "agents offered two calls at once"
    inside = row["started_at"] + timedelta(seconds=1)
    before = row["started_at"] - timedelta(seconds=1)
    await connection.execute("DELETE FROM leg WHERE position = 1")
    await connection.execute(other, 1, inside, row["ended_at"], kept.call_id)
    assert name not in await failing(settings)
    await connection.execute("UPDATE leg SET started_at = $1 WHERE position = 1", before)
    assert name in await failing(settings)


async def test_what_asterisk_tells_otherwise_is_reported_with_its_call(
    settings: Settings, kept: cel.Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counterparts, "WINDOW", timedelta(days=9000))
    monkeypatch.setattr(counterparts, "SETTLED", timedelta(days=-9000))
    log = settings.spool.directory.parent
    start = f"{cel.SECOND - 9}|NONE|NONE|NONE|QUEUESTART|\n"
    (log / "queue_log").write_text(f"{start}\xff\n", "latin-1")
    found = {finding.name: finding for finding in await verify(settings)}
    assert found[NO_QUEUE_LOG].examples == (f"{kept.call_id}: answered",)
    assert found["lines of CDR file and queue_log"].examples == ("1 are not Asterisk's",)
    assert found["lines of CDR file and queue_log"].holds


async def test_an_owed_message_is_found(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    """Its sound never came, and nobody has said so."""
    name = "conversations and messages not asked for their recording"
    await took(pool, settings, cel.message())
    await connection.execute("UPDATE call SET ended_at = now() - interval '9 min'")
    assert name not in await failing(settings)
    await connection.execute("UPDATE call SET ended_at = now() - interval '11 min'")
    assert name in await failing(settings)


async def test_a_missing_audit_row_is_found(settings: Settings, connection: Connection) -> None:
    row = "INSERT INTO audit (actor, action, object, detail) VALUES ('a', 'b', 'c', '{}')"
    for _ in range(3):
        await connection.execute(row)
    assert await failing(settings) == []
    await connection.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
    await connection.execute("DELETE FROM audit WHERE seq = 2")
    assert await failing(settings) == ["breaks in the audit's chain"]


async def test_a_recording_that_vanished_is_found(settings: Settings, kept: cel.Journal) -> None:
    assert kept.call_id
    for path in settings.recordings.archive.rglob("*.sealed"):
        path.unlink()
    assert await failing(settings) == ["recordings gone or unlike their row"]


async def test_a_spool_that_nobody_reads_is_found(settings: Settings, kept: cel.Journal) -> None:

    assert kept.call_id
    path = settings.spool.directory / "cel.jsonl"
    with path.open("a") as stream:
        stream.write(cel.answered(4).text())
    os.utime(path, (time.time() - 120,) * 2)
    assert await failing(settings) == ["spool files left unread"]


def test_a_report_names_what_fails_and_shows_examples() -> None:
    text = report([Finding("files", 1, 7, ("a.wav",)), Finding("calls", 0)])
    assert text.splitlines() == [
        "FAIL      1  files (of 7)",
        "        a.wav",
        "ok        0  calls",
    ]


async def test_one_offer_into_two_talks_is_one_violation(
    settings: Settings, kept: cel.Journal, connection: Connection
) -> None:
    assert kept.call_id
    for position, sooner in ((8, timedelta(seconds=2)), (9, timedelta(seconds=1))):
        await connection.execute(
            "INSERT INTO leg SELECT opened_at, call_id, $1, channel || 'x', kind, agent, "
            "started_at - $2::interval, answered_at, ended_at, 0, 0, 0, 16 "
            "FROM leg WHERE agent = 'a1001' AND position < 8",
            position,
            sooner,
        )
    found = {finding.name: finding.violations for finding in await verify(settings)}
    assert found["agents offered two calls at once"] == 2, (
        "one came when one, one when two were there"
    )


def test_without_being_told_it_looks_at_a_week() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    asked = datetime(2026, 11, 1, tzinfo=UTC)
    assert begin(None, everything=False, now=now) == now - timedelta(days=7)
    assert begin(asked, everything=False, now=now) == asked
    assert begin(None, everything=True, now=now) == EVER


async def test_the_command_looks_at_a_week_or_as_far_as_it_is_told(
    pool: Pool, settings: Settings
) -> None:
    await took(pool, settings, cel.left_in_menu(1), cel.left_in_menu(2))
    old = cel.Journal(3, second=cel.SECOND - 86_400 * 300).begins().hangs_up(source=cel.CALLER)
    await took(pool, settings, old.ends())
    since = datetime.fromtimestamp(cel.SECOND - 3600, UTC).date().isoformat()
    for told, looked in ((("--since", since), 2), (("--all",), 3)):
        done = await asyncio.to_thread(
            run,
            *("verify", *told),
            DATABASE_URL=settings.database.url,
            HOTLINE_SPOOL__DIRECTORY=str(settings.spool.directory),
        )
        assert f"records unlike the fold of their lines (of {looked})" in done.stdout, done.stderr
