"""What passes between the menu engine and whoever plays it on a channel: frozen values only.

`ivr.menu.engine` says how they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.asterisk.variables import UserEvent
from ivr.menu.model import LOCALES, Destination, Priority


@dataclass(frozen=True, slots=True)
class Closed:
    """The number's office is closed now; the times are minutes after midnight, 0 to 1440."""

    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when the call arrives; `ivr.routing` makes it. Constant during the call."""

    closed: Closed | None = None
    """None while the dialled number is within its hours."""
    surge: bool = False
    """The emergency switch is on."""
    announcement: str | None = None
    """The prompt that takes the place of the menu's own announcement of the emergency."""
    warned: bool = False
    """Calls of this number were confirmed as harassing; a warning is heard."""
    elderly: bool = False
    """Slower: longer waits, and the way to a person is told first."""
    priority: Priority = Priority.P3
    """What the caller is owed whatever is chosen, e.g. P2 after abandoned calls."""
    substitutes: Mapping[str, str] = field(default_factory=dict)
    """Queues that are closed now, and the queue that takes their calls."""
    unstaffed: frozenset[str] = frozenset()
    """Queues that are closed now and that nobody stands in for."""
    duty: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Queue to the telephone numbers on duty for it now, in the order in which they are rung."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The caller pressed these keys, `0-9*#`, in order."""

    pressed: str


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller pressed nothing in time."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller is gone."""


@dataclass(frozen=True, slots=True)
class Say:
    """One prompt with the values spoken inside it, by slot name."""

    key: str
    values: tuple[tuple[str, int | str], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked up is known; only what may be spoken."""

    says: tuple[Say, ...]


@dataclass(frozen=True, slots=True)
class NotFound:
    """Nothing is known under what was entered."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """It cannot be looked up now."""


Heard = Keys | Silence | HungUp | Found | NotFound | Unavailable


@dataclass(frozen=True, slots=True)
class Play:
    """Play these one after the other; `must_hear`: to the end, keeping keys pressed."""

    says: tuple[Say, ...]
    must_hear: bool
    heard: Emit | None = None
    """The fact to be written when no key broke it off."""


@dataclass(frozen=True, slots=True)
class Emit:
    """Write a fact of the call into the journal."""

    event: UserEvent
    extra: str


@dataclass(frozen=True, slots=True)
class Speak:
    """From here on the caller is spoken to in this locale, in the queue too."""

    locale: str


Step = Play | Emit | Speak


@dataclass(frozen=True, slots=True)
class Collect:
    """Play `says`, stop at the first key, wait for up to `longest` keys."""

    says: tuple[Say, ...]
    first_ms: int
    between_ms: int
    longest: int = 1
    ends_at_hash: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """The menu is done; the caller goes to `destination`."""

    destination: Destination
    entered: str = ""
    """Digits of an entry that the destination needs; personal, never logged."""
    numbers: tuple[str, ...] = ()
    """Telephones to ring, in order; somebody's own, never logged."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Look the work order up; step with `Found`, `NotFound` or `Unavailable`."""

    entered: tuple[str, ...]
    """Last six of its number, last four of the caller's telephone; personal, never logged."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The caller hung up."""


@dataclass(frozen=True, slots=True)
class State:
    """Where the caller is. Only the engine reads the fields."""

    node: str = ""
    locale: str = LOCALES[0]
    trail: tuple[str, ...] = ()
    """Nodes that `#` goes back to, the nearest last."""
    typed: str = ""
    """Digits of an entry so far."""
    entered: tuple[str, ...] = ()
    """Entries before this one that belong with it."""
    failed: int = 0
    """Look-ups that found nothing."""
    closing: bool = False
    """The entry before was complete by its length; a `#` now only closes it, as people do."""
    silences: int = 0
    wrong: int = 0
    turns: int = 0
    ended: Leave | Gone | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What to do now, and what is waited for after it."""

    state: State
    steps: tuple[Step, ...]
    then: Collect | LookUp | Leave | Gone
