"""The desk's verbs, as they arrive at an Asterisk; what becomes of callers is in tests/real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ivr.asterisk.link import Link, Pace
from ivr.errors import ActionRefused, LinkLost, ValueRefused
from ivr.transfer_targets import Kind, Target
from ivr.transfers import (
    Conversation,
    Exemption,
    consult,
    exempt,
    hand_over,
    join,
    take_back,
    to_rating,
)
from tests.ivr.asterisk.fake_asterisk import FakeAsterisk, Headers, fake_asterisk, refused, until

TALK = Conversation("n1-1-1763785000.1", "PJSIP/trunk-0000000a", "PJSIP/agent-a1001-0000000b")
TARGET = Target("ambulance", "120急救", Kind.EMERGENCY, "120")


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with fake_asterisk() as running:
        yield running


@pytest.fixture
async def link(asterisk: FakeAsterisk) -> AsyncIterator[Link]:
    opened = Link(asterisk.settings(), pace=Pace(snapshot=None))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(opened.run())
        await until(lambda: opened.connected)
        yield opened
        running.cancel()


def sent(asterisk: FakeAsterisk) -> list[Headers]:
    actions = [one for one in asterisk.received if one["Action"] not in {"Login", "Ping"}]
    return [{key: value for key, value in one.items() if key != "ActionID"} for one in actions]


async def test_a_caller_is_handed_over_through_his_agents_channel(
    link: Link, asterisk: FakeAsterisk
) -> None:
    await hand_over(link, TALK, TARGET)
    assert sent(asterisk) == [
        {
            "Action": "BlindTransfer",
            "Channel": TALK.agent,
            "Context": "transfer",
            "Exten": "120",
        }
    ]


async def test_each_side_knows_the_other_before_they_are_parted_to_ask(
    link: Link, asterisk: FakeAsterisk
) -> None:
    await consult(link, TALK, TARGET)
    known, by, both = sent(asterisk)
    assert (known["Channel"], known["Value"]) == (TALK.agent, "trunk-0000000a")
    assert (by["Channel"], by["Value"]) == (TALK.caller, "agent-a1001-0000000b")
    assert (both["Context"], both["Exten"]) == ("transfer-wait", "s")
    assert (both["ExtraContext"], both["ExtraExten"]) == ("transfer", "120")
    assert (both["Channel"], both["ExtraChannel"]) == (TALK.caller, TALK.agent)


async def test_the_caller_is_brought_into_the_consultation(
    link: Link, asterisk: FakeAsterisk
) -> None:
    await join(link, TALK)
    [brought] = sent(asterisk)
    assert (brought["Action"], brought["Channel"]) == ("Redirect", TALK.caller)
    assert (brought["Context"], brought["Exten"]) == ("transfer-three", "s")


async def test_who_goes_back_says_so_before_he_goes(link: Link, asterisk: FakeAsterisk) -> None:
    await take_back(link, TALK)
    ended, back = sent(asterisk)
    assert (ended["Variable"], ended["Channel"]) == ("TRANSFER_ENDED", TALK.caller)
    assert (back["Action"], back["Channel"]) == ("Redirect", TALK.agent)


@pytest.mark.parametrize("reason", Exemption)
async def test_a_reason_not_to_rate_goes_onto_the_callers_channel(
    link: Link, asterisk: FakeAsterisk, reason: Exemption
) -> None:
    await exempt(link, TALK, reason)
    await to_rating(link, TALK)
    by, variable, end = sent(asterisk)
    assert (by["Variable"], by["Value"]) == ("RATING_EXEMPT_BY", "a1001")
    assert (variable["Variable"], variable["Value"]) == ("RATING_EXEMPT", reason.value)
    assert by["Channel"] == variable["Channel"] == TALK.caller
    assert (end["Action"], end["Channel"]) == ("Hangup", TALK.agent)


async def test_a_reason_not_to_rate_is_taken_off_again(link: Link, asterisk: FakeAsterisk) -> None:
    await exempt(link, TALK, None)
    variable = sent(asterisk)[-1]
    assert (variable["Variable"], variable.get("Value", "")) == ("RATING_EXEMPT", "")


async def test_a_refusal_is_told_and_nothing_is_sent_twice(
    link: Link, asterisk: FakeAsterisk
) -> None:
    asterisk.answers["BlindTransfer"] = refused("Channel not in bridge")
    with pytest.raises(ActionRefused):
        await hand_over(link, TALK, TARGET)
    assert len(asterisk.named("BlindTransfer")) == 1


async def test_without_a_link_nothing_is_sent(asterisk: FakeAsterisk) -> None:
    with pytest.raises(LinkLost):
        await hand_over(Link(asterisk.settings()), TALK, TARGET)
    assert asterisk.received == []


@pytest.mark.parametrize(
    ("caller", "agent"),
    [
        ("PJSIP/agent-a1001-0000000a", TALK.agent),
        ("Local/x@y-00000001;1", TALK.agent),
        ("PJSIP/trunk-0000000a&x", TALK.agent),
        (TALK.caller, TALK.caller),
        (TALK.caller, "PJSIP/agent-a1001"),
    ],
)
def test_a_conversation_is_of_a_caller_and_an_agent(caller: str, agent: str) -> None:
    with pytest.raises(ValueRefused):
        Conversation("n1-1-1763785000.1", caller, agent)
