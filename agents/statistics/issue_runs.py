"""Long runs about the bulletin: what is wanted of them, and asking for them."""

from __future__ import annotations

import sys
from datetime import date
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from agents import runs
from agents.database import queries
from agents.reports.scheme import Scheme
from agents.reports.tally import Period
from agents.statistics.issues import IssueRefused, IssueState, refuse_step
from ivr.database import Session

KIND: Final = "bulletin"
WORKER: Final = (sys.executable, "-m", "agents.statistics.issue_worker")


class Wanted(BaseModel):
    """What a run is to do: compile the issue of some months, or publish a reviewed one."""

    model_config = ConfigDict(frozen=True)

    act: Literal["compile", "publish"]
    scheme: str
    first: date
    last: date
    outbound: bool = False
    bulletin_id: int | None = None
    """Of the issue to publish."""

    @property
    def about(self) -> str:
        """What only one run at a time may be about."""
        return about(self.scheme, self.first, self.last)


def about(scheme_id: str, first: date, last: date) -> str:
    """Name the issue of some months."""
    return f"{scheme_id} {first:%Y-%m}..{last:%Y-%m}"


async def ask_compilation(
    session: Session, scheme: Scheme, period: Period, *, outbound: bool, by: str
) -> int:
    """Ask for an issue to be compiled from today's counts; call it in a transaction.

    Returns:
        The run's id.

    Raises:
        IssueRefused: the issue of these months is in review, or under way already.
    """
    wanted = Wanted(
        act="compile", scheme=scheme.id, first=period.first, last=period.last, outbound=outbound
    )
    found = await queries.issue_in_work(
        session, scheme=scheme.id, first=period.first, last=period.last
    )
    if found is not None and found["state"] != IssueState.DRAFT:
        raise IssueRefused("in_review", "The issue of these months is in review.")
    return await _ask(session, wanted, by)


async def ask_publication(session: Session, bulletin_id: int, *, by: str) -> int:
    """Ask for a reviewed issue to be published; call it in a transaction.

    Returns:
        The run's id.

    Raises:
        IssueRefused: as `move_on` says, or it is under way already.
    """
    found = await queries.issue(session, bulletin_id=bulletin_id)
    if found is None:
        raise IssueRefused("unknown", f"No issue {bulletin_id}.")
    refuse_step(found, IssueState.PUBLISHED, by=by)
    wanted = Wanted(
        act="publish",
        scheme=found["scheme"],
        first=found["first_month"],
        last=found["last_month"],
        bulletin_id=bulletin_id,
    )
    return await _ask(session, wanted, by)


async def _ask(session: Session, wanted: Wanted, by: str) -> int:
    run_id = await runs.ask(session, KIND, wanted.about, wanted.model_dump(mode="json"), by=by)
    if run_id is None:
        raise IssueRefused("under_way", f"{wanted.about} is being worked on.")
    return run_id
