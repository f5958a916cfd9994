from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import soundfile

from ivr.menu import speak
from ivr.menu.prompts import PromptBook
from ivr.menu.speak import (
    MADE_OF,
    Spoken,
    out_of_step,
    speak_all,
    speak_text,
    still_synthetic,
)
from ivr.menu.voice import Espeak, Speech, SpeechSynth, VoiceFailed


class Parrot:
    """A voice that says every text as one tone, and counts."""

    def __init__(self, name: str = "parrot") -> None:
        self.name = name
        self.said: Counter[str] = Counter()
        self.mute: str | None = None

    def synthesize(self, text: str, locale: str) -> Speech:
        if text == self.mute:
            raise VoiceFailed(text)
        self.said[f"{locale} {text}"] += 1
        time = np.arange(16_000) / 16_000
        return Speech(np.asarray(np.sin(2 * np.pi * 300 * time), dtype=np.float32), 16_000)


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> Parrot:
    bird = Parrot()

    def find(_name: str, _words: object) -> SpeechSynth:
        return bird

    monkeypatch.setattr(speak, "find_voice", find)
    monkeypatch.setattr(
        "ivr.menu.prompts.sounds_of_values", lambda: MappingProxyType({"zh": {}, "en": {}})
    )
    return bird


def a_book(zh: str = "您好", words: dict[str, str] | None = None) -> PromptBook:
    return PromptBook(
        texts={"zh": {"hello": zh, "bye": "再见"}, "en": {"hello": "Hello", "bye": "Bye"}},
        must_hear=frozenset(),
        pronunciations={"zh": words or {}, "en": {}},
    )


def run(book: PromptBook, folder: Path) -> Spoken:
    return speak_all(book, folder / "sounds", recorded=folder / "recorded")


def test_every_prompt_is_spoken_once_in_every_locale(parrot: Parrot, tmp_path: Path) -> None:
    spoken = run(a_book(), tmp_path)
    assert (spoken.made, spoken.kept) == (4, 0)
    assert set(parrot.said) == {"zh 您好", "zh 再见", "en Hello", "en Bye"}
    for locale in ("zh", "en"):
        for key in ("hello", "bye"):
            assert (tmp_path / f"sounds/{locale}/hotline/{key}.wav").is_file()
            assert (tmp_path / f"sounds/{locale}/hotline/{key}.wav16").is_file()


def test_only_what_changed_is_spoken_again(parrot: Parrot, tmp_path: Path) -> None:
    run(a_book(), tmp_path)
    parrot.said.clear()
    assert run(a_book(), tmp_path).made == 0
    assert not parrot.said
    assert run(a_book(zh="你好"), tmp_path).made == 1
    assert parrot.said == {"zh 你好": 1}


def test_another_voice_and_another_pronunciation_are_changes(
    parrot: Parrot, tmp_path: Path
) -> None:
    run(a_book(), tmp_path)
    assert run(a_book(words={"您好": "nin2 hao3"}), tmp_path).made == 1
    parrot.name = "parrot 2"
    assert run(a_book(), tmp_path).made == 4


def test_a_lost_file_is_made_again(parrot: Parrot, tmp_path: Path) -> None:
    run(a_book(), tmp_path)
    (tmp_path / "sounds/zh/hotline/bye.wav16").unlink()
    parrot.said.clear()
    run(a_book(), tmp_path)
    assert parrot.said == {"zh 再见": 1}


def test_a_recording_wins_and_is_no_longer_synthetic(parrot: Parrot, tmp_path: Path) -> None:
    run(a_book(), tmp_path)
    recording = tmp_path / "recorded/zh/hello.wav"
    recording.parent.mkdir(parents=True)
    time = np.arange(3 * 44_100) / 44_100
    soundfile.write(recording, 0.2 * np.sin(2 * np.pi * 700 * time), 44_100)
    parrot.said.clear()
    spoken = run(a_book(), tmp_path)
    assert spoken.made == 1
    assert not parrot.said
    assert spoken.synthetic == ("zh/bye", "en/hello", "en/bye")
    found = soundfile.info(tmp_path / "sounds/zh/hotline/hello.wav")
    assert (found.samplerate, found.duration) == (8_000, pytest.approx(3, abs=0.1))
    assert run(a_book(zh="另一句"), tmp_path).made == 0


def test_a_recording_taken_away_gives_way_to_the_voice(parrot: Parrot, tmp_path: Path) -> None:
    recording = tmp_path / "recorded/zh/hello.wav"
    recording.parent.mkdir(parents=True)
    soundfile.write(recording, np.ones(8_000) * 0.1, 8_000)
    run(a_book(), tmp_path)
    recording.unlink()
    run(a_book(), tmp_path)
    assert parrot.said["zh 您好"] == 1


def test_what_is_missing_or_stale_is_told_without_making_it(parrot: Parrot, tmp_path: Path) -> None:
    def stale(book: PromptBook) -> list[str]:
        folders = {"sounds": tmp_path / "sounds", "recorded": tmp_path / "recorded"}
        return out_of_step(book, **folders, voice="parrot")

    assert len(stale(a_book())) == 4
    run(a_book(), tmp_path)
    assert stale(a_book()) == []
    parrot.said.clear()
    assert stale(a_book(zh="你好")) == ["zh/hello"]
    assert not parrot.said


def test_what_was_made_before_a_failure_is_not_made_again(parrot: Parrot, tmp_path: Path) -> None:
    parrot.mute = "Bye"
    with pytest.raises(VoiceFailed):
        run(a_book(), tmp_path)
    parrot.mute = None
    parrot.said.clear()
    assert run(a_book(), tmp_path).made < 4
    assert run(a_book(), tmp_path).made == 0


@pytest.mark.parametrize("torn", ['{"hello": ', "[]", ""])
def test_a_torn_list_only_costs_time(parrot: Parrot, tmp_path: Path, torn: str) -> None:
    run(a_book(), tmp_path)
    (tmp_path / "sounds/zh/hotline" / MADE_OF).write_text(torn, encoding="utf-8")
    parrot.said.clear()
    assert run(a_book(), tmp_path).made == 2


def test_progress_is_told_for_every_sound(parrot: Parrot, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    speak_all(
        a_book(),
        tmp_path / "sounds",
        recorded=tmp_path,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert sum(parrot.said.values()) == 4


def test_without_any_sound_everything_is_still_to_be_recorded(tmp_path: Path) -> None:
    missing = still_synthetic(a_book(), tmp_path)
    assert {"zh/hello", "en/bye", "zh/n_2"} <= set(missing)


@dataclass(frozen=True, slots=True)
class _Paced(Espeak):
    """The built-in voice without its program: slower is longer."""

    def synthesize(self, text: str, locale: str) -> Speech:
        assert text
        assert locale
        time = np.arange(round(16_000 / self.pace)) / 16_000
        return Speech(np.asarray(np.sin(2 * np.pi * 300 * time), dtype=np.float32), 16_000)


def test_elderly_callers_have_a_slower_variant_unless_a_human_voice_would_be_lost(
    parrot: Parrot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parrot.said == {}
    monkeypatch.setattr(speak, "find_voice", lambda _name, _words: _Paced())
    human = tmp_path / "recorded/zh/bye.wav"
    human.parent.mkdir(parents=True)
    soundfile.write(human, np.sin(np.arange(8_000) / 5), 8_000)
    run(a_book(), tmp_path)
    seconds = {
        path.parent.parent.name: soundfile.info(path).duration
        for path in (tmp_path / "sounds").glob("*/hotline/hello.wav")
    }
    assert set(seconds) == {"zh", "en", "zh_SLOW"}
    assert seconds["zh_SLOW"] > 1.2 * seconds["zh"]
    assert not (tmp_path / "sounds/zh_SLOW/hotline/bye.wav").exists()
    assert (
        out_of_step(a_book(), tmp_path / "sounds", recorded=tmp_path / "recorded", voice="") == []
    )
    slowly = tmp_path / "recorded/zh_SLOW/bye.wav"
    slowly.parent.mkdir(parents=True)
    soundfile.write(slowly, np.sin(np.arange(16_000) / 5), 8_000)
    run(a_book(), tmp_path)
    assert soundfile.info(tmp_path / "sounds/zh_SLOW/hotline/bye.wav").duration > 1.5


def test_a_text_that_stands_in_no_file_is_spoken_once(parrot: Parrot, tmp_path: Path) -> None:
    for _ in range(2):
        speak_text("s_1", {"zh": "停水", "en": "No water"}, tmp_path, {})
    assert parrot.said == {"zh 停水": 1, "en No water": 1}
    assert (tmp_path / "zh/hotline/s_1.wav16").is_file()
