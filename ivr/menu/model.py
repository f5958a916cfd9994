"""What a menu is: nodes that a caller hears and answers, and the places they lead to.

Everything here is a frozen value. `ivr.menu.load` makes it from the files in
`dialplans/menus/`, `ivr.menu.engine` reads it. A call keeps the `Menu` it began with, so an
edited file never changes a call that is under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

PERSON_KEY: Final = "0"
REPEAT_KEY: Final = "*"
BACK_KEY: Final = "#"
LANGUAGE_KEY: Final = "9"

RESERVED_KEYS: Final = frozenset({REPEAT_KEY, BACK_KEY, LANGUAGE_KEY})
"""Mean the same in every node, so no node may define them. `0` may be narrowed to the node's
own people (a queue), never to anything else."""

LOCALES: Final = ("zh", "en")
"""The first is heard first; the key 9 changes between the two."""


SLOWER: Final[Mapping[str, str]] = MappingProxyType({"zh": "zh_SLOW"})
"""Locale to its slower variant, for elderly callers. A sound that is not in the variant's folder
Asterisk takes from the locale's own, because it drops what follows the underscore."""


class Service(StrEnum):
    """What happens to a caller who leaves the menu; the dialplan has a context per service."""

    QUEUE = "queue"
    """Wait for a person; `Destination.name` is the queue."""
    BYE = "bye"
    """The caller has all that was asked for; hang up politely."""
    VOICEMAIL = "voicemail"
    """Leave a message; the name is the mailbox."""
    CALLBACK = "callback"
    """Keep the place in the named queue and ring back."""
    KNOWLEDGE = "knowledge"
    """Hear the article with the digits entered."""
    PROGRESS = "progress"
    """Hear the state of the work order with the digits entered; the name is the queue of those
    who help when it is not found."""
    ONCALL = "oncall"
    """Ring whoever is on duty for the named queue; not answered, an urgent message is left."""
    TRANSFER = "transfer"
    """Connect to an outside line; the name is its telephone number."""


class Priority(IntEnum):
    """Priority classes; the value is the weight that app_queue sorts by."""

    P0 = 30
    """Psychological crisis and self-harm."""
    P1 = 20
    """Report of a public health emergency, or of a violation."""
    P2 = 10
    """Call-back that is due, or two and more abandoned calls within an hour."""
    P3 = 0
    """Everybody else. There is no class for important people on a public line."""


class Profile(StrEnum):
    """The two ways a number may be answered."""

    MENU = "menu"
    DIRECT = "direct"
    """No menu: straight to a person, as GB/T 33358-2016 recommends for government lines."""
    HELD = "held"
    """For numbers that are held back: self-service and the psychological line, nothing else."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a caller goes when the menu is done."""

    service: Service
    name: str = ""
    priority: Priority = Priority.P3


@dataclass(frozen=True, slots=True)
class Prompt:
    """One key of `dialplans/prompts.toml`, with what the engine must know of it."""

    key: str
    must_hear: bool = False
    """A legal or safety notice: keys pressed meanwhile are kept, the notice goes on."""
    slots: tuple[str, ...] = ()
    """Names of the values spoken inside it, in order."""


@dataclass(frozen=True, slots=True)
class Option:
    """What one key, or one number entered, means."""

    to: str | Destination
    """A node's name, or the place where the caller leaves the menu."""
    say: tuple[Prompt, ...] = ()
    """Heard on the way."""
    presets: tuple[str, ...] = ()
    """`<taxonomy id>:<code>` of what the call is about; the likeliest comes last."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A question answered by one key."""

    name: str
    say: tuple[Prompt, ...]
    again: tuple[Prompt, ...]
    """What is repeated after silence or a wrong key; may be shorter than `say`."""
    options: Mapping[str, Option]
    informs: bool = False
    """What is said before the last prompt is what the caller came for: whoever hears it to its
    end has been served."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A question answered by a number of several digits, ended by `#`."""

    name: str
    say: tuple[Prompt, ...]
    again: tuple[Prompt, ...]
    shortest: int
    longest: int
    answers: Mapping[str, Option]
    """The numbers that are known here; empty when `then` takes any number."""
    then: Option | None = None
    personal: bool = True
    """Digits that tell about a person go to the destination, never to journal or log."""


Node = Choice | Entry


@dataclass(frozen=True, slots=True)
class Timings:
    """How long the engine waits for keys, in milliseconds."""

    first_ms: int
    between_ms: int


STANDARD: Final = Timings(first_ms=5_000, between_ms=3_000)
ELDERLY: Final = Timings(first_ms=8_000, between_ms=5_000)


@dataclass(frozen=True, slots=True)
class Sayings:
    """The prompts that the engine itself adds, the same in every node."""

    person: Prompt = field(default_factory=lambda: Prompt("p_person"))
    """Before a caller is handed to a person by `0`, silence or wrong keys."""
    invalid: Prompt = field(default_factory=lambda: Prompt("p_invalid"))
    """After a key that is not offered."""
    closed: Prompt = field(default_factory=lambda: Prompt("p_closed"))
    """The queue asked for is closed now and another one takes the call."""
    person_first: Prompt = field(default_factory=lambda: Prompt("p_person_first"))
    """Opens every menu of an elderly caller: a person by the key 0."""
    message: Prompt = field(default_factory=lambda: Prompt("p_message"))
    """Nobody who could answer is there now; a message follows."""
    warning: Prompt = field(default_factory=lambda: Prompt("p_warning", must_hear=True))
    """After the opening, to a number whose calls were confirmed as harassing."""
    not_found: Prompt = field(default_factory=lambda: Prompt("p_not_found"))
    """Nothing is known under the digits that were entered."""
    surge: Prompt = field(default_factory=lambda: Prompt("p_surge"))
    """What an order to throw the emergency switch may put another announcement in place of."""

    def __iter__(self) -> Iterator[Prompt]:
        """All of them, for checking."""
        return (getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True, slots=True)
class Menu:
    """A whole conversation before the queue, for one or more dialled numbers."""

    name: str
    profile: Profile
    numbers: tuple[str, ...]
    opening: tuple[Prompt, ...]
    """Heard first by everybody."""
    start: str | Destination
    person: Option
    """What `0`, silence and wrong keys lead to where a node names nobody nearer; outside the hours
    silence and wrong keys lead to a message for the same people."""
    nodes: Mapping[str, Node] = field(default_factory=dict)
    night: str | None = None
    """The node that replaces `start` outside the number's hours."""
    served: str | None = None
    """The node after a look-up that was answered; without one the call ends."""
    surge: str | None = None
    """The node that replaces `start` while the emergency switch is on, in hours or not."""
    standard: Timings = STANDARD
    elderly: Timings = ELDERLY
    sayings: Sayings = field(default_factory=Sayings)
