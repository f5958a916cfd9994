"""Reads calls back from PostgreSQL: the whole fold, and the record that people are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ivr.calls import (
    CALL_ID,
    Booking,
    Call,
    Direction,
    Disposition,
    EndedBy,
    Leg,
    LegKind,
    MenuStep,
    Message,
    Offer,
    OfferOutcome,
    QueueVisit,
    Request,
    VisitOutcome,
)
from ivr.categories.taxonomy import edition
from ivr.database import Session, queries
from ivr.errors import DefinitionInvalid
from ivr.lines import CENTRE_TIME
from ivr.log import mask_number

_PATH_SIGN: Final = " > "
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class RecordingShown:
    """Where the sound of a call is."""

    path: str
    """Below the archive."""
    seconds: float
    sha256: str


@dataclass(frozen=True, slots=True)
class RequestShown:
    """What a call was about, with the names of its taxonomy."""

    scheme: str
    service: str
    """Name of the service type, such as 咨询."""
    code: str
    path: str
    """Names from the service type down."""
    confidence: float
    source: str
    """Who says so: menu, agent or classifier."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as people are shown it: times of the centre, the caller's number masked."""

    call_id: str
    node: str
    direction: str
    caller: str
    dialled: str
    started_at: str
    """ISO 8601 in Asia/Shanghai, to the millisecond."""
    ended_at: str | None
    disposition: str | None
    """None while the call is going on."""
    menu_path: str
    queue: str | None
    wait_ms: int
    agent: str | None
    talk_ms: int
    recording: RecordingShown | None
    requests: tuple[RequestShown, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as the JSON object of `python -m ivr record --json`."""
        return dataclasses.asdict(self)


async def load_record(connection: Session, call_id: str) -> CallRecord | None:
    """Read the record of one call; None when there is none by that id."""
    if not CALL_ID.fullmatch(call_id):
        return None
    row = await queries.record_of_call(connection, call_id=call_id)
    if row is None:
        return None
    requests = [
        _request_shown(found)
        async for found in queries.requests_of_call(connection, call_id=call_id)
    ]
    return CallRecord(
        **{name: row[name] for name in _AS_STORED},
        caller=mask_number(row["caller"]),
        started_at=_local(row["started_at"]),
        ended_at=None if row["ended_at"] is None else _local(row["ended_at"]),
        recording=_recording_shown(row),
        requests=tuple(requests),
    )


_AS_STORED: Final = (
    "call_id",
    "node",
    "direction",
    "dialled",
    "disposition",
    "menu_path",
    "queue",
    "wait_ms",
    "agent",
    "talk_ms",
)


def _local(moment: datetime) -> str:
    return moment.astimezone(CENTRE_TIME).isoformat(timespec="milliseconds")


def _recording_shown(row: Mapping[str, Any]) -> RecordingShown | None:
    if row["recording_state"] != "kept":
        return None
    return RecordingShown(row["recording_path"], row["milliseconds"] / 1000, row["sha256"].hex())


def _request_shown(row: Mapping[str, Any]) -> RequestShown:
    try:
        names = edition(row["scheme"]).path(row["code"])
    except DefinitionInvalid:
        # A local leaf that this machine's files do not hold: the code still says what it is.
        names = (row["service"], row["code"])
    return RequestShown(
        scheme=row["scheme"],
        service=names[0],
        code=row["code"],
        path=_PATH_SIGN.join(names),
        confidence=row["confidence"],
        source=row["source"],
    )


async def load_call(connection: Session, call_id: str) -> Call | None:
    """Read the whole stored fold of one call back; it equals what was stored."""
    row = await queries.record_of_call(connection, call_id=call_id)
    if row is None:
        return None
    legs = [row async for row in queries.legs_of_call(connection, call_id=call_id)]
    steps = [row async for row in queries.menu_steps_of_call(connection, call_id=call_id)]
    visits = [row async for row in queries.queue_visits_of_call(connection, call_id=call_id)]
    offers = [row async for row in queries.offers_of_call(connection, call_id=call_id)]
    requests = [row async for row in queries.requests_of_call(connection, call_id=call_id)]
    messages = [row async for row in queries.messages_of_call(connection, call_id=call_id)]
    bookings = [row async for row in queries.bookings_of_call(connection, call_id=call_id)]
    stored = _plain(row)
    return Call(
        **_only(stored, Call, {"direction", "disposition", "ended_by"}),
        direction=Direction(stored["direction"]),
        disposition=_maybe(Disposition, stored["disposition"]),
        ended_by=_maybe(EndedBy, stored["ended_by"]),
        legs=tuple(_leg(_plain(leg)) for leg in legs),
        menu_steps=tuple(MenuStep(**_only(_plain(step), MenuStep, set())) for step in steps),
        visits=tuple(_visit(_plain(visit), offers) for visit in visits),
        requests=tuple(
            Request(**_only(_plain(request), Request, set()))
            for request in requests
            if request["source"] == "menu"
        ),
        messages=tuple(Message(**_plain(message)) for message in messages),
        bookings=tuple(Booking(**_plain(booking)) for booking in bookings),
    )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the row's moments into the fold's milliseconds: `ended_at` becomes `ended_ms`."""
    return {
        f"{name.removesuffix('_at')}_ms" if name.endswith("_at") else name: _milliseconds(value)
        for name, value in row.items()
    }


def _milliseconds(value: object) -> Any:  # noqa: ANN401 - a column of any type
    return (value - _EPOCH) // _MILLISECOND if isinstance(value, datetime) else value


def _only(values: Mapping[str, Any], kind: type, without: set[str]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)} - without
    return {name: values[name] for name in names & values.keys()}


def _maybe(kind: Any, value: str | None) -> Any:  # noqa: ANN401 - one of the record's enumerations
    return None if value is None else kind(value)


def _leg(values: Mapping[str, Any]) -> Leg:
    return Leg(**_only(values, Leg, {"kind"}), kind=LegKind(values["kind"]))


def _visit(values: Mapping[str, Any], offers: list[Mapping[str, Any]]) -> QueueVisit:
    mine = [_plain(offer) for offer in offers if offer["visit"] == values["position"]]
    return QueueVisit(
        **_only(values, QueueVisit, {"outcome"}),
        outcome=VisitOutcome(values["outcome"]),
        offers=tuple(
            Offer(**_only(offer, Offer, {"outcome"}), outcome=OfferOutcome(offer["outcome"]))
            for offer in mine
        ),
    )
