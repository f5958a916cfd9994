"""The AGI commands of ours, each as the text that is sent; a value that could be more is refused.

A menu says the same things to every caller. What was checked and put together once is kept, and
taken again as it is: that halves what a command costs in Python. Values that a caller may have
given are not kept.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ivr.asterisk.agi_protocol import quoted
from ivr.errors import ValueRefused

ANSWER: Final = "ANSWER"
HANG_UP: Final = "HANGUP"

_SOUND: Final = re.compile(r"[A-Za-z0-9_./+-]{1,200}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_LOCALE: Final = re.compile(r"[a-z]{2}(_[A-Z]{2,4})?")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:+-]{0,100}")
_NOTHING: Final = '""'
_KEPT: Final = 1_024
"""Commands of one kind that are kept: more than all menus have prompts."""


@lru_cache(maxsize=_KEPT)
def get_variable(name: str) -> str:
    """Ask for a channel variable."""
    return f"GET VARIABLE {_checked(_NAME, name)}"


def set_variable(name: str, value: str) -> str:
    """Set a channel variable to any text of one line."""
    return f"SET VARIABLE {_checked(_NAME, name)} {quoted(value)}"


@lru_cache(maxsize=_KEPT)
def set_language(locale: str) -> str:
    """Choose the folder in which sounds are looked up."""
    return f"SET VARIABLE CHANNEL(language) {_checked(_LOCALE, locale)}"


@lru_cache(maxsize=_KEPT)
def stream_file(sound: str, keys: str, sample: int) -> str:
    """Play a sound from a sample on, until its end or one of the keys."""
    return f'STREAM FILE {_checked(_SOUND, sound)} "{keys}" {sample:d}'


@lru_cache(maxsize=_KEPT)
def get_data(sound: str, wait_ms: int, longest: int) -> str:
    """Play a sound, or nothing for an empty name, and collect keys."""
    said = _checked(_SOUND, sound) if sound else _NOTHING
    return f"GET DATA {said} {wait_ms:d} {longest:d}"


@lru_cache(maxsize=_KEPT)
def user_event(event: str, extra: str) -> str:
    """Write a user event into the journal; `extra` is `[A-Za-z0-9_.:+-]{0,100}`."""
    return f'EXEC CELGenUserEvent "{event},{_checked(_PLAIN, extra)}"'


@lru_cache(maxsize=_KEPT)
def set_variables(pairs: tuple[tuple[str, str], ...]) -> str:
    """Set several variables in their order; values `[A-Za-z0-9_.:+-]*`."""
    return f'EXEC MSet "{",".join(map(_assignment, pairs))}"'


def _assignment(pair: tuple[str, str]) -> str:
    name, value = pair
    return f"{_checked(_NAME, name)}={_checked(_PLAIN, value)}"


def _checked(pattern: re.Pattern[str], value: str) -> str:
    if pattern.fullmatch(value) is None:
        raise ValueRefused(f"expected {pattern.pattern}.")
    return value
