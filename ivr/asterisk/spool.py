"""Reads Asterisk's journal: bytes of a CEL file in, lines and events out. No file is touched here.

Asterisk appends one JSON object a line and checks no write, so a full disk or a kill leaves torn
lines, and the next record is glued to them. Every line that is not one of ours is refused with its
bytes and its place; nothing here raises because of what stands in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import msgspec

from ivr import events
from ivr.asterisk.variables import Outcome, UserEvent
from ivr.calls import CALL_ID
from ivr.errors import PeerBroke

LONGEST_LINE: Final = 65_536
"""A record has about 400 bytes; a line longer than this is no record."""

_LAST_EVENT: Final = "LINKEDID_END"
_STAMP: Final = re.compile(r"([0-9]{1,11})(?:\.([0-9]{0,9}))?")

_RECORD_BEGINS: Final = re.compile(rb'\{"eventtype":')
"""Cannot stand inside a record: quotes within a value are escaped."""


class Reason(StrEnum):
    """Why bytes of the spool were refused."""

    TORN = "torn"
    """Not a whole JSON object."""
    FOREIGN = "foreign"
    """JSON, but no CEL record of a call with a linked id of ours."""
    TOO_LONG = "too_long"
    """More than `LONGEST_LINE` bytes without a line's end."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One record of the journal, word for word; light, because there is one for each line."""

    position: int
    """Offset of its first byte in the file."""
    call_id: str
    text: str
    ends_call: bool
    """Whether it says that the last channel of the call is gone."""


class Refused(NamedTuple):
    """Bytes that are no record."""

    position: int
    content: bytes
    reason: Reason


@dataclass(slots=True)
class Reading:
    """What a stretch of the file held, and where the next one begins."""

    position: int
    lines: list[Line] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def read(data: bytes, position: int, *, complete: bool = False) -> Reading:
    """Read the whole lines of `data`, which begins at `position` of its file.

    A last line without its end is left for the next time, unless the file is `complete`. Reading
    on from the returned position gives the same lines however the file was cut.
    """
    whole = data.rfind(b"\n") + 1
    lines = _all_records(data[:whole], position)
    reading = Reading(position, lines or [])
    known: set[str] = set()
    at = whole if lines else 0
    while at < len(data):
        end = data.find(b"\n", at)
        if (end if end >= 0 else len(data)) - at > LONGEST_LINE:
            content = data[at : at + LONGEST_LINE]
            reading.refused.append(Refused(position + at, content, Reason.TOO_LONG))
            at += LONGEST_LINE
            continue
        if end < 0:
            if not complete:
                break
            end = len(data)
        if end > at:
            _take(data[at:end], position + at, reading, known)
        at = end + 1
    reading.position = position + min(at, len(data))
    return reading


def _all_records(data: bytes, position: int) -> list[Line]:
    """Take whole lines at once when each is a record, as almost always; none if one is not."""
    if not data.isascii():
        return []
    texts = data.decode("ascii").split("\n")
    texts.pop()
    try:
        headings = [*map(_heading, texts)]
    except (ValueError, RecursionError):
        return []
    ids = [heading.linkedid for heading in headings]
    if not all(map(CALL_ID.fullmatch, set(ids))) or max(map(len, texts), default=0) > LONGEST_LINE:
        return []
    begins = accumulate(map(len, texts), lambda begin, length: begin + length + 1, initial=position)
    ends = [heading.eventtype == _LAST_EVENT for heading in headings]
    return [*map(Line, begins, ids, texts, ends)]


def _take(line: bytes, position: int, reading: Reading, known: set[str]) -> None:
    found = _recognise(line, position, known)
    if isinstance(found, Line):
        reading.lines.append(found)
        return
    begins = [0, *(match.start() for match in _RECORD_BEGINS.finditer(line, 1))]
    if len(begins) == 1:
        reading.refused.append(found)
        return
    for begin, end in pairwise([*begins, len(line)]):
        piece = _recognise(line[begin:end], position + begin, known)
        if isinstance(piece, Line):
            reading.lines.append(piece)
        else:
            reading.refused.append(piece)


def _recognise(line: bytes, position: int, known: set[str]) -> Line | Refused:
    try:
        record = _heading(line)
        text = line.decode("utf-8")
    except msgspec.ValidationError:
        return Refused(position, line, Reason.FOREIGN)
    except (ValueError, RecursionError):
        return Refused(position, line, Reason.TORN)
    call_id = record.linkedid
    if call_id not in known:
        if not CALL_ID.fullmatch(call_id):
            return Refused(position, line, Reason.FOREIGN)
        known.add(call_id)
    return Line(position, call_id, text, record.eventtype == _LAST_EVENT)


class _Heading(msgspec.Struct, gc=False):
    """What must be known of a record to keep it."""

    linkedid: str
    eventtype: str = ""


class _Record(msgspec.Struct, gc=False):
    """What a fact is made of."""

    eventtype: str
    eventtime: str | int
    linkedid: str
    uniqueid: str
    channame: str
    context: str
    userdeftype: str = ""
    peer: str = ""
    eventextra: str = ""


_heading: Final = msgspec.json.Decoder(_Heading).decode
_record: Final = msgspec.json.Decoder(_Record).decode
_object: Final = msgspec.json.Decoder(dict[str, str | int]).decode


def parse(text: str) -> events.Event | None:
    """Turn a record into the fact it states; None when it states none that a call is made of.

    Raises:
        PeerBroke: it claims a fact and lacks what belongs to it.
    """
    try:
        record = _record(text)
    except (ValueError, RecursionError) as error:
        raise PeerBroke(f"CEL: expected a record, came {error} (Asterisk).") from None
    name = record.userdeftype or record.eventtype
    make = _FACTS.get(name)
    if make is None:
        return None
    try:
        when = _microseconds(record.eventtime)
        base = (when, record.linkedid, record.uniqueid, record.channame)
        extra = _object(record.eventextra) if record.eventextra else {}
        return make(base, record, extra)
    except (KeyError, ValueError, RecursionError) as error:
        raise PeerBroke(f"CEL {name}: expected its fields, came {error!r} (Asterisk).") from None


def _microseconds(stamp: str | int) -> int:
    match = _STAMP.fullmatch(str(stamp))
    if match is None:
        raise ValueError(f"eventtime {str(stamp)[:20]}")
    seconds, fraction = match.groups(default="")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))


def _told(extra: Mapping[str, str | int], shape: re.Pattern[str]) -> tuple[str, ...]:
    """Return the parts of what the dialplan told; nothing else can have this shape."""
    match = shape.fullmatch(str(extra.get("extra", "")))
    if match is None:
        raise ValueError(f"content is not {shape.pattern}")
    return match.groups()


_NUMBER: Final = re.compile(r"([0-9+]{0,20})")
_DIALLED: Final = re.compile(r"(inbound|outbound|internal):([0-9*#+]{0,20}|[0-9a-z]{1,16})")
_KEY: Final = re.compile(r"([a-z0-9_]{1,32}):([0-9]{1,20}|[*#tid])")
_PRESET: Final = re.compile(r"([a-z0-9-]{1,32}):([A-Z][0-9A-Z.]{0,20})")
_OUTCOME: Final = re.compile(f"({'|'.join(Outcome)})")
_WORD: Final = re.compile(r"([a-z_]{1,32})")
_ID: Final = re.compile(r"([A-Za-z0-9_.-]{1,100})")
_QUEUE: Final = re.compile(r"([a-z0-9_]{1,32}):([0-9]{0,3})")
_BOOKED: Final = re.compile(r"([a-z0-9_]{1,32}):([0-9]{1,3}):([0-9]{9,11}):([0-9]{10,12})")
_TAKE_OVER: Final = re.compile(r"([a-z]{1,16}):([0-9a-z]{0,20})")
_LEFT: Final = re.compile(r"([a-z0-9_]{1,32}):([A-Z]{0,32})")
_AGENT: Final = re.compile(r"([a-z0-9]{1,16})")
_BY_AGENT: Final = re.compile(r"([a-z0-9]{0,16})")
_RATING: Final = re.compile(r"([123])")
_REASON: Final = re.compile(r"([1234])")


def _queue_entered(extra: Mapping[str, str | int]) -> tuple[str, int]:
    queue, priority = _told(extra, _QUEUE)
    return queue, int(priority or 0)


def _callback_booked(extra: Mapping[str, str | int]) -> tuple[str, int, int, str]:
    queue, priority, entered_s, number = _told(extra, _BOOKED)
    return queue, int(priority), int(entered_s), number


_Base = tuple[int, str, str, str]
_Maker = Callable[[_Base, _Record, Mapping[str, str | int]], events.Event]

_FACTS: Final[Mapping[str, _Maker]] = {
    "CHAN_START": lambda base, record, _: events.ChannelStarted(*base, record.context),
    "ANSWER": lambda base, *_: events.ChannelAnswered(*base),
    "BRIDGE_ENTER": lambda base, record, extra: events.BridgeEntered(
        *base, str(extra["bridge_id"]), record.peer
    ),
    "BRIDGE_EXIT": lambda base, _, extra: events.BridgeLeft(*base, str(extra["bridge_id"])),
    "PARK_START": lambda base, _, extra: events.ChannelParked(
        *base, str(extra.get("parker_dial_string") or "")
    ),
    "PARK_END": lambda base, *_: events.ChannelUnparked(*base),
    "BLINDTRANSFER": lambda base, _, __: events.CallTransferred(*base, attended=False),
    "ATTENDEDTRANSFER": lambda base, _, __: events.CallTransferred(*base, attended=True),
    "HANGUP": lambda base, _, extra: events.ChannelHungUp(
        *base,
        int(extra.get("hangupcause") or 0),
        str(extra.get("hangupsource") or ""),
        str(extra.get("dialstatus") or ""),
    ),
    "CHAN_END": lambda base, *_: events.ChannelEnded(*base),
    "LINKEDID_END": lambda base, *_: events.CallEnded(*base),
    UserEvent.CALLER: lambda base, _, extra: events.CallerIdentified(*base, *_told(extra, _NUMBER)),
    UserEvent.DIALLED: lambda base, _, extra: events.NumberDialled(*base, *_told(extra, _DIALLED)),
    UserEvent.MENU: lambda base, _, extra: events.KeyChosen(*base, *_told(extra, _KEY)),
    UserEvent.PRESET: lambda base, _, extra: events.CategoryPreset(*base, *_told(extra, _PRESET)),
    UserEvent.FALLBACK: lambda base, _, extra: events.BridgeFellBack(*base, *_told(extra, _WORD)),
    UserEvent.QUEUE: lambda base, _, extra: events.QueueEntered(*base, *_queue_entered(extra)),
    UserEvent.LEFT: lambda base, _, extra: events.QueueLeft(*base, *_told(extra, _LEFT)),
    UserEvent.AGENT: lambda base, _, extra: events.AgentConnected(*base, *_told(extra, _AGENT)),
    UserEvent.RECORDING: lambda base, _, extra: events.RecordingStarted(*base, *_told(extra, _ID)),
    UserEvent.MESSAGE: lambda base, _, extra: events.MessageBegun(*base, *_queue_entered(extra)),
    UserEvent.MESSAGE_END: lambda base, *_: events.MessageEnded(*base),
    UserEvent.RATING_OFFERED: lambda base, *_: events.RatingOffered(*base),
    UserEvent.RATING: lambda base, _, extra: events.RatingGiven(
        *base, int(_told(extra, _RATING)[0])
    ),
    UserEvent.RATING_REASON: lambda base, _, extra: events.RatingExplained(
        *base, int(_told(extra, _REASON)[0])
    ),
    UserEvent.RATING_EXEMPT: lambda base, _, extra: events.RatingWaived(
        *base, *_told(extra, _WORD)
    ),
    UserEvent.CALLBACK_BOOKED: lambda base, _, extra: events.CallbackBooked(
        *base, *_callback_booked(extra)
    ),
    UserEvent.CALLBACK_OF: lambda base, _, extra: events.CallbackBegun(*base, *_told(extra, _ID)),
    UserEvent.TRANSFER: lambda base, _, extra: events.TakeOverAsked(
        *base, *_told(extra, _TAKE_OVER)
    ),
    UserEvent.OUTCOME: lambda base, _, extra: events.OutcomeReached(*base, *_told(extra, _OUTCOME)),
    UserEvent.HOLD: lambda base, _, extra: events.ChannelHeld(*base, *_told(extra, _BY_AGENT)),
    UserEvent.HOLD_END: lambda base, *_: events.ChannelResumed(*base),
    UserEvent.RECORDING_PAUSED: lambda base, *_: events.RecordingPaused(*base),
    UserEvent.RECORDING_RESUMED: lambda base, *_: events.RecordingResumed(*base),
    UserEvent.CAMPAIGN: lambda base, _, extra: events.AttemptLinked(*base, *_told(extra, _ID)),
}
