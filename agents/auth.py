"""One-time links and sessions. Redis holds them, under a hash, with an end.

A link is random, opens one session and is gone; a session is random and ends after a rest or
after a working day. Whoever can read Redis or the database finds no link and no session that
could be used. PostgreSQL keeps a line per session, so that a flushed Redis sends nobody away in
the middle of a call; it never lengthens one.

    hotline:link:<sha256>      who the link is for
    hotline:session:<sha256>   who is there, and until when
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from redis.asyncio import Redis

from agents.database import queries
from agents.roles import Role
from ivr.database import Pool, Session

LINK_SECONDS: Final = 15 * 60
REST_SECONDS: Final = 30 * 60
"""A session that nobody uses for so long ends."""
DAY_SECONDS: Final = 12 * 60 * 60
"""Every session ends after so long."""

_SECRET_BYTES: Final = 32
_LONGEST_SECRET: Final = 64
_NOTE_SECONDS: Final = 60.0
"""How seldom PostgreSQL is told that a session is in use, and asked whether it was ended."""
_REST: Final = timedelta(seconds=REST_SECONDS)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is."""

    person: str
    """Staff id, `[a-z0-9]{1,16}`."""
    role: Role
    name: str = ""
    limited: bool = False
    """May only set up a password and a second factor."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A session that was found."""

    identity: Identity
    ends_at: datetime
    hash: bytes
    """Of the secret; names the session without opening it."""


class Sessions:
    """Makes and checks links and sessions.

    Every method raises `OSError`, `RedisError` or what PostgreSQL raises when one of the two
    cannot be asked: the caller then refuses, for nobody is let in on a guess.
    """

    def __init__(self, redis: Redis, pool: Pool, now: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._pool = pool
        self._now = now

    async def make_link(self, identity: Identity) -> str:
        """Make a secret that lets this person in once within `LINK_SECONDS`."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        await self._redis.set(_link_key(secret), _written(identity, 0, 0), ex=LINK_SECONDS)
        return secret

    async def spend_link(self, secret: str) -> Identity | None:
        """Take a link out of the world and tell whom it was for; None when there is none."""
        found = await self._redis.getdel(_link_key(secret))
        return None if found is None else _read(found)[0]

    async def open(self, identity: Identity) -> str:
        """Open a session.

        Returns:
            Its secret, for the browser alone.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        until = self._now() + DAY_SECONDS
        await queries.keep_session(
            self._pool,
            hash=_digest(secret),
            person=identity.person,
            limited=identity.limited,
            ends_at=datetime.fromtimestamp(until, UTC),
        )
        written = _written(identity, until, self._now())
        await self._redis.set(_session_key(_digest(secret)), written, ex=REST_SECONDS)
        return secret

    async def find(self, secret: str, *, use: bool = True) -> Presented | None:
        """Tell who a session belongs to; None when there is none.

        Args:
            secret: as the browser holds it.
            use: count it as used; an open page that nobody sits at does not.
        """
        digest = _digest(secret)
        key = _session_key(digest)
        found = await self._redis.get(key)
        if found is None:
            return await self._restored(digest)
        identity, until, noted = _read(found)
        left = int(until - self._now())
        if left <= 0:
            await self._redis.delete(key)
            return None
        rest = min(REST_SECONDS, left)
        if self._now() - noted > _NOTE_SECONDS:
            # Whoever ended it may not have lived to tell Redis: PostgreSQL has the last word.
            if not await self._lives(digest, use=use):
                await self._redis.delete(key)
                return None
            if use:
                # Only what is there: a session that ended meanwhile does not come back.
                now = self._now()
                await self._redis.set(key, _written(identity, until, now), ex=rest, xx=True)
        elif use:
            await self._redis.expire(key, rest)
        return Presented(identity, datetime.fromtimestamp(until, UTC), digest)

    async def leave(self, secret: str) -> None:
        """End a session."""
        digest = _digest(secret)
        await queries.end_session(self._pool, hash=digest)
        await self._redis.delete(_session_key(digest))

    async def end_all(self, person: str, *, but: bytes = b"") -> int:
        """End somebody's sessions, all or all but one; returns how many there were."""
        ended = await self.shut(self._pool, person, but=but)
        await self.forget(ended)
        return len(ended)

    async def shut(
        self, connection: Session | Pool, person: str, *, but: bytes = b""
    ) -> list[bytes]:
        """End somebody's sessions, as part of the transaction that is the reason.

        Returns:
            What `forget` takes after the commit. If nobody lives to do that they end all the
            same, within `_NOTE_SECONDS`.
        """
        rows = queries.end_sessions_of(connection, person=person, but=but)
        return [row["hash"] async for row in rows]

    async def forget(self, ended: Sequence[bytes]) -> None:
        """Take sessions that have ended out of Redis."""
        if ended:
            await self._redis.delete(*map(_session_key, ended))

    async def count(self, connection: Session | Pool, person: str) -> int:
        """Count the sessions that somebody has open."""
        return int(await queries.open_sessions_of(connection, person=person, rest=_REST))

    async def _lives(self, digest: bytes, *, use: bool) -> bool:
        """Tell whether PostgreSQL knows the session as open; note its use there."""
        if use:
            return str(await queries.see_session(self._pool, hash=digest)).endswith(" 1")
        return await queries.kept_session(self._pool, hash=digest, rest=_REST) is not None

    async def _restored(self, digest: bytes) -> Presented | None:
        row = await queries.kept_session(self._pool, hash=digest, rest=_REST)
        if row is None:
            return None
        identity = Identity(row["person"], Role(row["role"]), row["name"], row["limited"])
        until = row["ends_at"].timestamp()
        noted = row["seen_at"].timestamp()
        left = int(min(until - self._now(), noted + REST_SECONDS - self._now()))
        if left <= 0:
            return None
        key = _session_key(digest)
        await self._redis.set(key, _written(identity, until, noted), ex=left)
        # Whoever ended it between our question and our writing has looked for the key already.
        if await queries.kept_session(self._pool, hash=digest, rest=_REST) is None:
            await self._redis.delete(key)
            return None
        return Presented(identity, row["ends_at"], digest)


def _link_key(secret: str) -> str:
    return f"hotline:link:{_digest(secret).hex()}"


def _session_key(digest: bytes) -> str:
    return f"hotline:session:{digest.hex()}"


def _digest(secret: str) -> bytes:
    """Hash once: the secrets are 256 random bits, so there is nothing to guess slowly."""
    return hashlib.sha256(secret[:_LONGEST_SECRET].encode("utf-8", "replace")).digest()


def _written(identity: Identity, until: float, noted: float) -> str:
    return json.dumps(
        {
            "person": identity.person,
            "role": identity.role,
            "name": identity.name,
            "limited": identity.limited,
            "until": until,
            "noted": noted,
        }
    )


def _read(text: str | bytes) -> tuple[Identity, float, float]:
    fields = json.loads(text)
    identity = Identity(
        fields["person"], Role(fields["role"]), fields["name"], bool(fields["limited"])
    )
    return identity, float(fields["until"]), float(fields["noted"])
