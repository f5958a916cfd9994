"""Text messages: as much as fits, never more, and never a figure that is cut."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agents.reports.rounding import Ratio
from agents.reports.sms import BRIEF, FULL, MainFigures, TextMessage, text_message

SERVICES = ("咨询", "投诉", "举报", "建议", "表扬", "预约挂号")
DAY = MainFigures(
    calls=1234,
    answered=1050,
    connected=Ratio(1050, 1090),
    services=tuple(zip(SERVICES, (900, 12, 3, 1, 0, 64), strict=True)),
    rated=520,
    content=501,
)
COUNT = st.integers(0, 10**9)
FIGURES = st.builds(
    MainFigures,
    calls=COUNT,
    answered=COUNT,
    connected=st.builds(Ratio, COUNT, COUNT),
    services=st.tuples(*(st.tuples(st.just(name), COUNT) for name in SERVICES)),
    rated=COUNT,
    content=COUNT,
)


def test_a_day_in_one_message_and_in_full() -> None:
    assert text_message("2026年11月21日", DAY, BRIEF).text == (
        "12320热线2026年11月21日来电1234，接通1050，接通率96.3%，满意率96.3%，受理980件次：咨询900等。"
    )
    full = text_message("2026年11月21日", DAY, FULL)
    assert full.text.endswith("受理980件次：咨询900、预约挂号64、投诉12、举报3、建议1。")
    assert full.messages == 2


def test_without_calls_nothing_is_divided() -> None:
    nothing = MainFigures(0, 0, Ratio(0, 0), (), 0, 0)
    said = text_message("2026年2月", nothing, BRIEF)
    assert said.text == "12320热线2026年2月来电0，接通0，受理0件次。"


@given(figures=FIGURES, limit=st.sampled_from([BRIEF, FULL]), span=st.text("年月日12", max_size=30))
def test_a_message_is_never_too_long_and_holds_no_other_figure(
    figures: MainFigures, limit: int, span: str
) -> None:
    said = text_message(f"({span})", figures, limit)
    assert len(said.text) <= limit
    assert said.text.endswith("。")
    known = {figures.calls, figures.answered}
    known |= {count for _, count in figures.services} | {sum(n for _, n in figures.services)}
    shown = re.findall(r"[\d.]+%?", said.text.partition(")")[2])
    counts = {int(one) for one in shown if not one.endswith("%")}
    assert counts <= known
    shares = {figures.connected.sign(), Ratio(figures.content, figures.rated).sign()}
    assert {one for one in shown if one.endswith("%")} <= shares


NARROWED = st.lists(
    st.tuples(
        st.sampled_from(["队列", "工号", "上报单位"]), st.text("abc", min_size=1, max_size=64)
    ),
    unique_by=lambda one: one[0],
    max_size=3,
)


@given(
    figures=FIGURES,
    limit=st.sampled_from([BRIEF, FULL]),
    narrowed=NARROWED,
    counts_calls=st.booleans(),
)
def test_figures_of_a_part_say_of_which_however_long_its_name_is(
    figures: MainFigures, limit: int, narrowed: list[tuple[str, str]], *, counts_calls: bool
) -> None:
    told = figures if counts_calls else replace(figures, calls=None)
    text = text_message("2026年10月31日至2027年11月30日", told, limit, narrowed).text
    assert len(text) <= limit
    named = "、".join(f"{word}{only}" for word, only in narrowed)
    words = "、".join(word for word, _ in narrowed)
    assert not narrowed or f"日（{named}）" in text or f"日（按{words}筛选）" in text


def test_a_part_is_named_where_there_is_room() -> None:
    said = text_message("2026年11月21日", DAY, BRIEF, [("队列", "psych")])
    assert said.text.startswith(
        "12320热线2026年11月21日（队列psych）来电1234，接通1050，接通率96.3%，"
    )
    assert len(said.text) <= BRIEF


def test_where_calls_are_not_counted_nothing_is_said_of_them() -> None:
    told = replace(DAY, calls=None)
    said = text_message("2026年11月", told, FULL, [("上报单位", "nanjing")])
    assert said.text == (
        "12320热线2026年11月（上报单位nanjing）受理980件次："
        "咨询900、预约挂号64、投诉12、举报3、建议1。"
    )


@given(figures=FIGURES)
def test_what_leaders_ask_for_first_goes_last(figures: MainFigures) -> None:
    short = text_message("2026年11月", figures, BRIEF).text
    assert f"来电{figures.calls}，接通{figures.answered}" in short


def test_a_list_that_is_not_whole_says_so() -> None:
    texts = [
        text_message("2026年11月21日", replace(DAY, calls=10**size), FULL).text
        for size in range(1, 100)
    ]
    for text in texts:
        listed = [name for name in SERVICES if f"{name}" in text.partition("件次：")[2]]
        whole = len(listed) == 5
        assert not listed or whole != text.endswith("等。")
    assert any(text.endswith("等。") for text in texts)


def test_a_carrier_counts_a_long_text_in_pieces_of_67() -> None:
    sizes = {1: 1, 70: 1, 71: 2, 134: 2, 135: 3, 140: 3}
    assert {size: TextMessage("字" * size, FULL).messages for size in sizes} == sizes
