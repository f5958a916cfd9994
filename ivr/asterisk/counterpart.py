"""Reads what Asterisk keeps beside its journal: one line of its CDR file or of queue_log. Pure.

Neither is ever a source of a record; both are asked whether they tell the same (`ivr.crosscheck`).
A line may be torn, and what stands in it may be somebody's who calls: whatever is not exactly in
the shape that Asterisk gives it is no line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from ivr.calls import CALL_ID

LONGEST_LINE: Final = 8_192
"""A CDR has some 350 bytes, a line of queue_log some 100."""


@dataclass(frozen=True, slots=True)
class CdrLine:
    """One call detail record; a call has one for each stretch of its way."""

    call_id: str
    began: datetime
    """To the second, in Asterisk's own zone, which the file does not name."""
    ended: datetime
    answered: bool


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One line of queue_log."""

    second: int
    """Since 1970."""
    call_id: str
    """Empty where the line is about no caller: a start, a pause, a member."""
    queue: str
    agent: str
    """Empty where the line is about none."""
    event: str
    data: tuple[str, ...]


class _Cdr(msgspec.Struct, gc=False):
    linkedid: str
    start: str
    end: str
    answer: str


_cdr: Final = msgspec.json.Decoder(_Cdr).decode
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_QUEUE_LINE: Final = re.compile(
    r"([0-9]{9,11})\|([A-Za-z0-9.-]{1,80})(?:;[12])?\|([A-Za-z0-9_]{1,32})\|([A-Za-z0-9/_-]{1,40})"
    r"\|([A-Z]{2,32})\|([ -~]*)"
)


def parse_cdr(line: bytes) -> CdrLine | None:
    """Understand a line of the CDR file; None when it is no record of a call of ours."""
    try:
        found = _cdr(line)
        line.decode("utf-8")
        if not (CALL_ID.fullmatch(found.linkedid) and _is_moment(found.start, found.end)):
            return None
        began, ended = datetime.fromisoformat(found.start), datetime.fromisoformat(found.end)
    except (ValueError, RecursionError):
        return None
    # Its disposition is that of the last dialling: NO ANSWER for who hung up while a phone rang.
    return CdrLine(found.linkedid, began, ended, answered=found.answer != "")


def _is_moment(*stamps: str) -> bool:
    return all(_MOMENT.fullmatch(stamp) for stamp in stamps)


def parse_queue_log(line: bytes) -> QueueLine | None:
    """Understand a line of queue_log; None when it is none of Asterisk's."""
    match = _QUEUE_LINE.fullmatch(line.decode("ascii", "replace"))
    if match is None:
        return None
    second, call_id, queue, agent, event, data = match.groups()
    if call_id != "NONE" and not CALL_ID.fullmatch(call_id):
        return None
    return QueueLine(
        second=int(second),
        call_id="" if call_id == "NONE" else call_id,
        queue=queue,
        agent="" if agent == "NONE" else agent.rpartition("/")[2].removeprefix("agent-"),
        event=event,
        data=tuple(data.split("|")),
    )
