"""Who may hear what, and the links through which it is heard.

A link is random, lasts a minute, and works in the session that it was made in and in no other.
Redis holds it under a hash; whoever reads Redis finds no link that could be used.

    hotline:listen:<sha256>          what the link opens, and for which session
    hotline:listened:<sha256>        that the audit knows already
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from agents.auth import Presented
from agents.database import queries
from agents.roles import Permission, Role, may
from ivr.database import Session

LINK_SECONDS: Final = 60

_SECRET_BYTES: Final = 32
_LONGEST_SECRET: Final = 64


@dataclass(frozen=True, slots=True)
class Link:
    """What a link opens."""

    call_id: str
    leg: str
    reason: str
    hash: str
    """Names the link without opening anything."""


class Links:
    """Makes and finds links; raises `OSError` or `RedisError` when Redis cannot be asked."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def make(self, presented: Presented, call_id: str, leg: str, reason: str) -> str:
        """Make a link for a session; returns its secret."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        told = {
            "person": presented.identity.person,
            "session": presented.hash.hex(),
            "call_id": call_id,
            "leg": leg,
            "reason": reason,
        }
        await self._redis.set(f"hotline:listen:{_hash(secret)}", json.dumps(told), ex=LINK_SECONDS)
        return secret

    async def find(self, presented: Presented, secret: str) -> Link | None:
        """Tell what a link opens; None for one that is too old, made up, or another session's."""
        name = _hash(secret)
        found = await self._redis.get(f"hotline:listen:{name}")
        if found is None:
            return None
        told = json.loads(found)
        if (told["person"], told["session"]) != (
            presented.identity.person,
            presented.hash.hex(),
        ):
            return None
        return Link(told["call_id"], told["leg"], told["reason"], name)

    async def is_noted(self, link: Link) -> bool:
        """Tell whether the audit knows that this link was listened to."""
        return bool(await self._redis.exists(f"hotline:listened:{link.hash}"))

    async def mark_noted(self, link: Link) -> None:
        """Remember that the audit knows; forgotten, it is told twice and never not at all."""
        await self._redis.set(f"hotline:listened:{link.hash}", "1", ex=LINK_SECONDS)


@dataclass(frozen=True, slots=True)
class Hearer:
    """Who wants to hear something."""

    person: str
    role: Role
    queues: frozenset[str]
    """Whose messages are his work."""


async def may_hear(connection: Session, hearer: Hearer, call_id: str, leg: str) -> bool:
    """Tell whether somebody may hear one leg of a call.

    One's own calls, messages that one may work on, and others' calls only by a permission.
    """
    person, role = hearer.person, hearer.role
    if may(role, Permission.RECORDINGS_HEAR_ALL):
        return True
    if leg == "voicemail":
        works = may(role, Permission.MESSAGES_WORK)
        open_to = await queries.message_is_open_to(
            connection, call_id=call_id, person=person, queues=sorted(hearer.queues)
        )
        return bool(works and open_to)
    return bool(await queries.spoke_in_call(connection, call_id=call_id, person=person))


async def recordings(connection: Session, call_id: str) -> list[Mapping[str, Any]]:
    """Read what there is of a call's sound."""
    return [row async for row in queries.recordings_to_hear(connection, call_id=call_id)]


def _hash(secret: str) -> str:
    """Hash once: the secrets are 256 random bits, so there is nothing to guess slowly."""
    return hashlib.sha256(secret[:_LONGEST_SECRET].encode("utf-8", "replace")).hexdigest()
