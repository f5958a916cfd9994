"""What a queue has had to carry, read from the stored calls: the input of `ivr.staffing`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ivr.database import Session, queries
from ivr.staffing import Load

HALF_HOUR_SECONDS: Final = 1_800
_CENTRE_TIME: Final = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class HalfHour:
    """One half-hour of the day, as a mean over whole days."""

    number: int
    """0 is 00:00 to 00:30, 47 is 23:30 to 24:00."""
    calls_a_day: float
    talk_seconds: float
    """Talk and hold of an answered call; 0 when none was answered."""

    @property
    def begins(self) -> str:
        """The clock time of its begin, such as `09:30`."""
        return f"{self.number // 2:02}:{self.number % 2 * 30:02}"

    def load(self, wrap_up_seconds: float) -> Load:
        """What agents have to carry, with the work after each call."""
        return Load(self.calls_a_day, HALF_HOUR_SECONDS, self.talk_seconds + wrap_up_seconds)


async def load_traffic(
    connection: Session, queue: str, *, days: int, today: date
) -> list[HalfHour]:
    """Read the half-hours in which the queue had calls, over the `days` before `today`."""
    until = datetime.combine(today, time(), _CENTRE_TIME)
    rows = queries.traffic_by_half_hour(
        connection, queue=queue, since=until - timedelta(days=days), until=until, days=days
    )
    return [
        HalfHour(row["half_hour"], row["calls_a_day"], row["talk_seconds"]) async for row in rows
    ]
