"""Both printed bulletins, cell by cell, from requests that have their margins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

import pytest

from agents.reports.bulletin import compile_bulletin, history
from agents.reports.document import Bulletin, Prose, Table, blocks, charts, tables
from agents.reports.rounding import Growth
from agents.reports.scheme import scheme
from agents.reports.tally import Period
from tests.agents.reports import printed
from tests.agents.reports.conftest import editorial_2016

Row = tuple[str, tuple[str, ...]]
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
RAW = {
    "T6": "consult_level1",
    "T7": "C01_寻医问药",
    "T8": "C02_疾病预防控制",
    "T9": "C03_人口和计划生育",
    "T10": "C04_公共卫生机构与服务",
    "T11": "C05_医改政策",
    "T12": "C06_公共卫生",
    "T13": "C07_政策法规",
    "T14": "C08_医护人员执业管理",
    "T15": "C10_生活方式",
    "T16": "C12_妇幼保健",
    "T17": "C13_血液管理",
    "T18": "C99_其他",
    "T19": "complaints",
    "T20": "booking_operations",
    "T21": "booking_departments",
}
MISPRINTS: dict[str, tuple[Sequence[Row], Sequence[Row]]] = {
    # Rows that the printed text has too often, and rows that it lost.
    "T7": ([("其他", ("8.3",))], []),
    "T11": ([], [("（缺名子类）", ("14", "23.0"))]),
    "T12": ([("合计", ("9", "100.0"))], []),
}


def table(bulletin: Bulletin, table_id: str) -> Table:
    return next(t for t in tables(bulletin) if t.id == table_id)


def texts(found: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in found.body]


def in_reading_order(lines: Sequence[Sequence[str]]) -> Iterator[Row]:
    """Yield each name with the numbers that follow it, wherever the columns slid to."""
    name, numbers = "", list[str]()
    for text in (text for line in lines for text in line if text):
        if _NUMBER.fullmatch(text):
            numbers.append(text)
        else:
            if name:
                yield name, tuple(numbers)
            name, numbers = re.sub(r"\s", "", text), []
    yield name, tuple(numbers)


@pytest.mark.parametrize("table_id", RAW)
def test_every_surviving_cell_of_the_national_tables_comes_out(
    national: Bulletin, table_id: str
) -> None:
    _, *lines = printed.rows(f"raw_2016-10/2016-10_{RAW[table_id]}.csv")
    expected = list(in_reading_order(lines))
    doubled, lost = MISPRINTS.get(table_id, ([], []))
    for row in doubled:
        expected.remove(row)
    compiled = list(in_reading_order(texts(table(national, table_id))))
    for row in lost:
        compiled.remove(row)
    assert [name for name, _ in compiled] == [name for name, _ in expected]
    for (name, numbers), (_, surviving) in zip(compiled, expected, strict=True):
        # Where a column of counts was lost only the share survives, and it stands last.
        assert numbers[-len(surviving) :] == surviving, name


def test_the_table_of_units_comes_out_row_by_row(national: Bulletin) -> None:
    header, *lines = printed.rows("2016-10_provinces.csv")
    found = table(national, "T5")
    assert [cell.text for cell in found.head[0]] == header
    assert texts(found) == lines


def test_the_units_add_up_in_rows_and_columns_as_in_o_12(national: Bulletin) -> None:
    *units, total = [[c.count or 0 for c in r[1:]] for r in table(national, "T5").body]
    assert len(units) == 30
    assert total == [113083, 5564, 73, 442, 443, 144873, 264478]
    assert [sum(column) for column in zip(*units, strict=True)] == total
    assert all(sum(row[:-1]) == row[-1] for row in units)
    sums = [row[-1] for row in units]
    assert sums == sorted(sums, reverse=True)


def test_the_lost_row_of_the_health_reform_table_is_restored_in_its_place(
    national: Bulletin,
) -> None:
    rows = list(in_reading_order(texts(table(national, "T11"))))
    at = rows.index(("医疗卫生服务体系", ("61", "1.6")))
    assert rows[at + 1 : at + 3] == [
        ("（缺名子类）", ("14", "23.0")),
        ("全科医生", ("12", "19.7")),
    ]


def test_the_appointment_tables_count_and_name_the_units_that_took_any(
    national: Bulletin,
) -> None:
    operations = table(national, "T20")
    assert operations.title == "19个省（区、市）12320卫生热线预约挂号受理情况"
    assert len(operations.note.removeprefix("受理预约挂号的单位：").split("、")) == 19


def test_the_twenty_one_tables_and_eleven_charts_are_all_there(
    national: Bulletin, province: Bulletin
) -> None:
    found = [t.id for t in tables(province)] + [t.id for t in tables(national)]
    assert sorted(found, key=lambda name: int(name[1:])) == [f"T{n}" for n in range(1, 22)]
    assert [chart.id for chart in charts(national)] == [f"C{n}" for n in range(1, 12)]


@pytest.mark.parametrize(
    ("table_id", "name"),
    [
        ("T1", "2014-11-12_national_top10.csv"),
        ("T2", "2014_cities_jiangsu.csv"),
        ("T3", "2014-11-12_cities_jiangsu.csv"),
        ("T4", "2014-11-12_consult_18_categories.csv"),
    ],
)
def test_every_cell_of_the_provincial_tables_comes_out(
    province: Bulletin, table_id: str, name: str
) -> None:
    _, *lines = printed.rows(name)
    expected = [[text for text in line if text] for line in lines]
    assert texts(table(province, table_id)) == expected


def test_the_heads_of_the_provincial_tables_are_right_and_carry_no_stale_line(
    province: Bulletin,
) -> None:
    heads = {t.id: [[cell.text for cell in row] for row in t.head] for t in tables(province)}
    assert heads["T1"] == [["排名", "11月份", "12月份"], ["省份", "合计", "省份", "合计"]]
    assert heads["T2"] == [["排名", "市", "咨询", "举报", "投诉", "建议", "其他", "合计"]]
    assert heads["T3"][0][:3] == ["服务类别", "南京市", "无锡市"]
    assert heads["T4"] == [["咨询类别", "11月份", "12月份", "合计", "百分比(%)"]]


def test_the_province_adds_up_as_in_o_13(province: Bulletin) -> None:
    *_, year = [[c.count for c in r[1:]] for r in table(province, "T2").body]
    assert year == [1455683, 18, 1738, 15, 10167, 1467621]
    *services, _ = [[c.count or 0 for c in row[1:]] for row in table(province, "T3").body]
    assert [sum(row) for row in services] == [219836, 3, 325, 4, 1304]
    assert [cell.count for cell in table(province, "T4").body[-1][1:3]] == [115094, 104742]


def test_the_growth_of_o_11_is_said_from_counts(province: Bulletin) -> None:
    text = "".join(block.text for block in blocks(province) if isinstance(block, Prose))
    assert "2014年11-12月份人工受理电话量同比2013年增长47.49%。" in text
    assert Growth(105638, 115834).words() == "下降8.80%"


def prose(bulletin: Bulletin) -> str:
    return "\n".join(block.text for block in blocks(bulletin) if isinstance(block, Prose))


@pytest.mark.parametrize(
    "said",
    [
        "全国31个省（区、市）12320卫生热线共受理各类服务请求280986件次。",
        (
            "由于天津市数据系统调试完善中，目前仅提供本月总受理量（16508件次），"
            "故以下分析均未包含天津市数据。"
        ),
        (
            "其余30个省（区、市）12320卫生热线共受理各类服务请求264478件次，其中：咨询113083件次"
            "（42.8%）、投诉5564件次（2.1%）、建议442件次（0.2%）、表扬443件次（0.2%）、"
            "举报73件次（0.0%）、预约挂号144873件次（54.8%）。"
        ),
        (
            "咨询前三位的问题分别为寻医问药38905件次（34.4%）、疾病预防控制20734件次（18.3%）、"
            "人口和计划生育12314件次（10.9%）。"
        ),
        "疾病知识1028件次（2.6%）和其他1003件次（2.6%）。",
        "狂犬病疫苗咨询4498件次（31.2%）、接种单位2531件次（17.5%）和乙肝疫苗1360件次（9.4%）。",
        "前三位分别为艾滋病2581件次（51.5%）、狂犬病1279件次（25.5%）和乙肝324件次（6.5%）。",
        "人口和计划生育咨询共12314件次，分别为相关政策11856件次（96.3%）、",
        "晚婚晚育4311件次（36.4%）、其他4202件次（35.4%）和独生子女政策1562件次（13.2%）。",
        "医疗保险2398件次中前三位分别为",
        "精神卫生1679件次中前三位分别为其他602件次（35.9%）、",
        (
            "戒烟服务235件次中前三位分别为咨询戒烟方法105件次（44.7%）、"
            "戒烟干预流程104件次（44.3%）和戒断症状及应对22件次（9.4%）。"
        ),
        "妇幼保健咨询共768件次，分别为妇女保健349件次（45.4%）、",
        (
            "其他咨询共23229件次，前三位分别为其他9045件次（38.9%）、电话链接6502件次（28.0%）"
            "和关于12320咨询5962件次（25.7%）。"
        ),
        (
            "投诉中医疗机构与服务类3345件次（60.1%）最多，公共卫生196件次（3.5%）次之。"
            "经咨询员解释并协调化解投诉1361件次，占投诉总数的24.5%。"
            "举报主要为医疗机构与服务类48件次（65.8%）。建议主要为医疗机构与服务类364件次（82.4%）。"
        ),
        (
            "预约挂号共144873件次，前三位分别为预约108835件次（75.1%）、其他15675件次（10.8%）"
            "和查询9518件次（6.6%）。"
        ),
        "和生殖健康与不孕症科2123件次（11.6%）。",
    ],
)
def test_the_national_sentences_have_the_right_figures(national: Bulletin, said: str) -> None:
    assert said in prose(national)


@pytest.mark.parametrize(
    "said",
    [
        (
            "全省13市共接到各类电话221472件次，其中，咨询电话219836件次，占99.26%，"
            "举报投诉为328件次，电话办理率为100%。"
        ),
        (
            "南京、苏州、扬州，分别占全省总电话量的46.87%、42.68%、1.56%；位列后三位的是"
            "连云港、泰州、宿迁，三市电话总量仅占全省的0.91%。"
        ),
        "咨询前三位的是预约挂号、寻医问药、妇幼卫生，分别占总量的81.32%、5.47%、2.90%。",
        "南京、苏州的预约挂号量分别占咨询总量的36.43%、42.64%。",
    ],
)
def test_the_provincial_sentences_have_the_right_figures(province: Bulletin, said: str) -> None:
    assert said in prose(province)


def shares(bulletin: Bulletin) -> Iterator[tuple[str, int, int]]:
    for block in blocks(bulletin):
        if isinstance(block, Table):
            for cell in (cell for row in block.body for cell in row):
                if cell.count is not None and cell.base:
                    yield cell.text, cell.count, cell.base
        elif isinstance(block, Prose):
            for figure in (figure for phrase in block.phrases for figure in phrase.figures):
                if figure.base:
                    assert figure.printed in block.text
                    yield figure.printed, figure.count, figure.base


def test_every_share_of_text_and_tables_follows_from_the_counts_it_carries(
    national: Bulletin, province: Bulletin
) -> None:
    found = [*shares(national), *shares(province)]
    assert len(found) > 450
    for printed_share, count, base in found:
        assert abs(float(printed_share) - 100 * count / base) <= 0.05 + 1e-9


def test_an_issue_is_numbered_dated_and_listed_as_its_bulletin_does(
    national: Bulletin, province: Bulletin
) -> None:
    assert (national.masthead.issue, national.masthead.dated) == (
        "第113期",
        "二〇一六年十一月十日",
    )
    assert (province.masthead.issue, province.masthead.dated) == (
        "第一期（总第54期）",
        "2015年1月10日",
    )
    assert [name for name, _ in national.contents] == ["工作进展", "受理分析", "工作交流"]
    ((_, titles),) = province.contents
    assert "2014年11-12月份全省12320卫生热线人工受理数据分析" in titles
    assert national.imprint.printed_on == "2016年11月10日印发（共300份）"


def test_the_same_counts_give_the_same_issue() -> None:
    figures, shown = printed.figures_2016(), scheme("national-2016")
    once = compile_bulletin(figures, shown, editorial_2016())
    assert compile_bulletin(figures, shown, editorial_2016()) == once


def test_an_issue_needs_its_history_back_to_january_of_the_year_before() -> None:
    october = Period(date(2016, 10, 1), date(2016, 10, 1))
    assert history(october) == Period(date(2015, 1, 1), date(2016, 10, 1))
