"""The contract with the dialplan holds on both sides: each name is written there too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.asterisk.variables import (
    BEAT,
    RATING_EXEMPT,
    ROUTE,
    ROUTE_PRIORITY,
    ROUTE_QUEUE,
    Outcome,
    Route,
    UserEvent,
)
from ivr.calls import Disposition

ROOT = Path(__file__).resolve().parents[3]
DIALPLAN = "\n".join(p.read_text(encoding="utf-8") for p in ROOT.glob("dialplans/*.conf"))
SAID_BY_THE_BRIDGE = {UserEvent.MENU, UserEvent.PRESET}
SAID_BY_THE_DIALLER = {UserEvent.CAMPAIGN}
"""The ledger reads it; the context that campaigns dial through comes with the dialler."""
SAID_BY_THE_DESK = {
    UserEvent.OUTCOME,
    UserEvent.HOLD,
    UserEvent.HOLD_END,
    UserEvent.RECORDING_PAUSED,
    UserEvent.RECORDING_RESUMED,
}
"""The ledger reads them; what agents and menus do to bring them about need not write each."""
SAID_ELSEWHERE = SAID_BY_THE_BRIDGE | SAID_BY_THE_DIALLER | SAID_BY_THE_DESK


@pytest.mark.parametrize("name", [BEAT, RATING_EXEMPT, ROUTE, ROUTE_QUEUE, ROUTE_PRIORITY])
def test_the_dialplan_reads_each_variable(name: str) -> None:
    assert re.search(rf"\$\{{{name}[}}:]|\b{name}\b", DIALPLAN)


@pytest.mark.parametrize("route", Route)
def test_the_dialplan_has_a_context_for_each_route(route: Route) -> None:
    assert f"[route-{route}]" in DIALPLAN


@pytest.mark.parametrize("event", sorted(set(UserEvent) - SAID_ELSEWHERE))
def test_the_dialplan_writes_each_user_event(event: UserEvent) -> None:
    assert re.search(rf"CELGenUserEvent\({event}[,)]", DIALPLAN)


def test_the_dialplan_writes_no_event_that_the_ledger_does_not_know() -> None:
    written = set(re.findall(r"CELGenUserEvent\((\w+)", DIALPLAN))
    assert written <= set(UserEvent)


def test_the_outcomes_are_dispositions_of_the_record() -> None:
    assert set(Outcome) < set(Disposition)


def test_the_dialplan_writes_no_outcome_that_the_ledger_does_not_know() -> None:
    assert set(re.findall(r"CELGenUserEvent\(OUTCOME,(\w+)\)", DIALPLAN)) <= set(Outcome)
