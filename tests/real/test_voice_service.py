"""What else a caller can hear and do, heard by its tones: reasons of a rating."""

from __future__ import annotations

from tests.real.hotline import AGENT_TONE, CONSULT, MAIN, RATE_US, RATE_WHY, Hotline


async def test_a_caller_who_is_dissatisfied_is_asked_why(hotline: Hotline) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.5), hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 10)
        caller.press("1")
        await caller.rtp.wait_for(CONSULT, 10)
        caller.press("3")
        await caller.rtp.wait_for(AGENT_TONE, 15)
        await caller.rtp.wait_for(RATE_US, 10)
        caller.press("3")
        await caller.rtp.wait_for(RATE_WHY, 5)
        caller.press("2")
        await caller.ended(10)
    call = await hotline.record(number)
    assert (call["rating_offered"], call["rating"], call["rating_reason"]) == (True, 3, 2)
    assert call["rating_exempt"] is None


async def test_a_caller_in_crisis_is_not_asked_to_rate_and_the_record_says_why(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.5), hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 10)
        caller.press("5")
        await caller.rtp.wait_for(AGENT_TONE, 15)
        await caller.ended(20)
    call = await hotline.record(number)
    assert (call["queue"], call["rating_offered"]) == ("psych", False)
    assert call["rating_exempt"] == "crisis"
