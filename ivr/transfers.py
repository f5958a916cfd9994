"""Handing a caller over, and what an agent may say about a call: the desk's verbs on a live call.

Each verb is one or a few AMI actions, sent once. What follows is Asterisk's (see
`dialplans/transfers.conf`), so a caller under way is lost neither with us nor with the desk.
Channels are those of the live view, such as `PJSIP/agent-a1001-00000003`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from ivr.asterisk.actions import BlindTransfer, Hangup, Redirect, RedirectBoth, SetVariable
from ivr.asterisk.link import Link
from ivr.asterisk.variables import (
    RATING_EXEMPT,
    RATING_EXEMPT_BY,
    TRANSFER_BY,
    TRANSFER_ENDED,
    TRANSFER_FOR,
)
from ivr.errors import ValueRefused
from ivr.transfer_targets import Target

_log = structlog.get_logger()

_CALLER: Final = re.compile(r"PJSIP/(trunk-[0-9a-f]{8})")
_AGENT: Final = re.compile(r"PJSIP/(agent-[a-z0-9]{1,16}-[0-9a-f]{8})")


class Exemption(StrEnum):
    """Why an agent says that there is nothing to rate."""

    WRONG_NUMBER = "wrong_number"
    REDIRECTED = "redirected"
    """Sent on to 120, 110 or 12356; a transfer to them says so by itself."""
    NOT_REACHED = "not_reached"
    """A call-back met a machine, or somebody else."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A caller and the agent who speaks with him now."""

    call_id: str
    caller: str
    """The caller's channel, `PJSIP/trunk-…`."""
    agent: str
    """The agent's channel, `PJSIP/agent-<id>-…`."""

    def __post_init__(self) -> None:
        if not _CALLER.fullmatch(self.caller):
            raise ValueRefused("caller: expected the channel of a caller on the trunk.")
        if not _AGENT.fullmatch(self.agent):
            raise ValueRefused("agent: expected the channel of an agent's telephone.")


async def hand_over(link: Link, talk: Conversation, target: Target) -> None:
    """Send the caller to the target and free the agent.

    When the target does not answer, the caller stands in line again at his old place.

    Raises:
        ActionRefused: the two do not speak with each other any more.
        LinkLost: there is no link, or the outcome is unknown; it is never sent again.
    """
    await link.send(BlindTransfer(talk.agent, "transfer", target.number))
    _log.info("transfer.begun", call_id=talk.call_id, kind=target.kind.value, attended=False)


async def consult(link: Link, talk: Conversation, target: Target) -> None:
    """Let the agent speak with the target while the caller hears music.

    Then the agent hangs up to join the two, or `take_back` ends it. A target that does not answer
    or hangs up brings the agent back to the caller; raises as `hand_over` does.
    """
    caller, agent = _part(_CALLER, talk.caller), _part(_AGENT, talk.agent)
    await link.send(SetVariable(TRANSFER_FOR, caller, talk.agent))
    await link.send(SetVariable(TRANSFER_BY, agent, talk.caller))
    await link.send(
        RedirectBoth(
            channel=talk.caller,
            context="transfer-wait",
            extension="s",
            other_channel=talk.agent,
            other_context="transfer",
            other_extension=target.number,
        )
    )
    _log.info("transfer.begun", call_id=talk.call_id, kind=target.kind.value, attended=True)


async def take_back(link: Link, talk: Conversation) -> None:
    """End a consultation, and let agent and caller speak again; raises as `hand_over` does."""
    await link.send(SetVariable(TRANSFER_ENDED, "yes", talk.caller))
    await link.send(Redirect(talk.agent, "transfer-back", "s"))
    _log.info("transfer.taken_back", call_id=talk.call_id)


async def join(link: Link, talk: Conversation) -> None:
    """Bring the waiting caller into a consultation, so that all three speak; raises as `hand_over`.

    Whoever hangs up then leaves the other two together.
    """
    await link.send(Redirect(talk.caller, "transfer-three", "s"))
    _log.info("transfer.joined", call_id=talk.call_id)


async def to_rating(link: Link, talk: Conversation) -> None:
    """End the agent's part; the caller is asked to rate. Raises as `hand_over` does."""
    await link.send(Hangup(talk.agent))


async def exempt(link: Link, talk: Conversation, reason: Exemption | None) -> None:
    """Note why the caller is not asked to rate, or that he is asked after all (None).

    It is written down when the call ends, and counts of this agent's talk alone: whom the caller
    is handed over to may be rated. Raises as `hand_over` does.
    """
    by = _part(_AGENT, talk.agent).split("-")[1]
    await link.send(SetVariable(RATING_EXEMPT_BY, by, talk.caller))
    await link.send(SetVariable(RATING_EXEMPT, reason.value if reason else "", talk.caller))
    if reason:
        _log.info("rating.exempted", call_id=talk.call_id, reason=reason.value)
    else:
        _log.info("rating.exemption_withdrawn", call_id=talk.call_id)


def _part(pattern: re.Pattern[str], channel: str) -> str:
    found = pattern.fullmatch(channel)
    if found is None:
        raise ValueRefused("expected the name of a channel.")
    return found[1]
