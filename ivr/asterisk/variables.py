"""Names shared with `dialplans/`: one place for both sides of the contract.

The dialplan never trusts `AGISTATUS`: Asterisk reports SUCCESS for a bridge that was killed
in the middle of a question. The bridge has answered exactly when `ROUTE` is set, which it
does last of all.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

BEAT: Final = "BRIDGE_BEAT"
"""Global variable, epoch seconds: set over AMI every `BEAT_SECONDS`; older than 6 s means the
bridge is down and the dialplan does not ask it."""

BEAT_SECONDS: Final = 2.0

ROUTE: Final = "ROUTE"
"""Channel variable, set last by the bridge; one of `Route`. Empty: take the plain menu."""

ROUTE_QUEUE: Final = "ROUTE_QUEUE"
"""Channel variable: the queue to enter, or whose people get the message; `[a-z0-9_]{1,32}`."""

ROUTE_PRIORITY: Final = "ROUTE_PRIORITY"
"""Channel variable: queue priority, 0 (normal) to 30 (self-harm); becomes QUEUE_PRIO."""

ROUTE_NUMBERS: Final = "ROUTE_NUMBERS"
"""Channel variable: telephones to ring one after the other, at most three, separated by a dot; only
with the route `oncall`."""

ROUTE_MANNER: Final = "ROUTE_MANNER"
"""Channel variable: `direct` for a caller who came to the queue without a menu and is offered
self-service there; `elderly` for one who is spared such offers; empty for all others."""


RATING_EXEMPT: Final = "RATING_EXEMPT"
"""Channel variable, set on the caller's channel while the agent speaks with him: why he is not
asked for a rating; `wrong_number`, `redirected` (to 120, 110 or 12356) or `not_reached` (a
call-back met a machine). Any other word is ignored. `short` and `crisis` the dialplan finds out."""

RATING_EXEMPT_BY: Final = "RATING_EXEMPT_BY"
"""Beside it: the id of the agent who says so. It counts while nobody else has spoken with the
caller since; empty, it always does."""

TRANSFER_FOR: Final = "TRANSFER_FOR"
"""Channel variable of an agent who asks somebody before he hands a caller over: the caller's
channel without its technology, `trunk-0000000f`."""

TRANSFER_BY: Final = "TRANSFER_BY"
"""Channel variable of the caller who waits meanwhile: the agent's channel in the same manner."""

TRANSFER_ENDED: Final = "TRANSFER_ENDED"
"""Channel variable of that caller: any word, once the agent goes back to him."""

CALLBACK_NUMBER: Final = "CALLBACK_NUMBER"
"""Channel variable, set once an attempt has its agent: whom to ring. Empty: nobody."""

CALLBACK_OF: Final = "CALLBACK_OF"
CALLBACK_QUEUE: Final = "CALLBACK_QUEUE"
CALLBACK_PLACE: Final = "CALLBACK_PLACE"
CALLBACK_UNTIL: Final = "CALLBACK_UNTIL"
NOT_AFTER: Final = "NOT_AFTER"
"""Given with a place holder: the call it is for, the queue, the QUEUE_PRIO that is its place, the
epoch second at which it leaves the line, and the one after which it must not begin any more."""


class Route(StrEnum):
    """Where the dialplan goes after the bridge answered: context `route-<value>`."""

    QUEUE = "queue"
    BYE = "bye"
    VOICEMAIL = "voicemail"
    CALLBACK = "callback"
    """Into the line of `ROUTE_QUEUE`, and asked at once whether to be called back instead."""
    ONCALL = "oncall"
    """Ring who is on duty; not answered, an urgent message for the people of `ROUTE_QUEUE`."""


class Outcome(StrEnum):
    """What became of a call that no channel shows: the one word of an `OUTCOME` event.

    `CELGenUserEvent(OUTCOME,<word>)` on the caller's channel, at the moment it is so and before
    the goodbye, because a caller may hang up during that. Of several the last one counts, except
    that `blocked` is never taken back. A conversation that comes after all makes the call answered.
    """

    SELF_SERVICE = "self_service"
    """The caller got what the menu offers, or the information was read out to its end."""
    CALLBACK_BOOKED = "callback_booked"
    """A call back was promised; the promise is committed before this is written."""
    NIGHT = "night"
    """The caller was told the hours of service, outside of them."""
    BLOCKED = "blocked"
    """The list of harassing callers held this one back."""


class UserEvent(StrEnum):
    """Names for `CELGenUserEvent`: the facts of a call that Asterisk cannot know by itself.

    The content (`extra`) holds only `[A-Za-z0-9_.:+-]`, never more than 100 characters, so
    nothing that a caller sends can bend the spool. Fields inside are separated by ':'.
    """

    CALLER = "CALLER"
    """Filtered caller number, `[0-9+]{0,20}`; empty when withheld."""
    DIALLED = "DIALLED"
    """`<direction>:<number>`, direction one of inbound, outbound, internal."""
    MENU = "MENU"
    """`<menu>:<key>`: the caller chose a key, or typed a number that the menu knows; `t` is
    silence, `i` is what is not offered, `d` are digits that are personal. Menu `plain` is the
    dialplan's own."""
    PRESET = "PRESET"
    """`<taxonomy id>:<code>`, e.g. `12320-2016:C02`: what the chosen keys say it is about."""
    FALLBACK = "FALLBACK"
    """`down` (no heartbeat) or `silent` (asked, no answer): the bridge did not lead this call."""
    QUEUE = "QUEUE"
    """`<queue>:<priority>`: the caller enters a queue."""
    LEFT = "LEFT"
    """`<queue>:<QUEUESTATUS>`: the caller left the queue alive; status as app_queue sets it, or
    CONTINUE after an agent hung up first."""
    AGENT = "AGENT"
    """Agent id, on the agent's channel, when a queue connects it."""
    RECORDING = "RECORDING"
    """File name without folder or suffix; always the linked id."""
    MESSAGE = "MESSAGE"
    """`<queue>:<priority>`: the tone has sounded, and the caller's message for the people of this
    queue begins; from 20 on it is urgent."""
    MESSAGE_END = "MESSAGE_END"
    """Empty: the caller pressed # or the time was over. A caller may also just hang up."""
    RATING_OFFERED = "RATING_OFFERED"
    """Empty: the caller heard the rating question."""
    RATING = "RATING"
    """`1` satisfied, `2` fairly satisfied, `3` dissatisfied."""
    RATING_REASON = "RATING_REASON"
    """After a `3`: `1` manner of service, `2` answers, `3` waiting time, `4` outcome."""
    RATING_EXEMPT = "RATING_EXEMPT"
    """Why an answered caller was not asked: `short`, `crisis`, or a word of the agent's."""
    TRANSFER = "TRANSFER"
    """`<kind>:<number>` on the channel from which it is rung: somebody is asked to take the call
    over; kind is one of `ivr.transfer_targets.Kind`, and a colleague's number is his agent id."""
    CALLBACK_BOOKED = "CALLBACK_BOOKED"
    """`<queue>:<priority>:<second>:<number>`: the caller left the queue, which he had entered in
    that second since 1970, to be called back under that number. The ticket is made of it."""
    CALLBACK_OF = "CALLBACK_OF"
    """Call id of the call that booked it, on our own call that calls back."""
    OUTCOME = "OUTCOME"
    """One of `Outcome`, e.g. `CELGenUserEvent(OUTCOME,night)`."""
    HOLD = "HOLD"
    """Agent id, on the channel that is put aside by this agent and now hears music. Over when the
    channel is joined with somebody again, at HOLD_END, or when it is gone."""
    HOLD_END = "HOLD_END"
    """Empty, on the same channel: it hears music no longer."""
    RECORDING_PAUSED = "RECORDING_PAUSED"
    """Empty: from here on nothing is recorded, because something is said that must not be kept."""
    RECORDING_RESUMED = "RECORDING_RESUMED"
    """Empty: recording goes on."""
    CAMPAIGN = "CAMPAIGN"
    """Attempt id of an outbound campaign call."""
