from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ivr import folding
from ivr.asterisk import spool
from ivr.config import Settings
from ivr.database import Pool
from ivr.fold import fold
from ivr.folding import Folding, digest
from ivr.intake import Intake
from ivr.records import load_call
from tests.ivr import cel
from tests.ivr.ledgers import append, settle, took
from tests.ivr.test_fold import transferred

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

FINAL = "SELECT call_id, disposition FROM call WHERE final ORDER BY call_id"


async def test_what_is_stored_is_the_whole_fold(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, transferred(), cel.abandoned(2), cel.left_in_menu(3))
    for call in (transferred(), cel.abandoned(2), cel.left_in_menu(3)):
        record = fold(event for line in call.lines if (event := spool.parse(line)))
        stored = await load_call(connection, call.call_id)
        assert stored == record
        shown = await connection.fetchval(
            "SELECT encode(digest, 'hex') FROM call WHERE call_id = $1", call.call_id
        )
        assert shown == digest(record)


@examples(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(cuts=st.lists(st.integers(1, 2500), max_size=6), number=st.integers(1, 10**9))
async def test_a_record_made_in_many_steps_is_the_one_made_in_a_single_step(
    cuts: list[int], number: int, pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = transferred()
    call.number = number
    text = call.text().replace("1795000000.1\\", f"1795000000.{number}\\")
    text = text.replace('1795000000.1"', f'1795000000.{number}"')
    path = settings.spool.directory / f"cel-{number}.jsonl"
    intake, folds = Intake(pool, settings), Folding(pool, settings.database)
    last = 0
    for cut in [*sorted(cuts), len(text)]:
        with path.open("a") as stream:
            stream.write(text[last:cut])
        last = max(last, cut)
        await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 min'")
        while await intake.step():
            pass
        while await folds.step():
            pass
    expected = fold(event for line in text.splitlines() if (event := spool.parse(line)))
    assert await load_call(connection, expected.call_id) == expected


async def test_a_call_that_goes_on_is_recorded_with_patience_and_finished_at_once(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.Journal().begins().queues()
    append(settings, call)
    await settle(pool, settings)
    assert await connection.fetchval("SELECT count(*) FROM call") == 0
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '2 s'")
    await settle(pool, settings)
    assert await connection.fetchval("SELECT final FROM call") is False
    call.lines.clear()
    append(settings, call.hangs_up(source=cel.CALLER).ends())
    await settle(pool, settings)
    assert await connection.fetchval("SELECT disposition FROM call") == "abandoned_in_queue"


async def test_folding_again_changes_nothing(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered()
    await took(pool, settings, call)
    before = await connection.fetchrow("SELECT *, xmin FROM call")
    number = await connection.fetchval("SELECT request_id FROM request")
    await connection.execute("INSERT INTO fold_due SELECT call_id, opened_at, node, true FROM call")
    await settle(pool, settings)
    assert await connection.fetchrow("SELECT *, xmin FROM call") == before
    assert await connection.fetchval("SELECT request_id FROM request") == number


async def test_what_the_menu_settled_is_counted_so_and_what_people_deal_with_is_open(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    told = cel.Journal(1).begins().chooses("m_know", "1", "C02.02.01.02").after(60)
    told.says("OUTCOME", "self_service").hangs_up(source=cel.CALLER).ends()
    await took(pool, settings, told, cel.answered(2))
    rows = await connection.fetch("SELECT settlement FROM request ORDER BY call_id")
    assert [row["settlement"] for row in rows] == ["on_the_spot", "open"]
    for call in (told, cel.answered(2)):
        record = fold(event for line in call.lines if (event := spool.parse(line)))
        assert await load_call(connection, call.call_id) == record


async def test_open_calls_of_an_earlier_boot_are_closed_as_lost(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    lost = cel.Journal(1).begins().queues().rings().connects().after(30).says("RATING_OFFERED")
    await took(pool, settings, lost, cel.answered(2))
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 min'")
    await settle(pool, settings)
    assert await connection.fetchval("SELECT count(*) FROM call WHERE NOT final") == 1
    await took(pool, settings, cel.left_in_menu(3, boot=8))
    assert [tuple(row) for row in await connection.fetch(FINAL)] == [
        (lost.call_id, "engine_lost"),
        (cel.answered(2).call_id, "answered"),
        ("n1-8-1795000000.3", "abandoned_in_menu"),
    ]


async def test_the_restart_of_one_asterisk_does_not_end_the_calls_of_another(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    other = cel.Journal(1, node="n2").begins()
    await took(pool, settings, other, cel.left_in_menu(3, boot=8))
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 min'")
    await settle(pool, settings)
    assert await connection.fetchval("SELECT call_id FROM call WHERE NOT final") == other.call_id


async def test_a_line_that_cannot_be_understood_costs_its_fact_only(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered()
    call.lines.insert(5, cel.Journal().says("RATING", "9").lines[0])
    with capture_logs() as logged:
        await took(pool, settings, call)
    assert [entry["event"] for entry in logged if entry["log_level"] == "warning"] == [
        "line.unreadable"
    ]
    assert await connection.fetchval("SELECT rating FROM call") == 1


async def test_a_record_that_the_schema_refuses_holds_up_no_other(
    pool: Pool, settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = folding._flat

    def spoiled(value: object) -> dict[str, object]:
        row = good(value)
        return row | {"caller": "x"} if row.get("call_id", "").endswith(".2") else row

    monkeypatch.setattr(folding, "_flat", spoiled)
    with capture_logs() as logged:
        await took(pool, settings, *(cel.answered(number) for number in (1, 2, 3)))
    finished = [row["call_id"] for row in await connection.fetch(FINAL)]
    assert finished == [cel.answered(1).call_id, cel.answered(3).call_id]
    assert "call.unstorable" in [entry["event"] for entry in logged]
    due = await connection.fetchrow(
        "SELECT call_id, attempts, due_at > now() AS later FROM fold_due"
    )
    assert due is not None
    assert tuple(due) == (cel.answered(2).call_id, 1, True)
    # Mended, it is folded when its time has come.
    monkeypatch.setattr(folding, "_flat", good)
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 h'")
    await settle(pool, settings)
    assert len(await connection.fetch(FINAL)) == 3


async def test_a_fold_that_sees_no_new_lines_leaves_the_call_due(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    """Lines that are being stored while their call is folded make it due again."""
    call = cel.answered()
    half = len(call.lines) // 2
    first, second = cel.Journal(), cel.Journal()
    first.lines, second.lines = call.lines[:half], call.lines[half:]
    append(settings, first)
    await Intake(pool, settings).step()
    append(settings, second)
    intake = Intake(pool, settings)
    async with connection.transaction():
        await connection.execute("UPDATE fold_due SET ended = true")
        # The folding passes over a row that another transaction holds.
        assert await Folding(pool, settings.database).step() == 0
    while await intake.step():
        pass
    await settle(pool, settings)
    assert await connection.fetchval("SELECT disposition FROM call") == "answered"
