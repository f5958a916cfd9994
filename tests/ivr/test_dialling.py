"""What the bridge does for an agent who wants his own telephone to ring, and then a number."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ivr.asterisk.link import Link, Pace
from ivr.dialling import WISHES, Answer, Dialling, Wish
from ivr.errors import PeerBroke
from ivr.live import connect
from tests.ivr.asterisk.fake_asterisk import (
    FakeAsterisk,
    fake_asterisk,
    message,
    refused,
    until,
)
from tests.ivr.test_live import Valkey, valkey
from tests.ivr.test_transfer_wishes import seen, shows

__all__ = ["valkey"]


def wish(number: str = "13800000001", *, ends: float = 60) -> Wish:
    return Wish(secrets.token_hex(8), "a1001", number, time.time() + ends)


def allows(asterisk: FakeAsterisk, allowed: str) -> None:
    """Let the dialplan have one extension and no other."""
    asterisk.answers["Getvar"] = lambda headers: message(
        Response="Success",
        ActionID=headers["ActionID"],
        Variable=headers["Variable"],
        Value=int(headers["Variable"] == f"DIALPLAN_EXISTS(from-agent,{allowed},1)"),
    )


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with fake_asterisk() as fake:
        allows(fake, "13800000001")
        yield fake


@asynccontextmanager
async def dialling(asterisk: FakeAsterisk, valkey: Valkey) -> AsyncIterator[Redis]:
    """A bridge listens for wishes; yields the desk's connection."""
    pace = Pace(first_retry=0.02, last_retry=0.1, snapshot=None)
    links = (Link(asterisk.settings(), pace=pace), Link(asterisk.settings(), pace=pace))
    bridge = Dialling(links, valkey.settings, "n1")
    async with connect(valkey.settings) as redis, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(work.run()) for work in (*links, bridge)]
        await until(lambda: all(link.connected for link in links))
        yield redis
        for task in running:
            task.cancel()


async def answered(redis: Redis, wanted: Wish) -> Answer:
    await WISHES.ask(redis, "n1", wanted)
    async with asyncio.timeout(30):
        while (came := await WISHES.answer_of(redis, "n1", wanted)) is None:  # noqa: ASYNC110 - written by the bridge
            await asyncio.sleep(0.02)
    return came


async def test_ones_own_telephone_is_rung_and_led_where_one_would_have_dialled(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    with capture_logs() as logs:
        async with dialling(asterisk, valkey) as redis:
            assert await answered(redis, wish()) is Answer.RINGS
    [asked] = asterisk.named("Originate")
    place = (asked["Channel"], asked["Context"], asked["Exten"], asked["Async"])
    assert place == ("PJSIP/agent-a1001", "from-agent", "13800000001", "true")
    assert "ChannelId" not in asked
    assert "13800000001" not in json.dumps(logs), "whom somebody calls is not for the log"


async def test_what_no_agent_may_dial_does_not_let_his_telephone_ring(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    with capture_logs():
        async with dialling(asterisk, valkey) as redis:
            assert await answered(redis, wish("0085212345678")) is Answer.NOT_ALLOWED
    assert asterisk.named("Originate") == []


async def test_who_has_a_call_is_not_rung(asterisk: FakeAsterisk, valkey: Valkey) -> None:
    with capture_logs():
        async with dialling(asterisk, valkey) as redis:
            shows(asterisk, [seen("PJSIP/agent-a1001-00000007", state="Ringing")])
            assert await answered(redis, wish()) is Answer.ENGAGED
            shows(asterisk, [seen("PJSIP/agent-a10011-00000007")])
            assert await answered(redis, wish()) is Answer.RINGS
    assert len(asterisk.named("Originate")) == 1


async def test_what_asterisk_refuses_is_told_to_the_desk(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    asterisk.answers["Originate"] = refused("Permission denied")
    with capture_logs() as logs:
        async with dialling(asterisk, valkey) as redis:
            assert await answered(redis, wish()) is Answer.FAILED
    assert "dialling.failed" in [one["event"] for one in logs]


async def test_a_wish_that_waited_too_long_rings_nobody(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    with capture_logs():
        async with dialling(asterisk, valkey) as redis:
            await WISHES.ask(redis, "n1", wish(ends=-1))
            assert await answered(redis, wish()) is Answer.RINGS
    assert len(asterisk.named("Originate")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps(asdict(wish()) | {"until": "soon"}),
        json.dumps(asdict(wish()) | {"id": "x"}),
        json.dumps(asdict(wish()) | {"agent": "a1&PJSIP/x"}),
        json.dumps(asdict(wish()) | {"number": "120,1)"}),
        json.dumps(asdict(wish()) | {"number": "+8613800000000"}),
    ],
    ids=["nothing", "list", "empty", "until", "id", "agent", "application", "abroad"],
)
async def test_what_is_no_wish_is_dropped_and_the_next_one_is_granted(
    asterisk: FakeAsterisk, valkey: Valkey, text: str
) -> None:
    with pytest.raises(PeerBroke):
        Wish.parse(text)
    with capture_logs():
        async with dialling(asterisk, valkey) as redis:
            await redis.rpush(WISHES.list_key("n1"), text)
            assert await answered(redis, wish()) is Answer.RINGS


async def test_a_word_of_another_release_is_no_promise_that_it_rings(valkey: Valkey) -> None:
    wanted = wish()
    async with connect(valkey.settings) as redis:
        await redis.set(WISHES.answer_key("n1", wanted.id), "queued", ex=10)
        assert await WISHES.answer_of(redis, "n1", wanted) is Answer.FAILED
