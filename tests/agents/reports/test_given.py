"""Sentences that people give the counts of: said as the bulletins say them, refused when absurd."""

from __future__ import annotations

import tomllib

import pytest

from agents.reports.document import Prose
from agents.reports.editorial import Editorial, parse_editorial
from ivr.errors import DefinitionInvalid

HEAD = """
title = "12320工作简报"
issue = 1
total_issue = 113
dated = 2016-11-10
publishers = ["管理中心"]
[[column]]
statistics = true
[[column]]
name = "工作动态"
[[column.article]]
title = "某事"
"""


def editorial(article: str) -> Editorial:
    return parse_editorial(tomllib.loads(HEAD + article))


def said(statement: str) -> tuple[str, list[tuple[str, int, int | None]]]:
    """Give the sentence and its figures as (name, count, base)."""
    written = editorial(f"[[column.article.statement]]\n{statement}")
    (block,) = written.columns(())[-1].articles[0].blocks
    assert isinstance(block, Prose)
    figures = [figure for phrase in block.phrases for figure in phrase.figures]
    return block.text, [(one.name, one.count, one.base) for one in figures]


def test_a_training_evaluation_of_the_bulletin_is_said_from_its_counts() -> None:
    text, figures = said(
        'kind = "training"\ntopic = "较熟悉新媒体传播"\n'
        "before = { count = 181, of = 1000 }\nafter = { count = 675, of = 1000 }"
    )
    assert text == "较熟悉新媒体传播的学员比例，由培训前的18.1%变为67.5%，提高了49.4个百分点。"
    assert [figure[1:] for figure in figures] == [(181, 1000), (675, 1000)]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            'kind = "cessation"\nsurveyed = 100000\nfiles = 1000\nquit = 109',
            "已完成基线调查100000人次、建立干预档案1000份，成功戒烟109人。",
        ),
        (
            (
                'kind = "cessation_arms"\narms = ['
                '{ name = "单纯电话", completed = { count = 27, of = 100 },'
                " quit = { count = 117, of = 1000 } },"
                '{ name = "电话短信复合", completed = { count = 275, of = 1000 },'
                " quit = { count = 165, of = 1000 } }]"
            ),
            (
                "单纯电话干预方式戒烟完成率为27.0%，一个月戒烟成功率为11.7%；"
                "电话短信复合干预方式戒烟完成率为27.5%，一个月戒烟成功率为16.5%；电话短信复合方式较高。"
            ),
        ),
        (
            (
                'kind = "smoking_survey"\nrates = ['
                '{ name = "总吸烟率", count = 2082, of = 10000 },'
                '{ name = "现在吸烟率", count = 1945, of = 10000 }]'
            ),
            "调查结果显示，总吸烟率为20.82%，现在吸烟率为19.45%。",
        ),
        (
            'kind = "coverage"\nopened = 26\ncities = 206\nnew = ["广东"]\npreparing = ["陕西"]',
            (
                "目前全国已有26个省（区、市）、206个城市开通了12320，年内新开通1个：广东，"
                "陕西1个省（区、市）正在筹备。"
            ),
        ),
        (
            (
                'kind = "cumulative"\nuntil = "2012年底"\ntotal = 3449000\nparts = ['
                '{ name = "公众咨询", count = 2660000 }, { name = "举报", count = 1409 }]'
            ),
            (
                "截至2012年底，12320卫生热线共计受理公众来电344.9万件，其中公众咨询266.0万件、"
                "举报1409件。"
            ),
        ),
        (
            'kind = "multiple"\nnow = 1230\nbefore = 100\nagainst = "2012年同期"',
            "是2012年同期的12.3倍。",
        ),
        (
            'kind = "growth"\nlabel = "全年受理量"\nnow = 1876\nbefore = 1000\nagainst = "2011年"',
            "全年受理量同比2011年增长87.60%。",
        ),
        (
            'kind = "appointments"\ncalls = 10000\nasked = 8148\nbooked = 4644',
            "受理来电中预约挂号占81.48%，预约成功率为57.0%。",
        ),
    ],
)
def test_each_kind_is_said_as_the_bulletins_say_it(statement: str, sentence: str) -> None:
    assert said(statement)[0] == sentence


def test_calls_taken_and_made_add_up_to_the_whole() -> None:
    text, figures = said(
        'kind = "channel_split"\nsince = "2012年12月10日"\nuntil = "2014年11月22日"\n'
        "inbound = 986000\noutbound = 14000"
    )
    assert "接听量为98.6万" in text
    assert figures == [
        ("累计", 1_000_000, None),
        ("接听量", 986_000, 1_000_000),
        ("外拨量", 14_000, 1_000_000),
    ]


def test_statements_follow_the_text_in_one_paragraph() -> None:
    coverage = '[[column.article.statement]]\nkind = "coverage"\nopened = 1\ncities = 2\n'
    written = editorial(f'text = "写的。"\n{coverage}{coverage}')
    first, second = written.columns(())[-1].articles[0].blocks
    assert isinstance(first, Prose)
    assert isinstance(second, Prose)
    assert first.text == "写的。"
    assert second.text.count("1个省（区、市）、2个城市") == 2


@pytest.mark.parametrize(
    ("article", "fault"),
    [
        ('kind = "weather"', "weather"),
        ('kind = "cessation"\nsurveyed = 1\nfiles = 1', "quit"),
        ('kind = "smoking_survey"\nrates = [{ name = "甲", count = 3, of = 2 }]', "a part of 2"),
        ('kind = "smoking_survey"\nrates = [{ name = "甲", count = 0, of = 0 }]', "greater than 0"),
        (
            'kind = "cumulative"\nuntil = "年底"\ntotal = 1\nparts = [{ name = "甲", count = 2 }]',
            "at least 2",
        ),
        ('kind = "appointments"\ncalls = 1\nasked = 2\nbooked = 0', "calls >= asked >= booked"),
    ],
)
def test_figures_that_cannot_be_are_refused_by_name(article: str, fault: str) -> None:
    with pytest.raises(DefinitionInvalid, match=fault):
        editorial(f"[[column.article.statement]]\n{article}")


def test_an_article_says_something() -> None:
    with pytest.raises(DefinitionInvalid, match="a text or a statement"):
        editorial('text = " "')
