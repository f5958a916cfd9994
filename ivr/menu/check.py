"""Proofs about the definitions, before the first call: what would trap or mislead a caller.

The ways through a menu are found by playing it with the engine itself, so what is proved here
is what callers will meet. Pure; audio is compared with its texts by
`out_of_step` of `ivr.menu.speak`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ivr.asterisk.variables import Route
from ivr.hours import DEFAULT, Hours, Schedule, unannounced
from ivr.menu.engine import LONGEST_VISIT, SILENCES, WRONG_KEYS, begin, step
from ivr.menu.load import targets
from ivr.menu.model import (
    BACK_KEY,
    LANGUAGE_KEY,
    PERSON_KEY,
    Choice,
    Destination,
    Menu,
    Node,
    Option,
    Profile,
    Prompt,
    Service,
)
from ivr.menu.prompts import PromptBook
from ivr.menu.turn import (
    Closed,
    Collect,
    Found,
    Heard,
    Keys,
    Leave,
    LookUp,
    NotFound,
    Silence,
    Situation,
    State,
)

if TYPE_CHECKING:  # definitions are proved before they are put in force, there
    from ivr.definition import Source
    from ivr.menu.definitions import Definitions

DEEPEST: Final = 3
"""Menus below each other; callers lose the thread in a fourth."""
MOST_OPTIONS: Final = 7
"""Spoken choices in one menu, the person among them; `*`, `#` and `9` are not counted."""
NEAREST_PERSON: Final = 2
"""Inputs after which a person can be had from everywhere."""

_ANNOUNCED: Final = MappingProxyType(
    {"zh": re.compile(r"请按([0-9])"), "en": re.compile(r"\bpress ([0-9])\b")}
)
_WRONG: Final = Keys("D")
"""A key that telephones have and no menu offers."""
_ANSWERS: Final = (Found(()), NotFound())
"""What a look-up may come to."""
_SITUATIONS: Final = (
    Situation(),
    Situation(closed=Closed(0, 1440)),
    Situation(surge=True),
)

_Names = tuple[str, ...]


class Weight(StrEnum):
    """How bad a finding is."""

    FAULT = "fault"
    """Callers would be misled: not to be put in force."""
    WARNING = "warning"
    """Somebody has to look at it; calls are safe."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    weight: Weight
    where: str
    sentence: str
    keys: _Names = ()
    """Where it stands in its file, from the outermost table down."""
    place: str = ""
    """File and line, `main.toml:12`, where they are known."""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.weight, self.place, self.where, self.sentence)))


def check(definitions: Definitions) -> tuple[Finding, ...]:
    """Find everything that is wrong with a set of definitions, faults first."""
    menus = (check_menu(menu, definitions.prompts) for menu in definitions.menus)
    findings = [*chain.from_iterable(menus), *check_hours(definitions)]
    placed = (_placed(finding, definitions.sources) for finding in findings)
    return tuple(sorted(placed, key=lambda finding: finding.weight is Weight.WARNING))


def _placed(finding: Finding, sources: Mapping[str, Source]) -> Finding:
    """Say in which line of which file the person who mends it has to look."""
    name, _, rest = finding.where.partition(".")
    source = sources.get(name)
    if source is None:
        return finding
    line = source.line(finding.keys or tuple(rest.split(".")))
    return replace(finding, place=f"{source.path.name}:{line}" if line else source.path.name)


def check_menu(menu: Menu, prompts: PromptBook) -> Iterator[Finding]:
    """Find what is wrong with one menu."""
    yield from _services(menu)
    yield from _sizes(menu)
    yield from _announcements(menu, prompts)
    reached: set[str] = set()
    for situation in _SITUATIONS:
        states = _reachable(menu, situation)
        reached |= set(states)
        for node, state in states.items():
            where = f"{menu.name}.{node}"
            if not _person_within(menu, situation, state, NEAREST_PERSON):
                sentence = f"no person within {NEAREST_PERSON} keys."
                yield Finding(Weight.FAULT, where, sentence, ("nodes", node))
            yield from _endings(menu, situation, state, where)
    for node in menu.nodes.keys() - reached:
        sentence = "no choice leads here."
        yield Finding(Weight.WARNING, f"{menu.name}.{node}", sentence, ("nodes", node))


def _services(menu: Menu) -> Iterator[Finding]:
    wired = {route.value for route in Route} | {Service.PROGRESS.value}
    places: list[tuple[str, str | Destination, _Names]] = [
        ("start", menu.start, ("start",)),
        ("person", menu.person.to, ("person",)),
    ]
    for name, node in menu.nodes.items():
        places += [(name, option.to, ("nodes", name, *keys)) for keys, option in _options(node)]
    for where, place, keys in places:
        if isinstance(place, Destination) and place.service.value not in wired:
            sentence = f"the dialplan has no route {place.service.value!r} yet."
            yield Finding(Weight.FAULT, f"{menu.name}.{where}", sentence, keys)


def _options(node: Node) -> Iterator[tuple[_Names, Option]]:
    """Give every way out of a node with its keys in the file, below the node's own."""
    if isinstance(node, Choice):
        yield from ((("keys", key), option) for key, option in node.options.items())
        return
    yield from ((("numbers", digits), option) for digits, option in node.answers.items())
    if node.then:
        yield ("then",), node.then


def _sizes(menu: Menu) -> Iterator[Finding]:
    for name, node in menu.nodes.items():
        where = f"{menu.name}.{name}"
        if isinstance(node, Choice):
            spoken = len(set(node.options) | {PERSON_KEY})
            if spoken > MOST_OPTIONS:
                sentence = f"{spoken} choices; callers keep {MOST_OPTIONS} in mind at most."
                yield Finding(Weight.FAULT, where, sentence, ("nodes", name, "keys"))
    for start in _starts(menu):
        way, loop = _longest_way(menu, start, ())
        if loop:
            sentence = f"leads back to itself by {' → '.join(loop)}; the key # does that."
            last = menu.nodes[loop[-2]]
            back = next(keys for keys, option in _options(last) if option.to == loop[-1])
            keys = ("nodes", last.name, *back)
            yield Finding(Weight.FAULT, f"{menu.name}.{start}", sentence, keys)
        elif len(way) > DEEPEST:
            sentence = f"{len(way)} menus below each other; {DEEPEST} are allowed."
            yield Finding(Weight.FAULT, f"{menu.name}.{start}", sentence, ("nodes", way[-1]))


def _starts(menu: Menu) -> tuple[str, ...]:
    starts = (menu.start, menu.night, menu.surge)
    return tuple(start for start in starts if isinstance(start, str))


def _longest_way(menu: Menu, name: str, above: _Names) -> tuple[_Names, _Names]:
    """Give the menus on the longest way down, or a loop as the names along it.

    A node whose only ways on are to end the call or to reach a person is an announcement, and
    an entry belongs to the key that leads to it ("press 5 and enter the number").
    """
    if name in above:
        return (), (*above[above.index(name) :], name)
    node = menu.nodes[name]
    longest: _Names = ()
    for option in targets(node):
        if isinstance(option.to, str):
            way, loop = _longest_way(menu, option.to, (*above, name))
            if loop:
                return (), loop
            longest = max(longest, way, key=len)
    return ((name, *longest) if _is_menu(node) else longest), ()


def _is_menu(node: Node) -> bool:
    return isinstance(node, Choice) and any(
        isinstance(option.to, str) or option.to.service is not Service.BYE
        for key, option in node.options.items()
        if key != PERSON_KEY
    )


def _announcements(menu: Menu, prompts: PromptBook) -> Iterator[Finding]:
    """Compare the keys that the texts announce with the keys that work."""
    for name, node in menu.nodes.items():
        if not isinstance(node, Choice):
            continue
        for locale, pattern in _ANNOUNCED.items():
            said = _said(prompts, locale, node.say)
            announced = set(pattern.findall(said)) - {LANGUAGE_KEY}
            where = f"{menu.name}.{name} ({locale})"
            for key in sorted(announced - set(node.options) - {PERSON_KEY}):
                sentence = f"announces the key {key}, not offered."
                yield Finding(Weight.FAULT, where, sentence, ("nodes", name, "say"))
            for key in sorted(set(node.options) - announced - {PERSON_KEY}):
                sentence = f"offers the key {key}, not announced."
                yield Finding(Weight.FAULT, where, sentence, ("nodes", name, "keys", key))


def _said(prompts: PromptBook, locale: str, say: Iterable[Prompt]) -> str:
    return "\n".join(prompts.texts[locale][prompt.key] for prompt in say)


def _reachable(menu: Menu, situation: Situation) -> Mapping[str, State]:
    """Play every key from every node; give one fresh state for each node that is reached."""
    turn = begin(menu, situation)
    found: dict[str, State] = {}
    waiting = [] if turn.state.ended else [turn.state]
    while waiting:
        state = waiting.pop()
        if state.node in found:
            continue
        found[state.node] = state
        for heard in _inputs(menu.nodes[state.node]):
            turn = step(menu, situation, state, heard)
            ways = [turn]
            if isinstance(turn.then, LookUp):
                ways = [step(menu, situation, turn.state, answer) for answer in _ANSWERS]
            waiting += [
                replace(way.state, silences=0, wrong=0, turns=0, typed="")
                for way in ways
                if way.state.ended is None
            ]
    return found


def _inputs(node: Node) -> Iterator[Heard]:
    if isinstance(node, Choice):
        yield from (Keys(key) for key in (*node.options, PERSON_KEY))
    else:
        anything = ("2" * node.shortest,) if node.then else ()
        entries = (*node.answers, *anything, PERSON_KEY)
        yield from (Keys(f"{digits}{BACK_KEY}") for digits in entries)


def _person_within(menu: Menu, situation: Situation, state: State, inputs: int) -> bool:
    turns = (step(menu, situation, state, heard) for heard in _inputs(menu.nodes[state.node]))
    for turn in turns:
        if _is_person(turn.then):
            return True
        open_end = inputs > 1 and turn.state.ended is None
        if open_end and _person_within(menu, situation, turn.state, inputs - 1):
            return True
    return False


def _is_person(then: Collect | object) -> bool:
    return isinstance(then, Leave) and then.destination.service is Service.QUEUE


def _endings(menu: Menu, situation: Situation, state: State, where: str) -> Iterator[Finding]:
    """Stay silent, or press wrong keys for ever: both must end at a person, and soon."""
    for heard, patience in ((Silence(), SILENCES), (_WRONG, WRONG_KEYS), (Keys("*"), None)):
        at, then, count = state, None, 0
        while at.ended is None and count <= LONGEST_VISIT + 1:
            turn = step(menu, situation, at, heard)
            at, then, count = turn.state, turn.then, count + 1
        good = _is_good_end(menu, situation, then)
        if not good or (patience is not None and count > patience):
            sentence = f"{heard} for ever does not end at a person."
            yield Finding(Weight.FAULT, where, sentence, ("nodes", state.node))


def _is_good_end(menu: Menu, situation: Situation, then: object) -> bool:
    """A person; outside the hours a message will do, and of a number held back nobody is owed."""
    if not isinstance(then, Leave):
        return False
    ends = {Service.QUEUE}
    if situation.closed:
        ends.add(Service.VOICEMAIL)
    if menu.profile is Profile.HELD:
        ends.add(Service.BYE)
    return then.destination.service in ends


def check_hours(definitions: Definitions) -> Iterator[Finding]:
    """Find gaps in the hours: numbers without a night, queues that leave callers alone."""
    hours = definitions.hours
    used = _queues(definitions.menus)
    for name, queue in hours.queues.items():
        if name not in used:
            yield Finding(Weight.WARNING, f"hours.queues.{name}", "no menu leads here.")
        if not _covered(hours, name, ()):
            sentence = f"closed at times ({queue.schedule}); callers leave a message then."
            yield Finding(Weight.WARNING, f"hours.queues.{name}", sentence)
    yield from _duty(definitions)
    claimed = {number: menu for menu in definitions.menus for number in menu.numbers}
    for number, schedule in hours.numbers.items():
        if not any(hours.schedules[schedule].values()):
            sentence = f"the schedule {schedule} never opens."
            yield Finding(Weight.FAULT, f"hours.numbers.{number}", sentence)
        menus = definitions.menus if number == DEFAULT else filter(None, (claimed.get(number),))
        for menu in menus:
            if (
                isinstance(menu.start, str)
                and menu.night is None
                and menu.profile is not Profile.HELD
                and not _always(hours.schedules[schedule])
            ):
                sentence = f"closed at times, and the menu {menu.name} has no `night`."
                yield Finding(Weight.FAULT, f"hours.numbers.{number}", sentence)
        if number != DEFAULT and number not in claimed:
            yield Finding(Weight.WARNING, f"hours.numbers.{number}", "no menu has this number.")


def _duty(definitions: Definitions) -> Iterator[Finding]:
    """Find queues that are rung for at night and have nobody to be rung."""
    hours = definitions.hours
    nights = not all(_always(hours.schedules[one]) for one in hours.numbers.values())
    for name in _queues(definitions.menus, Service.ONCALL) if nights else ():
        roster = hours.duty.get(name)
        if roster is None or not roster.numbers:
            sentence = "nobody is on call without a shift; callers leave an urgent message then."
            yield Finding(Weight.WARNING, f"hours.duty.{name}", sentence)


def _queues(menus: Iterable[Menu], service: Service = Service.QUEUE) -> Collection[str]:
    return {
        place.name
        for menu in menus
        for place in (
            menu.start,
            menu.person.to,
            *(option.to for node in menu.nodes.values() for option in targets(node)),
        )
        if isinstance(place, Destination) and place.service is service
    }


def _covered(hours: Hours, queue: str, above: tuple[str, ...]) -> bool:
    """Tell whether somebody answers at any minute of any week, following `otherwise`."""
    entry = hours.queues[queue]
    if _always(hours.schedules[entry.schedule]):
        return True
    if entry.otherwise is None or entry.otherwise in (*above, queue):
        return False
    return _covered(hours, entry.otherwise, (*above, queue))


def _always(schedule: Schedule) -> bool:
    return all(
        len(of_day) == 1 and (of_day[0].opens, of_day[0].closes) == (0, 1440)
        for of_day in schedule.values()
    )


def check_calendar(hours: Hours, today: date) -> Iterator[Finding]:
    """Warn of a year whose holidays and make-up workdays are not known yet."""
    for year in unannounced(hours, today):
        sentence = f"the State Council's notice for {year} is not in; enter it under `days`."
        yield Finding(Weight.WARNING, "hours.announced", sentence)
