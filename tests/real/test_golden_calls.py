"""The golden calls by telephone: the same files that the engine plays, through real Asterisk.

Those who are called back have a hotline of their own, see test_golden_callbacks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

import pytest
import pytest_asyncio

from ivr.config import DefinitionSettings
from ivr.menu.definitions import Sources, load_definitions
from tests.real.golden_calls import Outcome, judge, telephone
from tests.real.golden_stack import golden_stack
from tests.real.hotline import Hotline
from tests.scenarios.golden import Scenario, scenarios

AT_ONCE: Final = 12
"""As many as there are agents."""

NOT_BY_TELEPHONE: Final[Mapping[str, str]] = {
    "typed_ahead": "a hand is slower than Asterisk: the second menu begins between two keys",
    "know_number_unknown": "as typed_ahead: three keys at once through two menus",
    "last_minute": "needs a clock; hours are tested to the minute by the engine",
    "night_report": "rings telephones outside, see test_transfers.py",
    "abandoned_twice": "needs an hour's history, see tests/ivr/test_callers.py",
    "abandoned_twice_psych": "as abandoned_twice",
}

SPECIAL_DAYS: Final = {"holiday": "holiday", "makeup_workday": "makeup", "weekend": "sat"}
"""Calls for which today has to be such a day; all others with a schedule call after hours."""


def _by_telephone() -> dict[str, Scenario]:
    """Give those whose number is the trunk's."""
    return {
        name: scenario
        for name, scenario in scenarios().items()
        if name not in NOT_BY_TELEPHONE
        and scenario.dialled == "12320"
        and not scenario.callback  # see test_golden_callbacks
        and "f_progress" not in scenario.prompts  # needs work orders; see test_progress_calls
    }


CALLS: Final = _by_telephone()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, Outcome | BaseException]]:
    """Play every call that was selected; what went wrong with one is left to its test."""
    chosen = {item.name for item in request.session.items}
    calls = [name for name in CALLS if any(item.endswith(f"[{name}]") for item in chosen)]
    book = load_definitions(Sources.of(DefinitionSettings())).prompts
    pieces = {locale: sorted(texts) for locale, texts in book.recordable.items()}
    found: dict[str, Outcome | BaseException] = {}
    async with golden_stack(tmp_path_factory.mktemp("golden"), pieces) as times:
        room = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for day, surge in dict.fromkeys(map(_time_of, calls)):
                names = [name for name in calls if _time_of(name) == (day, surge)]
                await times.become(day, surge=surge)
                begun = [asyncio.Event() for _ in names]
                for name, event in zip(names, begun, strict=True):
                    tasks.create_task(_try(times.hotline, name, event, room, found))
                # Definitions are taken when a call begins: then the next day may dawn.
                await asyncio.gather(*(event.wait() for event in begun))
    yield found


def _time_of(name: str) -> tuple[str, bool]:
    scenario = CALLS[name]
    day = SPECIAL_DAYS.get(name, "closed") if scenario.schedule else "open"
    return day, scenario.surge


async def _try(
    hotline: Hotline,
    name: str,
    begun: asyncio.Event,
    room: asyncio.Semaphore,
    found: dict[str, Outcome | BaseException],
) -> None:
    async with room:
        try:
            found[name] = await telephone(hotline, CALLS[name], begun)
        except Exception as error:  # noqa: BLE001 - raised again by the test of this call
            found[name] = error
        finally:
            begun.set()


@pytest.mark.parametrize("name", CALLS)
async def test_a_golden_call_goes_by_telephone_as_written(
    name: str, outcomes: Mapping[str, Outcome | BaseException]
) -> None:
    outcome = outcomes[name]
    if isinstance(outcome, BaseException):
        raise outcome
    judge(CALLS[name], outcome)


async def test_the_telephone_plays_what_a_centre_goes_live_on() -> None:
    assert len(CALLS) >= 25
    prompts = {prompt for scenario in CALLS.values() for prompt in scenario.prompts}
    assert {"m_main", "m_night", "m_surge", "p_person", "p_invalid"} <= prompts
    assert {str(s.record.get("rating", 1)) for s in CALLS.values()} >= {"1", "2", "3"}
