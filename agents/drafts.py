"""Drafts: what an agent has typed of a call's form, kept through every crash, present once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agents.database import queries
from ivr.database import Pool, Session

MOST: Final = 100
"""Drafts that are listed."""

Content = Mapping[str, Any]
"""As the form sent it; see `agents.web.forms.Content`."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One version of a draft."""

    call_id: str
    version: int
    """Counts up with every change; whoever changes it names the one he has seen."""
    content: Content
    saved_at: datetime


async def find(connection: Session | Pool, person: str, call_id: str) -> Draft | None:
    """Return somebody's draft for a call."""
    row = await queries.draft_of(connection, person=person, call_id=call_id)
    return None if row is None else _draft(call_id, row)


async def keep(
    connection: Session | Pool, person: str, call_id: str, seen: int, content: Content
) -> Draft | None:
    """Replace a draft by what was typed since; None when it has moved on meanwhile.

    Sent twice, the second changes nothing.

    Args:
        connection: commits by itself, or with the caller's transaction.
        person: whose draft.
        call_id: of which call.
        seen: the version that the change was made from; 0 for the first.
        content: the whole form.
    """
    written = json.dumps(content, ensure_ascii=False)
    fields = {"person": person, "call_id": call_id, "content": written}
    if seen == 0:
        row = await queries.begin_draft(connection, **fields)
    else:
        row = await queries.move_draft(connection, **fields, version=seen)
    if row is not None:
        return _draft(call_id, row)
    now = await find(connection, person, call_id)
    again = now is not None and now.version == seen + 1 and now.content == content
    return now if again else None


async def drop(connection: Session | Pool, person: str, call_id: str) -> None:
    """Forget a draft."""
    await queries.drop_draft(connection, person=person, call_id=call_id)


async def unsaved(connection: Session, person: str) -> list[Draft]:
    """List somebody's drafts, the oldest first."""
    rows = queries.drafts_of(connection, person=person, most=MOST)
    return [_draft(row["call_id"], row) async for row in rows]


def _draft(call_id: str, row: Mapping[str, Any]) -> Draft:
    return Draft(call_id, row["version"], json.loads(row["content"]), row["saved_at"])
