"""Text into what the built-in voice can read: pinyin syllables for Chinese, words for English.

Pure. espeak-ng cannot read Chinese characters as Debian packs it, but reads pinyin with tone
numbers. So numbers become Chinese numerals, Latin abbreviations become letter names, characters
become syllables; a sentence in the other language becomes a passage for the other voice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cn2an
from pypinyin import Style, lazy_pinyin


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a prompt that one voice reads: pinyin when `locale` is zh, English when en."""

    locale: str
    text: str


LETTERS: Final = MappingProxyType(
    {
        "A": "ei1",
        "B": "bi4",
        "C": "sei1",
        "D": "di4",
        "E": "yi4",
        "F": "ai2 fu5",
        "G": "ji4",
        "H": "ei2 chi5",
        "I": "ai4",
        "J": "zhei4",
        "K": "kei4",
        "L": "ai2 lou5",
        "M": "ai2 mu5",
        "N": "en1",
        "O": "ou1",
        "P": "pi4",
        "Q": "kiu1",
        "R": "a4 er5",
        "S": "ai2 si5",
        "T": "ti4",
        "U": "you1",
        "V": "wei1",
        "W": "da2 bu5 liu5",
        "X": "ai2 ke5 si5",
        "Y": "wai4",
        "Z": "zei4",
    }
)
"""Letter names as Chinese speakers say them: HPV, HIV, CT, DNA."""

_ENGLISH: Final = re.compile(r"[A-Za-z][A-Za-z',.? 0-9-]*\s[A-Za-z',.? 0-9-]*[A-Za-z0-9.?]")
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff][\u4e00-\u9fff0-9，。；：、！？]*")
_LONG_NUMBER: Final = re.compile(r"(?<![0-9.])(?:[0-9]{5,}|1[12][0-9])(?![0-9.])")
"""Numbers of services and telephones: five digits and more, and 110, 119, 120 …"""
_WORD: Final = re.compile(r"[A-Za-z]+|[^A-Za-z]+")
_PAUSES: Final = str.maketrans("，。；：、！？", ",.,,,!?")
_TELEPHONE_DIGITS: Final = str.maketrans("0123456789", "零幺二三四五六七八九")
"""1 is 幺 on the telephone, so that it is not heard as 七."""
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def pronounce(text: str, locale: str, words: Mapping[str, str] = _NONE) -> tuple[Passage, ...]:
    """Cut a text into passages; `words` are pronunciations that override, by written form."""
    foreign, other = (_ENGLISH, "en") if locale == "zh" else (_CHINESE, "zh")
    passages = []
    for start, end, is_foreign in _segments(text, foreign):
        spoken_in = other if is_foreign else locale
        read = _pinyin(text[start:end], words) if spoken_in == "zh" else _english(text[start:end])
        if any(sign.isalnum() for sign in read):
            passages.append(Passage(spoken_in, read))
    return tuple(passages)


def _segments(text: str, foreign: re.Pattern[str]) -> Iterator[tuple[int, int, bool]]:
    at = 0
    for found in foreign.finditer(text):
        yield at, found.start(), False
        yield found.start(), found.end(), True
        at = found.end()
    yield at, len(text), False


def _english(text: str) -> str:
    return _LONG_NUMBER.sub(lambda found: " ".join(found[0]), text).strip()


def _pinyin(text: str, words: Mapping[str, str]) -> str:
    text = _LONG_NUMBER.sub(lambda found: found[0].translate(_TELEPHONE_DIGITS), text)
    if re.search(r"[0-9]", text):
        text = cn2an.transform(text, "an2cn")
    parts = [text]
    if words:
        parts = re.split("|".join(f"({re.escape(word)})" for word in words), text)
    syllables = [syllable for part in parts if part for syllable in _syllables(part, words)]
    return " ".join(syllables)


def _syllables(part: str, words: Mapping[str, str]) -> Iterator[str]:
    if part in words:
        yield words[part]
        return
    for piece in _WORD.findall(part):
        if piece.isascii() and piece.isalpha():
            yield from (LETTERS[letter] for letter in piece.upper())
        else:
            read = lazy_pinyin(piece, style=Style.TONE3, neutral_tone_with_five=True)
            yield from (syllable.translate(_PAUSES) for syllable in read)
