"""Every golden call, played by the pure engine with the shipped definitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.config import DefinitionSettings
from ivr.menu.definitions import Definitions, Sources, load_definitions
from ivr.menu.load import targets
from ivr.menu.model import Destination, Service
from tests.scenarios.golden import play, scenarios

SCENARIOS = scenarios()


@pytest.fixture(scope="module")
def shipped() -> Definitions:
    return load_definitions(Sources.of(DefinitionSettings()))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_golden_call_goes_as_written(name: str, shipped: Definitions) -> None:
    scenario = SCENARIOS[name]
    played = play(scenario.answered(shipped), scenario.keys, scenario.finds)
    assert played.prompts == scenario.prompts
    assert played.facts == scenario.facts
    assert played.route == scenario.route
    assert played.locale == scenario.locale


def test_a_golden_call_takes_every_choice_of_the_default_tree(shipped: Definitions) -> None:
    taken = {fact for scenario in SCENARIOS.values() for fact in scenario.facts}
    offered = {
        f"MENU {name}:{key}"
        for menu in shipped.menus
        for name, node in menu.nodes.items()
        for key in getattr(node, "options", getattr(node, "answers", {}))
        if not (name.startswith("k_") and key == "1")
    }
    # Nobody needs a call of his own for the same person's key in another picture.
    assert offered - taken <= {"MENU m_night:0", "MENU m_surge:0"}


def test_a_golden_call_ends_at_every_destination(shipped: Definitions) -> None:
    reached = {scenario.route.rpartition(":")[0] for scenario in SCENARIOS.values()}
    offered = {
        f"{option.to.service}:{option.to.name}"
        for menu in shipped.menus
        for node in menu.nodes.values()
        for option in targets(node)
        if isinstance(option.to, Destination) and option.to.service is not Service.PROGRESS
    }
    assert offered <= reached


def test_a_golden_call_hangs_up_at_every_question(shipped: Definitions) -> None:
    questions = {
        scenario.prompts[-1] for scenario in SCENARIOS.values() if scenario.route == "gone"
    }
    asked = {node.say[-1].key for menu in shipped.menus for node in menu.nodes.values()}
    assert asked <= questions


def test_the_names_of_golden_calls_are_file_names_everywhere() -> None:
    folder = Path(__file__).parent
    assert len(SCENARIOS) >= 25
    assert all((folder / f"{name}.toml").is_file() for name in SCENARIOS)
