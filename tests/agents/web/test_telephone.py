"""The way of a browser's SIP to a switch that is the tests' own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, WSServerHandshakeError, web
from redis.asyncio import Redis

from agents.telephone import telephone_secret
from agents.web import telephone
from ivr.config import SoftphoneSettings, TelephonySettings
from tests.agents.conftest import Desk
from tests.agents.conftest import telephone as at_telephone
from tests.agents.test_telephone import md5

HELLO = "OPTIONS sip:asterisk SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n"


@dataclass
class Switch:
    """Takes what comes over WebSocket, and answers it."""

    address: str = ""
    got: list[str] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        peer = web.WebSocketResponse(protocols=("sip",))
        await peer.prepare(request)
        async for message in peer:
            self.got.append(message.data)
            await peer.send_bytes(b"SIP/2.0 200 OK\r\n\r\n")
        return peer


@pytest.fixture
async def switch() -> AsyncIterator[Switch]:
    switch = Switch()
    app = web.Application()
    app.router.add_get("/ws", switch.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    switch.address = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
    yield switch
    await runner.cleanup()


@pytest.fixture
async def phones(desk: Desk, switch: Switch) -> AsyncIterator[Desk]:
    """The people's side with telephones in browsers."""
    softphone = SoftphoneSettings.model_validate({"switch": switch.address, "key": "site-key"})
    telephony = TelephonySettings(browsers=("a1001",))
    async with desk.again(softphone=softphone, telephony=telephony) as again:
        yield again


async def dial(desk: Desk, tab: str = "t1", take: str = "") -> ClientWebSocketResponse:
    path = f"{telephone.PATH}?tab={tab}" + (f"&take={take}" if take else "")
    return await desk.browser.ws_connect(
        desk.address + path, protocols=("sip",), headers={"Origin": desk.address}
    )


async def closing_code(peer: ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(20):
        while (await peer.receive()).type not in {WSMsgType.CLOSE, WSMsgType.CLOSED}:
            pass
    return peer.close_code


async def test_a_browser_speaks_with_the_switch(phones: Desk, switch: Switch) -> None:
    await phones.enter()
    async with await dial(phones) as peer:
        await peer.send_str(HELLO)
        assert (await peer.receive(20)).data == "SIP/2.0 200 OK\r\n\r\n"
    assert switch.got == [HELLO]


async def test_what_the_browser_is_given_registers_and_is_not_what_asterisk_has(
    phones: Desk, switch: Switch
) -> None:
    await phones.enter()
    given = await (await phones.ask("GET", "/softphone")).json()
    asked = md5("REGISTER", "sip:asterisk")
    answer = md5(md5(given["user"], given["realm"], given["secret"]), "n0", asked)
    head = (
        f'Authorization: Digest username="{given["user"]}", realm="{given["realm"]}", '
        f'nonce="n0", uri="sip:asterisk", response="{answer}"'
    )
    async with await dial(phones) as peer:
        await peer.send_str(f"REGISTER sip:asterisk SIP/2.0\r\n{head}\r\n\r\n")
        await peer.receive(20)
    secret = telephone_secret("site-key", "a1001")
    assert given["secret"] != secret
    expected = md5(md5("agent-a1001", "asterisk", secret), "n0", asked)
    assert f'response="{expected}"' in switch.got[0]


async def test_a_password_from_another_session_ends_the_connection(
    phones: Desk, switch: Switch
) -> None:
    await phones.enter()
    stolen = await (await phones.ask("GET", "/softphone")).json()
    await phones.enter()
    answer = md5(md5("agent-a1001", "asterisk", stolen["secret"]), "n0", md5("REGISTER", "sip:a"))
    who = 'Digest username="agent-a1001", realm="asterisk", nonce="n0", uri="sip:a"'
    head = f'{who}, response="{answer}"'
    async with await dial(phones) as peer:
        await peer.send_str(f"REGISTER sip:a SIP/2.0\r\nAuthorization: {head}\r\n\r\n")
        assert await closing_code(peer) == 1008
    assert switch.got == []


async def test_a_second_window_waits_until_it_says_that_it_takes_over(phones: Desk) -> None:
    await phones.enter()
    async with await dial(phones, "t1") as first:
        async with await dial(phones, "t2") as second:
            assert await closing_code(second) == telephone.BUSY
        async with await dial(phones, "t2", take="over") as second:
            assert await closing_code(first) == telephone.TAKEN
            await second.send_str(HELLO)
            assert (await second.receive(20)).type is WSMsgType.TEXT


async def test_a_window_that_was_loaded_anew_gets_its_telephone_back(phones: Desk) -> None:
    await phones.enter()
    async with await dial(phones, "t1") as first, await dial(phones, "t1") as again:
        assert await closing_code(first) == telephone.TAKEN
        await again.send_str(HELLO)
        assert (await again.receive(20)).type is WSMsgType.TEXT


async def test_a_session_that_ends_takes_its_telephone_with_it(phones: Desk) -> None:
    await phones.enter()
    async with await dial(phones) as peer:
        await phones.ask("DELETE", "/session")
        assert await closing_code(peer) == telephone.ENDED


@pytest.mark.parametrize("activity", ["ready", "paused", "ringing"])
async def test_a_telephone_that_nobody_uses_does_not_keep_its_session(
    phones: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch, activity: str
) -> None:
    monkeypatch.setattr(telephone, "LOOK_SECONDS", 0.02)
    await phones.enter()
    await at_telephone(phones, redis, activity)
    async with await dial(phones) as peer:
        [key] = await redis.keys("hotline:session:*")
        await redis.expire(key, 60)
        await asyncio.sleep(0.5)
        assert await redis.ttl(key) <= 60
        assert not peer.closed


async def test_a_session_does_not_rest_in_the_middle_of_a_call(
    phones: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telephone, "LOOK_SECONDS", 0.02)
    await phones.enter()
    await at_telephone(phones, redis, "talking")
    async with await dial(phones) as peer:
        [key] = await redis.keys("hotline:session:*")
        await redis.expire(key, 60)
        async with asyncio.timeout(30):
            while await redis.ttl(key) <= 60:  # noqa: ASYNC110 - Redis has no event for us
                await asyncio.sleep(0.02)
        assert not peer.closed


async def test_another_sites_page_gets_no_telephone(phones: Desk) -> None:
    await phones.enter()
    for origin in ("https://evil.example", "null", ""):
        with pytest.raises(WSServerHandshakeError) as refused:
            await phones.browser.ws_connect(
                phones.address + telephone.PATH, headers={"Origin": origin}
            )
        assert refused.value.status == 403


async def test_who_has_a_desk_telephone_is_told_so(phones: Desk) -> None:
    await phones.enter(person="a1002")
    answer = await phones.ask("GET", "/softphone")
    assert (answer.status, (await answer.json())["code"]) == (404, "no_softphone")


async def test_an_asterisk_that_takes_the_connection_and_says_nothing_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(telephone, "CONNECT_SECONDS", 0.2)
    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as stopped:
        port = stopped.sockets[0].getsockname()[1]
        softphone = SoftphoneSettings.model_validate(
            {"switch": f"ws://127.0.0.1:{port}/ws", "key": "site-key"}
        )
        telephony = TelephonySettings(browsers=("a1001",))
        async with desk.again(softphone=softphone, telephony=telephony) as phones:
            phones.present(await desk.enter())
            assert await closing_code(await dial(phones)) == WSCloseCode.TRY_AGAIN_LATER
