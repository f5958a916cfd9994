"""骚扰来电: what follows when one more call of the same number is confirmed as harassing. Pure.

No public rule was found, so this is the centre's own, made to be fair before it is strict: every
step needs two persons (who marked is never who confirms), ends by itself within a week, and never
takes away the emergency notice or the psychological line. A withheld number belongs to nobody, so
nothing can follow from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class Level(IntEnum):
    """How a number is answered."""

    FREE = 0
    WARNED = 1
    """Hears a warning, then everything as anybody."""
    HELD = 2
    """Self-service, the emergency notice and the psychological line, for a day."""
    BARRED = 3
    """The same for a week."""


MEMORY: Final = timedelta(days=7)
"""Confirmations count together, and a level that has ended is remembered, for this long."""

MANY: Final = 5
"""Confirmed calls within `MEMORY` after which a number is held."""

LASTS: Final[Mapping[Level, timedelta]] = MappingProxyType(
    {
        Level.WARNED: timedelta(days=7),
        Level.HELD: timedelta(hours=24),
        Level.BARRED: timedelta(days=7),
    }
)
"""No level is without an end, and none lasts longer than a week."""

_NEXT: Final[Mapping[tuple[Level, bool], Level]] = MappingProxyType(
    {
        (Level.FREE, False): Level.WARNED,
        (Level.FREE, True): Level.HELD,
        (Level.WARNED, False): Level.WARNED,
        (Level.WARNED, True): Level.HELD,
        (Level.HELD, False): Level.BARRED,
        (Level.HELD, True): Level.BARRED,
        (Level.BARRED, False): Level.BARRED,
        (Level.BARRED, True): Level.BARRED,
    }
)
"""The remembered level, and whether the confirmed calls are many, to the level that follows."""


@dataclass(frozen=True, slots=True)
class Block:
    """A level that a supervisor's confirmation brought about."""

    level: Level
    begins_at: datetime
    expires_at: datetime
    lifted_at: datetime | None = None
    """When a supervisor took it back."""


def remembered(blocks: Iterable[Block], now: datetime) -> Level:
    """Give the strictest level in force or ended within `MEMORY`; a lifted one is forgotten."""
    return max(
        (
            block.level
            for block in blocks
            if block.lifted_at is None and block.begins_at <= now < block.expires_at + MEMORY
        ),
        default=Level.FREE,
    )


def confirmed(blocks: Iterable[Block], confirmations: Iterable[datetime], now: datetime) -> Block:
    """Give the block that one more confirmation brings about.

    Args:
        blocks: all earlier ones of the number.
        confirmations: when earlier calls of the number were confirmed; the new one is not among
            them.
        now: the moment of the new confirmation.
    """
    recent = sum(1 for at in confirmations if now - MEMORY < at <= now) + 1
    level = _NEXT[remembered(blocks, now), recent >= MANY]
    return Block(level, now, now + LASTS[level])


def may_judge(marked_by: str, judge: str) -> bool:
    """Tell whether this person may confirm or dismiss what the other marked: never one's own."""
    return bool(judge.strip()) and judge.strip().casefold() != marked_by.strip().casefold()
