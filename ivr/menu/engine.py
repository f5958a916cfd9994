"""The menu engine: what was heard from the caller goes in, what to do next comes out.

Pure: no clock, no channel, no log. Whoever plays a menu on a channel does this, and no more:

    turn = begin(menu, situation)
    while True:
        for step in turn.steps:           # in order
            Play     -> play the sounds; see below for keys pressed meanwhile
            Emit     -> CELGenUserEvent(step.event, step.extra)
            Speak    -> set CHANNEL(language) to step.locale
        match turn.then:
            Collect  -> play its sounds until the first key, wait for keys;
                        turn = step(menu, situation, turn.state, Keys(...) or Silence())
            LookUp   -> look the work order up;
                        turn = step(menu, situation, turn.state, Found(…) or NotFound() …)
            Leave    -> set ROUTE_QUEUE and ROUTE_PRIORITY, and last ROUTE; done
            Gone     -> nothing more to do (only after HungUp)

Keys. `Collect.longest` is how many digits are wanted at most; `#` ends an entry early when
`Collect.ends_at_hash` (hand the `#` in or leave it out, both are understood). A `Play` with
`must_hear` goes on when a key is pressed (STREAM FILE again from the sample offset it returned)
and the key is kept; any other `Play` stops at a key. Kept keys are handed in at the next
`Collect` at once, without playing its prompts; more keys than it asks for are fine, the engine
carries the rest through the nodes they lead to. `Silence` is no key within `first_ms` after
the last sound. A caller who hangs up may be reported with `HungUp`; nothing must be.

The values that pass are in `ivr.menu.turn`; `PromptBook.sounds` in `ivr.menu.prompts` turns a
`Say` into file names.

Promises, each a property test: every input in every state has an answer; after 3 wrong keys,
2 silences or `LONGEST_VISIT` turns the caller leaves to a person, outside the hours to a message;
`0` leads to a person from every node; nothing a caller types is emitted where it may be personal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from ivr.asterisk.variables import Outcome, UserEvent
from ivr.menu.model import (
    BACK_KEY,
    LANGUAGE_KEY,
    LOCALES,
    PERSON_KEY,
    REPEAT_KEY,
    Choice,
    Destination,
    Entry,
    Menu,
    Option,
    Prompt,
    Service,
)
from ivr.menu.turn import (
    Collect,
    Emit,
    Found,
    Gone,
    Heard,
    HungUp,
    Keys,
    LookUp,
    NotFound,
    Play,
    Say,
    Situation,
    Speak,
    State,
    Step,
    Turn,
    Unavailable,
)
from ivr.menu.visit import Visit, message_for

SILENCES: Final = 2
"""The menu is said once more after the first silence; the second leads to a person, because
silence is usually an elderly caller or a telephone without tones."""
WRONG_KEYS: Final = 3
"""Two new attempts, then a person."""
LOOK_UPS: Final = 3
"""Look-ups in vain, after which a person helps."""
LONGEST_VISIT: Final = 40
"""Turns in one call. Nobody needs them; a jammed key or a playing child would turn for ever."""
LONGEST_BURST: Final = 32
"""Keys looked at in one input; a flood beyond it is dropped."""


def begin(menu: Menu, situation: Situation) -> Turn:
    """Answer a new call."""
    visit = Visit(menu, situation)
    facts = (Emit(UserEvent.OUTCOME, visit.outcome),) if visit.outcome else ()
    turn = _follow(visit, State(), Option(to=visit.start))
    return _before((*visit.plays(visit.opening), *facts), turn)


def step(menu: Menu, situation: Situation, state: State, heard: Heard) -> Turn:
    """Go on after what was heard; total: any input in any state has an answer."""
    if state.ended:
        return Turn(state, (), state.ended)
    visit = Visit(menu, situation)
    match heard:
        case HungUp():
            return Turn(replace(state, ended=Gone()), (), Gone())
        case Keys(pressed) if pressed:
            return _press(visit, state, pressed[:LONGEST_BURST])
        case Found(says):
            return _served(visit, state, says)
        case NotFound() | Unavailable():
            return _not_found(visit, _counted(state), again=isinstance(heard, NotFound))
        case _:
            return _silence(visit, _counted(state))


def _press(visit: Visit, state: State, keys: str) -> Turn:
    """Consume keys one answer at a time; what is left over answers the questions that follow."""
    steps: tuple[Step, ...] = ()
    while True:
        turn, keys = _answer(visit, _counted(state), keys)
        if isinstance(turn.then, LookUp) and keys.startswith(BACK_KEY):
            turn = replace(turn, state=replace(turn.state, closing=False))
        if not keys or not isinstance(turn.then, Collect):
            return _before(steps, turn)
        steps += tuple(item for item in turn.steps if not _skippable(item))
        state = turn.state


def _answer(visit: Visit, state: State, keys: str) -> tuple[Turn, str]:
    closing, state = state.closing, replace(state, closing=False)
    if state.turns > LONGEST_VISIT:
        return _person(visit, state, "i"), ""
    if closing and keys[0] == BACK_KEY:
        return _repeat(visit, state), keys[1:]
    if isinstance(visit.node(state), Choice):
        return _choose(visit, state, keys)
    return _type(visit, state, keys)


def _skippable(item: Step) -> bool:
    return isinstance(item, Play) and not item.must_hear


def _choose(visit: Visit, state: State, keys: str) -> tuple[Turn, str]:
    node, key, rest = visit.node(state), keys[0], keys[1:]
    if isinstance(node, Choice) and key in node.options and key != PERSON_KEY:
        return _answered(visit, state, key, node.options[key]), rest
    if key in EVERYWHERE:
        return EVERYWHERE[key](visit, state), rest
    return _wrong(visit, state), ""


def _type(visit: Visit, state: State, keys: str) -> tuple[Turn, str]:
    node = visit.node(state)
    longest = node.longest if isinstance(node, Entry) else 1
    for position, key in enumerate(keys):
        rest = keys[position + 1 :]
        if key == BACK_KEY:
            return _entered(visit, state), rest
        if key == REPEAT_KEY:
            return _repeat(visit, state), rest
        if key not in _DIGITS:
            return _wrong(visit, state), ""
        state = replace(state, typed=state.typed + key)
        if len(state.typed) >= longest:
            turn = _entered(visit, state)
            return replace(turn, state=replace(turn.state, closing=True)), rest
    return _ask(visit, state, ()), ""


def _entered(visit: Visit, state: State) -> Turn:
    """Judge a finished entry; a lone `0` or `9`, or nothing, means what it means everywhere."""
    node, typed = visit.node(state), state.typed
    state = replace(state, typed="")
    if not isinstance(node, Entry):
        return _wrong(visit, state)
    if typed not in node.answers and (typed or BACK_KEY) in EVERYWHERE:
        return EVERYWHERE[typed or BACK_KEY](visit, state)
    option = node.answers.get(typed)
    if option is None and node.shortest <= len(typed) <= node.longest:
        option = node.then
    if option is None:
        return _wrong(visit, state)
    return _answered(visit, state, "d" if node.personal else typed, option, entered=typed)


def _silence(visit: Visit, state: State) -> Turn:
    if state.typed and state.turns <= LONGEST_VISIT:
        return _entered(visit, state)
    state = replace(state, silences=state.silences + 1, closing=False)
    if state.silences >= SILENCES or state.turns > LONGEST_VISIT:
        return _person(visit, state, "t")
    return _before((_fact(state, "t"),), _ask(visit, state, visit.node(state).again))


def _wrong(visit: Visit, state: State) -> Turn:
    state = replace(state, wrong=state.wrong + 1, typed="")
    if state.wrong >= WRONG_KEYS:
        return _person(visit, state, "i")
    again = (visit.menu.sayings.invalid, *visit.node(state).again)
    return _before((_fact(state, "i"),), _ask(visit, state, again))


def _answered(visit: Visit, state: State, key: str, option: Option, *, entered: str = "") -> Turn:
    facts = (
        _fact(state, key),
        *(Emit(UserEvent.PRESET, preset) for preset in option.presets),
    )
    return _before(facts, _follow(visit, state, option, entered=entered))


def _person(visit: Visit, state: State, key: str) -> Turn:
    option = visit.person(state)
    at_night = key != PERSON_KEY and visit.situation.closed is not None
    match option.to:
        case Destination(service=Service.QUEUE) as to if at_night:
            return _answered(visit, state, key, replace(option, to=message_for(to), say=()))
    say = option.say or (visit.menu.sayings.person,)
    return _answered(visit, state, key, replace(option, say=say))


def _repeat(visit: Visit, state: State) -> Turn:
    return _ask(visit, replace(state, typed=""), visit.node(state).say)


def _back(visit: Visit, state: State) -> Turn:
    if not state.trail:
        return _repeat(visit, state)
    *trail, last = state.trail
    state = replace(state, node=last, trail=tuple(trail), entered=(), silences=0, wrong=0)
    return _ask(visit, state, visit.node(state).say)


def _served(visit: Visit, state: State, says: tuple[Say, ...]) -> Turn:
    """Speak what was looked up; whatever the caller does then, he has been served."""
    steps = (_SERVED, Play(says, must_hear=False))
    state = replace(_before_entries(visit, state), failed=0)
    to = visit.menu.served or Destination(Service.BYE)
    return _before(steps, _follow(visit, state, Option(to=to)))


def _not_found(visit: Visit, state: State, *, again: bool) -> Turn:
    """Ask anew from the first entry; after `LOOK_UPS`, or if that is no use, a person helps."""
    outside, failed = _before_entries(visit, state), state.failed + 1
    if not again or failed >= LOOK_UPS or state.turns > LONGEST_VISIT:
        node = visit.menu.nodes.get(state.node)
        to = node.then.to if isinstance(node, Entry) and node.then else None
        if not isinstance(to, Destination):
            return _person(visit, state, "i")
        helper = replace(to, service=Service.QUEUE)
        return _follow(visit, state, Option(to=helper, say=(visit.menu.sayings.person,)))
    first = (*state.trail, state.node)[len(outside.trail) + 1 :][:1] or (state.node,)
    turn = _follow(visit, replace(outside, failed=failed), Option(to=first[0]))
    return _before(visit.plays((visit.menu.sayings.not_found,)), turn)


def _before_entries(visit: Visit, state: State) -> State:
    """Go back to where the caller was before he entered anything."""
    node, trail = state.node, state.trail
    while trail and isinstance(visit.menu.nodes.get(node), Entry):
        node, trail = trail[-1], trail[:-1]
    return replace(state, node=node, trail=trail, entered=(), typed="")


_SERVED: Final = Emit(UserEvent.OUTCOME, Outcome.SELF_SERVICE)


def _other_language(visit: Visit, state: State) -> Turn:
    locale = LOCALES[(LOCALES.index(state.locale) + 1) % len(LOCALES)]
    steps = (_fact(state, LANGUAGE_KEY), Speak(locale))
    return _before(steps, _repeat(visit, replace(state, locale=locale)))


EVERYWHERE: Final[Mapping[str, Callable[[Visit, State], Turn]]] = MappingProxyType(
    {
        PERSON_KEY: lambda visit, state: _person(visit, state, PERSON_KEY),
        REPEAT_KEY: _repeat,
        BACK_KEY: _back,
        LANGUAGE_KEY: _other_language,
    }
)
"""The keys that mean the same in every node."""

_DIGITS: Final = frozenset("0123456789")


def _follow(visit: Visit, state: State, option: Option, *, entered: str = "") -> Turn:
    plays = visit.plays(option.say)
    entries = (*state.entered, entered) if entered else ()
    state = replace(state, entered=())
    if isinstance(option.to, Destination):
        if option.to.service is Service.PROGRESS:
            return _before(plays, Turn(state, (), LookUp(entries)))
        return _before(plays, _leave(visit, state, option.to, entered))
    trail = (*state.trail, state.node) if state.node else ()
    state = replace(
        state, node=option.to, trail=trail, silences=0, wrong=0, typed="", entered=entries
    )
    return _before(plays, _ask(visit, state, visit.node(state).say))


def _leave(visit: Visit, state: State, destination: Destination, entered: str) -> Turn:
    said, leave = visit.arrival(destination, entered)
    return Turn(replace(state, ended=leave), visit.plays(said), leave)


def _ask(visit: Visit, state: State, prompts: tuple[Prompt, ...]) -> Turn:
    """Ask the node's question with these prompts; notices among them are played to the end."""
    node = visit.node(state)
    informs = isinstance(node, Choice) and node.informs and prompts == node.say
    if prompts and visit.situation.elderly and isinstance(node, Choice):
        prompts = (visit.menu.sayings.person_first, *prompts)
    split = max((place + 1 for place, one in enumerate(prompts) if one.must_hear), default=0)
    if informs:
        split = len(prompts) - 1
    plays = visit.plays(prompts[:split])
    if informs:
        plays = (*plays[:-1], replace(plays[-1], heard=_SERVED))
    collect = Collect(
        says=visit.said(prompts[split:]),
        first_ms=visit.timings.first_ms if prompts else visit.timings.between_ms,
        between_ms=visit.timings.between_ms,
        longest=node.longest - len(state.typed) if isinstance(node, Entry) else 1,
        ends_at_hash=isinstance(node, Entry),
    )
    return Turn(state, plays, collect)


def _fact(state: State, key: str) -> Emit:
    return Emit(UserEvent.MENU, f"{state.node}:{key}")


def _counted(state: State) -> State:
    return replace(state, turns=state.turns + 1)


def _before(steps: tuple[Step, ...], turn: Turn) -> Turn:
    return replace(turn, steps=(*steps, *turn.steps))
