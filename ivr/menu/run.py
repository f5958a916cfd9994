"""Plays a menu on a caller's channel. Every decision is the engine's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import structlog

from ivr.asterisk.channel import CallerGone, Channel
from ivr.asterisk.variables import (
    ROUTE,
    ROUTE_MANNER,
    ROUTE_NUMBERS,
    ROUTE_PRIORITY,
    ROUTE_QUEUE,
    Route,
)
from ivr.errors import DefinitionInvalid
from ivr.menu.engine import begin, step
from ivr.menu.model import LOCALES, SLOWER, Profile
from ivr.menu.prompts import PromptBook
from ivr.menu.turn import (
    Collect,
    Emit,
    Gone,
    Heard,
    Keys,
    Leave,
    LookUp,
    Play,
    Say,
    Silence,
    Speak,
    Step,
    Unavailable,
)
from ivr.routing import Answer

_ROUTES: Final = frozenset(route.value for route in Route)

_log = structlog.get_logger()

Find = Callable[[tuple[str, ...]], Awaitable[Heard]]
"""Looks up what a caller entered; gives `Found`, `NotFound` or `Unavailable`."""


async def find_nothing(_entered: tuple[str, ...]) -> Heard:
    """Say that nothing can be looked up: a person helps."""
    return Unavailable()


async def run_menu(
    channel: Channel, way: Answer, prompts: PromptBook, find: Find = find_nothing
) -> None:
    """Lead one caller from the greeting to a route.

    Args:
        channel: the caller's; already answered by the dialplan.
        way: the menu, and what is true for this call.
        prompts: the sounds of what the menu says.
        find: asked for the work order of what the caller entered.

    Raises:
        CallerGone: the caller hung up on the way.
        DefinitionInvalid: the menu leads to a service for which the dialplan has no route.
    """
    locale = LOCALES[0]
    voices = SLOWER if way.situation.elderly else {}
    turn = begin(way.menu, way.situation)
    try:
        if voices:
            await channel.set_language(voices.get(locale, locale))
        while True:
            locale = await _perform(channel, turn.steps, prompts, locale, voices)
            match turn.then:
                case Collect():
                    heard = await _hear(channel, turn.then, prompts, locale)
                    turn = step(way.menu, way.situation, turn.state, heard)
                case LookUp(entered):
                    turn = step(way.menu, way.situation, turn.state, await find(entered))
                case Leave():
                    await _leave(channel, turn.then, way)
                    return
                case Gone():
                    return
    except CallerGone:
        _log.info("menu.abandoned", menu=way.menu.name)
        raise


async def _perform(
    channel: Channel,
    steps: Iterable[Step],
    prompts: PromptBook,
    locale: str,
    voices: Mapping[str, str],
) -> str:
    """Do the steps in their order, and return the locale spoken after them.

    `voices` names the variants in which locales are spoken, where there are any.
    """
    for one in steps:
        match one:
            case Play(says, must_hear, heard):
                sounds = _sounds(says, prompts, locale)
                ended = await channel.play(sounds, to_the_end=must_hear)
                if heard is not None and ended:
                    await channel.emit(heard.event, heard.extra)
            case Emit(event, extra):
                await channel.emit(event, extra)
            case Speak():
                locale = one.locale
                await channel.set_language(voices.get(locale, locale))
    return locale


async def _hear(channel: Channel, question: Collect, prompts: PromptBook, locale: str) -> Heard:
    pressed = await channel.collect(
        _sounds(question.says, prompts, locale),
        first_ms=question.first_ms,
        between_ms=question.between_ms,
        longest=question.longest,
    )
    return Keys(pressed) if pressed else Silence()


async def _leave(channel: Channel, leave: Leave, way: Answer) -> None:
    """Set the route, its name last: a caller whose ROUTE is empty takes the plain menu."""
    destination, menu = leave.destination, way.menu.name
    if destination.service.value not in _ROUTES:
        raise DefinitionInvalid(f"{menu}: the dialplan has no route {destination.service.value}.")
    await channel.set_variables(
        {
            ROUTE_QUEUE: destination.name,
            ROUTE_PRIORITY: str(destination.priority.value),
            **({ROUTE_NUMBERS: ".".join(leave.numbers)} if leave.numbers else {}),
            **({ROUTE_MANNER: manner} if (manner := _manner(way)) else {}),
            ROUTE: destination.service.value,
        }
    )
    _log.info(
        "menu.left",
        menu=menu,
        route=destination.service.value,
        queue=destination.name,
        priority=destination.priority.value,
    )


def _manner(way: Answer) -> str:
    if way.situation.elderly:
        return "elderly"
    return "direct" if way.menu.profile is Profile.DIRECT else ""


def _sounds(says: Iterable[Say], prompts: PromptBook, locale: str) -> list[str]:
    return [sound for say in says for sound in prompts.sounds(say, locale)]
