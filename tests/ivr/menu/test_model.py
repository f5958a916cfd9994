from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from ivr.asterisk.variables import Route
from ivr.menu.definitions import Definitions
from ivr.menu.model import (
    ELDERLY,
    LANGUAGE_KEY,
    LOCALES,
    PERSON_KEY,
    RESERVED_KEYS,
    STANDARD,
    Priority,
    Sayings,
    Service,
)


def test_every_route_of_the_dialplan_is_a_service() -> None:
    assert {route.value for route in Route} <= {service.value for service in Service}


def test_the_classes_are_weighed_in_their_order() -> None:
    assert Priority.P0 > Priority.P1 > Priority.P2 > Priority.P3
    assert Priority.P3.value == 0
    assert Priority.P0 <= 30


def test_the_person_is_no_reserved_key_so_that_a_menu_may_name_its_own() -> None:
    assert PERSON_KEY not in RESERVED_KEYS
    assert LANGUAGE_KEY in RESERVED_KEYS


def test_waiting_times_are_those_of_the_rule() -> None:
    assert (STANDARD.first_ms, STANDARD.between_ms) == (5_000, 3_000)
    assert (ELDERLY.first_ms, ELDERLY.between_ms) == (8_000, 5_000)


def test_chinese_comes_first() -> None:
    assert LOCALES == ("zh", "en")


def test_every_saying_of_the_engine_can_be_checked() -> None:
    assert [prompt.key for prompt in Sayings()] == [
        "p_person",
        "p_invalid",
        "p_closed",
        "p_person_first",
        "p_message",
        "p_warning",
        "p_not_found",
        "p_surge",
    ]


def test_a_menu_in_force_cannot_be_changed(shipped: Definitions) -> None:
    menu = shipped.menus[0]
    with pytest.raises(FrozenInstanceError):
        menu.name = "other"  # type: ignore[misc]  # what is tried here is forbidden
    for nodes in (one.nodes for one in shipped.menus if one.nodes):
        with pytest.raises(TypeError):
            nodes["m_other"] = next(iter(nodes.values()))  # type: ignore[index]  # as above
