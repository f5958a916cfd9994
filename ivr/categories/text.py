"""Texts made comparable: one form for a note however it was typed.

NFKC, lower case, traditional characters to simplified ones (OpenCC's table), long numbers
masked, punctuation and spaces to one space. Personal data is not wanted in a note; whatever
number is left in it must not become a feature or be stored in a model, hence the mask.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

import opencc

LONGEST: Final = 4_000
"""Characters looked at; the rest of a longer text (a whole transcript) is ignored."""

_BREAKS: Final = re.compile(r"[\s,，。.．?？!！;；:：、\"'“”‘’()（）《》<>\[\]【】…~—_|/\\-]+")
_LONG_NUMBER: Final = re.compile(r"[0-9]{4,}")
_SHORT_NUMBER_WITH_MEANING: Final = frozenset(
    {"12315", "12320", "12333", "12345", "12356", "10086"}
)
_CJK: Final = range(0x3400, 0xA000)
# What callers and desks say around the matter itself; removed where texts are compared.
_PARTICLES: Final = re.compile(
    r"请问|你好|您好|麻烦|一下|来电人?|市民|咨询|询问|想问|想知道|问|我|的|了|吗|呢|吧|啊|呀|哦|嘛|是否"
)


def normalise(text: str) -> str:
    """Return the text in the one form that all voices read."""
    plain = _BREAKS.sub(" ", text[:LONGEST])
    # Chinese punctuation is all that most texts hold in a wide form, and it is gone by now.
    if not unicodedata.is_normalized("NFKC", plain):
        plain = _BREAKS.sub(" ", unicodedata.normalize("NFKC", plain))
    return _LONG_NUMBER.sub(_masked, plain.lower().translate(_simplified())).strip()


def telegraphic(normalised: str) -> str:
    """Return what is left of a normalised text when the words around the matter are dropped.

    Desks note `狂犬疫苗几针`, callers say `请问狂犬疫苗要打几针呢`. A text of nothing but such
    words is returned unchanged.
    """
    return _PARTICLES.sub("", normalised).replace(" ", "") or normalised


def _masked(match: re.Match[str]) -> str:
    return match[0] if match[0] in _SHORT_NUMBER_WITH_MEANING else "0"


@cache
def _simplified() -> dict[int, int]:
    """Return the traditional characters and their simplified forms, one code point each."""
    table = opencc.OpenCC("t2s")
    characters = [chr(point) for point in _CJK]
    converted = table.convert("\n".join(characters)).split("\n")
    return {
        ord(old): ord(new)
        for old, new in zip(characters, converted, strict=True)
        if len(new) == 1 and new != old
    }
