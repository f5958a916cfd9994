"""Who should get this call: which menu answers it, and what its menu must know. Pure.

Four things decide: the number dialled, the time, what is known of the caller, and the switch
that a supervisor throws when an emergency fills the lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ivr.duty import on_duty
from ivr.hours import Hours, is_open, next_span, open_queue
from ivr.menu.model import Menu, Priority, Profile
from ivr.menu.turn import Closed, Situation
from ivr.screening import Level

SELF_SERVICE: Final = "m_self"
"""The node with everything that needs no person."""

REPEATED_ABANDONS: Final = 2
"""Calls given up within the last hour that lift a caller to P2."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What the centre knows of who calls; all unknown by default."""

    elderly: bool = False
    """Flagged by an agent or registered as 60 or older."""
    abandons_last_hour: int = 0
    level: Level = Level.FREE
    """Whether calls of this number were confirmed as harassing, and how many."""


@dataclass(frozen=True, slots=True)
class Surge:
    """The emergency switch is on."""

    announcement: str | None = None
    """The prompt that is announced; None for the menu's own."""
    queues: frozenset[str] = frozenset()
    """Open whatever their hours say."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call is answered: feed both to `ivr.menu.engine.begin`."""

    menu: Menu
    situation: Situation


def answer(  # noqa: PLR0913 - each of the six decides, and none belongs to another
    menus: Iterable[Menu],
    hours: Hours,
    dialled: str,
    moment: datetime,
    caller: Caller = Caller(),
    *,
    surge: Surge | None = None,
) -> Answer:
    """Decide how a call to `dialled` at `moment` (with time zone) is answered."""
    return Answer(
        menu_of(tuple(menus), dialled, caller),
        situation(hours, dialled, moment, caller, surge=surge),
    )


def aside(menus: Iterable[Menu], way: Answer) -> Answer | None:
    """Give self-service alone, for somebody who waits in line and keeps his place meanwhile.

    None where no menu has it. The line is open, or he would not stand in it.
    """
    for menu in menus:
        if menu.profile is Profile.MENU and SELF_SERVICE in menu.nodes:
            only = replace(menu, opening=(), start=SELF_SERVICE, night=None, surge=None)
            open_now = replace(
                way.situation, closed=None, warned=False, substitutes={}, unstaffed=frozenset()
            )
            return Answer(only, open_now)
    return None


def menu_of(menus: tuple[Menu, ...], dialled: str, caller: Caller) -> Menu:
    """Choose the menu: the number's own; a direct one for the elderly and unknown numbers.

    A number that is held back gets the menu for those, and its own when a centre has none.

    A number that no menu claims still reaches people at once rather than an arbitrary menu.
    """
    direct = next((menu for menu in menus if menu.profile is Profile.DIRECT), None)
    own = next((menu for menu in menus if dialled in menu.numbers), None)
    otherwise = next(menu for menu in menus if menu.profile is not Profile.HELD)
    if caller.level >= Level.HELD:
        held = next((menu for menu in menus if menu.profile is Profile.HELD), None)
        return held or own or direct or otherwise
    if caller.elderly:
        return direct or own or otherwise
    return own or direct or otherwise


def situation(
    hours: Hours,
    dialled: str,
    moment: datetime,
    caller: Caller,
    *,
    surge: Surge | None = None,
) -> Situation:
    """Tell the menu engine what is true now."""
    opened = surge.queues if surge else frozenset()
    answering = {name: open_queue(hours, name, moment, opened) for name in hours.queues}
    return Situation(
        closed=_closed(hours, dialled, moment),
        surge=surge is not None,
        announcement=surge.announcement if surge else None,
        warned=caller.level == Level.WARNED,
        elderly=caller.elderly,
        priority=priority_of(caller),
        substitutes={name: by for name, by in answering.items() if by is not None and by != name},
        unstaffed=frozenset(name for name, by in answering.items() if by is None),
        duty={name: on_duty(roster, moment) for name, roster in hours.duty.items()},
    )


def priority_of(caller: Caller) -> Priority:
    """Give the class a caller is owed for what happened before; choices may raise it."""
    if caller.abandons_last_hour >= REPEATED_ABANDONS:
        return Priority.P2
    return Priority.P3


def _closed(hours: Hours, dialled: str, moment: datetime) -> Closed | None:
    schedule = hours.of_number(dialled)
    if is_open(hours, schedule, moment):
        return None
    span = next_span(hours, schedule, moment)
    return Closed(span.opens, span.closes) if span else Closed(0, 0)
