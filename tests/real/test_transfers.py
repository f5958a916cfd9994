"""Handing callers over on a real Asterisk: to whom, with whose number, and who is lost (nobody)."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

import pytest
import pytest_asyncio

from deploy.stack.rtp import RtpParty, share_of
from deploy.stack.sip import Caller
from deploy.stack.stack import AGENT_ADDRESS
from ivr import transfer_wishes
from ivr.asterisk.actions import Hangup
from ivr.config import DefinitionSettings
from ivr.errors import ActionRefused
from ivr.live import connect
from ivr.recordings.pausing import WISHES, Wish
from ivr.transfer_targets import colleague, load_targets
from ivr.transfer_wishes import Answer, Verb
from ivr.transfers import (
    Conversation,
    Exemption,
    consult,
    hand_over,
    join,
    take_back,
    to_rating,
)
from tests.real.exchange import BACK, OUTSIDE_TONE, RING_SECONDS, Exchange, running_exchange
from tests.real.hotline import (
    AGENT_TONE,
    CALLER_TONE,
    MAIN,
    MESSAGE,
    MUSIC,
    NIGHT,
    RATE_US,
    until,
)

TARGETS = load_targets(DefinitionSettings().transfers)
_DIALLER = "PJSIP/agent-a1003-"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exchange]:
    async with running_exchange(tmp_path_factory.mktemp("transfers")) as running:
        yield running


async def speaking(exchange: Exchange, number: str, caller: Caller, key: str = "0") -> Conversation:
    """Lead a caller to an agent; give the channels."""
    await caller.rtp.wait_for(MAIN, 15)
    caller.press(key)
    await caller.rtp.wait_for(AGENT_TONE, 20)
    await exchange.says(number, "AGENT", 10)
    return exchange.talk(number)


async def recorded_whole(exchange: Exchange, call_id: str, talk_ms: int) -> None:
    """A recording goes on through a transfer: the ledger's identity for its length holds."""
    recording = await exchange.recording(call_id)
    assert talk_ms * 0.98 - 1_500 <= recording["milliseconds"] <= talk_ms + 2_500


@pytest.mark.parametrize(
    ("picked", "kind"),
    [("ambulance", "emergency"), ("psych12356", "psych"), ("place_010", "hotline")],
)
async def test_a_caller_is_handed_over_with_his_own_number_and_the_agent_is_free(
    exchange: Exchange, picked: str, kind: str
) -> None:
    number, target = exchange.number(), TARGETS[picked]
    async with (
        exchange.outside() as other,
        exchange.agent(talk_seconds=60.0) as agent,
        exchange.caller(number) as caller,
    ):
        talk = await speaking(exchange, number, caller)
        await hand_over(exchange.link, talk, target)
        await caller.rtp.wait_for(OUTSIDE_TONE, 15)
        await other.rtp.wait_for(CALLER_TONE, 5)
        await agent.sees("BYE", 5)
        assert other.invited() == (target.number, number, number)
        assert exchange.facts(number, "TRANSFER") == [f"{kind}:{target.number}"]
        assert caller.ledger.at("INVITE", sent=False) is None, "the carrier is not bothered"
        caller.hang_up()
        await caller.ended(10)
    call = await exchange.record(number)
    assert (call["disposition"], call["agent"]) == ("answered", "a1001")
    legs = await exchange.rows("SELECT * FROM leg WHERE call_id = $1", call["call_id"])
    assert sorted(leg["kind"] for leg in legs) == ["agent", "trunk", "trunk"]
    assert min(leg["talk_ms"] for leg in legs) > 0
    await recorded_whole(exchange, call["call_id"], call["talk_ms"])


@pytest.mark.parametrize("way", ["handed over", "asked first", "all three"])
async def test_after_a_redirection_to_120_nobody_is_asked_to_rate(
    exchange: Exchange, way: str
) -> None:
    number = exchange.number()
    async with (
        exchange.outside(talk_seconds=2.0 if way == "handed over" else 12.0),
        exchange.agent(talk_seconds=60.0) as agent,
        exchange.caller(number) as caller,
    ):
        talk = await speaking(exchange, number, caller)
        await exchange.worth_rating(talk.call_id)
        if way == "handed over":
            await hand_over(exchange.link, talk, TARGETS["ambulance"])
        else:
            await consult(exchange.link, talk, TARGETS["ambulance"])
            await agent.rtp.wait_for(OUTSIDE_TONE, 15)
            await caller.rtp.wait_for(MUSIC, 10)
        if way == "all three":
            await join(exchange.link, talk)
            await both_heard(caller.rtp, AGENT_TONE, OUTSIDE_TONE)
        if way != "handed over":
            await to_rating(exchange.link, talk)
        await caller.rtp.wait_for(OUTSIDE_TONE, 15)
        await caller.ended(30)
    call = await exchange.record(number)
    assert (call["rating_offered"], call["rating_exempt"]) == (False, "redirected")


async def test_when_the_target_does_not_answer_the_caller_is_first_in_line_again(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with AsyncExitStack() as parties:
        await parties.enter_async_context(exchange.outside(ring_seconds=60.0))
        caller = await parties.enter_async_context(exchange.caller(number))
        first = await parties.enter_async_context(exchange.agent("a1001", talk_seconds=60.0))
        talk = await speaking(exchange, number, caller)
        await hand_over(exchange.link, talk, TARGETS["place_010"])
        await first.sees("BYE", 5)
        await parties.enter_async_context(exchange.agent("a1002", talk_seconds=60.0, tone=1_000.0))
        await caller.rtp.wait_for(BACK, RING_SECONDS + 10)
        await until(lambda: exchange.events(number).count("AGENT") == 2, 30)
        caller.hang_up()
        await caller.ended(10)
    call = await exchange.record(number)
    assert call["disposition"] == "answered"
    visits = await exchange.rows("SELECT * FROM queue_visit WHERE call_id = $1", call["call_id"])
    assert [visit["outcome"] for visit in visits] == ["answered", "answered"]


async def test_an_agent_asks_first_and_joins_the_two_by_hanging_up(exchange: Exchange) -> None:
    number, target = exchange.number(), TARGETS["place_010"]
    async with (
        exchange.outside() as other,
        exchange.agent(talk_seconds=12.0) as agent,
        exchange.caller(number) as caller,
    ):
        talk = await speaking(exchange, number, caller)
        await consult(exchange.link, talk, target)
        await agent.rtp.wait_for(OUTSIDE_TONE, 10)
        await other.rtp.wait_for(AGENT_TONE, 5)
        await caller.rtp.wait_for(MUSIC, 5)
        assert other.invited() == (target.number, number, number)
        await caller.rtp.wait_for(OUTSIDE_TONE, 20)
        await other.rtp.wait_for(CALLER_TONE, 5)
        assert exchange.facts(number, "HOLD") == ["a1001"]
        caller.hang_up()
        await caller.ended(10)
    call = await exchange.record(number)
    assert (call["disposition"], call["agent"]) == ("answered", "a1001")
    assert call["hold_ms"] > 1_000
    await recorded_whole(exchange, call["call_id"], call["talk_ms"])


@pytest.mark.parametrize("rings", [0.5, 60.0], ids=["spoken with", "ringing"])
async def test_an_agent_takes_his_caller_back(exchange: Exchange, rings: float) -> None:
    number = exchange.number()
    async with (
        exchange.outside(ring_seconds=rings, talk_seconds=60.0) as other,
        exchange.agent(talk_seconds=60.0) as agent,
        exchange.caller(number) as caller,
    ):
        talk = await speaking(exchange, number, caller)
        await consult(exchange.link, talk, TARGETS["place_010"])
        await caller.rtp.wait_for(MUSIC, 10)
        await other.sees("INVITE", 10)
        if rings < 1:
            await agent.rtp.wait_for(OUTSIDE_TONE, 10)
        await take_back(exchange.link, talk)
        await other.sees("BYE" if rings < 1 else "CANCEL", 10)
        await caller.rtp.wait_for(AGENT_TONE, 10)
        await agent.rtp.wait_for(CALLER_TONE, 10)
        await asyncio.sleep(RING_SECONDS)
        assert caller.rtp.hears(AGENT_TONE), "nobody has fetched him since"
        assert agent.rtp.hears(CALLER_TONE)
        await to_rating(exchange.link, talk)
        await caller.rtp.wait_for(RATE_US, 25)
        caller.hang_up()
        await caller.ended(10)
    call = await exchange.record(number)
    assert (call["disposition"], call["agent"], call["rating_offered"]) == (
        *("answered", "a1001", True),
    )
    legs = await exchange.rows("SELECT * FROM leg WHERE call_id = $1", call["call_id"])
    assert sorted(leg["kind"] for leg in legs) == ["agent", "trunk", "trunk"], "one talk, one agent"


async def test_a_target_that_does_not_answer_brings_agent_and_caller_together_again(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with (
        exchange.outside(ring_seconds=60.0),
        exchange.agent(talk_seconds=25.0),
        exchange.caller(number) as caller,
    ):
        talk = await speaking(exchange, number, caller)
        await consult(exchange.link, talk, TARGETS["place_010"])
        await caller.rtp.wait_for(MUSIC, 5)
        await caller.rtp.wait_for(AGENT_TONE, RING_SECONDS + 10)
        caller.hang_up()
        await caller.ended(10)
    assert (await exchange.record(number))["disposition"] == "answered"


async def test_an_agent_who_hangs_up_while_it_rings_leaves_the_caller_to_the_next_agent(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with AsyncExitStack() as parties:
        await parties.enter_async_context(exchange.outside(ring_seconds=60.0))
        await parties.enter_async_context(exchange.agent("a1001", talk_seconds=3.0))
        caller = await parties.enter_async_context(exchange.caller(number))
        talk = await speaking(exchange, number, caller)
        await consult(exchange.link, talk, TARGETS["place_010"])
        await caller.rtp.wait_for(MUSIC, 5)
        await caller.rtp.wait_for(BACK, 20)
        await until(lambda: exchange.events(number).count("AGENT") == 2, 30)
        caller.hang_up()
        await caller.ended(10)
    assert (await exchange.record(number))["disposition"] == "answered"


async def test_a_caller_is_handed_over_to_a_colleague_who_does_not_see_his_number(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with (
        exchange.agent("a1001", talk_seconds=60.0) as first,
        exchange.caller(number) as caller,
    ):
        talk = await speaking(exchange, number, caller)
        async with exchange.agent(
            "a1002", talk_seconds=6.0, tone=1_000.0, keeps_messages=True
        ) as second:
            await hand_over(exchange.link, talk, colleague("a1002"))
            await first.sees("BYE", 10)
            await second.rtp.wait_for(CALLER_TONE, 15)
            await caller.rtp.wait_for(1_000.0, 10)
            assert number not in second.messages()
            await caller.rtp.wait_for(RATE_US, 20)
            caller.hang_up()
            await caller.ended(10)
    call = await exchange.record(number)
    legs = await exchange.rows("SELECT agent FROM leg WHERE call_id = $1", call["call_id"])
    assert {leg["agent"] for leg in legs} == {None, "a1001", "a1002"}
    assert exchange.facts(number, "TRANSFER") == ["colleague:a1002"]
    await recorded_whole(exchange, call["call_id"], call["talk_ms"])


@pytest.mark.parametrize("asked", [False, True], ids=["handed over", "asked first"])
async def test_a_colleague_in_a_talk_is_not_rung_a_second_time(
    exchange: Exchange, *, asked: bool
) -> None:
    """Also when the telephone was free as the bridge looked: Asterisk looks once more."""
    engaged, number = exchange.number(), exchange.number()
    async with AsyncExitStack() as parties:
        second = await parties.enter_async_context(
            exchange.agent("a1002", talk_seconds=90.0, tone=1_000.0)
        )
        other = await parties.enter_async_context(exchange.caller(engaged))
        await other.rtp.wait_for(MAIN, 15)
        other.press("0")
        await other.rtp.wait_for(1_000.0, 20)
        await parties.enter_async_context(exchange.agent("a1001", talk_seconds=90.0))
        caller = await parties.enter_async_context(exchange.caller(number))
        talk = await speaking(exchange, number, caller)
        if asked:
            await consult(exchange.link, talk, colleague("a1002"))
            await exchange.says(number, "TRANSFER", 10)
            await caller.rtp.wait_for(AGENT_TONE, 15)
        else:
            await hand_over(exchange.link, talk, colleague("a1002"))
            await caller.rtp.wait_for(BACK, 15)
        caller.hang_up()
        await caller.ended(10)
        await exchange.record(number)
        other.hang_up()
        await other.ended(10)
        await second.sees("BYE", 10)
    call = await exchange.record(number)
    legs = await exchange.rows("SELECT agent FROM leg WHERE call_id = $1", call["call_id"])
    assert "a1002" not in {leg["agent"] for leg in legs}


async def wish(exchange: Exchange, number: str, agent: str, *, paused: bool) -> None:
    """An agent's desk asks for a pause, or for its end; the journal has it."""
    fact = "RECORDING_PAUSED" if paused else "RECORDING_RESUMED"
    before, call_id = exchange.events(number).count(fact), exchange.call_id(number)
    async with connect(exchange.stack.settings.redis) as redis:
        await WISHES.ask(redis, "n1", Wish(str(call_id), agent, paused, time.time() + 5))
    await until(lambda: exchange.events(number).count(fact) > before, 10)


async def test_who_takes_a_caller_over_is_recorded_and_may_pause_it_himself(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with AsyncExitStack() as parties:
        await parties.enter_async_context(exchange.agent("a1001", talk_seconds=90.0))
        caller = await parties.enter_async_context(exchange.caller(number))
        talk = await speaking(exchange, number, caller)
        await wish(exchange, number, "a1001", paused=True)
        await parties.enter_async_context(exchange.agent("a1002", talk_seconds=90.0, tone=1_000.0))
        await hand_over(exchange.link, talk, colleague("a1002"))
        await caller.rtp.wait_for(1_000.0, 15)
        assert exchange.events(number).count("RECORDING_RESUMED") == 1
        await wish(exchange, number, "a1002", paused=True)
        await wish(exchange, number, "a1002", paused=False)
        caller.hang_up()
        await caller.ended(10)
    assert (await exchange.record(number))["disposition"] == "answered"


async def test_who_joins_a_caller_and_a_colleague_leaves_him_the_pause(exchange: Exchange) -> None:
    number = exchange.number()
    async with AsyncExitStack() as parties:
        await parties.enter_async_context(exchange.agent("a1001", talk_seconds=90.0))
        caller = await parties.enter_async_context(exchange.caller(number))
        talk = await speaking(exchange, number, caller)
        await parties.enter_async_context(exchange.agent("a1002", talk_seconds=90.0, tone=1_000.0))
        await consult(exchange.link, talk, colleague("a1002"))
        await caller.rtp.wait_for(MUSIC, 10)
        await to_rating(exchange.link, talk)
        await caller.rtp.wait_for(1_000.0, 10)
        await wish(exchange, number, "a1002", paused=True)
        await wish(exchange, number, "a1002", paused=False)
        caller.hang_up()
        await caller.ended(10)
    assert (await exchange.record(number))["disposition"] == "answered"


async def test_an_agent_whose_browser_was_lost_may_end_his_pause_when_he_is_back(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with exchange.agent(talk_seconds=90.0), exchange.caller(number) as caller:
        talk = await speaking(exchange, number, caller)
        await wish(exchange, number, "a1001", paused=True)
        await exchange.link.send(Hangup(talk.agent, cause=44))
        await caller.rtp.wait_for(MUSIC, 10)
        await caller.rtp.wait_for(AGENT_TONE, 20)
        await wish(exchange, number, "a1001", paused=False)
        caller.hang_up()
        await caller.ended(10)
    assert (await exchange.record(number))["agent"] == "a1001"


async def test_a_colleague_whose_browser_was_lost_after_a_hand_over_has_his_caller_again(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with (
        exchange.agent("a1001", talk_seconds=60.0) as first,
        exchange.caller(number) as caller,
    ):
        talk = await speaking(exchange, number, caller)
        async with exchange.agent("a1002", talk_seconds=60.0, tone=1_000.0):
            await hand_over(exchange.link, talk, colleague("a1002"))
            await first.sees("BYE", 10)
            await caller.rtp.wait_for(1_000.0, 15)
            await exchange.link.send(Hangup(exchange.talk(number).agent, cause=44))
            await caller.rtp.wait_for(MUSIC, 10)
            assert exchange.facts(number, "HOLD") == ["a1002"]
            await caller.rtp.wait_for(1_000.0, 20)
            await to_rating(exchange.link, exchange.talk(number))
            await caller.rtp.wait_for(RATE_US, 20)
            caller.hang_up()
            await caller.ended(10)
    assert (await exchange.record(number))["rating_offered"]


@pytest.mark.parametrize("way", ["taken back", "joined", "three, he left", "three, he stayed"])
async def test_who_spoke_last_and_lost_his_browser_has_his_caller_again(
    exchange: Exchange, way: str
) -> None:
    number = exchange.number()
    async with (
        exchange.agent("a1001", talk_seconds=90.0) as first,
        exchange.caller(number) as caller,
    ):
        talk = await speaking(exchange, number, caller)
        async with exchange.agent("a1002", talk_seconds=90.0, tone=1_000.0) as second:
            await consult(exchange.link, talk, colleague("a1002"))
            await first.rtp.wait_for(1_000.0, 15)
            await caller.rtp.wait_for(MUSIC, 15)
            asked = exchange.talk(number)
            if way == "taken back":
                await take_back(exchange.link, talk)
                await second.sees("BYE", 10)
                await caller.rtp.wait_for(AGENT_TONE, 15)
            if way.startswith("three"):
                await join(exchange.link, talk)
                await both_heard(caller.rtp, AGENT_TONE, 1_000.0)
            if way == "three, he stayed":
                await to_rating(exchange.link, asked)
                await second.sees("BYE", 10)
                await caller.rtp.wait_for(AGENT_TONE, 15)
            if way in {"joined", "three, he left"}:
                await to_rating(exchange.link, talk)
                await first.sees("BYE", 10)
                await caller.rtp.wait_for(1_000.0, 15)
            stays = way in {"taken back", "three, he stayed"}
            last, tone = (talk, AGENT_TONE) if stays else (asked, 1_000.0)
            await exchange.link.send(Hangup(last.agent, cause=44))
            await caller.rtp.wait_for(MUSIC, 15)
            held = ["a1001", "a1001" if stays else "a1002"]
            await until(lambda: exchange.facts(number, "HOLD") == held, 10)
            await caller.rtp.wait_for(tone, 20)
            await exchange.worth_rating(talk.call_id)
            await to_rating(exchange.link, exchange.talk(number))
            await caller.rtp.wait_for(RATE_US, 20)
            caller.hang_up()
            await caller.ended(10)
    call = await exchange.record(number)
    assert (call["rating_offered"], call["rating_exempt"]) == (True, None)


@pytest.mark.parametrize("is_back", [True, False], ids=["is back", "stays lost"])
async def test_whom_an_agent_called_is_not_lost_with_his_browser(
    exchange: Exchange, *, is_back: bool
) -> None:
    number = f"139{secrets.randbelow(10**8):08}"
    dialler = exchange.caller(
        "agent-a1003", number=number, password=exchange.stack.agent_secret("a1003")
    )
    dialler.host = AGENT_ADDRESS
    # His telephone when it is there again; else a colleague's.
    other = exchange.agent("a1003" if is_back else "a1001", tone=1_000.0, talk_seconds=3.0)
    patience = nullcontext() if is_back else exchange.short_patience(3)
    async with exchange.outside(talk_seconds=90.0) as citizen, patience:
        async with dialler:
            await citizen.rtp.wait_for(CALLER_TONE, 20)
            await dialler.rtp.wait_for(OUTSIDE_TONE, 20)
            own = [line for line in exchange.lines() if line["channame"].startswith(_DIALLER)]
            await exchange.link.send(Hangup(own[-1]["channame"], cause=44))
            await citizen.rtp.wait_for(MUSIC, 15)
        async with other:
            await citizen.rtp.wait_for(1_000.0, 30)
            await citizen.sees("BYE", 60)
    kept = (
        "SELECT call_id, agent, disposition, queue, ended_by FROM call WHERE dialled = $1 AND final"
    )
    async with asyncio.timeout(30):
        while not (rows := await exchange.rows(kept, number)):  # noqa: ASYNC110 - a row appears
            await asyncio.sleep(0.1)
    [(_, *told)] = [tuple(row) for row in rows]
    assert told == ["a1003", "answered", None if is_back else "anyone", "agent"]
    legs = await exchange.rows(
        "SELECT agent FROM leg WHERE call_id = $1 AND agent IS NOT NULL AND talk_ms > 0"
        " ORDER BY position",
        rows[0]["call_id"],
    )
    assert [leg["agent"] for leg in legs] == ["a1003", "a1003" if is_back else "a1001"]


async def test_what_an_agent_said_of_his_own_talk_is_no_word_on_his_colleagues(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with (
        exchange.agent("a1001", talk_seconds=90.0) as first,
        exchange.caller(number) as caller,
    ):
        talk = await speaking(exchange, number, caller)
        said = await granted(exchange, talk, Verb.EXEMPT, Exemption.WRONG_NUMBER.value)
        assert said is Answer.DONE
        async with exchange.agent("a1002", talk_seconds=90.0, tone=1_000.0):
            await hand_over(exchange.link, talk, colleague("a1002"))
            await first.sees("BYE", 10)
            await caller.rtp.wait_for(1_000.0, 15)
            await exchange.worth_rating(talk.call_id)
            await to_rating(exchange.link, exchange.talk(number))
            await caller.rtp.wait_for(RATE_US, 20)
            caller.hang_up()
            await caller.ended(10)
    assert (await exchange.record(number))["rating_exempt"] is None


async def test_an_agent_asks_a_colleague_and_joins_the_two(exchange: Exchange) -> None:
    number = exchange.number()
    async with exchange.agent("a1001", talk_seconds=60.0), exchange.caller(number) as caller:
        talk = await speaking(exchange, number, caller)
        async with exchange.agent("a1002", talk_seconds=60.0, tone=1_000.0) as second:
            await consult(exchange.link, talk, colleague("a1002"))
            await second.rtp.wait_for(AGENT_TONE, 15)
            await caller.rtp.wait_for(MUSIC, 5)
            await to_rating(exchange.link, talk)
            await caller.rtp.wait_for(1_000.0, 10)
            await second.rtp.wait_for(CALLER_TONE, 5)
            caller.hang_up()
            await caller.ended(10)
    assert (await exchange.record(number))["disposition"] == "answered"


@pytest.mark.parametrize("leaves", ["agent", "other"])
async def test_all_three_speak_and_whoever_leaves_parts_nobody_else(
    exchange: Exchange, leaves: str
) -> None:
    number = exchange.number()
    async with AsyncExitStack() as parties:
        other = await parties.enter_async_context(
            exchange.outside(talk_seconds=20.0 if leaves == "agent" else 12.0)
        )
        agent = await parties.enter_async_context(exchange.agent(talk_seconds=60.0))
        caller = await parties.enter_async_context(exchange.caller(number))
        talk = await speaking(exchange, number, caller)
        await consult(exchange.link, talk, TARGETS["place_010"])
        await agent.rtp.wait_for(OUTSIDE_TONE, 10)
        await caller.rtp.wait_for(MUSIC, 5)
        await join(exchange.link, talk)
        await both_heard(other.rtp, CALLER_TONE, AGENT_TONE)
        await both_heard(agent.rtp, CALLER_TONE, OUTSIDE_TONE)
        await both_heard(caller.rtp, AGENT_TONE, OUTSIDE_TONE)
        if leaves == "agent":
            await to_rating(exchange.link, talk)
            await agent.sees("BYE", 10)
            await caller.rtp.wait_for(OUTSIDE_TONE, 10)
            await other.rtp.wait_for(CALLER_TONE, 5)
            await other.sees("BYE", 40, sent=True)
        else:
            await other.sees("BYE", 30, sent=True)
            await caller.rtp.wait_for(AGENT_TONE, 10)
            await agent.rtp.wait_for(CALLER_TONE, 5)
            await to_rating(exchange.link, talk)
        await caller.rtp.wait_for(RATE_US, 10)
        caller.hang_up()
        await caller.ended(10)
    call = await exchange.record(number)
    assert (call["disposition"], call["agent"]) == ("answered", "a1001")
    await recorded_whole(exchange, call["call_id"], call["talk_ms"])


async def test_who_cannot_be_brought_in_any_more_stands_in_line_again(exchange: Exchange) -> None:
    number = exchange.number()
    async with AsyncExitStack() as parties:
        await parties.enter_async_context(exchange.outside(ring_seconds=60.0))
        agent = await parties.enter_async_context(exchange.agent(talk_seconds=60.0))
        caller = await parties.enter_async_context(exchange.caller(number))
        talk = await speaking(exchange, number, caller)
        await consult(exchange.link, talk, TARGETS["place_010"])
        await caller.rtp.wait_for(MUSIC, 5)
        await join(exchange.link, talk)
        await caller.rtp.wait_for(BACK, 10)
        caller.hang_up()
        await caller.ended(10)
        await agent.sees("BYE", 20)
    assert (await exchange.record(number))["disposition"] == "answered"


async def both_heard(ear: RtpParty, *tones: float) -> None:
    """Wait until each of these tones has a good part of the sound."""
    async with asyncio.timeout(15):
        while min(share_of(ear.audio(0.3), tone) for tone in tones) < 0.2:  # noqa: ASYNC110 - the judgement is on a window of sound
            await asyncio.sleep(0.1)


async def test_who_does_not_speak_any_more_cannot_be_handed_over(exchange: Exchange) -> None:
    number = exchange.number()
    async with exchange.agent(talk_seconds=60.0), exchange.caller(number) as caller:
        talk = await speaking(exchange, number, caller)
        caller.hang_up()
        await caller.ended(10)
        await exchange.record(number)
        with pytest.raises(ActionRefused):
            await hand_over(exchange.link, talk, TARGETS["ambulance"])


async def granted(exchange: Exchange, talk: Conversation, verb: Verb, target: str = "") -> Answer:
    """A desk asks the bridge for something."""
    async with connect(exchange.stack.settings.redis) as redis:
        asked = transfer_wishes.Wish(
            secrets.token_hex(8), talk.call_id, "a1001", verb, target, time.time() + 5
        )
        await transfer_wishes.WISHES.ask(redis, "n1", asked)
        async with asyncio.timeout(20):
            while (came := await transfer_wishes.WISHES.answer_of(redis, "n1", asked)) is None:  # noqa: ASYNC110 - written by the bridge
                await asyncio.sleep(0.05)
    return came


async def test_the_agent_may_end_into_the_rating_or_say_that_there_is_nothing_to_rate(
    exchange: Exchange,
) -> None:
    rated, spared = exchange.number(), exchange.number()
    reason = Exemption.WRONG_NUMBER.value
    async with exchange.agent(talk_seconds=60.0):
        async with exchange.caller(rated) as caller:
            talk = await speaking(exchange, rated, caller)
            assert await granted(exchange, talk, Verb.EXEMPT, reason) is Answer.DONE
            assert await granted(exchange, talk, Verb.EXEMPT) is Answer.DONE, "taken back"
            await exchange.worth_rating(talk.call_id)
            await to_rating(exchange.link, talk)
            await caller.rtp.wait_for(RATE_US, 10)
            caller.press("1")
            await caller.ended(10)
        async with exchange.caller(spared) as caller:
            talk = await speaking(exchange, spared, caller)
            assert await granted(exchange, talk, Verb.EXEMPT, reason) is Answer.DONE
            await exchange.worth_rating(talk.call_id)
            await to_rating(exchange.link, talk)
            await caller.ended(10)
            assert await granted(exchange, talk, Verb.EXEMPT, reason) is Answer.NOT_TALKING
    call = await exchange.record(rated)
    assert (call["rating"], call["rating_exempt"]) == (1, None)
    call = await exchange.record(spared)
    assert (call["rating_offered"], call["rating_exempt"]) == (False, "wrong_number")


async def test_who_waits_too_long_for_psychological_help_is_rung_through_to_12356(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with exchange.outside() as other, exchange.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 15)
        caller.press("5")
        await caller.rtp.wait_for(OUTSIDE_TONE, 40)
        assert other.invited() == ("12356", number, number)
        caller.hang_up()
        await caller.ended(10)
    call = await exchange.record(number)
    visits = await exchange.rows("SELECT * FROM queue_visit WHERE call_id = $1", call["call_id"])
    assert [(v["queue"], v["outcome"], v["status"]) for v in visits] == [
        ("psych", "overflow", "OVERFLOW")
    ]


async def test_when_12356_does_not_answer_the_caller_is_back_at_his_place(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with AsyncExitStack() as parties:
        other = await parties.enter_async_context(exchange.outside(ring_seconds=60.0))
        caller = await parties.enter_async_context(exchange.caller(number))
        await caller.rtp.wait_for(MAIN, 15)
        caller.press("5")
        await other.sees("CANCEL", 40)
        await parties.enter_async_context(exchange.agent(talk_seconds=5.0))
        await caller.rtp.wait_for(AGENT_TONE, 30)
        caller.hang_up()
        await caller.ended(10)
    call = await exchange.record(number)
    assert (call["disposition"], call["queue"]) == ("answered", "psych")
    visits = await exchange.rows("SELECT * FROM queue_visit WHERE call_id = $1", call["call_id"])
    assert len(visits) == 1


@asynccontextmanager
async def on_call(exchange: Exchange, *numbers: str) -> AsyncIterator[None]:
    """Put somebody on call, at night."""
    day = exchange.hours.read_text("utf-8")
    listed = ", ".join(f'"{number}"' for number in numbers)
    await exchange.replace_hours(day.replace("numbers = []", f"numbers = [{listed}]"))
    async with exchange.night():
        yield
    await exchange.replace_hours(day)


async def test_an_emergency_reported_at_night_rings_who_is_on_call(exchange: Exchange) -> None:
    number = exchange.number()
    async with (
        on_call(exchange, "13800000001"),
        exchange.outside() as other,
        exchange.caller(number) as caller,
    ):
        await caller.rtp.wait_for(NIGHT, 15)
        caller.press("1")
        await caller.rtp.wait_for(OUTSIDE_TONE, 15)
        await other.rtp.wait_for(CALLER_TONE, 5)
        assert other.invited() == ("13800000001", number, number)
        caller.hang_up()
        await caller.ended(10)
    await exchange.record(number)
    assert exchange.facts(number, "TRANSFER") == ["oncall:13800000001"]
    assert exchange.facts(number, "OUTCOME") == ["night"]


async def test_when_nobody_on_call_answers_the_emergency_becomes_an_urgent_message(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    async with AsyncExitStack() as parties:
        await parties.enter_async_context(on_call(exchange, "13800000001", "13800000002"))
        await parties.enter_async_context(exchange.outside(ring_seconds=60.0))
        caller = await parties.enter_async_context(exchange.caller(number))
        await caller.rtp.wait_for(NIGHT, 15)
        caller.press("1")
        await caller.rtp.wait_for(MESSAGE, 2 * RING_SECONDS + 20)
        await exchange.says(number, "MESSAGE", 10)
        await asyncio.sleep(3.5)
        caller.hang_up()
        await caller.ended(10)
    call = await exchange.record(number)
    assert call["disposition"] == "voicemail"
    rung = ["oncall:13800000001", "oncall:13800000002"]
    assert exchange.facts(number, "TRANSFER") == rung
    rows = await exchange.rows("SELECT * FROM message WHERE call_id = $1", call["call_id"])
    assert [(row["queue"], row["urgent"], row["state"]) for row in rows] == [
        ("report", True, "new")
    ]


async def test_silence_at_night_becomes_a_message(exchange: Exchange) -> None:
    number = exchange.number()
    async with exchange.night(), exchange.caller(number) as caller:
        await caller.rtp.wait_for(MESSAGE, 60)
        await exchange.says(number, "MESSAGE", 10)
        caller.hang_up()
        await caller.ended(10)
    call = await exchange.record(number)
    assert (call["disposition"], call["queue"]) == ("night", None)
