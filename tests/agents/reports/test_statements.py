from __future__ import annotations

from datetime import date

import pytest

from agents.reports import statements as say
from agents.reports.rounding import Ratio
from agents.reports.scheme import Reading, scheme
from agents.reports.tally import Count, Period, Settlement, tally_counts

OCTOBER = date(2016, 10, 1)


def reading(**counts: int) -> Reading:
    cells = [
        Count(OCTOBER, "jiangsu", code[0], code.replace("_", "."), Settlement.OPEN, n)
        for code, n in counts.items()
    ]
    return Reading(scheme("national-2016"), tally_counts(cells), Period(OCTOBER, OCTOBER))


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "各类均为0件次"),
        ({"C08_01": 4}, "主要为执业医师资质与考试4件次（100.0%）"),
        (
            {"C08_01": 3, "C08_02": 1},
            "前两位分别为执业医师资质与考试3件次（75.0%）和护士执业资质与考试1件次（25.0%）",
        ),
    ],
)
def test_no_more_leaders_are_named_than_have_requests(counts: dict[str, int], said: str) -> None:
    assert say.leaders(reading(**counts), "C08").text == said


def test_equal_leaders_are_named_in_the_order_of_the_tree() -> None:
    text = say.leaders(reading(C08_04=2, C08_01=2, C08_03=2, C08_02=2), "C08").text
    assert text.startswith("前三位分别为执业医师资质与考试2件次（25.0%）、护士")
    assert "职称考试" in text
    assert "执业范围" not in text


def test_three_children_that_are_all_there_is_are_listed_without_a_ranking() -> None:
    assert say.leaders(reading(C12_01=1), "C12").text.startswith("分别为妇女保健1件次（100.0%）、")
    assert say.leaders(reading(C12_01=1, C12=1), "C12").text.startswith("主要为妇女保健1件次")


def test_a_node_without_requests_gets_no_sentence_of_its_own() -> None:
    assert say.drill_down(reading(), "C01.01").text == ""
    assert say.main_class(reading(), "J").text == ""
    assert say.complaint_leaders(reading(), "T").text == "本期投诉0件次。"
    assert say.complaint_leaders(reading(T01=2), "T").text == (
        "投诉中医疗机构与服务类2件次（100.0%）最多。"
    )


def test_units_without_a_report_are_named_and_not_counted_as_zero() -> None:
    assert say.absence(["甲省", "乙省"]).text == "甲省、乙省本期未报送数据，未计入以上合计。"


def test_two_units_with_a_total_only_are_both_excluded_by_name() -> None:
    text = say.exclusion([("甲市", "系统调试", 5), ("乙市", "", 7)]).text
    assert text.startswith("由于甲市系统调试，目前仅提供本月总受理量（5件次），由于乙市未提供分类")
    assert text.endswith("故以下分析均未包含甲市、乙市数据。")


def test_more_than_half_settled_and_the_rest_transferred_is_said_only_when_true() -> None:
    assert say.transfer(55, 45, 100).text == (
        "50%以上的投诉由12320解释并协调化解，其余全部转办至相关部门办理。"
    )
    assert "其余5件在办" in say.transfer(55, 40, 100).text
    assert say.transfer(0, 0, 0).text == ""


def test_yearly_sentences_name_totals_in_ten_thousands_and_small_ones_in_full() -> None:
    text = say.cumulative(
        "2012年底",
        [("公众咨询", 2_660_000), ("预约诊疗", 741_000), ("投诉", 43_000), ("举报", 1409)],
        3_449_000,
    ).text
    assert text == (
        "截至2012年底，12320卫生热线共计受理公众来电344.9万件，其中公众咨询266.0万件、"
        "预约诊疗74.1万件、投诉4.3万件、举报1409件。"
    )
    assert say.growth("全年受理量", 1_876, 1_000, against="2011年").text == (
        "全年受理量同比2011年增长87.60%。"
    )
    coverage = say.coverage(26, 206, ["广东", "辽宁"], ["陕西", "浙江"]).text
    assert "26个省（区、市）、206个城市" in coverage
    assert "年内新开通2个：广东、辽宁" in coverage
    assert "陕西、浙江2个省（区、市）正在筹备" in coverage


def test_a_citys_own_sentences_split_channels_and_compare_years() -> None:
    split = say.channel_split("2012年12月10日", "2014年11月22日", 986_000, 14_000).text
    assert "累计100.0万件次，其中接听量为98.6万件次，外拨量为1.4万件次。" in split
    assert say.appointments(8148, 10000, 4644).text == (
        "受理来电中预约挂号占81.48%，预约成功率为57.0%。"
    )
    assert say.multiple(1230, 100, against="2012年同期").text == "是2012年同期的12.3倍。"


def test_training_is_compared_in_points() -> None:
    text = say.training("较熟悉新媒体传播", Ratio(181, 1000), Ratio(675, 1000)).text
    assert text == ("较熟悉新媒体传播的学员比例，由培训前的18.1%变为67.5%，提高了49.4个百分点。")
    assert say.training("甲", Ratio(1, 0), Ratio(1, 2)).text == ""


def test_cessation_arms_are_compared_and_a_tie_has_no_winner() -> None:
    phone = ("单纯电话", Ratio(27, 100), Ratio(117, 1000))
    both = ("电话短信复合", Ratio(275, 1000), Ratio(165, 1000))
    text = say.cessation_arms([phone, both]).text
    assert "单纯电话干预方式戒烟完成率为27.0%，一个月戒烟成功率为11.7%" in text
    assert text.endswith("电话短信复合方式较高。")
    assert not say.cessation_arms([phone, phone]).text.endswith("较高。")
    assert say.cessation(100_000, 1_000, 109).text == (
        "已完成基线调查100000人次、建立干预档案1000份，成功戒烟109人。"
    )


def test_a_population_survey_gives_rates_with_two_decimals() -> None:
    text = say.smoking_survey(
        [("总吸烟率", Ratio(2082, 10000)), ("现在吸烟率", Ratio(1945, 10000))]
    ).text
    assert text == "调查结果显示，总吸烟率为20.82%，现在吸烟率为19.45%。"
