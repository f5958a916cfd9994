from __future__ import annotations

from dataclasses import replace

from ivr.config import DefinitionSettings
from ivr.menu.check import Weight, check
from ivr.menu.definitions import Sources, load_definitions


def test_the_shipped_definitions_are_without_finding() -> None:
    assert check(load_definitions(Sources.of(DefinitionSettings()))) == ()


def test_they_have_no_fault_for_a_centre_with_office_hours_either() -> None:
    shipped = load_definitions(Sources.of(DefinitionSettings()))
    hours = replace(shipped.hours, numbers={"default": "office"})
    found = check(replace(shipped, hours=hours))
    assert [one for one in found if one.weight is Weight.FAULT] == []
