"""A report that takes long: how far it is, line by line, until the table or the file is there.

Whoever closes the connection has cancelled it: the statement that runs is cancelled in PostgreSQL.
Nothing is kept of a report, so it needs no run of its own in the database (`agents.runs`).
"""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from typing import Annotated, Final, Literal

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, Field

from agents.reports.catalogue import Filters, Report, run_report, steps_of
from agents.throttle import EXPORT
from agents.web.api import endpoint, limited, reading, slowly
from agents.web.first import first
from agents.web.problems import Problem
from agents.web.reports import (
    PLACES,
    Format,
    Table,
    Wanted,
    hold_to_known,
    left,
    table_of,
    writer_of,
)
from ivr.database import OUTSIDE_FAILURES

LONGEST_SECONDS: Final = 900.0
"""For all steps; each of them has the time of any other question."""
AT_ONCE: Final = 1
LONG_PLACES: Final = web.AppKey("long_report_places", asyncio.Semaphore)
"""Places for reports of several steps, beside those of the short ones."""

Shape = Annotated[Literal["table", "csv", "xlsx"], Field(description="What comes at the end")]


class ReportFile(BaseModel):
    """A report as a file."""

    name: str
    kind: str
    content: str = Field(description="Base64")


class ReportLine(BaseModel):
    """One line of the answer. The last one has a table, a file or a problem."""

    step: int = 0
    steps: int = 0
    table: Table | None = None
    file: ReportFile | None = None
    problem: Problem | None = None


@endpoint
async def run(
    request: web.Request,
    name: str,
    /,
    wanted: Wanted,
    shape: Shape = "table",
) -> r200[ReportLine]:
    """Run a report over whole days, and say how far it is: JSON, one object a line."""
    filters = wanted.filters()
    hold_to_known(name)
    if shape != "table":
        await limited(request, EXPORT)
    steps = steps_of(name, filters)
    async with slowly(request, LONG_PLACES if steps > 1 else PLACES):
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        # Whoever has left is told nothing more.
        with suppress(ConnectionResetError):
            await _say(response, ReportLine(steps=steps))
            await _say(response, await _run(request, response, name, filters, shape))
            await response.write_eof()
    return response


async def _run(
    request: web.Request, response: web.StreamResponse, name: str, filters: Filters, shape: Shape
) -> ReportLine:
    async def told(step: int, steps: int) -> None:
        await _say(response, ReportLine(step=step, steps=steps))

    async def work() -> Report:
        async with (
            reading(request) as connection,
            # All steps see one moment, or what is corrected meanwhile would be counted twice.
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await run_report(connection, name, filters, told)

    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            report = await first(work(), left(request))
    except ConnectionResetError:
        raise
    except TimeoutError:
        return _problem("too_long", "统计时间过长，已停止；请缩短日期范围。")
    except OUTSIDE_FAILURES:
        return _problem("unavailable", "暂时无法处理，请稍后再试。")
    if shape == "table":
        return ReportLine(table=table_of(report))
    write, kind = writer_of(Format(shape))
    content = base64.b64encode(await asyncio.to_thread(write, report)).decode()
    file = f"{name}-{filters.first}-{filters.last}.{shape}"
    return ReportLine(file=ReportFile(name=file, kind=kind, content=content))


def _problem(code: str, message: str) -> ReportLine:
    return ReportLine(problem=Problem(code=code, message=message))


async def _say(response: web.StreamResponse, line: ReportLine) -> None:
    await response.write(line.model_dump_json(exclude_none=True).encode() + b"\n")
