from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.categories.classify import SURE, Classifier
from ivr.categories.memory import remember
from ivr.categories.model import at_level
from ivr.categories.rules import QUEUE_ODDS, Request
from ivr.categories.taxonomy import edition


def test_a_clear_note_is_settled_with_its_words_as_the_reason(classifier: Classifier) -> None:
    verdict = classifier.classify(Request("预约皮肤科"))
    assert verdict.guess == "B01.06"
    assert verdict.path == ("预约挂号", "预约", "皮肤科")
    assert "皮肤科" in verdict.reason
    assert verdict.taxonomy == "12320-2016"
    assert verdict.model == classifier.version


def test_the_type_chosen_by_the_agent_is_never_overruled(classifier: Classifier) -> None:
    assert classifier.classify(Request("打疫苗的医生态度差", service="表扬")).guess == "P"
    assert classifier.classify(Request("预约皮肤科", service="投诉")).guess[0] == "T"


def test_keys_pressed_in_the_menu_decide_what_the_words_leave_open(
    classifier: Classifier,
) -> None:
    for matter in ("T", "P", "C02"):
        verdict = classifier.classify(Request("医院的事", menu_path=matter))
        assert verdict.guess.startswith(matter)
    assert classifier.classify(Request("预约皮肤科主任号", menu_path="P")).guess == "B01.06"


def test_a_campaign_call_is_filed_without_reading_a_word(classifier: Classifier) -> None:
    verdict = classifier.classify(Request(campaign="戒烟干预", direction="out"))
    assert (verdict.code, verdict.review) == ("O03", False)
    assert "戒烟干预" in verdict.reason


def test_an_inbound_call_is_never_filed_as_a_call_out(classifier: Classifier) -> None:
    text = "第三方调查问卷完成"
    assert classifier.classify(Request(text)).guess[0] == "O"
    assert classifier.classify(Request(text, direction="in")).guess[0] != "O"


def test_a_confirmed_note_is_cited_and_outweighs_the_model(classifier: Classifier) -> None:
    taught = replace(classifier, memory=remember([("玻璃心老是碎", "P")]))
    before = classifier.classify(Request("玻璃心老是碎"))
    after = taught.classify(Request("请问玻璃心老是碎了"))
    assert before.guess != "P"
    assert after.guess == after.code == "P"
    assert "已确认的记录“玻璃心老是碎”" in after.reason


def test_suicide_outbreaks_and_reports_never_settle_however_sure(classifier: Classifier) -> None:
    taught = replace(classifier, memory=remember([("蓝色的信", "J01"), ("黄色的信", "C06.01.11")]))
    for text in ("蓝色的信", "黄色的信"):
        verdict = taught.classify(Request(text))
        assert verdict.confidence[1] > SURE
        assert (verdict.code, verdict.review) == ("", True)


def test_what_is_not_sure_goes_to_review_with_three_candidates(classifier: Classifier) -> None:
    verdict = classifier.classify(Request("那个"))
    assert verdict.review
    assert len({candidate.code for candidate in verdict.top}) == 3
    assert verdict.top[0].code == verdict.guess


def test_the_three_candidates_are_of_three_different_matters(classifier: Classifier) -> None:
    for text in ("那个", "预约皮肤科", "疫苗", "想投诉医院", "孩子发烧"):
        verdict = classifier.classify(Request(text))
        matters = [at_level(candidate.code, 1) for candidate in verdict.top]
        assert len(set(matters)) == 3, text
        rest = [candidate.confidence for candidate in verdict.top[1:]]
        assert rest == sorted(rest, reverse=True)


def test_without_words_the_odds_of_a_queue_count_as_what_they_say(classifier: Classifier) -> None:
    before = classifier.classify(Request()).confidence[0]
    after = classifier.classify(Request(queue="appt"))
    assert after.guess.startswith("B")
    odds = before / (1 - before) * math.exp(QUEUE_ODDS)
    assert after.confidence[0] == pytest.approx(odds / (1 + odds), rel=1e-4)


def test_traditional_characters_are_understood(classifier: Classifier) -> None:
    assert classifier.classify(Request("預約皮膚科")).guess == "B01.06"


def test_without_a_text_the_busiest_category_of_the_menu_path_is_guessed(
    classifier: Classifier,
) -> None:
    verdict = classifier.classify(Request(menu_path="C02"))
    assert verdict.guess.startswith("C02.01")
    assert "菜单" in verdict.reason


texts = st.text(max_size=60)
services = st.sampled_from(["", "C", "T", "投诉", "B", "O", "没有"])
paths = st.sampled_from(["", "C02", "预约挂号", "无", "C06.01"])


@given(text=texts, service=services, menu_path=paths, direction=st.sampled_from(["", "in", "out"]))
def test_any_input_gets_a_whole_verdict(
    classifier: Classifier, text: str, service: str, menu_path: str, direction: str
) -> None:
    request = Request(text, direction=direction, service=service, menu_path=menu_path)
    row = classifier.classify(request).as_row()
    assert list(row) == ["code", "guess", "path", "confidence", "top", "reason", "review"]
    assert row["guess"] in edition()
    assert row["guess"] == row["code"] or row["guess"].startswith(row["code"])
    assert len(row["confidence"]) == 4
    assert row["confidence"] == sorted(row["confidence"], reverse=True)
    assert len(row["top"]) == 3
    assert classifier.classify(request).as_row() == row


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_a_text_of_any_length_is_answered(classifier: Classifier, size: int) -> None:
    assert classifier.classify(Request("疫" * size, service="C")).guess
