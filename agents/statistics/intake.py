"""Taking in a unit's month: kept in versions, accepted by a person, restated with both kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import structlog

from agents.database import queries
from agents.reports.tally import Period, Standing, UnitMonth, shifted
from agents.statistics.submissions import Fault, Submission, SubmissionRefused, check_signature
from ivr.database import Session

log = structlog.get_logger()

DUE_DAY: Final = 5
"""A month is late after this day of the next one; no public rule says which, so it is ours."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a file."""

    submission_id: int
    version: int
    repeated: bool
    """The very same content was here already; nothing was stored."""
    late: bool


@dataclass(frozen=True, slots=True)
class Reported:
    """How one unit's month stands for whoever chases the missing ones."""

    unit: str
    name: str
    month: date
    standing: Standing
    version: int | None
    accepted: bool
    late: bool
    total: int
    reason: str
    returned: bool = False
    """The newest version was sent back, and none is in force."""
    counted_here: bool = False
    """Its requests are counted here; nothing is sent in."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a unit's month, as whoever decides about it sees it."""

    submission_id: int
    version: int
    state: str
    """`received`, `accepted`, `replaced` or `returned`."""
    standing: str
    total: int
    reason: str
    late: bool
    signed: bool
    sent_by: str
    received_at: datetime
    accepted_by: str | None
    accepted_at: datetime | None
    returned_by: str | None
    returned_at: datetime | None
    return_reason: str | None


def is_late(month: date, received: datetime, due_day: int = DUE_DAY) -> bool:
    """Whether a month came after the due day of the month that follows it."""
    return received.date() > shifted(month, 1).replace(day=due_day)


async def receive(
    session: Session,
    submission: Submission,
    *,
    sent_by: str,
    now: datetime,
    signature: bytes | None = None,
) -> Receipt:
    """Keep a submission as the next version of its unit's month; call it in a transaction.

    Raises:
        SubmissionRefused: unknown unit, or a signature that is missing or not the unit's.
    """
    unit = await queries.unit_of(session, unit=submission.unit)
    if unit is None:
        raise SubmissionRefused([Fault("unit", "a unit of the network", submission.unit)])
    if unit["public_key"] is not None:
        check_signature(submission, signature, unit["public_key"])
    await queries.lock_unit(session, unit=submission.unit)
    key = {"unit": submission.unit, "month": submission.month, "scheme": submission.scheme}
    same = await queries.same_submission(session, digest=submission.digest(), **key)
    if same is not None:
        return Receipt(same["submission_id"], same["version"], repeated=True, late=same["late"])
    kept = await queries.store_submission(
        session,
        **key,
        standing=submission.standing.value,
        total=submission.total,
        reason=submission.reason,
        document=submission.document(),
        digest=submission.digest(),
        signature=signature,
        late=is_late(submission.month, now),
        sent_by=sent_by,
    )
    await queries.store_submission_lines(
        session,
        submission_id=kept["submission_id"],
        codes=[line.code for line in submission.lines],
        settlements=[line.settlement for line in submission.lines],
        counts=[line.count for line in submission.lines],
    )
    log.info(
        "submission.received",
        unit=submission.unit,
        month=f"{submission.month:%Y-%m}",
        version=kept["version"],
        late=kept["late"],
    )
    return Receipt(kept["submission_id"], kept["version"], repeated=False, late=kept["late"])


async def accept(session: Session, submission_id: int, *, by: str) -> int | None:
    """Put a version in force; call it in a transaction.

    The counts change by the difference to the version that was in force, which is kept.

    Returns:
        The version that was replaced, or None.

    Raises:
        SubmissionRefused: it does not exist, was accepted before, or the unit's month is
            already counted from requests or imported history.
    """
    found = await _waiting(session, submission_id)
    await _refuse_double_counting(session, found["unit"], found["month"])
    key = {"unit": found["unit"], "month": found["month"], "scheme": found["scheme"]}
    before = await queries.submission_in_force(session, **key)
    replaced = before["submission_id"] if before else None
    await queries.change_counts_by(session, submission_id=submission_id, replaced=replaced)
    if replaced is not None:
        await queries.set_submission_state(
            session, submission_id=replaced, state="replaced", accepted_by=by
        )
    await queries.set_submission_state(
        session, submission_id=submission_id, state="accepted", accepted_by=by
    )
    log.info(
        "submission.accepted",
        unit=found["unit"],
        month=f"{found['month']:%Y-%m}",
        version=found["version"],
        restated=replaced is not None,
    )
    return before["version"] if before else None


async def send_back(session: Session, submission_id: int, *, by: str, reason: str) -> None:
    """Send a version back to its unit, which may send another; call it in a transaction.

    Raises:
        SubmissionRefused: it does not exist, or was accepted or sent back before.
    """
    found = await _waiting(session, submission_id)
    await queries.return_submission(
        session, submission_id=submission_id, returned_by=by, reason=reason
    )
    log.info(
        "submission.returned",
        unit=found["unit"],
        month=f"{found['month']:%Y-%m}",
        version=found["version"],
    )


async def versions(session: Session, unit: str, month: date, scheme: str) -> list[Version]:
    """Return every version of a unit's month, the newest first."""
    found = queries.submission_versions(session, unit=unit, month=month, scheme=scheme)
    return [Version(**row) async for row in found]


async def _waiting(session: Session, submission_id: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = await queries.submission(session, submission_id=submission_id)
    if found is None or found["state"] != "received":
        came = "none" if found is None else found["state"]
        raise SubmissionRefused([Fault("submission", "one that waits", came)])
    return found


async def _refuse_double_counting(session: Session, unit: str, month: date) -> None:
    row = await queries.unit_of(session, unit=unit)
    if row["reports_by"] == "requests":
        raise SubmissionRefused([Fault("unit", "a unit that sends in", f"{unit}, counted here")])
    lines = await queries.imported_in(session, unit=unit, month=month)
    if lines:
        fault = Fault("month", "a month without imported history", f"{lines} lines of it")
        raise SubmissionRefused([fault])


async def reported(session: Session, network: str, scheme: str, period: Period) -> list[Reported]:
    """Return how each member's months stand: who has reported and who has not."""
    return [
        Reported(
            unit=r["unit_id"],
            name=r["name"],
            month=r["month"],
            standing=_standing(r["reports_by"], r["state"], r["standing"], imported=r["imported"]),
            version=r["version"],
            accepted=r["state"] == "accepted",
            late=bool(r["late"]),
            total=r["total"] or 0,
            reason=r["reason"] or "",
            returned=bool(r["returned"]),
            counted_here=r["reports_by"] == "requests" or r["imported"],
        )
        async for r in queries.reported(
            session, network=network, scheme=scheme, first=period.first, last=period.last
        )
    ]


def _standing(
    reports_by: str, state: str | None, standing: str | None, *, imported: bool
) -> Standing:
    if reports_by == "requests" or imported:
        return Standing.COMPLETE
    if state != "accepted" or standing is None:
        return Standing.MISSING
    return Standing(standing)


def unit_months(found: list[Reported]) -> dict[tuple[str, date], UnitMonth]:
    """Return what a bulletin needs to know of how months stand."""
    return {
        (r.unit, r.month): UnitMonth(r.unit, r.month, r.standing, r.total, r.reason) for r in found
    }
