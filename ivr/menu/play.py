"""Walking through a menu in a terminal, with the engine that answers the real calls."""

from __future__ import annotations

from collections.abc import Callable

from ivr.menu.engine import begin, step
from ivr.menu.model import LOCALES, Menu
from ivr.menu.prompts import PromptBook
from ivr.menu.turn import (
    Collect,
    Emit,
    Gone,
    Heard,
    HungUp,
    Keys,
    Leave,
    LookUp,
    NotFound,
    Play,
    Silence,
    Situation,
    Speak,
    Turn,
)

HELP = "Keys 0-9 * # as on a telephone, Enter alone for silence, q to hang up."


def play(
    menu: Menu,
    prompts: PromptBook,
    situation: Situation,
    *,
    hear: Callable[[], str],
    say: Callable[[str], None],
) -> Leave | Gone:
    """Walk through a menu.

    Args:
        menu: the menu to begin in.
        prompts: the texts.
        situation: hours, emergency switch and caller; see `ivr.routing.situation`.
        hear: gives one line of input; EOFError means that the caller hangs up.
        say: takes one line of output.

    Returns:
        Where the caller left to.
    """
    say(HELP)
    locale = LOCALES[0]
    turn = begin(menu, situation)
    while True:
        locale = _perform(turn, prompts, locale, say)
        match turn.then:
            case Collect():
                turn = step(menu, situation, turn.state, _heard(hear))
            case LookUp(entered):
                say(f"  [look up {'-'.join(entered)}: nothing is known here]")
                turn = step(menu, situation, turn.state, NotFound())
            case Leave(destination):
                name = f" {destination.name}" if destination.name else ""
                say(f"=> {destination.service}{name}, priority {destination.priority.name}")
                return turn.then
            case Gone():
                say("=> hung up")
                return turn.then


def _perform(turn: Turn, prompts: PromptBook, locale: str, say: Callable[[str], None]) -> str:
    for item in turn.steps:
        match item:
            case Play(says, must_hear):
                for one in says:
                    say(f"{'!' if must_hear else ' '} {prompts.text(one, locale)}")
            case Emit(event, extra):
                say(f"  [{event} {extra}]")
            case Speak():
                locale = item.locale
    if isinstance(turn.then, Collect):
        for one in turn.then.says:
            say(f"? {prompts.text(one, locale)}")
    return locale


def _heard(hear: Callable[[], str]) -> Heard:
    try:
        line = hear().strip()
    except EOFError:
        return HungUp()
    if line == "q":
        return HungUp()
    return Keys(line) if line else Silence()
