"""Does with a caller what his agent's desk asks for, and tells the desk what became of it.

The desk's process writes what it asks into a list in Redis; the bridge takes it out, looks which
channels the call has at that moment, and does it or says why not. Nothing is done twice: a wish
is taken out before it is granted, and what waited too long is dropped.

    hotline:<node>:transfers         list of JSON, each with a second after which nobody wants it
    hotline:<node>:transfer:<id>     what became of one, for a few seconds
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

import structlog
from redis.asyncio import Redis

from ivr import wishes
from ivr.asterisk.actions import CoreShowChannels
from ivr.asterisk.link import Link
from ivr.asterisk.snapshot import ChannelSeen, snapshot
from ivr.calls import CALL_ID
from ivr.config import RedisSettings
from ivr.errors import ActionRefused, HotlineError, PeerBroke, ValueRefused
from ivr.transfer_targets import Kind, Target, colleague
from ivr.transfers import (
    Conversation,
    Exemption,
    consult,
    exempt,
    hand_over,
    join,
    take_back,
    to_rating,
)

_ID: Final = re.compile(r"[0-9a-f]{16}")
_AGENT: Final = re.compile(r"[a-z0-9]{1,16}")

log = structlog.get_logger()


class Verb(StrEnum):
    """What a desk can ask for."""

    HAND_OVER = "hand_over"
    """The caller goes to the target, the agent is free."""
    CONSULT = "consult"
    """The agent speaks with the target while the caller hears music."""
    TAKE_BACK = "take_back"
    """The consultation ends, agent and caller speak again."""
    COMPLETE = "complete"
    """The agent leaves caller and target together."""
    JOIN = "join"
    """All three speak."""
    EXEMPT = "exempt"
    """The caller is not asked to rate, for the reason that `target` names; without one he is."""


class Answer(StrEnum):
    """What became of a wish."""

    DONE = "done"
    NOT_TALKING = "not_talking"
    """Agent and caller do not speak with each other in this call."""
    NOT_CONSULTING = "not_consulting"
    """No caller waits for this agent."""
    NOT_ANSWERED = "not_answered"
    """The target has not answered yet, or is gone."""
    ENGAGED = "engaged"
    """The target is a colleague whose telephone rings, or who has a call of his own."""
    UNKNOWN_TARGET = "unknown_target"
    FAILED = "failed"
    """Asterisk refused, or cannot be reached; what it was asked may have been done."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a desk asks for."""

    id: str
    """Sixteen hexadecimal digits; the answer is found under it."""
    call_id: str
    agent: str
    verb: Verb
    target: str
    """Id of a target, or `*` and the id of a colleague; empty where none is needed. Of an
    exemption its reason."""
    until: float
    """Second since 1970."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a wish.

        Raises:
            PeerBroke: it is none.
        """
        try:
            told = json.loads(text)
            words = {key: str(told[key]) for key in ("id", "call_id", "agent", "target")}
            found = cls(**words, verb=Verb(told["verb"]), until=float(told["until"]))
        except (ValueError, TypeError, KeyError) as error:
            raise PeerBroke(f"Expected a wish for a transfer, came {text[:80]!r}.") from error
        shapes = ((_ID, found.id), (CALL_ID, found.call_id), (_AGENT, found.agent))
        if not all(shape.fullmatch(value) for shape, value in shapes):
            raise PeerBroke(f"Expected an id, a call and an agent, came {text[:80]!r}.")
        if found.verb is Verb.EXEMPT and found.target not in {"", *Exemption}:
            raise PeerBroke(f"Expected a reason for an exemption, came {text[:80]!r}.")
        return found


WISHES: Final = wishes.AnsweredWishList("transfers", "transfer", Answer.FAILED)


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is joined with whom in a call, seen from one of its agents."""

    agent: ChannelSeen
    caller: ChannelSeen
    others: tuple[ChannelSeen, ...]

    @property
    def talking(self) -> bool:
        """Whether agent and caller speak with each other."""
        return bool(self.agent.bridge) and self.agent.bridge == self.caller.bridge

    @property
    def answered(self) -> bool:
        """Whether somebody else speaks with the agent."""
        return bool(self.agent.bridge) and any(
            other.bridge == self.agent.bridge for other in self.others
        )

    @property
    def certain(self) -> bool:
        """Whether nobody else can be meant by the caller: in a call-back all three may speak."""
        return self.caller.uniqueid == self.caller.linkedid or not self.answered


def scene_of(channels: Iterable[ChannelSeen], call_id: str, agent: str) -> Scene | None:
    """Find an agent and his caller among all channels; None when one of them is not there."""
    ours = [one for one in channels if one.linkedid == call_id and one.state == "Up"]
    mine = [one for one in ours if one.channel.startswith(f"PJSIP/agent-{agent}-")]
    if not mine:
        return None
    outside = [one for one in ours if one.channel.startswith("PJSIP/trunk-")]
    # An inbound call is named after its caller's channel. In others he is who waits alone, or else
    # who speaks with the agent.
    named = [one for one in outside if one.uniqueid == call_id]
    waiting = [one for one in outside if not one.bridge]
    beside = [one for one in outside if mine[0].bridge and one.bridge == mine[0].bridge]
    if not (found := named or waiting or beside):
        return None
    others = tuple(one for one in ours if one not in (mine[0], found[0]))
    return Scene(mine[0], found[0], others)


def objection(verb: Verb, scene: Scene | None) -> Answer | None:
    """Tell why something cannot be done now; None when it can."""
    if scene is None:
        return Answer.NOT_TALKING
    if verb in {Verb.HAND_OVER, Verb.CONSULT}:
        return None if scene.talking and not scene.answered else Answer.NOT_TALKING
    if verb is Verb.EXEMPT:
        return None if scene.talking and scene.certain else Answer.NOT_TALKING
    if verb is Verb.TAKE_BACK:
        return Answer.NOT_CONSULTING if scene.talking else None
    if verb is Verb.JOIN and scene.talking:
        return Answer.NOT_CONSULTING
    return None if scene.answered else Answer.NOT_ANSWERED


def engaged(channels: Iterable[ChannelSeen], target: Target) -> bool:
    """Tell whether a target is a colleague whose telephone rings, or who speaks, already."""
    if target.kind is not Kind.COLLEAGUE:
        return False
    phone = f"PJSIP/agent-{target.number.removeprefix('*')}-"
    return any(one.channel.startswith(phone) for one in channels)


class Transfers:
    """The bridge's end of the list."""

    def __init__(
        self,
        link: Link,
        settings: RedisSettings,
        node: str,
        targets: Callable[[], Mapping[str, Target]],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Grant wishes over `link`; `targets` gives those in force."""
        self._link = link
        self._settings = settings
        self._node = node
        self._targets = targets
        self._now = now

    async def run(self) -> None:
        """Grant wishes until cancelled; without Redis there are none."""
        await wishes.take(self._settings, WISHES.list_key(self._node), self._grant)

    async def _grant(self, redis: Redis, text: str) -> None:
        try:
            wish = Wish.parse(text)
        except PeerBroke as error:
            log.warning("transfer.refused", call_id="", why=str(error))
            return
        if self._now() > wish.until:
            return
        answer = await self._answer(wish)
        if answer is not Answer.DONE:
            log.warning("transfer.refused", call_id=wish.call_id, why=answer.value)
        await WISHES.tell(redis, self._node, wish, answer)

    async def _answer(self, wish: Wish) -> Answer:
        try:
            target = self._target(wish)
            seen = snapshot(await self._link.ask(CoreShowChannels()))
            scene = scene_of(seen.channels, wish.call_id, wish.agent)
            if why := objection(wish.verb, scene):
                return why
            if target is not None and engaged(seen.channels, target):
                return Answer.ENGAGED
            if scene is not None:
                talk = Conversation(wish.call_id, scene.caller.channel, scene.agent.channel)
                await _do(self._link, wish, talk, target)
        except ValueRefused:
            return Answer.UNKNOWN_TARGET
        except ActionRefused:
            return Answer.NOT_TALKING
        except HotlineError as error:
            log.warning("transfer.failed", call_id=wish.call_id, reason=type(error).__name__)
            return Answer.FAILED
        return Answer.DONE

    def _target(self, wish: Wish) -> Target | None:
        if wish.verb not in {Verb.HAND_OVER, Verb.CONSULT}:
            return None
        if wish.target.startswith("*"):
            return colleague(wish.target[1:])
        if wish.target not in (targets := self._targets()):
            raise ValueRefused("target: expected one of transfers.toml.")
        return targets[wish.target]


async def _do(link: Link, wish: Wish, talk: Conversation, target: Target | None) -> None:
    match wish.verb, target:
        case Verb.HAND_OVER, Target():
            await hand_over(link, talk, target)
        case Verb.CONSULT, Target():
            await consult(link, talk, target)
        case Verb.TAKE_BACK, _:
            await take_back(link, talk)
        case Verb.JOIN, _:
            await join(link, talk)
        case Verb.EXEMPT, _:
            await exempt(link, talk, Exemption(wish.target) if wish.target else None)
        case _:
            await to_rating(link, talk)
