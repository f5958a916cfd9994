"""The emergency switch: an announcement before the menu, and queues open whatever the hour.

A supervisor throws it by one command; the newest order in PostgreSQL says whether it is on. Every
bridge looks every two seconds and goes on with what it last saw while the database is away, so a
centre in an emergency does not lose its announcement to a second emergency. What it saw is kept
for a bridge that is started meanwhile (`ivr.surge_memory`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Protocol

import asyncpg
import structlog

from ivr.database import OUTSIDE_FAILURES, Pool, Session, queries
from ivr.errors import HotlineError
from ivr.menu.model import LOCALES

_log = structlog.get_logger()

Speak = Callable[[str, Mapping[str, str]], None]
"""Makes the sound of a text: the key under which it is played, and the text by locale."""

LOOK_SECONDS: Final = 2.0
_DEADLINE_SECONDS: Final = 2.0

ANNOUNCEMENT: Final = "p_surge"
"""The prompt that a menu's surge node announces; an order may name another or bring a text."""

_UNSEEN: Final = -1

OPENED: Final = ("report", "consult")
"""The emergency queues, unless an order names others."""


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """An order to put the emergency menu in front."""

    order_id: int
    announcement: str = ANNOUNCEMENT
    """The prompt's key; of a text that came with the order, the key under which it is spoken."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Locale to the text of an announcement that is in no file; empty for a prompt."""
    queues: frozenset[str] = frozenset()
    """Open whatever their hours say."""
    ends_at: datetime | None = None


def in_force(order: StandingOrder | None, now: datetime) -> StandingOrder | None:
    """Give the order if it still rules: one that has an end switches itself off."""
    if order is None or (order.ends_at is not None and order.ends_at <= now):
        return None
    return order


def spoken_key(zh: str, en: str) -> str:
    """Give the key under which a text is spoken; another text has another key."""
    return f"s_{hashlib.sha256(json.dumps([zh, en]).encode()).hexdigest()[:16]}"


def order_of(row: asyncpg.Record) -> StandingOrder | None:
    """Read the newest order; None when it switches off."""
    if not row["is_on"]:
        return None
    texts: Mapping[str, str] = {}
    announcement = row["announcement"]
    if zh := row["text_zh"]:
        en = row["text_en"] or zh
        texts = dict(zip(LOCALES, (zh, en), strict=True))
        announcement = spoken_key(zh, en)
    return StandingOrder(
        order_id=row["order_id"],
        announcement=announcement,
        texts=texts,
        queues=frozenset(row["queues"]),
        ends_at=row["ends_at"],
    )


@dataclass(frozen=True, slots=True)
class Order:
    """What a supervisor orders; checked by `ordered`."""

    by: str
    reason: str
    is_on: bool = True
    announcement: str = ANNOUNCEMENT
    text_zh: str | None = None
    text_en: str | None = None
    queues: tuple[str, ...] = OPENED
    ends_at: datetime | None = None


async def ordered(connection: Session, order: Order) -> int:
    """Throw the switch, and write down who did and why in the same transaction; give its number."""
    number: int = await queries.order_surge(
        connection,
        is_on=order.is_on,
        announcement=order.announcement,
        text_zh=order.text_zh,
        text_en=order.text_en,
        queues=list(order.queues if order.is_on else ()),
        ends_at=order.ends_at,
        reason=order.reason,
        ordered_by=order.by,
    )
    detail = {
        "reason": order.reason,
        "queues": list(order.queues) if order.is_on else [],
        "ends_at": order.ends_at.isoformat() if order.ends_at else None,
    }
    await queries.audit_surge(
        connection,
        actor=order.by,
        action="surge.on" if order.is_on else "surge.off",
        object=f"surge_order:{number}",
        detail=json.dumps(detail, ensure_ascii=False),
    )
    return number


async def newest(connection: Session) -> asyncpg.Record | None:
    """Give the newest order with who gave it, when and why; None before the first."""
    row: asyncpg.Record | None = await queries.newest_surge_order(connection)
    return row


class Memory(Protocol):
    """What outlives the bridge; neither of the two raises when it cannot."""

    async def keep(self, order: StandingOrder | None) -> None:
        """Remember the order, or that there is none."""

    async def recall(self) -> StandingOrder | None:
        """Give the order that was in force when it was last seen; None for off and unknown."""


class Switch:
    """The switch as a bridge sees it, as long as `run` is running."""

    def __init__(
        self,
        pool: Pool,
        speak: Speak,
        memory: Memory,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take a pool that may be of a server that is away; it begins off, see `recall`.

        Args:
            pool: of the database with the orders.
            speak: makes the sound of an order's text, called in a thread; what it raises leaves
                the order with the menu's own announcement.
            memory: what was seen last, by this bridge or the one before it.
            now: the time, with time zone.
        """
        self._pool = pool
        self._speak = speak
        self._memory = memory
        self._now = now
        self._order: StandingOrder | None = None
        self._number = _UNSEEN
        self._blind = False

    @property
    def current(self) -> StandingOrder | None:
        """The order in force; None while the switch is off."""
        return in_force(self._order, self._now())

    async def recall(self) -> None:
        """Begin with what was seen last, before the first caller asks; `look` knows better."""
        order = await self._memory.recall()
        if order is not None:
            self._order = await self._spoken(order)
            _log.info("surge.recalled", order=order.order_id, queues=sorted(order.queues))

    async def run(self) -> None:
        """Look every `LOOK_SECONDS` until cancelled."""
        own = asyncio.current_task()
        # redis-py 8.1 can lose the cancellation of a question: seen while it connects.
        while own is None or not own.cancelling():
            try:
                await self.look()
            except OUTSIDE_FAILURES as failure:
                if not self._blind:
                    self._blind = True
                    _log.warning("surge.unknown", reason=type(failure).__name__)
            else:
                self._blind = False
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take over the newest order.

        Raises:
            OUTSIDE_FAILURES: the database is away; what was last seen stays.
        """
        async with (
            asyncio.timeout(_DEADLINE_SECONDS),
            self._pool.acquire(timeout=_DEADLINE_SECONDS) as connection,
        ):
            row = await newest(connection)
        order, number = (order_of(row), row["order_id"]) if row else (None, 0)
        if number != self._number:
            changed = order is not None or self._order is not None
            self._order, self._number = await self._spoken(order) if order else None, number
            queues = sorted(order.queues) if order else []
            if changed:
                _log.info("surge.switched", on=order is not None, order=number, queues=queues)
        await self._memory.keep(order)

    async def _spoken(self, order: StandingOrder) -> StandingOrder:
        if order.texts:
            try:
                await asyncio.to_thread(self._speak, order.announcement, order.texts)
            except (HotlineError, OSError) as failure:
                _log.warning("surge.unspoken", order=order.order_id, reason=type(failure).__name__)
                return replace(order, announcement=ANNOUNCEMENT, texts={})
        return order
