"""Service indicators: what each is a share of, and what does not enter it (oracles O-2 to O-7).

Populations follow the trade's definitions: a call counts once, in the period in which it entered
its first queue; `short` abandonments (five seconds or less) leave the net denominators; callbacks
and voicemail are no abandonment; waits run from entering the queue. Figures that app_queue
reports of itself are not used: they divide by answered calls only and read 0 % or 100 % on a
queue where everybody gives up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from agents.reports.rounding import Ratio, rounded
from ivr.errors import HotlineError

SHORT_MS: Final = 5_000
"""Longest wait of an abandonment that is still the caller's own slip; inclusive."""
ANSWER_SECONDS: Final = 15
"""GB/T 33358-2016 asks for an answer within 15 s; the trade's usual figure is 20 s."""
AFTER_CALL_LIMIT_MS: Final = 180_000
"""After-call work beyond three minutes is a forgotten button rather than work."""
_Z95: Final = 1.959963984540054


class FiguresDisagree(HotlineError):
    """Figures that must add up do not."""


class Outcome(StrEnum):
    """How a call left its first queue."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    FLOWED = "flowed"
    """By voicemail, timeout, overflow or a menu key."""
    CALLBACK = "callback"


@dataclass(frozen=True, slots=True)
class QueueCall:
    """One call that asked for a person; talk, hold and after-call work summed over its legs."""

    wait_ms: int
    outcome: Outcome
    talk_ms: int = 0
    hold_ms: int = 0
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Populations:
    """The counts from which the queue's indicators are made.

    Raises:
        FiguresDisagree: when requested is not answered + abandoned + flowed + callbacks.
    """

    requested: int
    answered: int
    abandoned: int
    short: int
    flowed: int
    callbacks: int

    def __post_init__(self) -> None:
        """Hold the identity N_req = N_ans + N_aba + N_flow + N_cb."""
        parts = self.answered + self.abandoned + self.flowed + self.callbacks
        if parts != self.requested or self.short > self.abandoned:
            raise FiguresDisagree(
                f"N_req {self.requested}; expected N_ans {self.answered} + N_aba {self.abandoned} "
                f"(short {self.short}) + N_flow {self.flowed} + N_cb {self.callbacks} = {parts}."
            )

    @property
    def net(self) -> int:
        """Requests that the centre had a chance to answer."""
        return self.requested - self.short


@dataclass(frozen=True, slots=True)
class QueueIndicators:
    """Indicators of one queue or of several, over one period."""

    populations: Populations
    connected: Ratio
    connected_gross: Ratio
    in_time: Ratio
    in_time_gross: Ratio
    abandoned: Ratio
    abandoned_gross: Ratio
    answer_speed_ms: Ratio
    """ASA: waits of the answered; accepted callbacks are not waits of zero."""
    median_wait_ms: Decimal | None
    """Of the answered."""
    talk_ms: Ratio
    hold_ms: Ratio
    after_ms: Ratio
    handle_ms: Ratio
    """AHT: talk, hold and after-call work of all legs over answered calls."""
    abandon_wait_ms: Ratio
    abandon_wait_net_ms: Ratio


def populations(calls: Iterable[QueueCall]) -> Populations:
    """Count how calls left the queue."""
    outcomes = dict.fromkeys(Outcome, 0)
    requested = short = 0
    for call in calls:
        requested += 1
        outcomes[call.outcome] += 1
        short += call.outcome is Outcome.ABANDONED and call.wait_ms <= SHORT_MS
    return Populations(
        requested,
        outcomes[Outcome.ANSWERED],
        outcomes[Outcome.ABANDONED],
        short,
        outcomes[Outcome.FLOWED],
        outcomes[Outcome.CALLBACK],
    )


def queue_indicators(
    calls: Sequence[QueueCall], answer_seconds: int = ANSWER_SECONDS
) -> QueueIndicators:
    """Compute all of a queue's indicators (O-2).

    Args:
        calls: those that entered the queue in the period, still open ones excluded.
        answer_seconds: T of T秒接听率, inclusive.
    """
    counted = populations(calls)
    answered = [call for call in calls if call.outcome is Outcome.ANSWERED]
    gave_up = [call.wait_ms for call in calls if call.outcome is Outcome.ABANDONED]
    patient = [wait for wait in gave_up if wait > SHORT_MS]
    in_time = sum(call.wait_ms <= answer_seconds * 1_000 for call in answered)
    after = [min(call.after_ms, AFTER_CALL_LIMIT_MS) for call in answered]
    talk, hold = sum(c.talk_ms for c in answered), sum(c.hold_ms for c in answered)
    return QueueIndicators(
        populations=counted,
        connected=Ratio(counted.answered, counted.net),
        connected_gross=Ratio(counted.answered, counted.requested),
        in_time=Ratio(in_time, counted.net),
        in_time_gross=Ratio(in_time, counted.requested),
        abandoned=Ratio(counted.abandoned - counted.short, counted.net),
        abandoned_gross=Ratio(counted.abandoned, counted.requested),
        answer_speed_ms=Ratio(sum(call.wait_ms for call in answered), len(answered)),
        median_wait_ms=median([call.wait_ms for call in answered]),
        talk_ms=Ratio(talk, len(answered)),
        hold_ms=Ratio(hold, len(answered)),
        after_ms=Ratio(sum(after), len(answered)),
        handle_ms=Ratio(talk + hold + sum(after), len(answered)),
        abandon_wait_ms=Ratio(sum(gave_up), len(gave_up)),
        abandon_wait_net_ms=Ratio(sum(patient), len(patient)),
    )


def service_level(answered_in_time: int, answered: int, abandoned: int, short: int) -> Ratio:
    """Return T秒接听率 from counts (O-3): abandonments in time earn nothing, short ones leave."""
    return Ratio(answered_in_time, answered + abandoned - short)


def median(values: Sequence[int]) -> Decimal | None:
    """Return the median, the mean of the middle two where there is no middle one."""
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return Decimal(ordered[middle])
    return Decimal(ordered[middle - 1] + ordered[middle]) / 2


@dataclass(frozen=True, slots=True)
class SeatTime:
    """An agent's day in seconds; breaks are logged in but neither handle nor available."""

    logged_in: int
    handle: int
    available: int

    @property
    def occupancy(self) -> Ratio:
        """How full the time at the phone was (O-4); breaks excluded."""
        return Ratio(self.handle, self.handle + self.available)

    @property
    def utilisation(self) -> Ratio:
        """工时利用率 (O-4); several definitions circulate, so print its denominator with it."""
        return Ratio(self.handle, self.logged_in)


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """Ratings after the call (O-7). The unrated are never counted as satisfied."""

    offered: int
    satisfied: int
    fair: int
    dissatisfied: int

    @property
    def rated(self) -> int:
        """Callers who pressed a key."""
        return self.satisfied + self.fair + self.dissatisfied

    @property
    def participation(self) -> Ratio:
        """参评率."""
        return Ratio(self.rated, self.offered)

    @property
    def rate(self) -> Ratio:
        """满意率: 满意 and 基本满意 among the rated."""
        return Ratio(self.satisfied + self.fair, self.rated)

    def interval(self, places: int = 1) -> tuple[Decimal, Decimal] | None:
        """Return the Wilson 95 % interval of the rate in percent; None without a rating."""
        if self.rated == 0:
            return None
        n, p = self.rated, (self.satisfied + self.fair) / self.rated
        centre = p + _Z95**2 / (2 * n)
        spread = _Z95 * math.sqrt(p * (1 - p) / n + _Z95**2 / (4 * n * n))
        low, high = ((100 * (centre + s * spread)) / (1 + _Z95**2 / n) for s in (-1, 1))
        return rounded(Decimal(low), places), rounded(Decimal(high), places)
