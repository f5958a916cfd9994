from __future__ import annotations

from pathlib import Path

import pytest

from ivr.errors import DefinitionInvalid
from ivr.menu.definitions import Definitions
from ivr.menu.prompts import PromptBook, parse_prompts
from ivr.menu.turn import Say

FILE = """
[voices.zh]
"重听" = "chong2 ting1"
[prompts.hello]
zh = "您好"
en = "Hello"
must_hear = true
[prompts.wait]
zh = "前面还有{n:count}位，约{m:count}分钟。"
en = "{n:count} before you, about {m:count} minutes."
[prompts.last]
zh = "您是第{n:count}"
en = "You are number {n:count}."
"""
VERBATIM = {
    "p_welcome": "您好，欢迎拨打12320卫生健康热线。",
    "p_emerg": "如遇急危重症，请立即挂机拨打120。",
    "p_record": "为保证服务质量，本次通话将被录音。",
    "p_whistle": "您可以选择匿名举报。我们将依法对您的身份信息严格保密。",
    "m_appt": "预约，请按1；查询预约，请按2；退约，请按3；账户管理，请按4；人工服务，请按0。",
    "m_self": "健康知识，请按1；查询诉求办理进度，请按2；人工服务，请按0。",
    "p_bye": "感谢您的来电，再见。",
    "p_disclaim": "12320提供健康咨询，不能代替医生诊断和治疗。",
}
"""What every 12320 line says in these words."""


def parse(text: str = FILE) -> PromptBook:
    return parse_prompts(Path("prompts.toml"), text)


def test_a_prompt_without_values_is_one_file() -> None:
    assert parse().sounds(Say("hello"), "zh") == ("hotline/hello",)


def test_a_prompt_with_values_is_cut_at_them() -> None:
    say = Say("wait", (("n", 2), ("m", 15)))
    assert parse().sounds(say, "zh") == (
        "hotline/wait-1",
        "hotline/n_liang",
        "hotline/wait-2",
        "hotline/n_15",
        "hotline/wait-3",
    )
    assert parse().text(say, "zh") == "前面还有两位，约十五分钟。"
    assert parse().text(say, "en") == "two before you, about fifteen minutes."


def test_a_value_that_is_not_given_is_left_out() -> None:
    assert parse().sounds(Say("last"), "zh") == ("hotline/last-1",)
    assert parse().text(Say("last"), "en") == "You are number"


def test_punctuation_alone_is_no_file() -> None:
    assert parse().sounds(Say("last", (("n", 1),)), "en") == ("hotline/last-1", "hotline/n_1")


def test_menus_know_the_values_and_the_notices() -> None:
    prompts = parse().prompts
    assert prompts["hello"].must_hear
    assert prompts["wait"].slots == ("n", "m")


def test_every_sound_that_can_be_played_can_be_recorded(shipped: Definitions) -> None:
    book = shipped.prompts
    values = tuple((slot, 15) for slot in ("open", "close", "n", "m"))
    for locale, texts in book.texts.items():
        for key in texts:
            for sound in book.sounds(Say(key, values), locale):
                assert sound.removeprefix("hotline/") in book.recordable[locale]


def test_only_notices_of_law_and_safety_must_be_heard(shipped: Definitions) -> None:
    notices = {"p_emerg", "p_record", "p_warning", "p_held_end"}
    assert shipped.prompts.must_hear == notices


@pytest.mark.parametrize("key", VERBATIM)
def test_a_sentence_of_the_line_is_shipped_word_for_word(shipped: Definitions, key: str) -> None:
    assert shipped.prompts.texts["zh"][key] == VERBATIM[key]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('en = "Hello"\n', "", "prompts.hello.en: expected this key"),
        ('"您好"', '""', "prompts.hello.zh: expected a sentence"),
        ('"您好"', '"您好\\u0007"', "without control characters"),
        ("第{n:count}", "第{n:colour}", "came colour"),
        ("第{n:count}", "第{n}", "as {name:kind}"),
        ("第{n:count}", "第{k:count}", "prompts.last: expected the same values"),
        ("[voices.zh]", "[voices.fr]", "came 'fr'"),
        ("[prompts.hello]", "[prompts.Hello]", "prompts.Hello"),
    ],
)
def test_a_fault_is_named(old: str, new: str, sentence: str) -> None:
    assert old in FILE
    with pytest.raises(DefinitionInvalid) as caught:
        parse(FILE.replace(old, new))
    assert "prompts.toml:" in caught.value.detail
    assert sentence in caught.value.detail
