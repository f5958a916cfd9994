from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from ivr.live import connect
from ivr.surge import StandingOrder
from ivr.surge_memory import SurgeMemory, surge_key
from tests.ivr.test_live import Valkey, valkey

__all__ = ["valkey"]

ORDER = StandingOrder(
    order_id=7,
    announcement="s_0123456789abcdef",
    texts={"zh": "今日停水。", "en": "No water today."},
    queues=frozenset({"report", "consult"}),
    ends_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
)
KEY = surge_key("n1")


@pytest.fixture
async def store(valkey: Valkey) -> AsyncIterator[Redis]:
    async with connect(valkey.settings) as client:
        yield client


@pytest.fixture
def memory(store: Redis) -> SurgeMemory:
    return SurgeMemory(store, "n1", 5.0)


@pytest.mark.parametrize("order", [ORDER, StandingOrder(8), None])
async def test_what_is_kept_is_recalled_by_the_bridge_of_the_same_node(
    memory: SurgeMemory, store: Redis, order: StandingOrder | None
) -> None:
    await memory.keep(StandingOrder(1))
    await memory.keep(order)
    assert await SurgeMemory(store, "n1", 5.0).recall() == order
    assert await SurgeMemory(store, "n2", 5.0).recall() is None


async def test_what_was_true_long_ago_is_forgotten(memory: SurgeMemory, store: Redis) -> None:
    await memory.keep(ORDER)
    assert 0 < await store.ttl(KEY) <= 86_400


@pytest.mark.parametrize(
    "kept",
    [
        *("", "?", "[]", '{"order_id": "x"}'),
        json.dumps({"order_id": 1, "announcement": "../../x"}),
        json.dumps({"order_id": 1, "announcement": "s_1", "texts": {"zh": "停", "../../x": "x"}}),
        json.dumps(
            {"order_id": 1, "announcement": "s_1", "texts": {"zh": "停", "en": "x", "": "x"}}
        ),
        json.dumps({"order_id": 1, "announcement": "s_1", "texts": {"en": "Only English."}}),
    ],
)
async def test_what_is_no_order_is_none(memory: SurgeMemory, store: Redis, kept: str) -> None:
    await store.set(KEY, kept)
    assert await memory.recall() is None


async def test_without_redis_nothing_is_known_and_nothing_fails(
    memory: SurgeMemory, valkey: Valkey
) -> None:
    valkey.signal(signal.SIGKILL)
    await memory.keep(ORDER)
    assert await memory.recall() is None
