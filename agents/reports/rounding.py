"""Shares, growth and their rounding as the bulletins print them (oracle O-1).

A share keeps its numerator and its denominator until it is printed. Rounding is 四舍五入,
ROUND_HALF_UP on decimals; binary floating point would print 17/400 as 4.2 instead of 4.3.
A share of nothing is printed as a dash.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

DASH: Final = "—"


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half up to a number of decimal places; a rounded zero carries no sign."""
    result = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return abs(result) if result.is_zero() else result


@dataclass(frozen=True, slots=True)
class Ratio:
    """A share or a mean that has not been rounded yet.

    Counts over counts give a share, a sum over a count gives a mean.
    """

    numerator: int
    denominator: int

    def percent(self, places: int = 1) -> Decimal | None:
        """Return the share in percent, or None when the denominator is zero."""
        if self.denominator == 0:
            return None
        return rounded(Decimal(100 * self.numerator) / self.denominator, places)

    def value(self, places: int = 2) -> Decimal | None:
        """Return the quotient itself, or None when the denominator is zero."""
        if self.denominator == 0:
            return None
        return rounded(Decimal(self.numerator) / self.denominator, places)

    def printed(self, places: int = 1) -> str:
        """Return the share as a table prints it, without the sign of percent."""
        percent = self.percent(places)
        return DASH if percent is None else str(percent)

    def sign(self, places: int = 1) -> str:
        """Return the share as a sentence prints it, with `%` unless it is a dash."""
        percent = self.percent(places)
        return DASH if percent is None else f"{percent}%"


@dataclass(frozen=True, slots=True)
class Growth:
    """同比 or 环比: the change against an earlier period of equal length."""

    current: int
    prior: int

    @property
    def change(self) -> Ratio:
        """The change as a share of the earlier figure; negative when it fell."""
        return Ratio(self.current - self.prior, self.prior)

    def words(self, places: int = 2) -> str:
        """Return 增长, 下降 or 持平 with the size of the change; a dash when nothing was before."""
        percent = self.change.percent(places)
        if percent is None:
            return DASH
        if percent == 0:
            return "持平"
        return f"{'增长' if percent > 0 else '下降'}{abs(percent)}%"

    def multiple(self, places: int = 1) -> str:
        """Return the k of 是…的k倍, which is the quotient and not the growth."""
        value = Ratio(self.current, self.prior).value(places)
        return DASH if value is None else str(value)


def points(before: Decimal, after: Decimal) -> str:
    """Return the change between two rates in 百分点, never in percent of percent."""
    change = after - before
    if change == 0:
        return "持平"
    return f"{'提高' if change > 0 else '下降'}了{abs(change)}个百分点"


def ten_thousands(count: int, places: int = 1) -> str:
    """Return a count in 万, for running text only; nothing is computed from it."""
    return f"{rounded(Decimal(count) / 10_000, places)}万"
