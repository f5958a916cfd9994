"""What the handlers of the API have in common: clean input, and every change once.

A change carries an `Idempotency-Key`. Key, effect and answer are written in one transaction: the
same key with the same content is answered from there for 30 days (but for secrets, which are told
once), with another content it is refused, and of two at once the second waits for the first.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp_pydantic.decorator import inject_params
from pydantic import BaseModel

from agents.auth import Identity, Presented
from agents.database import queries
from agents.throttle import Limit, Throttle
from agents.web.problems import Handler, Refused, invalid
from ivr.config import DatabaseSettings
from ivr.database import Pool, Session, transaction
from ivr.failpoints import reach

KEY_HEADER: Final = "Idempotency-Key"

POOL: Final = web.AppKey("pool", Pool)
DATABASE: Final = web.AppKey("database", DatabaseSettings)
THROTTLE: Final = web.AppKey("throttle", Throttle)
BRIDGE: Final = web.AppKey("bridge_places", asyncio.Semaphore)
"""Places for those who hold a connection while they wait for the bridge."""
BRIDGE_AT_ONCE: Final = 3
"""Of the eight connections a process has by default: the others are for forms to be saved."""
PRESENTED: Final = web.RequestKey("presented", Presented)

_CONNECTION: Final = web.RequestKey("connection", object)
_AFTERWARDS: Final = web.RequestKey("afterwards", list[Callable[[], Awaitable[object]]])
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{8,128}")
_CHANGES: Final = frozenset({hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH, hdrs.METH_DELETE})
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL cannot hold in a text."""

Typed = Callable[..., Awaitable[Any]]
"""A handler whose parameters say what it takes; aiohttp-pydantic reads them."""


def answer(model: BaseModel, status: int = 200) -> web.Response:
    """Answer with a model as JSON."""
    return web.Response(
        status=status, text=model.model_dump_json(), content_type="application/json"
    )


class ToldOnce(web.Response):
    """An answer whose content is a secret: said once, and never kept to be said again."""


def told_once(model: BaseModel, status: int = 200) -> ToldOnce:
    """Answer with a model that holds a secret."""
    return ToldOnce(status=status, text=model.model_dump_json(), content_type="application/json")


def done() -> web.Response:
    """Answer that it is done, without content."""
    return web.Response(status=204)


def who(request: web.Request) -> Identity:
    """Tell who asks; for routes behind the door."""
    return request[PRESENTED].identity


def session(request: web.Request) -> Session:
    """Return the connection of a change's own transaction."""
    connection: Session = request[_CONNECTION]  # type: ignore[assignment]  # the key's type cannot be a union
    return connection


def afterwards(request: web.Request, act: Callable[[], Awaitable[object]]) -> None:
    """Do something once the change is committed, and not before: tell the world."""
    request[_AFTERWARDS].append(act)


@asynccontextmanager
async def reading(request: web.Request) -> AsyncIterator[Session]:
    """Give a connection for reading; within a change its own, or eight changes could lock up."""
    if (own := request.get(_CONNECTION)) is not None:
        yield own
        return
    settings = request.app[DATABASE]
    async with request.app[POOL].acquire(timeout=settings.acquire_seconds) as connection:
        yield connection


@asynccontextmanager
async def slowly(request: web.Request, of: web.AppKey[asyncio.Semaphore]) -> AsyncIterator[None]:
    """Hold one of the places for long waits, which must not stop anybody's saving.

    Raises:
        Refused: 503, when all places are taken.
    """
    places = request.app[of]
    if places.locked():
        raise Refused(503, retry_seconds=1)
    async with places:
        yield


async def limited(request: web.Request, limit: Limit) -> None:
    """Count one use by whoever asks.

    Raises:
        Refused: 429, when there were too many.
    """
    if wait := await request.app[THROTTLE].take(limit, who(request).person):
        raise Refused(429, retry_seconds=wait)


def endpoint(handler: Typed) -> Handler:
    """Make a handler of a function whose parameters are path, query and body."""
    made: Handler = inject_params(on_validation_error=invalid).and_request(handler)
    return made


def change(handler: Typed) -> Handler:
    """Make a handler that changes something, once for each key."""
    made = endpoint(handler)

    async def once(request: web.Request) -> web.StreamResponse:
        key = request.headers.get(KEY_HEADER, "")
        if not _KEY.fullmatch(key):
            raise Refused(400, "key_needed", f"缺少请求头 {KEY_HEADER}，或格式有误。")
        request[_AFTERWARDS] = []
        person, seen = who(request).person, await _fingerprint(request)
        async with transaction(request.app[POOL], request.app[DATABASE]) as connection:
            begun = await queries.begin_change(connection, person=person, key=key, fingerprint=seen)
            if begun is None:
                return await _again(connection, person, key, seen)
            reach("change.begun")
            request[_CONNECTION] = connection
            response = await made(request)
            del request[_CONNECTION]
            reach("change.made")
            await queries.answer_change(
                connection, person=person, key=key, status=response.status, body=_kept(response)
            )
            reach("change.commit.before")
        reach("change.commit.after")
        for act in request[_AFTERWARDS]:
            await act()
        return response

    once.__dict__.update(made.__dict__)
    once.__wrapped__ = made  # type: ignore[attr-defined]  # where inspect looks for the signature
    once.__name__, once.__doc__ = handler.__name__, handler.__doc__
    once.__module__ = handler.__module__
    once.__annotations__ = handler.__annotations__
    once.is_change = True  # type: ignore[attr-defined]  # read when the document is made
    return once


def _kept(response: web.StreamResponse) -> str | None:
    if isinstance(response, ToldOnce) or not isinstance(response, web.Response):
        return None
    return response.text


async def _fingerprint(request: web.Request) -> bytes:
    content = await request.read()
    told = f"{request.method} {request.path_qs}\n".encode("utf-8", "replace")
    return hashlib.sha256(told + content).digest()


async def _again(connection: Session, person: str, key: str, seen: bytes) -> web.Response:
    row = await queries.change_answered(connection, person=person, key=key)
    if row is None or row["fingerprint"] != seen:
        raise Refused(422, "key_reused", f"{KEY_HEADER} 已用于另一项操作。")
    if row["body"] is None and row["status"] != HTTPStatus.NO_CONTENT:
        raise Refused(409, "told_once", "此操作已完成，结果只显示一次。如未看到，请重新操作。")
    kind = "application/json" if row["body"] else None
    return web.Response(status=row["status"], text=row["body"], content_type=kind)


@web.middleware
async def clean(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let nothing but JSON in UTF-8 that can be stored reach a handler of the API.

    A form of another site cannot send JSON without asking first, so this also closes the door to
    cross-site requests that the check of the origin leaves.
    """
    if not request.path.startswith("/api/"):
        return await handler(request)
    if _UNSTORABLE.search(request.path) or any(
        _UNSTORABLE.search(part) for pair in request.query.items() for part in pair
    ):
        raise Refused(400)
    if request.method in _CHANGES and request.can_read_body:
        if request.content_type != "application/json":
            raise Refused(415)
        if (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:
            raise Refused(415)
        try:
            content = json.loads((await request.read()).decode(), parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise Refused(400, "json_broken", "内容不是有效的 JSON。") from None
        if not _storable(content):
            raise Refused(400)
    return await handler(request)


def _no_number(word: str) -> float:
    """Refuse NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(word)


def _storable(content: object) -> bool:
    waiting = [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if _UNSTORABLE.search(item):
                return False
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
    return True
