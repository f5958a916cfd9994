"""`short-text`: the main figures of a day, a week or a month as a text message, on the terminal."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Final

import typer

from agents.reports.catalogue import Filters
from agents.reports.commands import at_one_moment, parse_months
from agents.reports.main_figures import main_figures
from agents.reports.periods import Days, name_of
from agents.reports.sms import BRIEF, FULL, text_message
from agents.reports.tally import shifted

_WEEK: Final = re.compile(r"(\d{4})-W(\d{2})")
_DAY: Final = timedelta(days=1)


def register(app: typer.Typer) -> None:
    """Add the command to the people's side's command line."""
    app.command("short-text")(short_text)


def days_named(day: str, week: str, month: str) -> Days:
    """Read the one span that was named.

    Raises:
        typer.BadParameter: none or several were, or it is none.
    """
    if len([one for one in (day, week, month) if one]) != 1:
        raise typer.BadParameter("expected one of --day, --week and --month")
    if month:
        months = parse_months(month)
        return months.first, shifted(months.last, 1) - _DAY
    try:
        if day:
            return date.fromisoformat(day), date.fromisoformat(day)
        if match := _WEEK.fullmatch(week):
            monday = date.fromisocalendar(int(match[1]), int(match[2]), 1)
            return monday, monday + 6 * _DAY
    except ValueError:
        pass
    raise typer.BadParameter(f"expected 2026-11-21 or 2026-W47, came {day or week!r}")


def short_text(  # noqa: PLR0913 - the options of a command line
    *,
    day: Annotated[str, typer.Option(help="2026-11-21")] = "",
    week: Annotated[str, typer.Option(help="2026-W47, of ISO 8601.")] = "",
    month: Annotated[str, typer.Option(help="2026-11, or 2026-10..2026-11.")] = "",
    queue: Annotated[str, typer.Option(help="Only this queue.")] = "",
    agent: Annotated[str, typer.Option(help="Only this agent.")] = "",
    unit: Annotated[str, typer.Option(help="Only this unit.")] = "",
    full: Annotated[bool, typer.Option("--full", help="Up to 140 characters, not 70.")] = False,
) -> None:
    """Say the main figures of a span in at most 70 characters, or 140."""
    first, last = days_named(day, week, month)
    filters = Filters(first, last, queue=queue, agent=agent, unit=unit)
    figures = at_one_moment(lambda session: main_figures(session, filters))
    limit = FULL if full else BRIEF
    said = text_message(name_of(first, last), figures, limit, filters.narrowed)
    typer.echo(said.text)
    typer.echo(f"{len(said.text)} of {said.limit} characters, {said.messages} message(s)", err=True)
