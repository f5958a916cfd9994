from __future__ import annotations

from ivr.config import DefinitionSettings
from ivr.menu.check import check
from ivr.menu.definitions import Sources, load_definitions


def test_the_shipped_definitions_are_without_finding() -> None:
    assert check(load_definitions(Sources.of(DefinitionSettings()))) == ()
