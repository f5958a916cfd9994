"""Pauses the recording of a call, and lets it go on, when an agent's desk asks for it.

The desk's process writes what it asks into a list in Redis; the bridge takes it out, finds the
agent's channel in that very call, and presses a key there that the dialplan hears. Whether it came
to a pause is told by the journal alone. Nothing is asked twice; what waited too long is dropped.

    hotline:<node>:pausing   list of JSON, each with a second after which nobody wants it any more
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import structlog
from redis.asyncio import Redis

from ivr import wishes
from ivr.asterisk.actions import CoreShowChannels, PlayDtmf
from ivr.asterisk.link import Link
from ivr.asterisk.snapshot import snapshot
from ivr.calls import CALL_ID
from ivr.config import RedisSettings
from ivr.errors import HotlineError, PeerBroke

PAUSE_KEY: Final = "A"
RESUME_KEY: Final = "B"
"""As features.conf has them; no telephone can send these."""

log = structlog.get_logger()


WISHES: Final = wishes.WishList("pausing")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a desk asks for."""

    call_id: str
    agent: str
    paused: bool
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
            found = cls(
                str(told["call_id"]), str(told["agent"]), bool(told["paused"]), float(told["until"])
            )
        except (ValueError, TypeError, KeyError) as error:
            raise PeerBroke(f"Expected a wish for a pause, came {text[:80]!r}.") from error
        if not CALL_ID.fullmatch(found.call_id) or not found.agent.isalnum():
            raise PeerBroke(f"Expected a call and an agent, came {text[:80]!r}.")
        return found


class Pausing:
    """The bridge's end of the list."""

    def __init__(
        self,
        link: Link,
        settings: RedisSettings,
        node: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._settings = settings
        self._key = WISHES.list_key(node)
        self._now = now

    async def run(self) -> None:
        """Grant wishes until cancelled; without Redis there are none."""
        await wishes.take(self._settings, self._key, self._grant)

    async def _grant(self, _redis: Redis, text: str) -> None:
        try:
            wish = Wish.parse(text)
            if self._now() > wish.until:
                return
            pressed = await self._press(wish)
        except HotlineError as error:
            log.warning("recording.unpaused", why=str(error))
            return
        if not pressed:
            log.warning("recording.unpaused", call_id=wish.call_id, why="no such channel")

    async def _press(self, wish: Wish) -> bool:
        """Press the key at the agent's channel of that call; False when there is none."""
        seen = snapshot(await self._link.ask(CoreShowChannels()))
        for channel in seen.channels:
            ours = channel.channel.startswith(f"PJSIP/agent-{wish.agent}-")
            if ours and channel.linkedid == wish.call_id and channel.state == "Up":
                key = PAUSE_KEY if wish.paused else RESUME_KEY
                await self._link.send(PlayDtmf(channel.channel, key))
                return True
        return False
