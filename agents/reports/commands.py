"""The statistical commands of `python -m agents`; the web desk calls the same functions.

Writers and readers of office formats come with the extra `reports`. They are imported where they
are used, so that `serve` neither needs nor loads them.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from agents.database import queries
from agents.reports.catalogue import REPORTS, Filters, run_report
from agents.reports.moment import one_moment
from agents.reports.scheme import network
from agents.reports.tally import Period, Standing
from agents.statistics import counts, units
from ivr.categories.taxonomy import edition
from ivr.config import load_settings
from ivr.database import Pool, Session, make_pool
from ivr.log import configure_logging

if TYPE_CHECKING:
    from agents.statistics.intake import Receipt

T = TypeVar("T")
_MONTHS = re.compile(r"(\d{4})-(\d{2})(?:\.\.(\d{4})-(\d{2}))?")
_SHANGHAI = ZoneInfo("Asia/Shanghai")

By = Annotated[str, typer.Option(help="Who does it; kept with what is done.")]


def register(app: typer.Typer) -> None:
    """Add the statistical commands to the people's side's command line."""
    for command in (
        units_command,
        form,
        submit,
        accept,
        send_back,
        reported,
        import_requests,
        recount,
        report,
    ):
        app.command(command.__name__.removesuffix("_command").replace("_", "-"))(command)


def parse_months(text: str) -> Period:
    """Read 2016-10 or 2014-11..2014-12.

    Raises:
        typer.BadParameter: it is neither, or ends before it begins.
    """
    match = _MONTHS.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)  # noqa: TRY301 - one refusal for all shapes
        year, month, last_year, last_month = match.groups()
        first = date(int(year), int(month), 1)
        last = date(int(last_year), int(last_month), 1) if last_year else first
    except ValueError:
        raise typer.BadParameter(f"expected 2016-10 or 2014-11..2014-12, came {text!r}") from None
    if last < first:
        raise typer.BadParameter(f"expected an end after the beginning, came {text!r}")
    return Period(first, last)


def _with_pool(work: Callable[[Pool], Awaitable[T]]) -> T:
    settings = load_settings()
    configure_logging(level=settings.log_level)

    async def run() -> T:
        async with make_pool(settings.database, purpose="reports") as pool:
            return await work(pool)

    return asyncio.run(run())


def on_a_connection(work: Callable[[Session], Awaitable[T]]) -> T:
    """Run `work` with a connection to the settings' database; it begins its own transactions."""

    async def run(pool: Pool) -> T:
        async with pool.acquire() as connection:
            return await work(connection)

    return _with_pool(run)


def in_transaction(work: Callable[[Session], Awaitable[T]]) -> T:
    """Run `work` with the settings' database, all of it or nothing; give what it gives."""

    async def run(pool: Pool) -> T:
        async with pool.acquire() as connection, connection.transaction():
            return await work(connection)

    return _with_pool(run)


def at_one_moment(work: Callable[[Session], Awaitable[T]]) -> T:
    """Run `work`, which reads alone, and let all it reads be of one moment."""

    async def run(pool: Pool) -> T:
        async with pool.acquire() as connection, one_moment(connection) as session:
            return await work(session)

    return _with_pool(run)


def units_command(network_id: str) -> None:
    """Load a network of reporting units from its shipped file."""
    stored = in_transaction(lambda s: units.store_network(s, network_id, network(network_id)))
    typer.echo(f"{stored} units of {network_id}")


def form(
    unit: str,
    *,
    month: Annotated[str, typer.Option(help="2016-10")],
    out: Annotated[Path, typer.Option(help="The XLSX file to write.")],
    taxonomy: Annotated[str, typer.Option(help="Edition of the categories.")] = "12320-2016",
) -> None:
    """Write the form that a unit fills in for a month."""
    from agents.statistics.submission_book import blank_book

    out.write_bytes(blank_book(unit, parse_months(month).first, edition(taxonomy)))
    typer.echo(str(out))


def submit(
    file: Annotated[Path, typer.Argument(help="JSON, CSV or the filled-in XLSX form.")],
    *,
    by: By,
    signature: Annotated[Path | None, typer.Option(help="Base64 of the Ed25519 signature.")] = None,
) -> None:
    """Hand in a unit's month; it counts once somebody accepts it."""
    from agents.statistics import intake
    from agents.statistics.submission_files import read_submission

    signed = base64.b64decode(signature.read_text()) if signature else None

    async def received(session: Session) -> Receipt:
        known = {row["unit_id"] async for row in queries.unit_ids(session)}
        now = datetime.now(_SHANGHAI)
        return await intake.receive(
            session,
            read_submission(file.name, file.read_bytes(), known),
            sent_by=by,
            now=now,
            signature=signed,
        )

    receipt = in_transaction(received)
    notes = [f"submission {receipt.submission_id}", f"version {receipt.version}"]
    notes += ["received before"] * receipt.repeated + ["late"] * receipt.late
    typer.echo(", ".join(notes))


def accept(submission: int, *, by: By) -> None:
    """Put a submission in force; the version before it is kept."""
    from agents.statistics import intake

    replaced = in_transaction(lambda s: intake.accept(s, submission, by=by))
    said = f", replacing version {replaced}" if replaced else ""
    typer.echo(f"submission {submission} is in force{said}")


def send_back(
    submission: int, *, by: By, reason: Annotated[str, typer.Option(help="Told to the unit.")]
) -> None:
    """Send a submission back to its unit; it stays on record and never counts."""
    from agents.statistics import intake

    in_transaction(lambda s: intake.send_back(s, submission, by=by, reason=reason))
    typer.echo(f"submission {submission} is sent back")


def reported(
    network_id: str,
    *,
    month: Annotated[str, typer.Option(help="2016-10")],
    taxonomy: Annotated[str, typer.Option(help="Edition of the categories.")] = "12320-2016",
) -> None:
    """Say who has reported a month and who has not."""
    from agents.statistics import intake

    found = in_transaction(lambda s: intake.reported(s, network_id, taxonomy, parse_months(month)))
    for row in found:
        late = " late" if row.late else ""
        waiting = " waiting" if row.version and not (row.accepted or row.returned) else ""
        back = " returned" if row.returned else ""
        typer.echo(f"{row.month:%Y-%m} {row.name} {row.standing.value}{late}{waiting}{back}")
    missing = sum(row.standing is Standing.MISSING for row in found)
    typer.echo(f"{len(found) - missing} of {len(found)} reported", err=True)


def import_requests(
    file: Annotated[Path, typer.Argument(help="CSV: unit,date,service,code|path,settlement,count")],
    *,
    by: By,
    taxonomy: Annotated[str, typer.Option(help="Edition of the categories.")] = "12320-2016",
) -> None:
    """Import counts from before this system, whole or not at all."""
    from agents.statistics import history

    done = in_transaction(
        lambda s: history.import_requests(
            s, file.read_bytes(), edition(taxonomy), name=file.name, by=by
        )
    )
    typer.echo(f"import {done.import_id}: {done.lines} lines" + " (before)" * done.repeated)


def recount() -> None:
    """Rebuild all counts and say how many were wrong."""

    def told(month: date, position: int, months: int) -> None:
        typer.echo(f"{month:%Y-%m}, {position} of {months}", err=True)

    wrong = _with_pool(lambda pool: counts.recount(pool, told=told))
    typer.echo(f"{wrong} counts were wrong")


def report(  # noqa: PLR0913 - the options of a command line
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(REPORTS)}.")],
    *,
    first: Annotated[datetime, typer.Option("--from", help="First day.")],
    last: Annotated[datetime, typer.Option("--to", help="Last day, included.")],
    queue: Annotated[str, typer.Option(help="Only this queue.")] = "",
    agent: Annotated[str, typer.Option(help="Only this agent.")] = "",
    unit: Annotated[str, typer.Option(help="Only this unit.")] = "",
    out: Annotated[Path | None, typer.Option(help="A .csv or .xlsx file.")] = None,
) -> None:
    """Print one of the reports at hand, or write it as CSV or XLSX."""
    from agents.reports.export import short_text, to_csv, to_sheet

    filters = Filters(first.date(), last.date(), queue=queue, agent=agent, unit=unit)
    found = at_one_moment(lambda s: run_report(s, name, filters))
    if out is None:
        typer.echo(short_text(found))
        typer.echo(to_csv(found), nl=False)
    else:
        out.write_bytes(to_sheet(found) if out.suffix == ".xlsx" else to_csv(found).encode())
        typer.echo(str(out))
