from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ivr.asterisk.link import Link, Pace
from ivr.errors import PeerBroke
from ivr.live import connect
from ivr.recordings.pausing import WISHES, Pausing, Wish
from tests.ivr.asterisk.fake_asterisk import FakeAsterisk, fake_asterisk, listed, message, until
from tests.ivr.test_live import Valkey, valkey

__all__ = ["valkey"]

CALL = "n1-17-1763785000.42"


def shown(channel: str, linked: str = CALL, state: str = "Up") -> bytes:
    return message(
        Event="CoreShowChannel",
        Channel=channel,
        Uniqueid=f"{linked}1",
        Linkedid=linked,
        ChannelStateDesc=state,
    )


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    channels = (
        shown("PJSIP/trunk-00000001"),
        shown("PJSIP/agent-a1001-00000002"),
        shown("PJSIP/agent-a1002-00000003", "n1-17-1763785000.50"),
        shown("PJSIP/agent-a1003-00000004", state="Ringing"),
    )
    async with fake_asterisk() as fake:
        fake.answers["CoreShowChannels"] = lambda headers: listed(headers, *channels)
        yield fake


@asynccontextmanager
async def granting(asterisk: FakeAsterisk, valkey: Valkey) -> AsyncIterator[Redis]:
    """A bridge listens for wishes; yields the desk's connection."""
    link = Link(asterisk.settings(), pace=Pace(first_retry=0.02, last_retry=0.1, snapshot=None))
    pausing = Pausing(link, valkey.settings, "n1")
    async with connect(valkey.settings) as redis, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(link.run()), tasks.create_task(pausing.run())]
        await until(lambda: link.connected)
        yield redis
        for task in running:
            task.cancel()


def wish(agent: str = "a1001", *, paused: bool = True, call: str = CALL, ends: float = 60) -> Wish:
    return Wish(call, agent, paused, time.time() + ends)


def pressed(asterisk: FakeAsterisk) -> list[tuple[str, str]]:
    return [(action["Channel"], action["Digit"]) for action in asterisk.named("PlayDTMF")]


async def test_a_wish_presses_a_key_at_the_agents_channel_of_that_call(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    async with granting(asterisk, valkey) as redis:
        await WISHES.ask(redis, "n1", wish())
        await until(lambda: len(pressed(asterisk)) == 1)
        await WISHES.ask(redis, "n1", wish(paused=False))
        await until(lambda: len(pressed(asterisk)) == 2)
    agent = "PJSIP/agent-a1001-00000002"
    assert pressed(asterisk) == [(agent, "A"), (agent, "B")]


@pytest.mark.parametrize(
    "other",
    [
        {"agent": "a1002"},
        {"agent": "a1003"},
        {"agent": "a100"},
        {"call": "n1-17-1763785000.43"},
        {"ends": -1},
    ],
)
async def test_nothing_is_pressed_in_another_call_or_too_late(
    asterisk: FakeAsterisk, valkey: Valkey, other: dict[str, Any]
) -> None:
    with capture_logs():
        async with granting(asterisk, valkey) as redis:
            await WISHES.ask(redis, "n1", wish(**other))
            await WISHES.ask(redis, "n1", wish())
            await until(lambda: len(pressed(asterisk)) == 1)
    assert pressed(asterisk) == [("PJSIP/agent-a1001-00000002", "A")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"call_id": 1}',
        '{"call_id": "../x", "agent": "a1", "paused": true, "until": 1}',
        '{"call_id": "n1-17-1763785000.42", "agent": "a1&PJSIP/x", "paused": true, "until": 1}',
        '{"call_id": "n1-17-1763785000.42", "agent": "a1", "paused": true, "until": "x"}',
    ],
)
async def test_what_is_no_wish_is_refused_and_the_next_one_is_granted(
    asterisk: FakeAsterisk, valkey: Valkey, text: str
) -> None:
    with pytest.raises(PeerBroke):
        Wish.parse(text)
    async with granting(asterisk, valkey) as redis:
        await redis.rpush(WISHES.list_key("n1"), text)
        await WISHES.ask(redis, "n1", wish())
        await until(lambda: len(pressed(asterisk)) == 1)
