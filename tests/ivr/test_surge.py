"""The emergency switch in a real PostgreSQL, as supervisors throw it and bridges see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from structlog.testing import capture_logs

from ivr.config import DatabaseSettings
from ivr.database import OUTSIDE_FAILURES, Pool, make_pool
from ivr.menu.voice import VoiceFailed
from ivr.surge import (
    ANNOUNCEMENT,
    OPENED,
    Order,
    StandingOrder,
    Switch,
    in_force,
    newest,
    ordered,
    spoken_key,
)

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
ON = Order(by="zhang", reason="诺如病毒暴发")
OFF = Order(by="li", reason="已结束", is_on=False)


def silent(_key: str, _texts: Mapping[str, str]) -> None:
    """Make no sound."""


@dataclass
class Noted:
    """What outlives a bridge, for tests."""

    last: StandingOrder | None = None

    async def keep(self, order: StandingOrder | None) -> None:
        self.last = order

    async def recall(self) -> StandingOrder | None:
        return self.last


def test_an_order_with_an_end_switches_itself_off() -> None:
    order = StandingOrder(1, ends_at=NOW)
    assert in_force(order, NOW - timedelta(seconds=1)) is order
    assert in_force(order, NOW) is None
    assert in_force(StandingOrder(1), NOW) is not None
    assert in_force(None, NOW) is None


async def test_the_newest_order_says_whether_it_is_on(pool: Pool, connection: Connection) -> None:
    switch = Switch(pool, silent, Noted())
    await switch.look()
    assert switch.current is None
    await ordered(connection, ON)
    await switch.look()
    assert switch.current is not None
    assert switch.current.announcement == ANNOUNCEMENT
    assert switch.current.queues == frozenset(OPENED)
    await ordered(connection, OFF)
    await switch.look()
    assert switch.current is None


async def test_who_when_and_why_is_written_down_and_cannot_be_changed(
    connection: Connection,
) -> None:
    await ordered(connection, ON)
    row = await newest(connection)
    assert row is not None
    assert (row["ordered_by"], row["reason"]) == ("zhang", "诺如病毒暴发")
    audit = await connection.fetchrow("SELECT * FROM audit ORDER BY seq DESC LIMIT 1")
    assert audit is not None
    assert (audit["actor"], audit["action"]) == ("zhang", "surge.on")
    assert json.loads(audit["detail"])["reason"] == "诺如病毒暴发"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("UPDATE surge_order SET reason = 'x'")


async def test_a_text_is_spoken_under_a_key_of_its_own(pool: Pool, connection: Connection) -> None:
    spoken: dict[str, Mapping[str, str]] = {}
    switch = Switch(pool, spoken.__setitem__, Noted())
    await ordered(connection, Order(by="zhang", reason="停水", text_zh="今日停水，请煮沸后饮用。"))
    await switch.look()
    order = switch.current
    assert order is not None
    assert order.announcement == spoken_key("今日停水，请煮沸后饮用。", "今日停水，请煮沸后饮用。")
    assert spoken == {order.announcement: order.texts}
    assert set(order.texts) == {"zh", "en"}
    await switch.look()
    assert len(spoken) == 1


async def test_a_text_that_cannot_be_spoken_leaves_the_usual_announcement(
    pool: Pool, connection: Connection
) -> None:
    def mute(_key: str, _texts: Mapping[str, str]) -> None:
        raise VoiceFailed("no voice")

    switch = Switch(pool, mute, Noted())
    await ordered(connection, Order(by="zhang", reason="停水", text_zh="今日停水。"))
    with capture_logs() as logs:
        await switch.look()
    assert switch.current is not None
    assert (switch.current.announcement, switch.current.texts) == (ANNOUNCEMENT, {})
    assert [line["event"] for line in logs] == ["surge.unspoken", "surge.switched"]


async def test_without_a_database_the_last_known_order_stays_in_force_and_it_is_said_once(
    pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.surge.LOOK_SECONDS", 0.01)
    switch = Switch(pool, silent, Noted())
    await ordered(connection, ON)
    await switch.look()
    nowhere = make_pool(DatabaseSettings(url="postgresql://127.0.0.1:1/none"), purpose="test")
    await nowhere
    switch._pool = nowhere
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(switch.run())
            async with asyncio.timeout(10):
                while not logs:  # noqa: ASYNC110 - another task logs
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            running.cancel()
    assert switch.current is not None
    assert [line["event"] for line in logs] == ["surge.unknown"]


async def test_a_bridge_that_starts_while_the_database_is_away_goes_on_with_what_was_seen_last(
    pool: Pool, connection: Connection
) -> None:
    memory, spoken = Noted(), dict[str, Mapping[str, str]]()
    await ordered(connection, Order(by="zhang", reason="停水", text_zh="今日停水。"))
    before = Switch(pool, silent, memory)
    await before.look()
    nowhere = make_pool(DatabaseSettings(url="postgresql://127.0.0.1:1/none"), purpose="test")
    await nowhere
    after = Switch(nowhere, spoken.__setitem__, memory)
    assert after.current is None
    await after.recall()
    with pytest.raises(OUTSIDE_FAILURES):
        await after.look()
    assert after.current == before.current is not None
    assert list(spoken) == [after.current.announcement], "its sound may be gone"


@pytest.mark.parametrize("thrown", [[], [ON, OFF]])
async def test_what_was_remembered_gives_way_to_the_first_look(
    pool: Pool, connection: Connection, thrown: list[Order]
) -> None:
    memory = Noted(StandingOrder(1))
    for order in thrown:
        await ordered(connection, order)
    switch = Switch(pool, silent, memory)
    await switch.recall()
    assert switch.current is not None
    with capture_logs() as logs:
        await switch.look()
    assert switch.current is None
    assert memory.last is None, "off is remembered as well"
    assert [(line["event"], line["on"]) for line in logs] == [("surge.switched", False)]
