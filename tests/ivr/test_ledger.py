from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr import ledger
from ivr.config import Settings
from ivr.records import load_record
from ivr.supervision import Supervisor
from tests.ivr import cel

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

WITHIN = 20.0
"""Seconds after which a wait is given up; nothing here is measured."""


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(ledger.run(settings, Supervisor({})))
        yield
        task.cancel()


async def until(connection: Connection, question: str, answer: object) -> None:
    async with asyncio.timeout(WITHIN):
        while await connection.fetchval(question) != answer:  # noqa: ASYNC110 - another process's table
            await asyncio.sleep(0.02)


FINAL = "SELECT count(*) FROM call WHERE final"


def spool(settings: Settings, name: str = "cel.jsonl") -> Callable[[str], None]:
    path = settings.spool.directory / name

    def append(text: str) -> None:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)

    return append


async def test_a_call_becomes_a_record(settings: Settings, connection: Connection) -> None:
    call = cel.answered()
    async with running(settings):
        spool(settings)(call.text())
        await until(connection, FINAL, 1)
    record = await load_record(connection, call.call_id)
    assert record is not None
    shown = record.as_json()
    assert shown == {
        "call_id": "n1-7-1795000000.1",
        "node": "n1",
        "direction": "inbound",
        "caller": "138****1234",
        "dialled": "12320",
        "started_at": "2026-11-18T19:06:40.001+08:00",
        "ended_at": shown["ended_at"],
        "disposition": "answered",
        "menu_path": "main:1/consult:1",
        "queue": "consult",
        "wait_ms": shown["wait_ms"],
        "agent": "a1001",
        "talk_ms": shown["talk_ms"],
        "recording": None,
        "requests": (
            {
                "scheme": "12320-2016",
                "service": "咨询",
                "code": "C02",
                "path": "咨询 > 疾病预防控制",
                "confidence": 1.0,
                "source": "menu",
            },
        ),
    }
    assert shown["wait_ms"] == pytest.approx(4000, abs=5)
    assert shown["talk_ms"] == pytest.approx(30_000, abs=5)
