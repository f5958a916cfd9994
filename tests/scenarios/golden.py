"""Golden calls: whole calls as files, what the caller does and what has to come of it.

title     a sentence
dialled   the number
at        the moment, with time zone
schedule  optional: the number and all queues but report and psych keep these hours
surge     optional: the emergency switch
caller    optional: fields of `ivr.routing.Caller`
on_call   optional: telephones of who is on call for `report`
finds     optional: what look-ups come to, in order: a work order's state, or "" for none known
keys      inputs in order: keys, "" for silence, "hangup"
prompts   every prompt in the order it begins
facts     user events in the journal, in order
locale    optional: the language at the end
route     `<service>:<queue>:<priority>`, `gone`, or `waiting` when the menu still asks

For calls by telephone, where a call goes on after its menu (tests/real/test_golden_calls.py):

later     optional: what the caller does then: `answer` for an agent who speaks with him, `speak`
          for four seconds of message, `offer` for the offer to those who wait, `question` for the
          next question, `hangup`, or a key. Without it: answered and satisfied (1), a message ended
          by #, or a call-back confirmed
heard     optional: every prompt from then on, but for those of the waiting line
record    optional: columns of the call's record that do not follow from the above

For calls that are called back (tests/real/test_golden_callbacks.py), a table `callback`:

others    who else stands in line, in the order in which they came: numbers of callers `before` and
          `behind` him
answers   whether his telephone is answered
heard     every prompt that he hears when he is called back
events    user events of each call that is made to him, in order
ticket    columns of the ticket in the end
record    columns of the record of each such call
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ivr.duty import Roster
from ivr.hours import Hours, QueueHours
from ivr.menu.definitions import Definitions
from ivr.menu.engine import begin, step
from ivr.menu.turn import (
    Collect,
    Emit,
    Found,
    Gone,
    Heard,
    HungUp,
    Keys,
    Leave,
    LookUp,
    NotFound,
    Play,
    Silence,
    Speak,
    Turn,
)
from ivr.progress import told
from ivr.routing import Answer, Caller, Surge, answer

FOLDER = Path(__file__).parent
ALWAYS_STAFFED = frozenset({"report", "psych"})


@dataclass(frozen=True)
class Scenario:
    """One file."""

    title: str
    dialled: str
    at: datetime
    keys: list[str]
    prompts: list[str]
    facts: list[str]
    route: str
    schedule: str | None = None
    surge: bool = False
    caller: dict[str, Any] = field(default_factory=dict)
    on_call: list[str] = field(default_factory=list)
    locale: str = "zh"
    finds: list[str] = field(default_factory=list)
    later: list[str] | None = None
    heard: list[str] | None = None
    record: dict[str, Any] = field(default_factory=dict)
    callback: dict[str, Any] = field(default_factory=dict)

    def answered(self, definitions: Definitions) -> Answer:
        """Route the call as the bridge does."""
        hours = keeping(definitions.hours, self.schedule) if self.schedule else definitions.hours
        if self.on_call:
            hours = replace(hours, duty={"report": Roster(tuple(self.on_call))})
        caller, surge = Caller(**self.caller), Surge() if self.surge else None
        return answer(definitions.menus, hours, self.dialled, self.at, caller, surge=surge)


@dataclass
class Played:
    """What came of a call in the engine."""

    prompts: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    locale: str = "zh"
    route: str = "waiting"


def scenarios() -> dict[str, Scenario]:
    """Read every golden call, by file name."""
    return {
        path.stem: Scenario(**tomllib.loads(path.read_text(encoding="utf-8")))
        for path in sorted(FOLDER.glob("*.toml"))
    }


def keeping(hours: Hours, schedule: str) -> Hours:
    """Let the number and all queues but the always staffed ones keep a schedule."""
    queues = {
        name: QueueHours("always" if name in ALWAYS_STAFFED else schedule, queue.otherwise)
        for name, queue in hours.queues.items()
    }
    return replace(hours, numbers={"default": schedule}, queues=MappingProxyType(queues))


def play(way: Answer, keys: list[str], finds: Iterable[str] = ()) -> Played:
    """Play a call in the engine alone; each key is pressed when all before it was heard."""
    played, found = Played(), iter(finds)
    turn = begin(way.menu, way.situation)
    _note(played, turn)
    for pressed in keys:
        assert isinstance(turn.then, Collect), f"nothing is asked, yet {pressed!r} is pressed"
        turn = step(way.menu, way.situation, turn.state, _heard(pressed))
        _note(played, turn)
        while isinstance(turn.then, LookUp):
            order = next(found)
            answer = Found(told(order, None)) if order else NotFound()
            turn = step(way.menu, way.situation, turn.state, answer)
            _note(played, turn)
    return played


def _heard(pressed: str) -> Heard:
    if pressed == "hangup":
        return HungUp()
    return Keys(pressed) if pressed else Silence()


def _note(played: Played, turn: Turn) -> None:
    for item in turn.steps:
        match item:
            case Play(says, heard=heard):
                played.prompts += [say.key for say in says]
                if heard is not None:
                    played.facts.append(f"{heard.event} {heard.extra}")
            case Emit(event, extra):
                played.facts.append(f"{event} {extra}")
            case Speak(locale):
                played.locale = locale
    match turn.then:
        case Collect(says):
            played.prompts += [say.key for say in says]
        case Leave(place):
            played.route = f"{place.service}:{place.name}:{place.priority.value}"
        case Gone():
            played.route = "gone"
