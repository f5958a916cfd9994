from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from ivr.menu import turn
from ivr.menu.model import LOCALES, Priority
from ivr.menu.turn import Situation, State


def test_a_new_call_is_an_ordinary_one() -> None:
    now = Situation()
    assert (now.closed, now.surge, now.elderly) == (None, False, False)
    assert now.priority is Priority.P3
    assert now.substitutes == {}


def test_a_call_begins_in_the_first_language_and_has_heard_nothing() -> None:
    state = State()
    assert state.locale == LOCALES[0]
    assert (state.silences, state.wrong, state.turns, state.typed) == (0, 0, 0, "")
    assert state.ended is None


@pytest.mark.parametrize("name", ["Situation", "State", "Turn", "Collect", "Leave", "Play", "Keys"])
def test_what_passes_between_engine_and_channel_cannot_be_changed(name: str) -> None:
    kind = getattr(turn, name)
    value = object.__new__(kind)
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(kind)[0].name, None)
