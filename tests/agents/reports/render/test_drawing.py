from __future__ import annotations

import pytest

from agents.reports.document import Bulletin, Chart, Series, charts
from agents.reports.render import drawing
from agents.reports.render.drawing import RenderingImpossible, draw

BARS = Chart("C4", "", "bar", ("甲", "乙"), (Series("件次", (3, 1)),))
EMPTY = Chart("C1", "", "line", ("1月",), (Series("件次", (None,)),))


def test_every_chart_of_an_issue_is_drawn_with_its_chinese_labels(national: Bulletin) -> None:
    drawn = [draw(chart) for chart in charts(national)]
    assert len(drawn) == 11
    assert all(svg.startswith(b"<?xml") for svg in drawn)
    assert len(set(drawn)) == 11


def test_equal_charts_give_equal_bytes() -> None:
    assert draw(BARS) == draw(BARS)
    assert draw(BARS, "png") == draw(BARS, "png")
    assert draw(BARS, "png").startswith(b"\x89PNG")


def test_a_chart_without_a_value_says_so_instead_of_failing() -> None:
    assert draw(EMPTY) != draw(BARS)


def test_a_machine_without_the_font_is_told_which_package_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drawing, "FONT", "No Such Font")
    with pytest.raises(RenderingImpossible, match="fonts-noto-cjk"):
        draw(BARS)
