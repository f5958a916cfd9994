"""One-time links and sessions. Redis holds them, under a hash, with an end.

A link is random, opens one session and is gone; a session is random, ends after a rest or after
a working day, and is gone with Redis: then a new link is made. Whoever can read Redis finds no
link and no session that could be used.

    hotline:link:<sha256>      who the link is for
    hotline:session:<sha256>   who is there, and until when
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from agents.roles import Role

LINK_SECONDS: Final = 15 * 60
REST_SECONDS: Final = 30 * 60
"""A session that nobody uses for so long ends."""
DAY_SECONDS: Final = 12 * 60 * 60
"""Every session ends after so long."""

_SECRET_BYTES: Final = 32
_LONGEST_SECRET: Final = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is."""

    person: str
    """Staff id, `[a-z0-9]{1,16}`."""
    role: Role


class Sessions:
    """Makes and checks links and sessions.

    Every method raises `OSError` or `RedisError` when Redis cannot be asked: the caller then
    refuses, for nobody is let in on a guess.
    """

    def __init__(self, redis: Redis, now: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._now = now

    async def make_link(self, identity: Identity) -> str:
        """Make a secret that lets this person in once within `LINK_SECONDS`."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        await self._redis.set(_link_key(secret), _written(identity, 0), ex=LINK_SECONDS)
        return secret

    async def enter(self, secret: str) -> str | None:
        """Spend a link and open a session; None when the link is unknown, spent or too old.

        Returns:
            The session's secret, for the browser alone.
        """
        found = await self._redis.getdel(_link_key(secret))
        if found is None:
            return None
        identity, _ = _read(found)
        session = secrets.token_urlsafe(_SECRET_BYTES)
        until = self._now() + DAY_SECONDS
        await self._redis.set(_session_key(session), _written(identity, until), ex=REST_SECONDS)
        return session

    async def find(self, session: str) -> Identity | None:
        """Tell who a session belongs to, and count it as used; None when there is none."""
        key = _session_key(session)
        found = await self._redis.get(key)
        if found is None:
            return None
        identity, until = _read(found)
        left = int(until - self._now())
        if left <= 0:
            await self._redis.delete(key)
            return None
        # Only lengthens what is there: a session that ended meanwhile does not come back.
        await self._redis.expire(key, min(REST_SECONDS, left))
        return identity

    async def leave(self, session: str) -> None:
        """End a session."""
        await self._redis.delete(_session_key(session))


def _link_key(secret: str) -> str:
    return f"hotline:link:{_hash(secret)}"


def _session_key(session: str) -> str:
    return f"hotline:session:{_hash(session)}"


def _hash(secret: str) -> str:
    """Hash once: the secrets are 256 random bits, so there is nothing to guess slowly."""
    return hashlib.sha256(secret[:_LONGEST_SECRET].encode("utf-8", "replace")).hexdigest()


def _written(identity: Identity, until: float) -> str:
    return json.dumps({"person": identity.person, "role": identity.role, "until": until})


def _read(text: str | bytes) -> tuple[Identity, float]:
    fields = json.loads(text)
    return Identity(fields["person"], Role(fields["role"])), float(fields["until"])
