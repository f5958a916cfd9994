"""What desks are told as it happens: who may hear what, and where a reader left off. Pure.

Two streams feed the desks: the bridge's (`ivr.board`), and our own. An entry becomes one or more
events, each for a person or for everybody with a permission; nobody else hears it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agents.auth import Identity
from agents.roles import Permission, may

RENEWED: Final = "renewed"
"""Something may have been missed: read everything anew."""
BOARD: Final = "board"
"""A queue or an agent changed."""
CALL: Final = "call"
"""One's own telephone rings, is answered, or is put down."""
PRESENCE: Final = "presence"
"""A presence changed: one's own, or anybody's for those who may see them."""
NOTICE: Final = "notice"
"""A line for one person, or for everybody with a permission."""

_START: Final = "0-0"
_ID: Final = re.compile(r"[0-9]{1,16}-[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader has come in both streams."""

    bridge: str = _START
    desk: str = _START

    def __str__(self) -> str:
        return f"{self.bridge}~{self.desk}"


def parse_cursor(text: str) -> Cursor | None:
    """Return a cursor as it was given out; None for anything else."""
    bridge, _, desk = text.partition("~")
    return Cursor(bridge, desk) if _ID.fullmatch(bridge) and _ID.fullmatch(desk) else None


def earlier(one: str, other: str) -> bool:
    """Tell whether an entry's id lies before another's."""
    return _numbers(one) < _numbers(other)


def _numbers(entry: str) -> tuple[int, int]:
    first, _, second = entry.partition("-")
    return int(first), int(second or 0)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, and for whom."""

    kind: str
    data: Mapping[str, Any]
    to: str = ""
    """A person, who hears it whatever his role."""
    needs: Permission | None = None
    """Whoever has it hears it too; None: nobody else."""

    def heard_by(self, identity: Identity) -> bool:
        """Tell whether somebody may hear of it."""
        if self.to and self.to == identity.person:
            return True
        return self.needs is not None and may(identity.role, self.needs)

    def written(self, cursor: Cursor) -> str:
        """Return it as it goes to a browser."""
        return json.dumps(
            {"id": str(cursor), "type": self.kind, "data": self.data},
            ensure_ascii=False,
            separators=(",", ":"),
        )


def from_bridge(entry: Mapping[str, str]) -> Iterator[Event]:
    """Return what an entry of the bridge's stream means for desks; calls of others stay unnamed."""
    kind = entry.get("kind", "")
    if kind == "view.renewed":
        yield Event(RENEWED, {}, needs=Permission.LIVE_SEE)
    elif kind in {"caller.joined", "caller.left"}:
        told = {"kind": kind, "queue": entry["queue"], "waiting": int(entry["waiting"])}
        yield Event(BOARD, told, needs=Permission.LIVE_SEE)
    elif kind == "agent.left":
        yield Event(BOARD, {"kind": kind, "agent": entry["agent"]}, needs=Permission.LIVE_SEE)
    elif kind == "agent.changed":
        told = {
            "kind": kind,
            "agent": entry["agent"],
            "activity": entry["activity"],
            "since_ms": int(entry["since_ms"]),
        }
        yield Event(BOARD, told, needs=Permission.LIVE_SEE)
        own = {
            "activity": entry["activity"],
            "call_id": entry["call"],
            "since_ms": told["since_ms"],
        }
        yield Event(CALL, own, to=entry["agent"])


def from_desk(entry: Mapping[str, str]) -> Iterator[Event]:
    """Return what an entry of our own stream means."""
    needs = Permission(entry["needs"]) if entry.get("needs") else None
    yield Event(entry["type"], json.loads(entry["data"]), entry.get("to", ""), needs)


def to_desk(event: Event) -> dict[str, str]:
    """Return an event as an entry of our own stream."""
    return {
        "type": event.kind,
        "data": json.dumps(event.data, ensure_ascii=False, separators=(",", ":")),
        "to": event.to,
        "needs": event.needs.value if event.needs else "",
    }
