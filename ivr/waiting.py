"""Tells a waiting caller how many are before him, and about how long that takes."""

from __future__ import annotations

import math
from typing import Final

from ivr.asterisk.channel import Channel
from ivr.errors import PeerBroke
from ivr.menu.model import LOCALES
from ivr.menu.prompts import PromptBook
from ivr.menu.turn import Say

HANDLED_SECONDS: Final = 180
"""What a call takes an agent, wrap-up included: a usual figure, for an estimate in minutes."""
LONGEST_MINUTES: Final = 60
"""Nobody believes more, and nobody plans with it."""
_DIGITS: Final = 4


def minutes(ahead: int, agents: int) -> int:
    """Estimate the wait of a caller with `ahead` others before him, in whole minutes from 1."""
    seconds = (ahead + 1) * HANDLED_SECONDS / max(1, agents)
    return min(LONGEST_MINUTES, max(1, math.ceil(seconds / 60)))


async def tell_place(channel: Channel, prompts: PromptBook) -> None:
    """Play the announcement for the dialplan's `wait,<ahead>,<agents>`.

    Raises:
        CallerGone: the caller hung up.
        PeerBroke: the dialplan asked with something else than two numbers.
    """
    ahead, agents = _asked(channel.environment.arguments[2:])
    language = channel.environment.language
    locale = language if language in LOCALES else LOCALES[0]
    say = Say("p_wait", (("n", ahead), ("m", minutes(ahead, agents))))
    await channel.play(prompts.sounds(say, locale))


def _asked(arguments: tuple[str, ...]) -> tuple[int, int]:
    numbers = [int(one) for one in arguments if one.isascii() and one.isdecimal()]
    if len(numbers) != len(arguments) or len(numbers) != len(("ahead", "agents")):
        raise PeerBroke(f"Expected two numbers with `wait`, came {len(arguments)} (dialplan).")
    return min(numbers[0], 10**_DIGITS), min(numbers[1], 10**_DIGITS)
