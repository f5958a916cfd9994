from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivr.errors import SettingsInvalid
from ivr.menu.audio import levelled
from ivr.menu.definitions import Definitions
from ivr.menu.voice import Espeak, VoiceFailed, find_voice


def test_the_built_in_voice_speaks_both_languages() -> None:
    voice = Espeak()
    for text, locale in (("您好，欢迎拨打12320。", "zh"), ("Hello and welcome.", "en")):
        speech = voice.synthesize(text, locale)
        assert speech.rate >= 8_000
        assert len(speech.samples) > speech.rate / 2
        assert float(np.abs(speech.samples).max()) > 0.1


def test_a_sentence_in_two_languages_is_longer_than_each_part() -> None:
    voice = Espeak()
    both = voice.synthesize("请按1。For English service, please press 9.", "zh")
    chinese = voice.synthesize("请按1。", "zh")
    assert len(both.samples) > 2 * len(chinese.samples)


def test_text_that_looks_like_an_option_is_spoken_and_not_obeyed(tmp_path: Path) -> None:
    trap = tmp_path / "trap.wav"
    speech = Espeak().synthesize(f"-w {trap} please listen to this", "en")
    assert len(speech.samples) > speech.rate
    assert not trap.exists()


def test_nothing_to_say_is_a_failure_and_not_silence() -> None:
    with pytest.raises(VoiceFailed, match="something to pronounce"):
        Espeak().synthesize("……", "zh")


def test_a_slower_pace_takes_longer() -> None:
    slow, usual = (Espeak(pace=pace).synthesize("人工服务，请按0。", "zh") for pace in (0.7, 1))
    assert len(slow.samples) > 1.2 * len(usual.samples)


def test_the_greeting_is_over_within_12_seconds(shipped: Definitions) -> None:
    menu = next(menu for menu in shipped.menus if menu.name == "main")
    spoken = [
        levelled(Espeak().synthesize(shipped.prompts.texts["zh"][prompt.key], "zh"))
        for prompt in menu.opening
    ]
    assert sum(len(one.samples) / one.rate for one in spoken) <= 12


def test_a_missing_program_is_named() -> None:
    with pytest.raises(VoiceFailed, match="no-such-voice"):
        Espeak(program="no-such-voice").synthesize("您好", "zh")


def test_a_program_that_fails_is_a_failure_and_not_silence() -> None:
    with pytest.raises(VoiceFailed, match="false failed"):
        Espeak(program="false").synthesize("您好", "zh")


def test_another_speed_is_another_voice() -> None:
    assert Espeak().name != Espeak(pace=0.7).name


def test_a_voice_is_found_by_name_and_a_wrong_name_is_answered_with_the_right_ones() -> None:
    assert isinstance(find_voice("espeak", {}), Espeak)
    with pytest.raises(SettingsInvalid, match=r"espeak.*'parrot'"):
        find_voice("parrot", {})
