from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.agi_protocol import Environment, Reply
from ivr.asterisk.channel import Channel
from ivr.config import DefinitionSettings
from ivr.errors import PeerBroke
from ivr.menu.definitions import Sources, load_definitions
from ivr.menu.prompts import PromptBook
from ivr.menu.turn import Say
from ivr.waiting import LONGEST_MINUTES, minutes, tell_place

SITUATION = Environment(
    script="menu",
    channel="PJSIP/trunk-00000001",
    uniqueid="n1-7-1795000000.1",
    language="zh",
    caller="13800001234",
    context="place",
    extension="s",
    arguments=(),
)


@pytest.fixture(scope="module")
def prompts() -> PromptBook:
    return load_definitions(Sources.of(DefinitionSettings())).prompts


async def told(prompts: PromptBook, arguments: Sequence[str], language: str = "zh") -> list[str]:
    """Ask as the dialplan does; give the sounds that were played."""
    played = []

    async def ask(command: str, _seconds: float) -> Reply:
        played.append(command.split()[2])
        return Reply("0")

    situation = SITUATION._replace(arguments=("token", "wait", *arguments), language=language)
    await tell_place(Channel(ask, situation), prompts)
    return played


@pytest.mark.parametrize(
    ("ahead", "agents", "expected"), [(1, 1, 6), (1, 4, 2), (0, 9, 1), (2, 0, 9), (5000, 1, 60)]
)
def test_the_wait_is_the_work_ahead_shared_among_the_agents(
    ahead: int, agents: int, expected: int
) -> None:
    assert minutes(ahead, agents) == expected


@given(ahead=st.integers(0, 10**6), agents=st.integers(0, 10**4))
def test_the_wait_never_shrinks_by_more_callers_nor_grows_by_more_agents(
    ahead: int, agents: int
) -> None:
    assert 1 <= minutes(ahead, agents) <= LONGEST_MINUTES
    assert minutes(ahead + 1, agents) >= minutes(ahead, agents) >= minutes(ahead, agents + 1)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_place_is_told_in_the_callers_language(
    prompts: PromptBook, language: str
) -> None:
    say = Say("p_wait", (("n", 2), ("m", 5)))
    assert await told(prompts, ["2", "2"], language) == list(prompts.sounds(say, language))


async def test_a_language_that_has_no_prompts_is_spoken_to_in_chinese(prompts: PromptBook) -> None:
    assert await told(prompts, ["1", "1"], "fr") == await told(prompts, ["1", "1"])


@pytest.mark.parametrize("arguments", [(), ("1",), ("1", "x"), ("1", ""), ("1", "2", "3")])
async def test_anything_but_two_numbers_is_refused(
    prompts: PromptBook, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(PeerBroke):
        await told(prompts, arguments)
