"""Golden calls that are called back, by telephone: booked, an agent first, then he who booked.

Each file is played from the first ring to the end of its ticket, and held against what it says.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from deploy.stack.sip import free_port
from deploy.stack.stack import CALLER_ADDRESS
from ivr.config import DefinitionSettings
from ivr.menu.definitions import Sources, load_definitions
from tests.real.call_backs import Callbacks
from tests.real.ears import Ears
from tests.real.golden_calls import PATIENCE, Outcome, judge, telephone
from tests.real.golden_stack import Times, golden_stack
from tests.real.hotline import until
from tests.scenarios.golden import Scenario, scenarios

CALLS: Final = {name: one for name, one in scenarios().items() if one.callback}
AGENT: Final = "a1001"
TALK_SECONDS: Final = 8.0
"""From the agent's answer to his hanging up; he comes first, and the citizen is rung meanwhile."""
ANOTHER_SECOND: Final = 1.1
"""Places in line are told apart by the second."""
_TOLD: Final = frozenset(
    {"DIALLED", "CALLBACK_OF", "AGENT", "RECORDING", "RATING_OFFERED", "RATING_EXEMPT", "QUEUE"}
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def times(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Times]:
    """A hotline with nobody at work yet, whose trunk leads to a telephone."""
    outside = free_port(CALLER_ADDRESS)
    environment = {
        "HOTLINE_TELEPHONY__TRUNK_CONTACT": f"sip:{CALLER_ADDRESS}:{outside}",
        "HOTLINE_TELEPHONY__QUALIFY_SECONDS": "0",
        "HOTLINE_CALLBACK__PERMITTED": "00:00-24:00",
        "HOTLINE_CALLBACK__PAUSE_SECONDS": "2",
        "HOTLINE_CALLBACK__RING_SECONDS": "5",
        "HOTLINE_CALLBACK__LOOK_SECONDS": "0.2",
    }
    paces = {"offer_after_seconds": 8, "offer_every_seconds": 120, "place_every_seconds": 4}
    book = load_definitions(Sources.of(DefinitionSettings())).prompts
    pieces = {locale: sorted(texts) for locale, texts in book.recordable.items()}
    folder = tmp_path_factory.mktemp("golden_callbacks")
    async with golden_stack(
        folder, pieces, at_work=(), environment=environment, paces=paces
    ) as running:
        plain = running.hotline
        hotline = Callbacks(plain.stack, plain.workspace, plain.database, plain.hours)
        hotline.outside = outside
        running.hotline = hotline
        yield running


@dataclass
class CalledBack:
    """What came of a call that was called back."""

    first: Outcome
    heard: list[str]
    """By him who booked, when he was called back."""
    ticket: asyncpg.Record
    calls: list[Mapping[str, Any]]
    """Records of the calls made to him."""
    events: list[list[str]]
    """Of each of them."""
    served: list[str]
    """Call ids of all who stood in line, in the order in which an agent spoke with them."""
    stood: list[str]
    """The same calls, in the order in which they came."""


@dataclass
class Other:
    """Somebody who waits on the line until he is served."""

    hotline: Callbacks
    number: str
    ears: Ears

    async def offered(self) -> None:
        """Wait until he has heard the offer, and stands in line again for good."""
        await until(lambda: ("zh", "m_offer") in self.ears.prompts(), PATIENCE)
        stood = len(self.hotline.positions(self.number))
        await until(lambda: len(self.hotline.positions(self.number)) > stood, PATIENCE)


async def stand_in_line(hotline: Callbacks, parties: AsyncExitStack) -> Other:
    """Let one more wait on the line."""
    number = hotline.number()
    caller = await parties.enter_async_context(hotline.caller(number))
    ears = Ears(caller.rtp)
    await until(lambda: ("zh", "m_main") in ears.prompts(), PATIENCE)
    caller.press("0")
    await hotline.says(number, "QUEUE", PATIENCE)
    await asyncio.sleep(ANOTHER_SECOND)
    return Other(hotline, number, ears)


async def play(hotline: Callbacks, scenario: Scenario) -> CalledBack:
    """Play a call, let an agent begin to work when it is booked, and wait for the ticket's end."""
    number, others = hotline.mobile(), scenario.callback.get("others", {})
    wanted = scenario.callback["ticket"]["state"]
    async with AsyncExitStack() as parties:
        before = [await stand_in_line(hotline, parties) for _ in range(others.get("before", 0))]
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(telephone(hotline, scenario, asyncio.Event(), number))
            await hotline.says(number, "QUEUE", PATIENCE)
            await asyncio.sleep(ANOTHER_SECOND)
            behind = [await stand_in_line(hotline, parties) for _ in range(others.get("behind", 0))]
        await hotline.ticket(number, "calling")
        for one in behind:
            await one.offered()
        rings = 0.5 if scenario.callback["answers"] else 60.0
        citizen = await parties.enter_async_context(hotline.citizen(ring_seconds=rings))
        await parties.enter_async_context(hotline.agent(AGENT, talk_seconds=TALK_SECONDS))
        ticket = await hotline.ticket(number, wanted, within=90)
        for one in (*before, *behind):
            await hotline.record(one.number, 90)
        heard = [key for _, key in await Ears(citizen.rtp).last()]
    attempts = [one["attempt_id"] for one in await hotline.attempts(ticket)]
    stood = [hotline.call_id(one.number) for one in before] + attempts[-1:]
    stood += [hotline.call_id(one.number) for one in behind]
    in_line = [str(call_id) for call_id in stood]
    rows = await hotline.rows(
        "SELECT * FROM call WHERE call_id = ANY ($1::text[]) ORDER BY started_at", attempts
    )
    return CalledBack(
        first=call.result(),
        heard=heard,
        ticket=ticket,
        calls=[dict(row) for row in rows],
        events=[events(hotline, attempt) for attempt in attempts],
        served=sorted(in_line, key=hotline.joined_agent_at),
        stood=in_line,
    )


def events(hotline: Callbacks, call_id: str) -> list[str]:
    """Give what the dialplan wrote down of a call; ids of calls are left out."""
    told = [
        (line["eventtype"], json.loads(line["eventextra"])["extra"])
        for line in hotline.lines()
        if line["linkedid"] == call_id and line["eventtype"] in _TOLD
    ]
    return [
        kind if kind in {"CALLBACK_OF", "RECORDING"} else f"{kind} {content}"
        for kind, content in told
    ]


@pytest.mark.parametrize("name", CALLS)
async def test_a_golden_call_is_called_back_as_written(name: str, times: Times) -> None:
    scenario, hotline = CALLS[name], times.hotline
    assert isinstance(hotline, Callbacks)
    await times.become("open", surge=scenario.surge)
    came = await play(hotline, scenario)
    judge(scenario, came.first)
    expected, number = scenario.callback, came.ticket["number"]
    assert {column: came.ticket[column] for column in expected["ticket"]} == expected["ticket"]
    assert came.ticket["call_id"] == came.first.record["call_id"]
    assert len(came.calls) == expected["ticket"]["tries"]
    said = [event.replace("{number}", number) for event in expected["events"]]
    for call, told in zip(came.calls, came.events, strict=True):
        wanted = {**expected["record"], "callback_of": came.first.record["call_id"]}
        wanted |= {"dialled": number, "final": True}
        assert {column: call[column] for column in wanted} == wanted
        assert told == said, "an agent first, then he who booked"
    assert came.heard == expected["heard"]
    assert came.served == came.stood, "nobody was overtaken, and he overtook nobody"
    for earlier, later in itertools.pairwise(came.calls):
        assert earlier["ended_at"] < later["started_at"]


async def test_a_call_back_is_played_in_an_emergency_in_line_and_in_vain() -> None:
    assert any(one.surge for one in CALLS.values())
    assert {one.callback["ticket"]["state"] for one in CALLS.values()} == {"reached", "not_reached"}
    assert any(sum(one.callback.get("others", {}).values()) > 1 for one in CALLS.values())
