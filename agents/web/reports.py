"""Reports at hand in the browser: as a table, as a file, and down to the calls behind a figure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final, NoReturn, TypeVar

from aiohttp import web
from aiohttp_pydantic.injectors import Group
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents.database import queries
from agents.reports.behind import CallBehind, calls_behind
from agents.reports.catalogue import FILTERS, REPORTS, Filters, Report, run_report, surplus_of
from agents.reports.moment import one_moment
from agents.reports.periods import Relative, days_of
from agents.reports.schedules import SHANGHAI
from agents.throttle import EXPORT
from agents.web.api import answer, endpoint, limited, reading, slowly
from agents.web.first import first as first_of
from agents.web.problems import Fault, Refused
from ivr.database import Session

LONGEST_SECONDS: Final = 25.0
"""Then the question is given up, also in the database; a shorter span answers sooner."""
AT_ONCE: Final = 2
"""Questions that a process asks at once; the other connections are for the desks."""
PLACES: Final = web.AppKey("report_places", asyncio.Semaphore)
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
LONGEST_DAYS: Final = 3 * 366

_UNITS_NAMED: Final = 40
_LOOK_SECONDS: Final = 0.25
"""How often it is looked whether somebody still waits for an answer."""

T = TypeVar("T")

Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{0,64}$")]
RowKey = Annotated[str, StringConstraints(max_length=400)]
"""A row's first cell; a way through the menu may be long."""


class Format(StrEnum):
    """What a report can be taken out as."""

    CSV = "csv"
    XLSX = "xlsx"


class Wanted(Group):  # type: ignore[misc]  # the library has no types
    """What a report is to cover: whole days, both included; an empty word means all."""

    first: date
    last: date
    queue: Key = ""
    agent: Key = ""
    unit: Key = ""

    def filters(self) -> Filters:
        """Return it as the catalogue takes it.

        Raises:
            Refused: 422, the days run backwards or are too many.
        """
        known = EARLIEST <= self.first <= self.last <= LATEST
        if not known or (self.last - self.first).days >= LONGEST_DAYS:
            fault = Fault(field="last", message="应不早于起始日，且跨度不超过三年")
            raise Refused(422, "invalid", faults=[fault])
        return Filters(self.first, self.last, self.queue, self.agent, self.unit)


class Kind(BaseModel):
    """A report that there is."""

    name: str
    title: str
    headings: list[str]
    filters: list[str] = Field(description="By what it can be narrowed: queue, agent, unit")


class Span(BaseModel):
    """A span that is told relatively, and the days that it means today."""

    period: Relative
    first: date
    last: date


class Kinds(BaseModel):
    """All reports, and the spans that can be told relatively."""

    reports: list[Kind]
    periods: list[Span]


class Table(BaseModel):
    """A report that was run."""

    title: str
    period: str
    scope: str = Field(description="By what it is narrowed; empty: it covers everything")
    headings: list[str]
    rows: list[list[str | int]] = Field(description="The first cell says what the row is about")
    adds_up: bool = Field(description="Whether the figures of a column may be added up")


class CallOfFigure(BaseModel):
    """A call that a figure counts, or a request of a call."""

    model_config = ConfigDict(from_attributes=True)

    call_id: str
    at: datetime = Field(description="When it entered the queue, began, or was filed")
    queue: str | None
    agent: str | None
    result: str = Field(description="How it left the queue, ended, or was settled")
    code: str | None


class CallsBehind(BaseModel):
    """The newest calls behind a row's first figure, at most five hundred."""

    calls: list[CallOfFigure]


@endpoint
async def show_all(request: web.Request) -> r200[Kinds]:  # noqa: ARG001 - the form of a handler
    """List the reports."""
    kinds = [
        Kind(
            name=name,
            title=one.title,
            headings=[heading for _, heading in one.columns],
            filters=list(one.filters),
        )
        for name, one in REPORTS.items()
    ]
    day = datetime.now(SHANGHAI).date()
    spans = [(period, *days_of(period, day)) for period in Relative]
    periods = [Span(period=period, first=first, last=last) for period, first, last in spans]
    return answer(Kinds(reports=kinds, periods=periods))


@endpoint
async def show(
    request: web.Request,
    name: str,
    /,
    wanted: Wanted,
) -> r200[Table]:
    """Run a report over whole days, both included."""
    report = await _run(request, name, wanted)
    return answer(table_of(report))


def table_of(report: Report) -> Table:
    """Give a report as it is shown."""
    return Table(
        title=report.title,
        period=report.period,
        scope=report.scope,
        headings=list(report.headings),
        rows=[list(row) for row in report.rows],
        adds_up=report.adds_up,
    )


@endpoint
async def take_out(
    request: web.Request,
    name: str,
    /,
    wanted: Wanted,
    form: Format = Format.XLSX,
) -> r200[bytes]:
    """Run a report and give it as a file."""
    await limited(request, EXPORT)
    report = await _run(request, name, wanted)
    write, kind = writer_of(form)
    file = f"{name}-{wanted.first}-{wanted.last}.{form}"
    return web.Response(
        body=await asyncio.to_thread(write, report),
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


@endpoint
async def show_calls(
    request: web.Request,
    name: str,
    /,
    wanted: Wanted,
    key: RowKey,
) -> r200[CallsBehind]:
    """Give the calls behind a row of a report that was run with the same filters."""
    filters = await hold_to_known(request, name, wanted)

    async def ask(session: Session) -> list[CallBehind]:
        return await calls_behind(session, name, filters, key)

    found = await asked(request, ask)
    return answer(CallsBehind(calls=[CallOfFigure.model_validate(one) for one in found]))


async def _run(request: web.Request, name: str, wanted: Wanted) -> Report:
    filters = await hold_to_known(request, name, wanted)
    return await asked(request, lambda session: run_report(session, name, filters))


async def hold_to_known(request: web.Request, name: str, wanted: Wanted) -> Filters:
    """Go on with a report that there is, and with what it can be narrowed by.

    Raises:
        Refused: 404, there is none of that name; 422, it covers no such days, is not counted by
            what it is to be narrowed by, or there is no such unit.
    """
    if name not in REPORTS:
        raise Refused(404)
    filters = wanted.filters()
    if surplus := surplus_of(name, filters):
        known = "、".join(FILTERS[key] for key in REPORTS[name].filters)
        message = f"此报表只能按{known}筛选"
        faults = [Fault(field=key, message=message) for key in surplus]
        raise Refused(422, "invalid", f"{message}。", faults=faults)
    await hold_to_unit(request, filters.unit)
    return filters


async def hold_to_unit(request: web.Request, unit: str) -> None:
    """Go on with a unit that there is, or without one: of another, nothing is not a figure.

    Raises:
        Refused: 422, naming those there are.
    """
    if not unit:
        return
    async with reading(request) as connection:
        known = [row["unit_id"] async for row in queries.unit_ids(connection)]
    if unit not in known:
        some = "、".join(known[:_UNITS_NAMED]) + " 等" * (len(known) > _UNITS_NAMED)
        message = f"没有这个上报单位；现有：{some}"
        fault = Fault(field="unit", message=message)
        raise Refused(422, "invalid", f"{message}。", faults=[fault])


async def asked(request: web.Request, question: Callable[[Session], Awaitable[T]]) -> T:
    """Ask the database as long as somebody waits for the answer, and not for ever."""

    async def ask() -> T:
        async with reading(request) as connection, one_moment(connection) as session:
            return await question(session)

    try:
        async with slowly(request, PLACES), asyncio.timeout(LONGEST_SECONDS):
            return await first_of(ask(), left(request))
    except TimeoutError:
        raise Refused(503, "too_long", "统计时间过长，已停止；请缩短日期范围。") from None


async def left(request: web.Request) -> NoReturn:
    """Look until nobody waits for the answer any more."""
    while True:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError
        await asyncio.sleep(_LOOK_SECONDS)


def writer_of(form: Format) -> tuple[Callable[[Report], bytes], str]:
    """Return what writes a form, and its media type.

    The writers of office formats are loaded when the first file is asked for.
    """
    from agents.reports import export  # noqa: PLC0415 - see above

    if form is Format.CSV:
        return lambda report: export.to_csv(report).encode("utf-8"), "text/csv"
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return export.to_sheet, sheet
