"""A call that goes on, as the journal has it by now.

Its record lags behind by up to a second, and says what it was about only when it is over. Whoever
is rung wants to know at once: he is told by the same lines and the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ivr import events as ev
from ivr.asterisk import spool
from ivr.database import Pool, Session, queries
from ivr.errors import PeerBroke
from ivr.fold import deepest, fold


@dataclass(frozen=True, slots=True)
class Heard:
    """What the menu has heard of a call, and where it led."""

    menu_path: str
    queue: str
    """The last that was entered; empty for none."""
    priority: int | None = None
    """With which that queue was entered; None for no queue."""
    steps: tuple[tuple[str, str], ...] = ()
    """Menu and key, in order."""
    presets: tuple[tuple[str, str], ...] = ()
    """Edition and code of what it is about; one at most while the call goes on."""


async def so_far(connection: Session | Pool, call_id: str, opened_at: datetime) -> Heard | None:
    """Return what the journal says of a call by now; None while nothing of it can be read."""
    rows = queries.lines_of_calls(connection, opened_at=[opened_at], call_ids=[call_id])
    texts = [line async for row in rows for line in row["lines"].split("\n")]
    return heard(_events(texts))


def heard(events: Iterable[ev.Event]) -> Heard | None:
    """Return what the events of one call say; None when they are of none, or of several."""
    story = list(events)
    try:
        call = fold(story)
    except PeerBroke:
        return None
    presets = [event for event in story if isinstance(event, ev.CategoryPreset)]
    about = deepest(presets) if presets else None
    return Heard(
        call.menu_path,
        call.queue or "",
        call.visits[-1].priority if call.visits else None,
        tuple((step.menu, step.key) for step in call.menu_steps),
        ((about.scheme, about.code),) if about else (),
    )


def _events(lines: Iterable[str]) -> Iterable[ev.Event]:
    for line in lines:
        try:
            event = spool.parse(line)
        except PeerBroke:
            continue  # the ledger says so when it folds the call
        if event is not None:
            yield event
