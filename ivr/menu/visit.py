"""One call's visit to a menu: what is true for it from the first turn to the last. Pure.

The engine leads through the nodes; what hour, emergency, age or record make of the same menu for
this caller is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from ivr.asterisk.variables import Outcome
from ivr.menu.model import (
    PERSON_KEY,
    Choice,
    Destination,
    Menu,
    Node,
    Option,
    Profile,
    Prompt,
    Service,
    Timings,
)
from ivr.menu.turn import Leave, Play, Say, Situation, State


@dataclass(frozen=True, slots=True)
class Visit:
    """What stays the same from the first turn of a call to the last."""

    menu: Menu
    situation: Situation

    @property
    def timings(self) -> Timings:
        """How long is waited for keys."""
        return self.menu.elderly if self.situation.elderly else self.menu.standard

    @property
    def start(self) -> str | Destination:
        """Where the call begins: an emergency comes before the hour, both before the menu."""
        if self.situation.surge and self.menu.surge:
            return self.menu.surge
        return self.menu.night if self.at_night and self.menu.night else self.menu.start

    @property
    def at_night(self) -> bool:
        """Whether the menu of the night answers."""
        surge = self.situation.surge and self.menu.surge is not None
        return self.situation.closed is not None and self.menu.night is not None and not surge

    @property
    def outcome(self) -> Outcome | None:
        """What is already true of the call, whatever is chosen, unless somebody is spoken with."""
        if self.menu.profile is Profile.HELD:
            return Outcome.BLOCKED
        return Outcome.NIGHT if self.at_night else None

    @property
    def opening(self) -> tuple[Prompt, ...]:
        """What everybody hears first, and who was warned after it."""
        warning = (self.menu.sayings.warning,) if self.situation.warned else ()
        return (*self.menu.opening, *warning)

    def node(self, state: State) -> Node:
        """Where the caller is."""
        return self.menu.nodes[state.node]

    def person(self, state: State) -> Option:
        """Whom the node, or else the menu, names for who wants a person."""
        node = self.menu.nodes.get(state.node)
        nearest = node.options.get(PERSON_KEY) if isinstance(node, Choice) else None
        return nearest or self.menu.person

    def arrival(self, destination: Destination, entered: str) -> tuple[tuple[Prompt, ...], Leave]:
        """Find where a caller on the way to `destination` gets to now, and what he hears of it.

        Another queue stands in for one that is closed; with nobody there, and with nobody on call,
        a message takes its place.
        """
        situation, name = self.situation, destination.name
        said: tuple[Prompt, ...] = ()
        numbers: tuple[str, ...] = ()
        in_line = destination.service in {Service.QUEUE, Service.CALLBACK}
        if in_line and name in situation.substitutes:
            said = (self.menu.sayings.closed,)
            destination = replace(destination, name=situation.substitutes[name])
        elif in_line and name in situation.unstaffed:
            said = (self.menu.sayings.message,)
            destination = message_for(destination)
        elif destination.service is Service.ONCALL:
            numbers = situation.duty.get(name, ())
            destination = destination if numbers else message_for(destination)
        priority = max(destination.priority, situation.priority)
        return said, Leave(replace(destination, priority=priority), entered, numbers)

    def said(self, prompts: Iterable[Prompt]) -> tuple[Say, ...]:
        """Put the values into prompts that speak some."""
        closed = self.situation.closed
        values = {"open": closed.opens, "close": closed.closes} if closed else {}
        return tuple(
            Say(
                self.key(prompt),
                tuple((slot, values[slot]) for slot in prompt.slots if slot in values),
            )
            for prompt in prompts
        )

    def key(self, prompt: Prompt) -> str:
        """Give what is said for a prompt: an order may bring its own announcement."""
        ordered = self.situation.announcement
        return ordered if ordered and prompt.key == self.menu.sayings.surge.key else prompt.key

    def plays(self, prompts: Iterable[Prompt]) -> tuple[Play, ...]:
        """Play prompts; notices of law and safety among them to their end."""
        return tuple(
            Play(self.said(group), must_hear)
            for must_hear, group in groupby(prompts, key=lambda prompt: prompt.must_hear)
        )


def message_for(destination: Destination) -> Destination:
    """Give the way to a message for the same people; it is urgent as the call would have been."""
    return replace(destination, service=Service.VOICEMAIL)
