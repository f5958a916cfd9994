"""What settings are made of refuses what it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ivr.config_values import ClockSpan, Folder, Listed, Section


class Shelf(Section):
    folder: Folder = Path("var")
    names: Listed = ()
    open: ClockSpan = "09:00-20:00"


def test_a_folder_is_whole_and_a_list_comes_as_text_too() -> None:
    shelf = Shelf.model_validate({"folder": "~/x", "names": "a,b,"})
    assert shelf.folder == Path("~/x").expanduser()
    assert shelf.names == ("a", "b")


@pytest.mark.parametrize(
    "wrong", [{"unknown": 1}, {"open": "20:00-09:00"}, {"open": "9-20"}, {"open": "09:00-24:01"}]
)
def test_what_a_section_does_not_know_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Shelf.model_validate(wrong)


def test_a_section_cannot_be_changed_once_it_is_made() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Shelf().names = ("x",)
