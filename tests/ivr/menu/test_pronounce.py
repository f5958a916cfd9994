from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.menu.definitions import Definitions
from ivr.menu.pronounce import Passage, pronounce

WORDS = {"重听": "chong2 ting1"}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("您好。", "nin2 hao3 ."),
        ("重庆", "chong2 qing4"),
        ("银行", "yin2 hang2"),
        ("校长", "xiao4 zhang3"),
        ("绿", "lv4"),
        ("请按1", "qing3 an4 yi1"),
        ("拨打120", "bo1 da3 yao1 er4 ling2"),
        ("12320", "yao1 er4 san1 er4 ling2"),
        ("15分钟", "shi2 wu3 fen1 zhong1"),
        ("72小时", "qi1 shi2 er4 xiao3 shi2"),
        ("100", "yi4 bai3"),
        ("50%", "bai3 fen1 zhi1 wu3 shi2"),
        ("HPV疫苗", "ei2 chi5 pi4 wei1 yi4 miao2"),
        ("重听请按", "chong2 ting1 qing3 an4"),
    ],
)
def test_chinese_becomes_syllables(text: str, read: str) -> None:
    assert pronounce(text, "zh", WORDS) == (Passage("zh", read),)


def test_an_english_sentence_inside_chinese_is_read_in_english() -> None:
    passages = pronounce("重听请按星号键。For English service, please press 9.", "zh", WORDS)
    assert [one.locale for one in passages] == ["zh", "en"]
    assert passages[1].text == "For English service, please press 9."


def test_a_chinese_sentence_inside_english_is_read_in_chinese() -> None:
    passages = pronounce("To hear this again, press star. 中文服务，请按9。", "en")
    assert [one.locale for one in passages] == ["en", "zh"]
    assert passages[1].text.endswith("an4 jiu3 .")


def test_english_numbers_of_services_are_read_digit_by_digit() -> None:
    assert pronounce("dial 120 or 12320, within 72 hours", "en")[0].text == (
        "dial 1 2 0 or 1 2 3 2 0, within 72 hours"
    )


def test_nothing_to_pronounce_is_no_passage() -> None:
    assert pronounce("……", "zh") == ()


def test_every_shipped_sentence_becomes_plain_syllables(shipped: Definitions) -> None:
    book = shipped.prompts
    for key, text in book.recordable["zh"].items():
        for passage in pronounce(text, "zh", book.pronunciations["zh"]):
            if passage.locale == "zh":
                for syllable in re.findall(r"[^\s,.!?]+", passage.text):
                    assert re.fullmatch(r"[a-z]+[1-5]", syllable), (key, syllable)


@given(st.text(max_size=60), st.sampled_from(["zh", "en"]))
def test_any_text_is_cut_into_passages_of_the_two_voices(text: str, locale: str) -> None:
    assert {one.locale for one in pronounce(text, locale)} <= {"zh", "en"}
