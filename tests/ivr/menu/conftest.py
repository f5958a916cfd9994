"""The shipped definitions, loaded once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ivr.config import DefinitionSettings
from ivr.menu.definitions import Definitions, Sources, load_definitions


@pytest.fixture(scope="session")
def shipped() -> Definitions:
    return load_definitions(Sources.of(DefinitionSettings()))


@pytest.fixture
def edited(tmp_path: Path) -> Sources:
    """A centre's own copy of the shipped files, free to be edited."""
    ours = Sources.of(DefinitionSettings())
    shutil.copytree(ours.menus, tmp_path / "menus")
    for path in (ours.hours, ours.prompts):
        shutil.copy(path, tmp_path / path.name)
    return Sources(tmp_path / "menus", tmp_path / ours.hours.name, tmp_path / ours.prompts.name)
