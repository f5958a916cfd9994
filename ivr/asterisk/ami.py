r"""The bytes of Asterisk's manager interface, without a socket: bytes in, messages out.

A message is a block of `Key: value` lines ended by an empty line; the empty line may be a bare
LF (`\r\n\n`, as some list events of Asterisk end). A lone LF elsewhere belongs to a value.
Whatever comes, `Framer.feed` never raises: what is no message is counted and skipped, and the
same bytes give the same messages however they are cut.

Callers can write line breaks into `CallerIDNum`, which Asterisk prints raw, so a caller can add
headers to an event and even whole messages. Therefore a message that repeats its first header
is dropped as forged, and a header asked for by name counts only when it stands there once. A
whole forged message cannot be told apart: no decision may rest on an event alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

MESSAGE_LIMIT: Final = 1 << 17
"""Bytes of one message. We ask no question with a longer answer, and lists come item by item."""

_BANNER: Final = b"Asterisk Call Manager/"
_BANNER_LIMIT: Final = 256
_END: Final = b"\r\n\r\n"
_ENDS: Final = re.compile(rb"\r\n\r?\n")
_EVENT: Final = b"Event: "
_ODD: Final = re.compile(rb"\n(?:\n|\r\n(?!Event: |\Z)|Event:(?<!\r\n\r\nEvent:))")
"""A bare end, an end that no event follows, or an `Event:` that begins no message."""
_LONGEST_PARTIAL_END: Final = 3
_SMALL: Final = 1 << 13


@lru_cache(maxsize=1_024)
def _needle(key: str) -> bytes:
    return b"\r\n%s:" % key.encode()


def _text(raw: bytes) -> str:
    """Decode a header: UTF-8, else the Chinese code pages, else escapes that show the bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        try:
            return raw.decode("gb18030")
        except UnicodeDecodeError:
            return raw.decode(errors="backslashreplace")


@lru_cache(maxsize=1_024)
def _first_value(line: bytes) -> str:
    return _text(line.partition(b":")[2].strip())


class Message:
    """One message as it came; a header is decoded when it is asked for."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw: Final = raw

    def __repr__(self) -> str:
        """Name the message without its headers, which may hold a caller's number."""
        return f"<{type(self).__name__} {self.name}>"

    @property
    def name(self) -> str:
        """The first header's value: an event's name, a response's outcome."""
        end = self.raw.find(b"\r\n")
        return _first_value(self.raw[:end] if end >= 0 else self.raw)

    def get(self, key: str, default: str = "") -> str:
        """Return the value of a header that stands there exactly once, else `default`.

        A header that ought to be single and is repeated was tampered with: neither value is
        given.
        """
        raw, needle = self.raw, _needle(key)
        start = raw.find(needle)
        if start < 0:
            return self.name if raw.startswith(needle[2:]) else default
        start += len(needle)
        end = raw.find(b"\r\n", start)
        if end < 0:
            value = raw[start:]
        elif raw.find(needle, end) < 0:
            value = raw[start:end]
        else:
            return default
        return _text(value[1:] if value.startswith(b" ") else value)

    def __getitem__(self, key: str) -> str:
        value = self.get(key, "\0")
        if value == "\0":  # no message holds NUL
            raise KeyError(key)
        return value

    def all(self, key: str) -> tuple[str, ...]:
        """Return every value of a header that may be repeated, such as `ChanVariable`."""
        value = self.headers.get(key, [])
        return (value,) if isinstance(value, str) else tuple(value)

    @property
    def headers(self) -> Mapping[str, str | list[str]]:
        """All headers, decoded now; those that are repeated have the list of their values."""
        return _headers(self.raw)


class Event(Message):
    """Asterisk told what happened, or one item of a list that was asked for."""

    __slots__ = ()


class Response(Message):
    """Asterisk answered an action."""

    __slots__ = ()


class _Shape(NamedTuple):
    """The keys of a plain message, which Asterisk prints in the same order every time."""

    empty: dict[str, str | list[str]]
    """The keys without values; its copy has room for all of them."""
    beginnings: tuple[str, ...]
    length: int
    """Characters that are no value: the beginnings of the lines and the ends between them."""


_SHAPES: Final[dict[str, _Shape]] = {}
_SHAPES_LIMIT: Final = 1_024


def _headers(raw: bytes) -> Mapping[str, str | list[str]]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = _text(raw)
    lines = text.split("\r\n")
    shape = _SHAPES.get(lines[0])
    if shape is not None:
        empty, beginnings, length = shape
        values = [*map(str.removeprefix, lines, beginnings)]
        if len(lines) == len(beginnings) and len("".join(values)) + length == len(text):
            plain = empty.copy()  # every line began as expected: only the values are new
            plain.update(zip(empty, values))  # noqa: B905  # as many, by the line above
            return plain
    headers = _odd_headers(lines)
    if len(headers) == len(lines):
        _learn(lines, headers)
    return headers


def _learn(lines: list[str], headers: Mapping[str, str | list[str]]) -> None:
    """Remember the keys of a message in which each line is one header, `Key: value`."""
    beginnings = tuple(f"{key}: " for key in headers)
    if all(map(str.startswith, lines, beginnings)):
        if len(_SHAPES) >= _SHAPES_LIMIT:
            _SHAPES.clear()
        length = len("".join(beginnings)) + len("\r\n") * (len(lines) - 1)
        _SHAPES[lines[0]] = _Shape(dict.fromkeys(headers, ""), beginnings, length)


def _odd_headers(lines: list[str]) -> dict[str, str | list[str]]:
    """Read headers among which are repeats, `Key:value` without the space, or no header."""
    headers: dict[str, str | list[str]] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if not colon:
            continue
        value = value.removeprefix(" ")
        earlier = headers.get(key)
        if earlier is None:
            headers[key] = value
        elif isinstance(earlier, list):
            earlier.append(value)
        else:
            headers[key] = [earlier, value]
    return headers


@dataclass(slots=True)
class Skipped:
    """How many messages were skipped, by reason."""

    forged: int = 0
    """Repeated their first header: a caller wrote it."""
    malformed: int = 0
    """Neither event nor response, or holding NUL."""
    oversized: int = 0
    """Longer than the limit."""


class Received(NamedTuple):
    """The messages that some bytes completed, in their order within each kind."""

    events: list[Event]
    responses: list[Response]


class Framer:
    """Turns the bytes of one connection into messages.

    Attributes:
        version: what the banner said, empty until it came and when it was none.
        skipped: counts of what was no message; may be shared by several framers.
    """

    def __init__(self, *, limit: int = MESSAGE_LIMIT, skipped: Skipped | None = None) -> None:
        self.version = ""
        self.skipped = Skipped() if skipped is None else skipped
        self._limit = limit
        self._held = bytearray()
        self._greeted = False
        self._plain = False
        self._skipping = False

    def feed(self, data: bytes) -> Received:
        """Return the messages completed by `data`; never raises."""
        if not self._greeted:
            data = self._greeting(data)
        parts = self._split(data)
        if self._plain:
            return Received([Event(part) for part in parts], [])
        return self._sorted_out(parts)

    def _greeting(self, data: bytes) -> bytes:
        self._held += data
        end = self._held.find(b"\r\n", 0, _BANNER_LIMIT)
        if end < 0 and len(self._held) < _BANNER_LIMIT:
            return b""
        self._greeted = True
        line, rest = bytes(self._held[: max(end, 0)]), bytes(self._held[max(end, 0) :])
        self._held.clear()
        if line.startswith(_BANNER):
            self.version = _text(line.removeprefix(_BANNER))
        else:
            self.skipped.malformed += 1
        return rest

    def _split(self, data: bytes) -> list[bytes]:
        """Cut off the complete messages and hold the remainder; linear in the bytes fed."""
        held = self._held
        if len(held) > _SMALL and not _ENDS.search(bytes(held[-_LONGEST_PARTIAL_END:]) + data):
            parts = [data]
        elif held:
            data = bytes(held) + data
            held.clear()
            parts = self._parts(data)
        else:
            parts = self._parts(data)
        held += parts.pop()
        if len(held) > self._limit + _LONGEST_PARTIAL_END:
            self._skipping = True
            del held[:-_LONGEST_PARTIAL_END]
        return parts

    def _parts(self, data: bytes) -> list[bytes]:
        self._plain = data.startswith(_EVENT) and b"\0" not in data and _ODD.search(data) is None
        parts = data.split(_END) if self._plain else _ENDS.split(data)
        if self._skipping and len(parts) > 1:
            self._skipping = False
            self.skipped.oversized += 1
            del parts[0]
        if len(data) > self._limit:
            whole = [part for part in parts[:-1] if len(part) <= self._limit]
            self.skipped.oversized += len(parts) - 1 - len(whole)
            parts = [*whole, parts[-1]]
        return parts

    def _sorted_out(self, parts: list[bytes]) -> Received:
        received = Received([], [])
        for part in parts:
            raw = part.lstrip(b"\r\n")
            if raw:
                self._sort(raw, received)
        return received

    def _sort(self, raw: bytes, received: Received) -> None:
        is_event = raw.startswith(b"Event:")
        if b"\0" in raw or not (is_event or raw.startswith(b"Response:")):
            self.skipped.malformed += 1
        elif b"\r\nEvent:" in raw or (not is_event and b"\r\nResponse:" in raw):
            self.skipped.forged += 1
        elif is_event:
            received.events.append(Event(raw))
        else:
            received.responses.append(Response(raw))
