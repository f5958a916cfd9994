from __future__ import annotations

import json
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr.config import Settings
from ivr.database import Pool
from ivr.records import load_call, load_record
from tests.ivr import cel
from tests.ivr.ledgers import took

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.mark.parametrize("call_id", ["n1-7-1795000000.99", "", "'; DROP TABLE call", "../1"])
async def test_there_is_no_record_of_a_call_that_was_not(
    call_id: str, connection: Connection
) -> None:
    assert await load_record(connection, call_id) is None


async def test_a_record_is_plain_json_with_the_centres_time_and_a_masked_number(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, cel.answered())
    record = await load_record(connection, cel.answered().call_id)
    assert record is not None
    text = json.dumps(record.as_json(), ensure_ascii=False)
    assert "13800001234" not in text
    assert "138****1234" in text
    assert record.started_at == "2026-11-18T19:06:40.001+08:00"


async def test_a_code_that_no_edition_holds_is_shown_as_it_is(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.Journal().begins().chooses("main", "1", "C02.L77").queues().rings().connects()
    call.after(9).parts(cel.CALLER).parts(cel.phone()).hangs_up(cel.phone()).hangs_up().ends()
    await took(pool, settings, call)
    record = await load_record(connection, call.call_id)
    assert record is not None
    [request] = record.requests
    assert (request.code, request.path) == ("C02.L77", "C > C02.L77")


async def test_there_is_no_fold_of_a_call_that_was_not(connection: Connection) -> None:
    assert await load_call(connection, "n1-7-1795000000.99") is None
