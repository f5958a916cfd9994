"""A golden call by telephone: how a caller lives through it, and what has to come of it.

He dials, presses keys by RFC 4733 as soon as a question begins, and listens. What was said is told
by ear (`tests.real.ears`); facts are read from Asterisk's journal, the record by SQL.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.stack.sip import Caller
from tests.real.ears import BEEP, Ears, Said
from tests.real.hotline import Hotline
from tests.scenarios.golden import Scenario

PATIENCE: Final = 40.0
"""Seconds until something is said or happens; ends a wait, measures nothing."""
SHORT_BREATH: Final = 1.0
"""Between two halves of a number; the menu waits three seconds for the second."""
MESSAGE_SECONDS: Final = 4.0
CRISIS: Final = ":30"
"""End of a route of the highest class: nobody rates that."""
WAITING_LINE: Final = frozenset({"p_wait", "m_offer", "p_plain_wait", "m_direct"})


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
            case "callback":
                return ["question", "1"]
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
            case "offer":
                await self.until(lambda: self.has_heard("m_offer"))
                self.judged = len(self.ears.prompts())
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

    def has_heard(self, prompt: str) -> bool:
        """Tell whether a prompt has begun since he did something last."""
        return prompt in {key for _, key in self.ears.prompts()[self.judged :]}

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


async def telephone(
    hotline: Hotline, scenario: Scenario, begun: asyncio.Event, number: str = ""
) -> Outcome:
    """Make one call, from an invented number, and gather what came of it."""
    number = number or hotline.number()
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


ENDED: Final = {
    "queue": "answered",
    "voicemail": "voicemail",
    "callback": "callback_booked",
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
        "queue": rest.rpartition(":")[0] if service in {"queue", "callback"} else None,
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
        case "callback":
            return ["m_cb", "p_cb_ok"]
        case "bye":
            return ["p_bye"]
        case _:
            return []


def judge(scenario: Scenario, outcome: Outcome) -> None:
    """Hold a call against its file."""
    said = [key for _, key in outcome.said if key not in WAITING_LINE]
    assert said == [*expected_said(scenario), *expected_heard(scenario)]
    facts = len(scenario.facts)
    assert outcome.facts[:facts] == scenario.facts
    assert [one for one in outcome.facts[facts:] if not one.startswith("OUTCOME ")] == []
    assert outcome.said[len(expected_said(scenario)) - 1][0] == scenario.locale
    expected = expected_record(scenario)
    assert {column: outcome.record[column] for column in expected} == expected
    deals = expected["disposition"] in {"answered", "voicemail", "callback_booked"}
    service, _, rest = scenario.route.partition(":")
    assert outcome.messages == ([rest.rpartition(":")[0]] if service == "voicemail" else [])
    assert sorted(outcome.codes) == sorted(expected_codes(scenario, deals=deals))
    assert outcome.hung_up_by_us == (
        scenario.route != "waiting" and "hangup" not in _done(scenario)
    )


def _done(scenario: Scenario) -> list[str]:
    return [*scenario.keys, *(scenario.later or [])]
