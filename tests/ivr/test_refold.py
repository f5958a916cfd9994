from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr import refold as refold_module
from ivr.config import Settings
from ivr.database import Pool
from ivr.refold import refold
from tests.ivr import cel
from tests.ivr.ledgers import settle, took
from tests.ivr.test_fold import sampled, transferred

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
async def history(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> list[cel.Journal]:
    """Calls of several seconds, more than one batch of them."""
    monkeypatch.setattr(refold_module, "_BATCH", 3)
    calls = [
        transferred(),
        *(cel.answered(n, second=cel.SECOND + n // 3) for n in range(2, 7)),
        *(cel.abandoned(n) for n in (7, 8)),
        cel.left_in_menu(9),
    ]
    await took(pool, settings, *calls)
    return calls


async def test_all_history_folded_again_equals_the_stored_records(
    settings: Settings, history: list[cel.Journal]
) -> None:
    seen: list[int] = []
    found = await refold(settings, progress=seen.append)
    assert (found.calls, found.unlike) == (len(history), ())
    assert seen == [3, 6, 9, 9]


async def test_the_calls_of_a_real_asterisk_come_out_again(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    calls = sampled()
    folder = settings.spool.directory
    for path in cel.SAMPLES.glob("*.jsonl"):
        (folder / path.name).write_bytes(path.read_bytes())
    await settle(pool, settings)
    # One was killed in its talk: folded when its patience is over, closed because of the restart.
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 min'")
    await settle(pool, settings)
    found = await refold(settings)
    assert (found.calls, found.unlike) == (len(calls), ())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE call SET talk_ms = talk_ms + 1 WHERE call_id LIKE '%.4'",
        "UPDATE leg SET cause = 17 WHERE call_id LIKE '%.4'",
        "DELETE FROM menu_step WHERE call_id LIKE '%.4'",
        "UPDATE offer SET ring_ms = 0 WHERE call_id LIKE '%.4'",
        "UPDATE queue_visit SET status = '' WHERE call_id LIKE '%.4'",
        "UPDATE call SET digest = sha256('other') WHERE call_id LIKE '%.4'",
    ],
)
async def test_a_record_changed_by_hand_is_found_and_mended(
    change: str,
    pool: Pool,
    settings: Settings,
    connection: Connection,
    history: list[cel.Journal],
) -> None:
    assert history
    await connection.execute(change)
    wrong = (cel.answered(4, second=cel.SECOND + 1).call_id,)
    assert (await refold(settings)).unlike == wrong
    assert (await refold(settings)).unlike == wrong  # to look changes nothing
    assert (await refold(settings, mend=True)).unlike == wrong
    await settle(pool, settings)
    assert (await refold(settings)).unlike == ()


async def test_only_calls_since_a_moment_are_looked_at(
    settings: Settings, history: list[cel.Journal]
) -> None:
    since = datetime.fromtimestamp(cel.SECOND + 1, UTC)
    later = [call for call in history if call.second > cel.SECOND]
    assert (await refold(settings, since=since)).calls == len(later)


async def test_a_call_that_stands_in_line_is_left_to_the_ledger(
    settings: Settings, connection: Connection, history: list[cel.Journal]
) -> None:
    await connection.execute("UPDATE call SET talk_ms = talk_ms + 1 WHERE call_id LIKE '%.4'")
    await connection.execute("INSERT INTO fold_due SELECT call_id, opened_at, node, true FROM call")
    assert (await refold(settings)).calls == 0
    assert history
