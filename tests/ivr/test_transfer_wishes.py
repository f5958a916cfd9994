"""What a desk asks of the bridge about a caller, and what the bridge answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, replace

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from ivr.asterisk.link import Link, Pace
from ivr.asterisk.snapshot import ChannelSeen
from ivr.errors import DefinitionInvalid, PeerBroke
from ivr.live import connect
from ivr.transfer_targets import Kind, Target
from ivr.transfer_wishes import (
    WISHES,
    Answer,
    Scene,
    Transfers,
    Verb,
    Wish,
    objection,
    scene_of,
)
from tests.ivr.asterisk.fake_asterisk import (
    FakeAsterisk,
    fake_asterisk,
    listed,
    message,
    refused,
    until,
)
from tests.ivr.test_live import Valkey, valkey

__all__ = ["valkey"]

CALL = "n1-17-1763785000.42"
TARGETS = {"ambulance": Target("ambulance", "120急救", Kind.EMERGENCY, "120")}
CALLER, AGENT, OTHER = (
    "PJSIP/trunk-00000001",
    "PJSIP/agent-a1001-00000002",
    "PJSIP/trunk-00000003",
)


def seen(channel: str, bridge: str = "", *, uniqueid: str = "", state: str = "Up") -> ChannelSeen:
    return ChannelSeen(channel, uniqueid or f"u-{channel}", CALL, state, bridge)


def channels(caller: str, agent: str, other: str | None = None) -> list[ChannelSeen]:
    """Caller, agent and maybe a third, each in the bridge named."""
    found = [seen(CALLER, caller, uniqueid=CALL), seen(AGENT, agent)]
    return found if other is None else [*found, seen(OTHER, other)]


TALKING = channels("b1", "b1")
RINGING = [*channels("", ""), seen(OTHER, state="Ringing")]
CONSULTING = channels("", "b2", "b2")
JOINED = channels("b2", "b2", "b2")
CALLED_BACK = [replace(one, uniqueid="x") for one in TALKING]
JOINED_BACK = [replace(one, uniqueid="x") for one in JOINED]
"""Two are outside, and either may be the citizen."""

D, T, C, A = Answer.DONE, Answer.NOT_TALKING, Answer.NOT_CONSULTING, Answer.NOT_ANSWERED


@pytest.mark.parametrize(
    ("standing", "answers"),
    [
        (TALKING, (D, D, C, A, C, D)),
        (RINGING, (T, T, D, A, A, T)),
        (CONSULTING, (T, T, D, D, D, T)),
        (JOINED, (T, T, C, D, C, D)),
        (CALLED_BACK, (D, D, C, A, C, D)),
        (JOINED_BACK, (T, T, C, D, C, T)),
        ([], (T, T, T, T, T, T)),
    ],
    ids=[
        *("talking", "ringing", "consulting", "joined"),
        *("called back", "joined in a call-back", "gone"),
    ],
)
def test_what_can_be_done_follows_from_who_is_joined_with_whom(
    standing: list[ChannelSeen], answers: tuple[Answer, ...]
) -> None:
    scene = scene_of(standing, CALL, "a1001")
    verbs = (
        *(Verb.HAND_OVER, Verb.CONSULT, Verb.TAKE_BACK),
        *(Verb.COMPLETE, Verb.JOIN, Verb.EXEMPT),
    )
    assert tuple(objection(verb, scene) or D for verb in verbs) == answers


def test_the_caller_is_whose_channel_named_the_call_and_else_who_waits() -> None:
    def caller(found: Scene | None) -> str:
        return found.caller.channel if found else ""

    swapped = [seen(OTHER, "b2", uniqueid="x"), *channels("", "b2")]
    assert caller(scene_of(swapped, CALL, "a1001")) == CALLER
    outbound = [replace(one, uniqueid="y") for one in swapped]
    assert caller(scene_of(outbound, CALL, "a1001")) == CALLER
    talk = [seen(CALLER, "b1"), seen(AGENT, "b1", uniqueid=CALL)]
    assert caller(scene_of(talk, CALL, "a1001")) == CALLER


@pytest.mark.parametrize("agent", ["a100", "a1002", "a10011"])
def test_another_agent_has_no_part_in_the_call(agent: str) -> None:
    assert scene_of(TALKING, CALL, agent) is None
    assert scene_of(TALKING, "n1-17-1763785000.43", "a1001") is None


def wish(verb: Verb = Verb.HAND_OVER, target: str = "ambulance", *, ends: float = 60) -> Wish:
    return Wish("0" * 16, CALL, "a1001", verb, target, time.time() + ends)


def told(one: ChannelSeen) -> bytes:
    return message(
        Event="CoreShowChannel",
        Channel=one.channel,
        Uniqueid=one.uniqueid,
        Linkedid=one.linkedid,
        ChannelStateDesc=one.state,
        BridgeId=one.bridge,
    )


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with fake_asterisk() as fake:
        shows(fake, TALKING)
        yield fake


def shows(fake: FakeAsterisk, standing: list[ChannelSeen]) -> None:
    fake.answers["CoreShowChannels"] = lambda headers: listed(headers, *map(told, standing))


@asynccontextmanager
async def granting(
    asterisk: FakeAsterisk,
    valkey: Valkey,
    targets: Callable[[], Mapping[str, Target]] = lambda: TARGETS,
) -> AsyncIterator[Redis]:
    """A bridge listens for wishes; yields the desk's connection."""
    link = Link(asterisk.settings(), pace=Pace(first_retry=0.02, last_retry=0.1, snapshot=None))
    transfers = Transfers(link, valkey.settings, "n1", targets)
    async with connect(valkey.settings) as redis, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(link.run()), tasks.create_task(transfers.run())]
        await until(lambda: link.connected)
        yield redis
        for task in running:
            task.cancel()


async def answered(redis: Redis, wanted: Wish) -> Answer:
    await WISHES.ask(redis, "n1", wanted)
    async with asyncio.timeout(30):
        while (came := await WISHES.answer_of(redis, "n1", wanted)) is None:  # noqa: ASYNC110 - written by the bridge
            await asyncio.sleep(0.02)
    return came


@pytest.mark.parametrize(
    ("wanted", "standing", "expected"),
    [
        (wish(), TALKING, ("BlindTransfer", AGENT, "120")),
        (wish(target="*a1002"), TALKING, ("BlindTransfer", AGENT, "*a1002")),
        (wish(Verb.JOIN), CONSULTING, ("Redirect", CALLER, "s")),
        (wish(Verb.TAKE_BACK), CONSULTING, ("Redirect", AGENT, "s")),
        (wish(Verb.COMPLETE), CONSULTING, ("Hangup", AGENT, None)),
    ],
    ids=["hand over", "to a colleague", "join", "take back", "complete"],
)
async def test_a_wish_becomes_what_asterisk_is_asked(
    asterisk: FakeAsterisk,
    valkey: Valkey,
    wanted: Wish,
    standing: list[ChannelSeen],
    expected: tuple[str, str, str | None],
) -> None:
    shows(asterisk, standing)
    async with granting(asterisk, valkey) as redis:
        assert await answered(redis, replace(wanted, until=time.time() + 60)) is Answer.DONE
    [asked] = asterisk.named(expected[0])
    assert (expected[0], asked["Channel"], asked.get("Exten")) == expected


@pytest.mark.parametrize("reason", ["wrong_number", "redirected", "not_reached", ""])
async def test_why_a_caller_is_not_asked_to_rate_goes_onto_his_channel_and_off_again(
    asterisk: FakeAsterisk, valkey: Valkey, reason: str
) -> None:
    async with granting(asterisk, valkey) as redis:
        assert await answered(redis, wish(Verb.EXEMPT, reason)) is Answer.DONE
    asked = [
        (told["Channel"], told["Variable"], told.get("Value", ""))
        for told in asterisk.named("Setvar")
    ]
    assert asked == [(CALLER, "RATING_EXEMPT_BY", "a1001"), (CALLER, "RATING_EXEMPT", reason)]


async def test_what_cannot_be_done_now_is_not_asked_of_asterisk(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    shows(asterisk, CONSULTING)
    with capture_logs():
        async with granting(asterisk, valkey) as redis:
            assert await answered(redis, wish()) is Answer.NOT_TALKING
    assert asterisk.named("BlindTransfer") == []


@pytest.mark.parametrize("verb", [Verb.HAND_OVER, Verb.CONSULT])
@pytest.mark.parametrize("state", ["Up", "Ringing"])
async def test_a_colleague_who_has_a_call_is_not_rung_for_another(
    asterisk: FakeAsterisk, valkey: Valkey, verb: Verb, state: str
) -> None:
    own = ChannelSeen("PJSIP/agent-a1002-00000007", "u7", f"{CALL}7", state, "")
    shows(asterisk, [*TALKING, own])
    with capture_logs():
        async with granting(asterisk, valkey) as redis:
            assert await answered(redis, wish(verb, "*a1002")) is Answer.ENGAGED
            other = replace(wish(verb, "*a10"), id="1" * 16)
            assert await answered(redis, other) is Answer.DONE
    assert len(asterisk.named("BlindTransfer") + asterisk.named("Redirect")) == 1


async def test_a_consultation_parts_the_two(asterisk: FakeAsterisk, valkey: Valkey) -> None:
    async with granting(asterisk, valkey) as redis:
        assert await answered(redis, wish(Verb.CONSULT)) is Answer.DONE
    [both] = asterisk.named("Redirect")
    assert (both["Channel"], both["ExtraChannel"], both["ExtraExten"]) == (CALLER, AGENT, "120")


@pytest.mark.parametrize("target", ["nobody", "*", "*a1&PJSIP/x", ""])
async def test_who_is_not_listed_is_not_rung(
    asterisk: FakeAsterisk, valkey: Valkey, target: str
) -> None:
    with capture_logs():
        async with granting(asterisk, valkey) as redis:
            assert await answered(redis, wish(target=target)) is Answer.UNKNOWN_TARGET
    assert asterisk.named("BlindTransfer") == []


async def test_what_asterisk_refuses_is_told_to_the_desk(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    asterisk.answers["BlindTransfer"] = refused("No such channel")
    with capture_logs() as logs:
        async with granting(asterisk, valkey) as redis:
            assert await answered(redis, wish()) is Answer.NOT_TALKING
    assert "transfer.refused" in [one["event"] for one in logs]


async def test_a_word_of_another_release_is_a_failure_and_not_an_exception(valkey: Valkey) -> None:
    async with connect(valkey.settings) as redis:
        assert await WISHES.answer_of(redis, "n1", wish()) is None
        await redis.set(WISHES.answer_key("n1", wish().id), "parked")
        assert await WISHES.answer_of(redis, "n1", wish()) is Answer.FAILED


async def test_a_broken_list_of_targets_fails_one_wish_and_not_the_bridge(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    def broken() -> Mapping[str, Target]:
        raise DefinitionInvalid("expected a list")

    with capture_logs():
        async with granting(asterisk, valkey, broken) as redis:
            assert await answered(redis, wish()) is Answer.FAILED
            assert await answered(redis, replace(wish(target="*a1002"), id="1" * 16)) is Answer.DONE


async def test_a_wish_that_waited_too_long_is_not_granted(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    async with granting(asterisk, valkey) as redis:
        await WISHES.ask(redis, "n1", replace(wish(ends=-1), id="1" * 16))
        assert await answered(redis, wish()) is Answer.DONE
    assert len(asterisk.named("BlindTransfer")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps(asdict(wish()) | {"agent": "a1&PJSIP/x"}),
        json.dumps(asdict(wish()) | {"call_id": "../x"}),
        json.dumps(asdict(wish()) | {"id": "x"}),
        json.dumps(asdict(wish()) | {"verb": "originate"}),
        json.dumps(asdict(wish()) | {"until": "soon"}),
        json.dumps(asdict(wish(Verb.EXEMPT, "ambulance"))),
    ],
)
async def test_what_is_no_wish_is_dropped_and_the_next_one_is_granted(
    asterisk: FakeAsterisk, valkey: Valkey, text: str
) -> None:
    with pytest.raises(PeerBroke):
        Wish.parse(text)
    with capture_logs():
        async with granting(asterisk, valkey) as redis:
            await redis.rpush(WISHES.list_key("n1"), text)
            assert await answered(redis, wish()) is Answer.DONE
