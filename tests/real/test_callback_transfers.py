"""Handing over somebody whom we called back: he is treated as one who called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
import soundfile
from aiohttp import ClientSession

from agents import users
from agents.auth import Identity, Sessions
from agents.roles import Role
from agents.service import stores
from agents.web.doors import COOKIE
from deploy.stack.rtp import RATE, RtpParty, share_of, sine
from deploy.stack.sip import Agent, Caller
from deploy.stack.stack import CALLER_ADDRESS
from ivr.asterisk.actions import Hangup
from ivr.asterisk.link import Link
from ivr.config import DefinitionSettings
from ivr.transfer_targets import load_targets
from ivr.transfers import Conversation, consult, hand_over, join, take_back, to_rating
from tests.real.call_backs import Callbacks, running_callbacks, waiting
from tests.real.exchange import Outside, linked
from tests.real.hotline import AGENT_TONE, MUSIC, RATE_US, until
from tests.real.switchboard import switchboard

TARGET = load_targets(DefinitionSettings().transfers)["place_010"]
CITIZEN_TONE, TARGET_TONE, OTHER_AGENT_TONE, BACK = 440.0, 1_650.0, 1_000.0, 2_600.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hotline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callbacks]:
    folder = tmp_path_factory.mktemp("callback_transfers")
    async with running_callbacks(folder, rated_after=1, transfer_ring_seconds=5) as running:
        path = running.stack.layout.sounds / "zh/hotline/p_transfer_back.wav"
        soundfile.write(path, sine(BACK, 1.0), RATE, subtype="PCM_16")
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def link(hotline: Callbacks) -> AsyncIterator[Link]:
    async with linked(hotline.stack) as link:
        yield link


@dataclass
class CalledBack:
    """An agent and the citizen who was called back, speaking; and who can be asked."""

    hotline: Callbacks
    number: str
    citizen: Outside
    agent: Agent
    target: Outside
    talk: Conversation

    def facts(self, event: str) -> list[str]:
        return [
            line["eventextra"].removeprefix('{"extra":"').removesuffix('"}')
            for line in self.hotline.lines()
            if line["linkedid"] == self.talk.call_id and line["eventtype"] == event
        ]


async def called_back(
    hotline: Callbacks,
    parties: AsyncExitStack,
    *,
    agent_talks: float = 60.0,
    citizen_talks: float = 60.0,
    target_rings: float = 0.5,
) -> CalledBack:
    """Call somebody back whose line and that of the target lie behind the same trunk."""
    number = hotline.mobile()
    await hotline.promised(number)

    def phone(tone: float, rings: float, talks: float) -> Outside:
        return Outside(
            sip=hotline.sip,
            workspace=hotline.workspace,
            tone=tone,
            ring_seconds=rings,
            talk_seconds=talks,
        )

    here = (CALLER_ADDRESS, hotline.outside)
    board = await parties.enter_async_context(switchboard(here, hotline.sip))
    citizen = await parties.enter_async_context(phone(CITIZEN_TONE, 0.5, citizen_talks))
    target = await parties.enter_async_context(phone(TARGET_TONE, target_rings, 60.0))
    board.connect(number, citizen.address)
    board.connect(TARGET.number, target.address)
    agent = await parties.enter_async_context(
        hotline.agent(talk_seconds=agent_talks, keeps_messages=True)
    )
    await citizen.rtp.wait_for(AGENT_TONE, 60)
    await agent.rtp.wait_for(CITIZEN_TONE, 20)
    ticket = await hotline.ticket(number, "calling")
    call_id = (await hotline.attempts(ticket))[-1]["attempt_id"]
    names = hotline.channels(call_id)
    caller, phoned = (
        next(name for name in names if name.startswith(kind))
        for kind in ("PJSIP/trunk-", "PJSIP/agent-")
    )
    talk = Conversation(call_id, caller, phoned)
    return CalledBack(hotline, number, citizen, agent, target, talk)


async def recorded(called: CalledBack) -> dict[str, object]:
    """Wait for the ticket to be settled; give the record of the call."""
    ticket = await called.hotline.ticket(called.number, "reached")
    assert ticket["tries"] == 1
    rows = await called.hotline.rows("SELECT * FROM call WHERE call_id = $1", called.talk.call_id)
    recording = await called.hotline.recording(called.talk.call_id)
    talk_ms = rows[0]["talk_ms"]
    assert talk_ms * 0.98 - 1_500 <= recording["milliseconds"] <= talk_ms + 2_500, "recorded whole"
    return dict(rows[0])


async def test_who_was_called_back_is_asked_to_rate_and_his_number_is_not_on_the_telephone(
    hotline: Callbacks,
) -> None:
    async with AsyncExitStack() as parties:
        called = await called_back(hotline, parties, agent_talks=6.0)
        await called.citizen.rtp.wait_for(RATE_US, 40)
        called.citizen.rtp.press("2")
        await called.citizen.sees("BYE", 20)
        assert called.number not in called.agent.messages()
        call = await recorded(called)
    assert (call["direction"], call["disposition"], call["agent"], call["ended_by"]) == (
        *("outbound", "answered", "a1001", "agent"),
    )
    assert (call["rating_offered"], call["rating"], call["rating_exempt"]) == (True, 2, None)


async def test_he_is_handed_over_with_his_own_number_and_the_agent_is_free(
    hotline: Callbacks, link: Link
) -> None:
    async with AsyncExitStack() as parties:
        called = await called_back(hotline, parties, citizen_talks=20.0)
        await hand_over(link, called.talk, TARGET)
        await called.agent.sees("BYE", 10)
        await called.citizen.rtp.wait_for(TARGET_TONE, 20)
        await called.target.rtp.wait_for(CITIZEN_TONE, 20)
        assert called.target.invited() == (TARGET.number, called.number, called.number)
        assert called.facts("TRANSFER") == [f"hotline:{TARGET.number}"]
        assert called.number not in called.agent.messages()
        await called.citizen.sees("BYE", 40, sent=True)
        call = await recorded(called)
    assert (call["disposition"], call["agent"], call["dialled"]) == (
        *("answered", "a1001", called.number),
    )
    legs = await hotline.rows(
        "SELECT * FROM leg WHERE call_id = $1 AND kind <> 'local'", called.talk.call_id
    )
    assert sorted(leg["kind"] for leg in legs) == ["agent", "trunk", "trunk"]
    assert min(leg["talk_ms"] for leg in legs) > 0


async def test_when_the_target_does_not_answer_he_stands_in_line_where_he_stood(
    hotline: Callbacks, link: Link
) -> None:
    behind = hotline.number()
    async with AsyncExitStack() as parties:
        called = await called_back(hotline, parties, target_rings=60.0)
        later: Caller = await waiting(hotline, behind, parties)
        await hand_over(link, called.talk, TARGET)
        await called.agent.sees("BYE", 10)
        await hotline.ask("live", pause("a1001", "true"))
        try:
            await called.citizen.rtp.wait_for(BACK, 40)
            await until(lambda: called.facts("QUEUE") == ["anyone:0"], 20)
            await until(lambda: hotline.in_line(called.talk.caller), 20)
            other = hotline.agent("a1002", talk_seconds=90.0, tone=OTHER_AGENT_TONE)
            await parties.enter_async_context(other)
            await called.citizen.rtp.wait_for(OTHER_AGENT_TONE, 40)
            assert not later.rtp.hears(OTHER_AGENT_TONE), "who came later is served later"
            await hotline.worth_rating(called.talk.call_id)
            await hotline.agent_hangs_up("a1002")
            await called.citizen.rtp.wait_for(RATE_US, 30)
            called.citizen.rtp.press("1")
            await later.rtp.wait_for(OTHER_AGENT_TONE, 60)
            later.hang_up()
            await later.ended(20)
        finally:
            await hotline.ask("live", pause("a1001", "false"))
        call = await recorded(called)
    assert (call["disposition"], call["agent"], call["rating"]) == ("answered", "a1001", 1)
    visits = await hotline.rows("SELECT * FROM queue_visit WHERE call_id = $1", called.talk.call_id)
    assert [(visit["queue"], visit["outcome"], visit["agent"]) for visit in visits] == [
        ("anyone", "answered", "a1002")
    ]


def pause(agent: str, paused: str) -> dict[str, str]:
    """Say that an agent takes no calls, or does again."""
    return {"Action": "QueuePause", "Interface": f"PJSIP/agent-{agent}", "Paused": paused}


async def test_an_agent_asks_first_and_joins_the_two_by_hanging_up(
    hotline: Callbacks, link: Link
) -> None:
    async with AsyncExitStack() as parties:
        called = await called_back(hotline, parties, citizen_talks=25.0)
        await consult(link, called.talk, TARGET)
        await called.agent.rtp.wait_for(TARGET_TONE, 20)
        await called.target.rtp.wait_for(AGENT_TONE, 10)
        await called.citizen.rtp.wait_for(MUSIC, 10)
        assert called.target.invited() == (TARGET.number, called.number, called.number)
        assert called.facts("HOLD") == ["a1001"]
        await to_rating(link, called.talk)
        await called.citizen.rtp.wait_for(TARGET_TONE, 20)
        await called.target.rtp.wait_for(CITIZEN_TONE, 20)
        await called.citizen.sees("BYE", 40, sent=True)
        call = await recorded(called)
    assert (call["disposition"], call["agent"]) == ("answered", "a1001")
    assert call["hold_ms"] > 500  # type: ignore[operator]  # a column


@pytest.mark.parametrize("rings", [0.5, 60.0], ids=["spoken with", "ringing"])
async def test_an_agent_takes_him_back(hotline: Callbacks, link: Link, rings: float) -> None:
    async with AsyncExitStack() as parties:
        called = await called_back(hotline, parties, target_rings=rings)
        await consult(link, called.talk, TARGET)
        await called.citizen.rtp.wait_for(MUSIC, 20)
        await called.target.sees("INVITE", 20)
        if rings < 1:
            await called.agent.rtp.wait_for(TARGET_TONE, 20)
        await take_back(link, called.talk)
        await called.target.sees("BYE" if rings < 1 else "CANCEL", 20)
        await called.citizen.rtp.wait_for(AGENT_TONE, 20)
        await called.agent.rtp.wait_for(CITIZEN_TONE, 20)
        await asyncio.sleep(2)
        assert called.citizen.rtp.hears(AGENT_TONE), "nobody has fetched him since"
        await to_rating(link, called.talk)
        await called.citizen.rtp.wait_for(RATE_US, 20)
        await called.citizen.sees("BYE", 40)
        call = await recorded(called)
    assert (call["agent"], call["rating_offered"]) == ("a1001", True)


async def test_all_three_speak_and_the_agent_leaves_the_other_two_together(
    hotline: Callbacks, link: Link
) -> None:
    async with AsyncExitStack() as parties:
        called = await called_back(hotline, parties)
        await consult(link, called.talk, TARGET)
        await called.agent.rtp.wait_for(TARGET_TONE, 20)
        await called.citizen.rtp.wait_for(MUSIC, 20)
        await join(link, called.talk)
        await both_heard(called.citizen.rtp, AGENT_TONE, TARGET_TONE)
        await both_heard(called.agent.rtp, CITIZEN_TONE, TARGET_TONE)
        await both_heard(called.target.rtp, CITIZEN_TONE, AGENT_TONE)
        await to_rating(link, called.talk)
        await called.agent.sees("BYE", 20)
        await called.citizen.rtp.wait_for(TARGET_TONE, 20)
        await called.target.rtp.wait_for(CITIZEN_TONE, 20)
        await link.send(Hangup(called.talk.caller))
        call = await recorded(called)
    assert (call["disposition"], call["agent"]) == ("answered", "a1001")


async def both_heard(ear: RtpParty, *tones: float) -> None:
    """Wait until each of these tones has a good part of the sound."""
    async with asyncio.timeout(30):
        while min(share_of(ear.audio(0.3), tone) for tone in tones) < 0.2:  # noqa: ASYNC110 - the judgement is on a window of sound
            await asyncio.sleep(0.1)


async def test_an_agent_who_hangs_up_while_it_rings_leaves_him_to_the_next_agent(
    hotline: Callbacks, link: Link
) -> None:
    async with AsyncExitStack() as parties:
        called = await called_back(hotline, parties, target_rings=60.0)
        await consult(link, called.talk, TARGET)
        await called.citizen.rtp.wait_for(MUSIC, 20)
        await called.target.sees("INVITE", 20)
        await to_rating(link, called.talk)
        await called.citizen.rtp.wait_for(BACK, 30)
        await until(lambda: called.facts("AGENT") == ["a1001", "a1001"], 40)
        await called.citizen.rtp.wait_for(AGENT_TONE, 20)
        last = [one for one in hotline.channels(called.talk.call_id) if "agent" in one][-1]
        await to_rating(link, Conversation(called.talk.call_id, called.talk.caller, last))
        await called.citizen.sees("BYE", 40)
        await recorded(called)


async def test_whose_agent_stays_lost_is_first_in_line_and_holds_are_booked_on_who_was_lost(
    hotline: Callbacks, link: Link
) -> None:
    behind = hotline.number()
    async with AsyncExitStack() as parties:
        called = await called_back(hotline, parties)
        later = await waiting(hotline, behind, parties)
        await hotline.ask("live", pause("a1001", "true"))
        try:
            async with hotline.short_patience(0):
                await link.send(Hangup(called.talk.agent, cause=44))
                await until(lambda: hotline.in_line(called.talk.caller), 20)
            other = hotline.agent("a1002", talk_seconds=90.0, tone=OTHER_AGENT_TONE)
            await parties.enter_async_context(other)
            await called.citizen.rtp.wait_for(OTHER_AGENT_TONE, 40)
            assert not later.rtp.hears(OTHER_AGENT_TONE), "who waits already is served later"
            await link.send(Hangup(hotline.channels(called.talk.call_id)[-1], cause=44))
            await called.citizen.rtp.wait_for(MUSIC, 20)
            await called.citizen.rtp.wait_for(OTHER_AGENT_TONE, 20)
            await hotline.worth_rating(called.talk.call_id)
            await hotline.agent_hangs_up("a1002")
            await called.citizen.rtp.wait_for(RATE_US, 30)
            called.citizen.rtp.press("1")
            await later.rtp.wait_for(OTHER_AGENT_TONE, 60)
            later.hang_up()
            await later.ended(20)
        finally:
            await hotline.ask("live", pause("a1001", "false"))
        call = await recorded(called)
    assert called.facts("HOLD") == ["a1001", "a1002"]
    assert (call["disposition"], call["agent"], call["rating"]) == ("answered", "a1001", 1)


@asynccontextmanager
async def browser(hotline: Callbacks, person: str) -> AsyncIterator[ClientSession]:
    """What an agent's browser sends, with his session."""
    await hotline.stack.start("agents")
    address = f"http://127.0.0.1:{hotline.stack.ports.web}"
    identity = Identity(person, Role.AGENT, person)
    async with (
        stores(hotline.stack.settings) as (pool, redis),
        ClientSession(address, headers={"Origin": address}) as client,
    ):
        async with pool.acquire() as connection:
            await users.create(connection, users.OPERATOR, identity)
        cookie = await Sessions(redis, pool).open(identity)
        client.headers["Cookie"] = f"{COOKIE}={cookie}"
        yield client


async def test_an_agent_who_heard_a_machine_says_so_at_his_desk_and_the_citizen_is_rung_again(
    hotline: Callbacks, link: Link
) -> None:
    async with AsyncExitStack() as parties:
        desk = await parties.enter_async_context(browser(hotline, "a1001"))
        called = await called_back(hotline, parties)
        ticket = await hotline.ticket(called.number, "calling")
        await hotline.worth_rating(called.talk.call_id)
        said = await desk.put(
            f"/api/v1/calls/{called.talk.call_id}/exemption",
            json={"reason": "not_reached"},
            headers={"Idempotency-Key": "said-once"},
        )
        assert said.status == 200, await said.text()
        await to_rating(link, called.talk)
        await until(lambda: hotline.has(called.talk.call_id, "LINKEDID_END"), 30)
        async with asyncio.timeout(60):
            while len(attempts := await hotline.attempts(ticket)) < 2:  # noqa: ASYNC110 - a row appears
                await asyncio.sleep(0.1)
        await until(lambda: hotline.has(attempts[1]["attempt_id"], "RECORDING"), 60)
        await called.citizen.rtp.wait_for(AGENT_TONE, 30)
        await hotline.agent_hangs_up()
        ticket = await hotline.ticket(called.number, "reached")
    attempts = await hotline.attempts(ticket)
    assert [one["outcome"] for one in attempts] == ["machine", "answered"]
    assert (ticket["tries"], attempts[0]["not_reached_by"]) == (2, "a1001")
    [call] = await hotline.rows("SELECT * FROM call WHERE call_id = $1", called.talk.call_id)
    assert (call["disposition"], call["rating_offered"], call["rating_exempt"]) == (
        *("answered", False, "not_reached"),
    )
