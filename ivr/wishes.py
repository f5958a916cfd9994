"""What an agent's desk wishes of the bridge: a short list in Redis, taken out one after the other.

Nothing is granted twice: a wish is taken out before it is granted. Nothing is granted late: each
wish says until when it is wanted, and the list itself goes when nobody looks at it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ivr.config import RedisSettings
from ivr.live import connect

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

WANTED_SECONDS: Final = 5.0
MOST: Final = 100
"""Wishes in a list at once; the oldest go."""

_ANSWER_KEPT_SECONDS: Final = 10
_BLOCK_SECONDS: Final = 0.5
_REST_SECONDS: Final = 1.0


_Answer = TypeVar("_Answer", bound=StrEnum)


class _Named(Protocol):
    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class WishList:
    """Where the desks leave wishes of one kind for the bridge of a node."""

    name: str

    def list_key(self, node: str) -> str:
        """Return the key of a node's list."""
        return f"hotline:{node}:{self.name}"

    async def ask(self, redis: Redis, node: str, wish: DataclassInstance) -> None:
        """Write a wish down for the bridge of a node."""
        await put(redis, self.list_key(node), json.dumps(asdict(wish)))


@dataclass(frozen=True, slots=True)
class AnsweredWishList(WishList, Generic[_Answer]):
    """The same, where the desk wants to know what became of a wish."""

    single: str
    """The name of the list for one wish, in the key of its answer."""
    failed: _Answer
    """What a word of another release is taken for: nobody here knows whether it was done."""

    def answer_key(self, node: str, wish: str) -> str:
        """Return the key under which the answer to a wish is found, for a few seconds."""
        return f"hotline:{node}:{self.single}:{wish}"

    async def tell(self, redis: Redis, node: str, wish: _Named, answer: _Answer) -> None:
        """Say what became of a wish."""
        await redis.set(self.answer_key(node, wish.id), answer.value, ex=_ANSWER_KEPT_SECONDS)

    async def answer_of(self, redis: Redis, node: str, wish: _Named) -> _Answer | None:
        """Return what became of a wish; None while nothing is known."""
        found = await redis.get(self.answer_key(node, wish.id))
        if not found:
            return None
        words = type(self.failed)
        return words(str(found)) if str(found) in set(words) else self.failed


async def put(redis: Redis, key: str, wish: str) -> None:
    """Write a wish down for whoever looks at the list of that key."""
    async with redis.pipeline() as pipe:
        pipe.rpush(key, wish)
        pipe.ltrim(key, -MOST, -1)
        pipe.expire(key, int(WANTED_SECONDS) + 1)
        await pipe.execute()


async def take(
    settings: RedisSettings, key: str, grant: Callable[[Redis, str], Awaitable[None]]
) -> None:
    """Grant what is in the list until cancelled; without Redis there are no wishes."""
    own = asyncio.current_task()
    async with connect(settings) as redis:
        # redis-py 8.1 can lose the cancellation of a question: seen while it connects.
        while own is None or not own.cancelling():
            try:
                found = await redis.blpop([key], timeout=_BLOCK_SECONDS)
                if found is not None:
                    await grant(redis, str(found[1]))
            except (OSError, RedisError):
                await asyncio.sleep(_REST_SECONDS)
