"""Dials for an agent whose telephone is no part of his browser: first his own is rung.

His desk writes the number into a list in Redis; the bridge takes it out, looks whether he is free
and may dial it, and lets Asterisk ring his telephone. Lifting it he enters the dialplan where he
would have by dialling himself, so the same numbers are allowed and the same record is made.

    hotline:<node>:dialling         list of JSON, each with a second after which nobody wants it
    hotline:<node>:dialling:<id>    what became of one, for a few seconds
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

import structlog
from redis.asyncio import Redis

from ivr import wishes
from ivr.asterisk.actions import CoreShowChannels, DialplanHas, Originate
from ivr.asterisk.link import Link
from ivr.asterisk.snapshot import snapshot
from ivr.config import RedisSettings
from ivr.errors import HotlineError, PeerBroke

RING_SECONDS: Final = 20
"""How long the agent's own telephone rings; he has just asked for it."""

_CONTEXT: Final = "from-agent"
_SHAPES: Final = {
    "id": re.compile(r"[0-9a-f]{16}"),
    "agent": re.compile(r"[a-z0-9]{1,16}"),
    "number": re.compile(r"[0-9a-z]{3,16}"),
}

log = structlog.get_logger()


class Answer(StrEnum):
    """What became of it."""

    RINGS = "rings"
    """Asterisk was asked to ring the agent's telephone."""
    ENGAGED = "engaged"
    """The agent's telephone rings or is in a call already."""
    NOT_ALLOWED = "not_allowed"
    """No agent may dial this number."""
    FAILED = "failed"
    """Asterisk refused, or cannot be reached; the telephone may ring all the same."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An agent wants to be connected with a number."""

    id: str
    """Sixteen hexadecimal digits; the answer is found under it."""
    agent: str
    number: str
    """As he would dial it: of somebody outside, or the id of a colleague."""
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
            words = {key: str(told[key]) for key in _SHAPES}
            found = cls(**words, until=float(told["until"]))
        except (ValueError, TypeError, KeyError) as error:
            raise PeerBroke("Expected a wish to dial, came something else.") from error
        if broken := [key for key, shape in _SHAPES.items() if not shape.fullmatch(words[key])]:
            raise PeerBroke(f"Expected a wish to dial, came one with another {broken[0]}.")
        return found

    def order(self) -> Originate:
        """Say it in AMI's words."""
        return Originate(
            channel=f"PJSIP/agent-{self.agent}",
            channel_id="",
            context=_CONTEXT,
            extension=self.number,
            timeout_seconds=RING_SECONDS,
        )


WISHES: Final = wishes.AnsweredWishList("dialling", "dialling", Answer.FAILED)


class Dialling:
    """The bridge's end of the list."""

    def __init__(
        self,
        links: tuple[Link, Link],
        settings: RedisSettings,
        node: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Use two links: that of the account which may originate, and one that may look."""
        self._dialler, self._live = links
        self._settings = settings
        self._node = node
        self._now = now

    async def run(self) -> None:
        """Grant wishes until cancelled; without Redis there are none."""
        await wishes.take(self._settings, WISHES.list_key(self._node), self._grant)

    async def _grant(self, redis: Redis, text: str) -> None:
        try:
            wish = Wish.parse(text)
        except PeerBroke as error:
            log.warning("dialling.refused", agent="", why=str(error))
            return
        if self._now() > wish.until:
            return
        answer = await self._answer(wish)
        if answer is Answer.RINGS:
            log.info("dialling.begun", agent=wish.agent)
        else:
            log.warning("dialling.refused", agent=wish.agent, why=answer.value)
        await WISHES.tell(redis, self._node, wish, answer)

    async def _answer(self, wish: Wish) -> Answer:
        own = f"PJSIP/agent-{wish.agent}-"
        try:
            allowed = await self._live.send(DialplanHas(_CONTEXT, wish.number))
            if allowed.value != "1":
                return Answer.NOT_ALLOWED
            seen = snapshot(await self._live.ask(CoreShowChannels()))
            if any(one.channel.startswith(own) for one in seen.channels):
                return Answer.ENGAGED
            await self._dialler.send(wish.order())
        except HotlineError as error:
            log.warning("dialling.failed", agent=wish.agent, reason=type(error).__name__)
            return Answer.FAILED
        return Answer.RINGS
