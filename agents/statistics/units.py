"""Reporting units in the database, and the networks that they belong to from day to day."""

from __future__ import annotations

from agents.database import queries
from agents.reports.scheme import Member
from agents.reports.tally import Period, Unit
from ivr.database import Session


async def store_network(
    session: Session, network: str, members: tuple[Member, ...], *, reports_by: str = "submissions"
) -> int:
    """Bring a network's units and memberships to what its file says; returns how many there are.

    Units that the file no longer names are kept: their months stay in the books. A membership
    ends when the file gives it an end.
    """
    for member in members:
        unit = member.unit
        await queries.store_unit(
            session,
            unit=unit.id,
            name=unit.name,
            brief_name=unit.brief_name,
            heading_name=unit.heading_name,
            reports_by=reports_by,
        )
        await queries.store_membership(
            session,
            network=network,
            unit=unit.id,
            position=unit.order,
            since=member.since,
            until=member.until,
        )
    return len(members)


async def members(session: Session, network: str, period: Period) -> tuple[Unit, ...]:
    """Return the units that belonged to a network in any month of a period, in its order."""
    found = queries.network_units(session, network=network, first=period.first, last=period.last)
    units = [
        Unit(r["unit_id"], r["name"], r["brief_name"], r["heading_name"], r["position"])
        async for r in found
    ]
    return tuple(units)
