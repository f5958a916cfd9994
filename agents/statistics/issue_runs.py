"""Long runs about the bulletin: what is wanted of them, and asking for them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from agents import runs
from agents.database import queries
from agents.reports.scheme import Scheme
from agents.reports.tally import Period
from agents.statistics import issues
from agents.statistics.issues import IssueRefused, IssueState, drawable, locked, refuse_step
from ivr.database import Session

KIND: Final = "bulletin"
WORKER: Final = (sys.executable, "-m", "agents.statistics.issue_worker")


class Wanted(BaseModel):
    """What a run is to do: compile the issue of some months, publish a reviewed one, or draw one.

    An issue is drawn that has no files, because it was compiled before they were kept.
    """

    model_config = ConfigDict(frozen=True)

    act: Literal["compile", "publish", "draw"]
    scheme: str
    first: date
    last: date
    outbound: bool = False
    bulletin_id: int | None = None
    """Of the issue to publish or to draw."""

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
    key = {"scheme": scheme.id, "first": period.first, "last": period.last}
    await queries.lock_issue_in_work(session, **key)
    found = await queries.issue_in_work(session, **key)
    if found is not None and found["state"] != IssueState.DRAFT:
        raise IssueRefused("in_review", "The issue of these months is in review.")
    return await _ask(session, wanted, by)


async def ask_publication(session: Session, bulletin_id: int, *, by: str) -> int:
    """Ask for a reviewed issue to be published; call it in a transaction.

    Returns:
        The run's id.

    Raises:
        IssueRefused: as `issues.may_publish` says, or it is under way already.
    """
    found = await locked(session, bulletin_id)
    refuse_step(found, IssueState.PUBLISHED, by=by)
    return await _ask(session, _wanted("publish", found), by)


async def ask_drawing(session: Session, bulletin_id: int, *, by: str) -> int:
    """Ask for the files of an issue that has none; call it in a transaction.

    Returns:
        The run's id.

    Raises:
        IssueRefused: there is no such issue, it has files, or it is under way already.
    """
    found = await drawable(session, bulletin_id)
    return await _ask(session, _wanted("draw", found), by)


async def send_to_review(session: Session, bulletin_id: int, *, by: str) -> None:
    """Send a draft to review unless it is under way; call it in a transaction.

    Raises:
        IssueRefused: as `issues.send_to_review` says, or it is being worked on.
    """
    found = await locked(session, bulletin_id)
    named = about(found["scheme"], found["first_month"], found["last_month"])
    if await queries.run_under_way(session, kind=KIND, about=named) is not None:
        raise IssueRefused("under_way", f"{named} is being worked on.")
    await issues.send_to_review(session, bulletin_id, by=by)


def _wanted(act: Literal["publish", "draw"], found: Mapping[str, Any]) -> Wanted:
    return Wanted(
        act=act,
        scheme=found["scheme"],
        first=found["first_month"],
        last=found["last_month"],
        bulletin_id=found["bulletin_id"],
    )


async def _ask(session: Session, wanted: Wanted, by: str) -> int:
    run_id = await runs.ask(session, KIND, wanted.about, wanted.model_dump(mode="json"), by=by)
    if run_id is None:
        raise IssueRefused("under_way", f"{wanted.about} is being worked on.")
    return run_id
