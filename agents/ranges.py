"""Which bytes a player asks for: RFC 9110's Range, If-Range and If-None-Match. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SPEC: Final = re.compile(r"(?P<first>[0-9]{0,19})-(?P<last>[0-9]{0,19})")
_LONGEST: Final = 200
"""Characters; no player sends more, and whoever does is not answered piece by piece."""


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes to send, and how to say so."""

    start: int
    stop: int
    """The first that is not sent."""
    partial: bool
    """206 with Content-Range, or 200 with all of it."""


class Unsatisfiable(ValueError):
    """416: nothing of what was asked for is there, or too much was asked for at once."""


def asked_part(range_header: str, if_range: str, etag: str, size: int) -> Part:
    """Tell which bytes to send.

    Args:
        range_header: empty when there was none.
        if_range: empty when there was none; anything but this very file means all of it.
        etag: strong, with its quotes.
        size: of the whole.

    Returns:
        All of it for a header that is none of bytes or cannot be read, as RFC 9110 14.2 asks.

    Raises:
        Unsatisfiable: it begins beyond the end, or asks for several ranges. Several are refused
            rather than answered: no player needs them, and they multiply the work of one request.
    """
    whole = Part(0, size, partial=False)
    unit, sign, asked = range_header.partition("=")
    if not sign or unit.strip().lower() != "bytes" or if_range not in ("", etag):
        return whole
    if "," in asked or len(range_header) > _LONGEST:
        raise Unsatisfiable(asked[:_LONGEST])
    match = _SPEC.fullmatch(asked.strip())
    if match is None or not (match["first"] or match["last"]):
        return whole
    if not match["first"]:
        start, last = max(0, size - int(match["last"])), size - 1
    else:
        start, last = int(match["first"]), int(match["last"] or size - 1)
        if match["last"] and last < start:
            return whole
    stop = min(last + 1, size)
    if start >= stop:
        raise Unsatisfiable(asked)
    return Part(start, stop, partial=True)


def is_same(if_none_match: str, etag: str) -> bool:
    """Tell whether the browser has this very file already."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
