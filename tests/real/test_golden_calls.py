"""The golden calls by telephone: the same files that the engine plays, through real Asterisk.

A caller dials, presses keys by RFC 4733 as soon as a question begins, and listens. What was said
is told by ear (tests/real/ears.py); facts are read from Asterisk's journal, the record by SQL.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import pytest_asyncio

from deploy.stack.sip import Caller
from ivr.config import DefinitionSettings
from ivr.menu.definitions import Sources, load_definitions
from tests.real.ears import BEEP, Ears, Said
from tests.real.golden_stack import golden_stack
from tests.real.hotline import Hotline
from tests.scenarios.golden import Scenario, scenarios

AT_ONCE: Final = 12
"""As many as there are agents."""
PATIENCE: Final = 40.0
"""Seconds until something is said or happens; ends a wait, measures nothing."""
SHORT_BREATH: Final = 1.0
"""Between two halves of a number; the menu waits three seconds for the second."""
MESSAGE_SECONDS: Final = 4.0
CRISIS: Final = ":30"
"""End of a route of the highest class: nobody rates that."""
WAITING_LINE: Final = frozenset({"p_wait", "m_offer", "p_plain_wait", "m_direct"})

NOT_BY_TELEPHONE: Final[Mapping[str, str]] = {
    "typed_ahead": "a hand is slower than Asterisk: the second menu begins between two keys",
    "know_number_unknown": "as typed_ahead: three keys at once through two menus",
    "last_minute": "needs a clock; hours are tested to the minute by the engine",
    "surge_callback": "is called back on a number of its own, see test_callers.py",
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
        and "f_progress" not in scenario.prompts  # needs work orders; see test_progress_calls
    }


CALLS: Final = _by_telephone()


@dataclass
class Conversation:
    """One caller and what he does."""

    hotline: Hotline
    scenario: Scenario
    caller: Caller
    number: str
    ears: Ears
    begun: asyncio.Event
    judged: int = 0
    """How many prompts had begun when he did something last."""

    async def hold(self) -> None:
        """Talk to the menu, then do what the scenario says comes later."""
        await self.until(lambda: bool(self.ears.prompts()))
        self.begun.set()
        unfinished = ""
        for pressed in self.scenario.keys:
            if unfinished:
                await asyncio.sleep(SHORT_BREATH)
            else:
                await self.asked()
            unfinished = self.unfinished(unfinished, pressed)
            self.do(pressed)
        for action in self.later():
            await self.live(action)

    def later(self) -> list[str]:
        """Give what comes after the menu."""
        if self.scenario.later is not None:
            return self.scenario.later
        service, _, rest = self.scenario.route.partition(":")
        match service:
            case "waiting":
                return ["question", "hangup"]
            case "voicemail":
                return ["speak", "#"]
            case "queue":
                return ["answer"] if rest.endswith(CRISIS) else ["answer", "question", "1"]
            case _:
                return []

    def unfinished(self, typed: str, pressed: str) -> str:
        """Give the digits of a number that the menu still waits for."""
        entry = self.ears.prompts()[-1][1] == "f_know"
        whole = typed + pressed
        return whole if entry and pressed and whole.isdecimal() and len(whole) < 3 else ""

    async def live(self, action: str) -> None:
        """Do one thing of what comes after the menu, or wait for it."""
        match action:
            case "answer":
                await self.until(lambda: "AGENT" in self.hotline.events(self.number))
                self.judged = len(self.ears.prompts())
            case "speak":
                await self.until(lambda: "MESSAGE" in self.hotline.events(self.number))
                await asyncio.sleep(MESSAGE_SECONDS)
            case "question":
                await self.asked()
            case _:
                self.do(action)

    def do(self, pressed: str) -> None:
        """Press keys, hang up, or keep silent."""
        self.judged = len(self.ears.prompts())
        if pressed == "hangup":
            self.caller.hang_up()
        elif pressed:
            self.caller.press(pressed)

    async def asked(self) -> None:
        """Wait for the next question."""
        await self.until(
            lambda: any(_is_question(said) for said in self.ears.prompts()[self.judged :])
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - a judgement on what has been heard so far
                await asyncio.sleep(0.05)


def _is_question(said: Said) -> bool:
    return said[1].startswith(("m_", "f_know", "p_rate"))


@dataclass
class Outcome:
    """What came of a call."""

    said: list[Said]
    facts: list[str]
    record: Mapping[str, Any]
    codes: list[str]
    """What it was about, by the requests in the database."""
    messages: list[str]
    """Whose work a message became."""
    hung_up_by_us: bool


async def telephone(hotline: Hotline, scenario: Scenario, begun: asyncio.Event) -> Outcome:
    """Make one call and gather what came of it."""
    number = hotline.number()
    await _make_known(hotline, number, scenario)
    async with hotline.caller(number) as caller:
        ears = Ears(caller.rtp)
        await Conversation(hotline, scenario, caller, number, ears, begun).hold()
        ledger = await caller.ended(PATIENCE)
        said = await ears.last()
    record = await hotline.record(number, PATIENCE)
    rows = await hotline.rows("SELECT code FROM request WHERE call_id = $1", record["call_id"])
    left = await hotline.rows(
        "SELECT queue FROM message WHERE call_id = $1 AND state = 'new'", record["call_id"]
    )
    return Outcome(
        said=said,
        facts=_facts(hotline, number),
        record=dict(record),
        codes=[row["code"] for row in rows],
        messages=[row["queue"] for row in left],
        hung_up_by_us=ledger.hung_up_by_peer,
    )


async def _make_known(hotline: Hotline, number: str, scenario: Scenario) -> None:
    """Note what the centre knows of a caller, as agents and supervisors would have."""
    if scenario.caller.get("elderly"):
        await hotline.rows(
            "INSERT INTO caller_profile (number, elderly, noted_by) VALUES ($1, true, 'test')",
            number,
        )
    if level := scenario.caller.get("level"):
        await hotline.rows(BLOCKED, number, level)


BLOCKED: Final = """
WITH mark AS (
    INSERT INTO harassment_mark (number, reason, marked_by, state, judged_by, judged_at)
    VALUES ($1, 'test', 'a1001', 'confirmed', 'b1001', now()) RETURNING mark_id)
INSERT INTO caller_block (mark_id, number, level, reason, marked_by, approved_by, begins_at,
                          expires_at)
SELECT mark_id, $1, $2, 'test', 'a1001', 'b1001', now(), now() + interval '1 day' FROM mark
"""


def _facts(hotline: Hotline, number: str) -> list[str]:
    return [
        f"{line['eventtype']} {json.loads(line['eventextra'])['extra']}"
        for line in hotline.lines_of(number)
        if line["eventtype"] in {"MENU", "PRESET", "OUTCOME"}
    ]


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


ENDED: Final = {
    "queue": "answered",
    "voicemail": "voicemail",
    "bye": "self_service",
    "gone": "abandoned_in_menu",
    "waiting": "abandoned_in_menu",
}
"""Disposition by the service that a menu leads to, when the caller does what is usual then."""


def disposition(scenario: Scenario) -> str:
    """Tell how a call ends: one that is held back is that, whatever becomes of it."""
    outcomes = [fact.split()[1] for fact in scenario.facts if fact.startswith("OUTCOME ")]
    if "blocked" in outcomes:
        return "blocked"
    service = scenario.route.partition(":")[0]
    in_menu = service in {"bye", "gone", "waiting"}
    return outcomes[-1] if in_menu and outcomes else ENDED[service]


def expected_record(scenario: Scenario) -> dict[str, Any]:
    """Tell what the database has to say of a call."""
    service, _, rest = scenario.route.partition(":")
    answered = service == "queue"
    crisis = answered and rest.endswith(CRISIS)
    steps = [fact.removeprefix("MENU ") for fact in scenario.facts if fact.startswith("MENU ")]
    return {
        "disposition": disposition(scenario),
        "menu_path": "/".join(steps),
        "queue": rest.rpartition(":")[0] if service == "queue" else None,
        "rating_offered": answered and not crisis,
        "rating": 1 if answered and not crisis and scenario.later is None else None,
        "rating_reason": None,
        "rating_exempt": "crisis" if crisis else None,
        "fallback": None,
        "final": True,
        **scenario.record,
    }


def expected_codes(scenario: Scenario, *, deals: bool) -> set[str]:
    """Tell what it was about: each thing that was told to its end, and what people deal with."""
    codes: set[str] = set()
    chosen = ""
    for kind, _, content in (fact.partition(" ") for fact in scenario.facts):
        if kind == "PRESET":
            chosen = content.rpartition(":")[2]
        served = (kind, content) == ("OUTCOME", "self_service")
        codes |= {chosen} if served and chosen else set()
    return codes | ({chosen} if deals and chosen else set())


def expected_said(scenario: Scenario) -> list[str]:
    """Tell what a caller hears in the menu, and how often.

    A `#` after the last digit of a number comes when what follows has begun: that begins again.
    """
    said = list(scenario.prompts)
    for pressed in scenario.keys:
        if re.fullmatch(r"[0-9]{3}#", pressed):
            follows = len(said) - said[::-1].index("f_know")
            said.insert(follows, said[follows])
    return said


def expected_heard(scenario: Scenario) -> list[str]:
    """Tell what a caller hears after the menu."""
    if scenario.heard is not None:
        return scenario.heard
    service, _, rest = scenario.route.partition(":")
    match service:
        case "queue":
            return ["p_bye"] if rest.endswith(CRISIS) else ["p_rate", "p_bye"]
        case "voicemail":
            return ["f_vm", BEEP, "p_bye"]
        case "bye":
            return ["p_bye"]
        case _:
            return []


@pytest.mark.parametrize("name", CALLS)
async def test_a_golden_call_goes_by_telephone_as_written(
    name: str, outcomes: Mapping[str, Outcome | BaseException]
) -> None:
    scenario, outcome = CALLS[name], outcomes[name]
    if isinstance(outcome, BaseException):
        raise outcome
    said = [key for _, key in outcome.said if key not in WAITING_LINE]
    assert said == [*expected_said(scenario), *expected_heard(scenario)]
    facts = len(scenario.facts)
    assert outcome.facts[:facts] == scenario.facts
    assert [one for one in outcome.facts[facts:] if not one.startswith("OUTCOME ")] == []
    assert outcome.said[len(expected_said(scenario)) - 1][0] == scenario.locale
    expected = expected_record(scenario)
    assert {column: outcome.record[column] for column in expected} == expected
    deals = expected["disposition"] in {"answered", "voicemail"}
    service, _, rest = scenario.route.partition(":")
    assert outcome.messages == ([rest.rpartition(":")[0]] if service == "voicemail" else [])
    assert sorted(outcome.codes) == sorted(expected_codes(scenario, deals=deals))
    assert outcome.hung_up_by_us == (
        scenario.route != "waiting" and "hangup" not in _done(scenario)
    )


def _done(scenario: Scenario) -> list[str]:
    return [*scenario.keys, *(scenario.later or [])]


async def test_the_telephone_plays_what_a_centre_goes_live_on() -> None:
    assert len(CALLS) >= 25
    prompts = {prompt for scenario in CALLS.values() for prompt in scenario.prompts}
    assert {"m_main", "m_night", "m_surge", "p_person", "p_invalid"} <= prompts
    assert {str(s.record.get("rating", 1)) for s in CALLS.values()} >= {"1", "2", "3"}
