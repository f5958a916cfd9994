"""When to learn from people's labels again. Pure: the moment is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from ivr.categories.learn import RETRAIN_EVERY
from ivr.hours import SHANGHAI

NIGHT: Final = time(3, tzinfo=SHANGHAI)
"""When one label is enough: nobody types then, and the new model is there in the morning."""


@dataclass(frozen=True, slots=True)
class Learning:
    """The latest run, whether its model was taken or refused."""

    position: int
    """The last label it has read."""
    learnt_at: datetime


def due(now: datetime, last: Learning | None, new_labels: int) -> bool:
    """Tell whether to learn now: with 50 new labels at once, with any after three at night.

    Args:
        now: the moment, with its zone.
        last: the latest run; None: there was none.
        new_labels: how many came since.
    """
    if new_labels >= RETRAIN_EVERY:
        return True
    return new_labels > 0 and (last is None or last.learnt_at < _last_night(now))


def _last_night(now: datetime) -> datetime:
    tonight = datetime.combine(now.astimezone(SHANGHAI).date(), NIGHT)
    return tonight if tonight <= now else tonight - timedelta(days=1)
