"""Charts as pictures, for the formats that have no charts of their own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from matplotlib import font_manager, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from agents.reports.document import Chart
from ivr.errors import HotlineError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT: Final = "Noto Sans CJK SC"
_COLOURS: Final = ("#1f5aa6", "#c0392b", "#2e8b57", "#d68910", "#7d3c98", "#5d6d7e")
_INCHES: Final = (6.3, 3.5)
_MANY_BARS: Final = 6
_SLIM_BARS: Final = 4
_KEPT: Final = 32
"""Drawings that are kept: those of one issue."""
_STYLE: Final[dict[Any, Any]] = {
    "font.family": [FONT],
    "font.size": 9,
    "axes.unicode_minus": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "bulletin",
}


class RenderingImpossible(HotlineError):
    """This machine cannot draw the bulletin."""


def draw(chart: Chart, kind: Literal["svg", "png"] = "svg") -> bytes:
    """Draw a chart without its title, which the page sets.

    Two formats show the same drawing; it is made once.

    Raises:
        RenderingImpossible: the Chinese font is not installed.
    """
    _require_font()
    return _drawn(chart, kind)


@lru_cache(maxsize=_KEPT)
def _drawn(chart: Chart, kind: Literal["svg", "png"]) -> bytes:
    with rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        if not any(value is not None for series in chart.series for value in series.values):
            _say_nothing(axes)
        elif chart.kind == "line":
            _lines(axes, chart)
        elif chart.kind == "bar":
            _bars(axes, chart.labels, [value or 0 for value in chart.series[0].values], chart.axis)
        else:
            _pie(axes, chart.labels, [value or 0 for value in chart.series[0].values])
        out = io.BytesIO()
        # No date inside: the same figures give the same bytes.
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(out, format=kind, dpi=160, metadata=metadata)
        return out.getvalue()


def _require_font() -> None:
    try:
        font_manager.findfont(FONT, fallback_to_default=False)
    except ValueError:
        raise RenderingImpossible(
            f"Expected the font {FONT}; on Debian it is the package fonts-noto-cjk."
        ) from None


def _say_nothing(axes: Axes) -> None:
    axes.axis("off")
    axes.text(0.5, 0.5, "无数据", ha="center", va="center", fontsize=14, color="#888888")


def _lines(axes: Axes, chart: Chart) -> None:
    positions = range(len(chart.labels))
    for number, series in enumerate(chart.series):
        values = [float("nan") if value is None else value for value in series.values]
        colour = _COLOURS[number % len(_COLOURS)]
        axes.plot(positions, values, marker="o", markersize=3.5, color=colour, label=series.name)
    crowded = any(len(label) > len("12月") for label in chart.labels)
    axes.set_xticks(positions, chart.labels, rotation=40 if crowded else 0, ha="center")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(chart.axis)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    if len(chart.series) > 1:
        axes.legend(
            frameon=False, ncols=3, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2)
        )


def _bars(axes: Axes, labels: Sequence[str], values: Sequence[int], axis: str) -> None:
    if len(labels) > _MANY_BARS:
        bars = axes.barh(range(len(labels)), values, color=_COLOURS[0], height=0.65)
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.set_xlabel(axis)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    else:
        bars = axes.bar(range(len(labels)), values, color=_COLOURS[0], width=0.5)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_ylabel(axis)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        # Few bars stay slim instead of filling the page.
        axes.set_xlim(-0.75, max(len(labels), _SLIM_BARS) - 0.25)
    axes.set_axisbelow(True)
    axes.bar_label(bars, [str(value) for value in values], padding=2, fontsize=8)
    if len(labels) > _MANY_BARS:
        axes.margins(x=0.1)
    else:
        axes.margins(y=0.1)


def _pie(axes: Axes, labels: Sequence[str], values: Sequence[int]) -> None:
    captions = [f"{label}\n{value}件次" for label, value in zip(labels, values, strict=True)]
    axes.pie(
        values,
        labels=captions,
        colors=_COLOURS[: len(values)],
        startangle=90,
        counterclock=False,
        wedgeprops={"linewidth": 1, "edgecolor": "white"},
    )
