"""Prompts: every sentence a caller can hear, by key and locale, and the sound files of each.

Pure. A prompt with values inside (`{open:time}`) is cut at them: the pieces are files of their
own, `m_night-1`, `m_night-2`, and between them the sounds of the value are played.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field
from pydantic.types import StringConstraints

from ivr.definition import Section, parse_definition
from ivr.errors import DefinitionInvalid
from ivr.menu.model import LOCALES, Prompt
from ivr.menu.saying import KINDS, sounds_of_values, spoken
from ivr.menu.turn import Say

FOLDER: Final = "hotline"
"""Below a locale's folder of sounds; Asterisk plays `hotline/<key>`."""

_SLOT: Final = re.compile(r"\{([a-z]+):([a-z]+)\}")
_SPEAKABLE: Final = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Piece:
    key: str
    text: str


@dataclass(frozen=True)
class PromptBook:
    """The whole of prompts.toml."""

    texts: Mapping[str, Mapping[str, str]]
    """Locale, then key, to the text with its slots."""
    must_hear: frozenset[str]
    pronunciations: Mapping[str, Mapping[str, str]]
    """Locale, then word, to how the synthetic voice says it."""

    @cached_property
    def prompts(self) -> Mapping[str, Prompt]:
        """What menus must know of each prompt, by key."""
        return MappingProxyType(
            {
                key: Prompt(key, key in self.must_hear, tuple(name for name, _ in _slots(text)))
                for key, text in self.texts[LOCALES[0]].items()
            }
        )

    @cached_property
    def recordable(self) -> Mapping[str, Mapping[str, str]]:
        """Locale, then file name without folder or suffix, to the text of every sound file."""
        values = sounds_of_values()
        return MappingProxyType(
            {
                locale: {
                    **{
                        part.key: part.text
                        for key, text in texts.items()
                        for part in _parts(key, text)
                        if isinstance(part, _Piece)
                    },
                    **values[locale],
                }
                for locale, texts in self.texts.items()
            }
        )

    def with_text(self, key: str, texts: Mapping[str, str]) -> Self:
        """Give the book with one prompt more, by locale; the same book without a text."""
        if not texts:
            return self
        return replace(
            self, texts={one: {**said, key: texts[one]} for one, said in self.texts.items()}
        )

    def text(self, say: Say, locale: str) -> str:
        """Give what a caller hears as a text, values included."""
        values, words = dict(say.values), sounds_of_values()[locale]
        between = "" if locale == "zh" else " "
        pieces: list[str] = []
        for part in _parts(say.key, self.texts[locale][say.key]):
            if isinstance(part, _Piece):
                pieces.append(part.text)
            elif part.name in values:
                keys = spoken(part.kind, values[part.name], locale)
                pieces.append(between.join(words[key] for key in keys))
        return between.join(pieces)

    def sounds(self, say: Say, locale: str) -> tuple[str, ...]:
        """Give the sound files of a prompt with its values, as Asterisk names them.

        A value that is not given is left out rather than the prompt.
        """
        values = dict(say.values)
        names: list[str] = []
        for part in _parts(say.key, self.texts[locale][say.key]):
            if isinstance(part, _Piece):
                names.append(part.key)
            elif part.name in values:
                names.extend(spoken(part.kind, values[part.name], locale))
        return tuple(f"{FOLDER}/{name}" for name in names)


def _slots(text: str) -> list[tuple[str, str]]:
    return _SLOT.findall(text)


def _parts(key: str, text: str) -> Iterator[_Slot | _Piece]:
    if not _SLOT.search(text):
        yield _Piece(key, text)
        return
    number = 0
    pieces = _SLOT.split(text)
    for position in range(0, len(pieces), 3):
        if _SPEAKABLE.search(pieces[position]):
            number += 1
            yield _Piece(f"{key}-{number}", pieces[position].strip())
        if position + 2 < len(pieces):
            yield _Slot(pieces[position + 1], pieces[position + 2])


def speakable(text: str) -> str:
    """Return a text that can be spoken as a prompt.

    Raises:
        ValueError: it holds nothing to say, control characters, or values of unknown kinds.
    """
    if not _SPEAKABLE.search(text) or not text.replace("\n", " ").isprintable():
        raise ValueError("expected a sentence without control characters")
    if unknown := {kind for _, kind in _slots(text)} - KINDS:
        raise ValueError(f"expected one of {', '.join(sorted(KINDS))}; came {min(unknown)}")
    if "{" in _SLOT.sub("", text):
        raise ValueError("expected values as {name:kind}")
    return text


Text = Annotated[str, AfterValidator(speakable)]
PromptKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class _Prompt(Section):
    zh: Text
    en: Text
    must_hear: bool = False


class _Prompts(Section):
    prompts: dict[PromptKey, _Prompt]
    voices: dict[str, dict[str, str]] = Field(default_factory=dict)


def parse_prompts(path: Path, text: str) -> PromptBook:
    """Make the prompts of the text of prompts.toml; `path` is only named in errors.

    Raises:
        DefinitionInvalid: naming file, line and key of every fault found.
    """
    raw, source = parse_definition(path, text, _Prompts)
    faults = [
        source.at(("prompts", key), "expected the same values in every locale.")
        for key, prompt in raw.prompts.items()
        if sorted(_slots(prompt.zh)) != sorted(_slots(prompt.en))
    ]
    if strange := set(raw.voices) - set(LOCALES):
        faults.append(source.at(("voices",), f"expected {LOCALES}; came {min(strange)!r}."))
    if faults:
        raise DefinitionInvalid("\n".join(("", *faults)))
    return PromptBook(
        texts={
            locale: {key: getattr(prompt, locale) for key, prompt in raw.prompts.items()}
            for locale in LOCALES
        },
        must_hear=frozenset(key for key, prompt in raw.prompts.items() if prompt.must_hear),
        pronunciations={locale: raw.voices.get(locale, {}) for locale in LOCALES},
    )
