"""The socket: who hears what, going on where one left off, and what gets one cut."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from redis.asyncio import Redis
from yarl import URL

from agents.events import NOTICE, PRESENCE, Event
from agents.feed import DESK_STREAM, QUEUED, Feed
from agents.roles import Permission, Role
from agents.web import events
from ivr.live import stream_key
from tests.agents.conftest import Desk, telephone

SECONDS = 20.0
BRIDGE = stream_key("n1")


@asynccontextmanager
async def socket(desk: Desk, after: str = "") -> AsyncIterator[ClientWebSocketResponse]:
    address = f"{desk.address}/api/v1/events" + (f"?after={after}" if after else "")
    async with desk.browser.ws_connect(address, origin=desk.address) as opened:
        yield opened


async def heard(opened: ClientWebSocketResponse) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        found: dict[str, Any] = json.loads(await opened.receive_str())
        return found


async def closing(opened: ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(SECONDS):
        while (message := await opened.receive()).type is WSMsgType.TEXT:
            pass
        assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING}
        return opened.close_code


async def rings(redis: Redis, agent: str, call: str = "n1-17-1.42") -> None:
    fields: dict[Any, Any] = {"kind": "agent.changed", "agent": agent, "activity": "ringing"}
    await redis.xadd(BRIDGE, {**fields, "call": call, "since_ms": 5, "version": 1})


async def say(redis: Redis, *said: Event) -> None:
    for event in said:
        await Feed(redis, "n1").tell(event)


async def test_a_desk_hears_its_own_calls_and_of_the_queues_but_not_others_calls(
    desk: Desk, redis: Redis
) -> None:
    await desk.enter()
    async with socket(desk) as opened:
        await rings(redis, "a1002", "n1-17-9.99")
        await rings(redis, "a1001")
        told = [await heard(opened) for _ in range(3)]
    assert [one["type"] for one in told] == ["board", "board", "call"]
    assert told[2]["data"] == {"activity": "ringing", "call_id": "n1-17-1.42", "since_ms": 5}
    assert "n1-17-9.99" not in str(told)


async def test_a_line_for_one_person_or_one_permission_reaches_nobody_else(
    desk: Desk, redis: Redis
) -> None:
    await desk.enter()
    async with socket(desk) as opened:
        await say(
            redis,
            Event(NOTICE, {"text": "不是给你的"}, to="a1002"),
            Event(PRESENCE, {"person": "a1002"}, to="a1002", needs=Permission.CALLS_SEE),
            Event(NOTICE, {"text": "给你的"}, to="a1001"),
        )
        assert (await heard(opened))["data"] == {"text": "给你的"}
    await desk.enter(Role.SUPERVISOR)
    async with socket(desk) as opened:
        await say(redis, Event(PRESENCE, {"person": "a1002"}, "a1002", Permission.CALLS_SEE))
        assert (await heard(opened))["data"] == {"person": "a1002"}


async def test_whoever_comes_back_hears_what_he_missed_once_and_in_order(
    desk: Desk, redis: Redis
) -> None:
    await desk.enter()
    async with socket(desk) as opened:
        await say(redis, Event(NOTICE, {"n": 0}, to="a1001"))
        last = (await heard(opened))["id"]
    for number in range(1, 6):
        await say(redis, Event(NOTICE, {"n": number}, to="a1001"))
        await say(redis, Event(NOTICE, {"n": "x"}, to="a1002"))
    async with socket(desk, last) as opened:
        await say(redis, Event(NOTICE, {"n": 6}, to="a1001"))
        told = [await heard(opened) for _ in range(6)]
    assert [one["data"]["n"] for one in told] == [1, 2, 3, 4, 5, 6]
    async with socket(desk, told[2]["id"]) as opened:
        assert [(await heard(opened))["data"]["n"] for _ in range(3)] == [4, 5, 6]


async def test_whoever_was_away_too_long_is_told_to_read_anew(desk: Desk, redis: Redis) -> None:
    await desk.enter()
    async with socket(desk) as opened:
        await say(redis, Event(NOTICE, {"n": 0}, to="a1001"))
        last = (await heard(opened))["id"]
    await redis.xtrim(DESK_STREAM, maxlen=0, approximate=False)
    async with socket(desk, last) as opened:
        assert (await heard(opened))["type"] == "renewed"
        await say(redis, Event(NOTICE, {"n": 1}, to="a1001"))
        assert (await heard(opened))["data"] == {"n": 1}


async def test_a_flushed_redis_leaves_the_socket_open_and_events_come_again(
    desk: Desk, redis: Redis
) -> None:
    await desk.enter()
    async with socket(desk) as opened:
        await say(redis, Event(NOTICE, {"n": 0}, to="a1001"))
        await heard(opened)
        await redis.flushall()
        # An id is a millisecond and a count, and the count begins anew: within the same one the
        # second event would be named as the first.
        await asyncio.sleep(0.01)
        await say(redis, Event(NOTICE, {"n": 1}, to="a1001"))
        assert (await heard(opened))["data"] == {"n": 1}


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1:1"])
async def test_a_socket_from_another_origin_is_refused(desk: Desk, origin: str | None) -> None:
    await desk.enter()
    with pytest.raises(WSServerHandshakeError) as refused:
        await desk.browser.ws_connect(f"{desk.address}/api/v1/events", origin=origin)
    assert refused.value.status == 403


async def test_a_socket_without_a_session_is_refused_and_no_token_in_the_address_helps(
    desk: Desk,
) -> None:
    session = await desk.enter()
    desk.browser.cookie_jar.clear()
    for query in ("", f"?token={session}", f"?hotline_session={session}"):
        with pytest.raises(WSServerHandshakeError) as refused:
            await desk.browser.ws_connect(
                f"{desk.address}/api/v1/events{query}", origin=desk.address
            )
        assert refused.value.status == 401


async def test_a_socket_ends_with_its_session(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert events.LOOK_SECONDS <= 5
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.05)
    await desk.enter()
    async with socket(desk) as opened:
        assert (await desk.ask("DELETE", "/session", key=None)).status == 204
        assert await closing(opened) == 1008
    assert await redis.exists(DESK_STREAM) in {0, 1}


async def test_an_open_page_does_not_keep_a_session_and_somebody_at_it_does(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.02)
    await desk.enter()
    await telephone(desk, redis, "ready")
    async with socket(desk) as opened:
        [key] = await redis.keys("hotline:session:*")
        await redis.expire(key, 60)
        await asyncio.sleep(0.3)
        assert await redis.ttl(key) <= 60
        await opened.send_json({"type": "active"})
        async with asyncio.timeout(SECONDS):
            while await redis.ttl(key) <= 60:  # noqa: ASYNC110 - Redis has no event for us
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ('{"type": "unknown"}', 1008),
        ('{"type": "active", "to": "a1002"}', 1008),
        ("not json", 1008),
        ("[" * 60_000, 1008),
        (b"bytes", 1008),
        ("x" * 70_000, 1009),
    ],
)
async def test_what_may_not_be_sent_closes_the_socket(
    desk: Desk, sent: str | bytes, code: int
) -> None:
    await desk.enter()
    async with socket(desk) as opened:
        if isinstance(sent, str):
            await opened.send_str(sent)
        else:
            await opened.send_bytes(sent)
        assert await closing(opened) == code


async def test_a_message_of_megabytes_is_not_read(desk: Desk) -> None:
    await desk.enter()
    async with socket(desk) as opened:
        with suppress(ConnectionError):
            await opened.send_str("x" * 5_000_000)
        assert await closing(opened) in {1009, 1006}


async def test_a_flood_of_frames_closes_the_socket(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "FRAMES_A_SECOND", 20)
    await desk.enter()
    async with socket(desk) as opened:
        for _ in range(60):
            await opened.send_str('{"type": "active"}')
        assert await closing(opened) == 1008


async def hung(desk: Desk) -> sockets.socket:
    """Open a socket as a browser that then hangs: nothing of it is read."""
    loop = asyncio.get_running_loop()
    door = sockets.socket()
    # Left to itself the kernel would take in thirty million bytes for it.
    door.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 262_144)
    door.settimeout(0)
    address = URL(desk.address)
    await loop.sock_connect(door, (address.host, address.port))
    cookies = desk.browser.cookie_jar.filter_cookies(address)
    head = {
        "Host": address.authority,
        "Origin": desk.address,
        "Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items()),
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    }
    lines = ["GET /api/v1/events HTTP/1.1", *(f"{name}: {said}" for name, said in head.items())]
    await loop.sock_sendall(door, "\r\n".join([*lines, "", ""]).encode())
    assert (await loop.sock_recv(door, 12)).endswith(b" 101")
    return door


async def read_to_the_end(door: sockets.socket) -> int:
    """Return how many bytes came before the other side ended it."""
    total = 0
    with suppress(ConnectionResetError):
        while came := await asyncio.get_running_loop().sock_recv(door, 1 << 20):
            total += len(came)
    return total


async def test_whoever_does_not_read_is_cut_and_harms_nobody(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SEND_SECONDS", 0.5)
    monkeypatch.setattr(events, "CLOSE_SECONDS", 0.1)
    long = "长" * 50_000
    await desk.enter()
    with await hung(desk) as idle:
        for number in range(QUEUED // 2):
            await say(redis, Event(NOTICE, {"n": number, "text": long}, to="a1001"))
        async with socket(desk) as opened:
            await say(redis, Event(NOTICE, {"n": "last"}, to="a1001"))
            while (await heard(opened))["data"]["n"] != "last":
                pass
        await asyncio.sleep(1)  # longer than a send may take
        async with asyncio.timeout(SECONDS):
            assert await read_to_the_end(idle) < len(long.encode()) * QUEUED // 2
