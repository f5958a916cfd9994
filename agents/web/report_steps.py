"""A report that takes long: how far it is, line by line, until the table or the file is there.

Whoever closes the connection has cancelled it: the statement that runs is cancelled in PostgreSQL.
Whoever does not read is cut off. Nothing is kept of a report, so it needs no run of its own in the
database (`agents.runs`).
"""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from typing import Annotated, Final, Literal

import structlog
from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, Field

from agents.reports.catalogue import Filters, Report, run_report, steps_of
from agents.reports.moment import TooLong, one_report
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

SHORT_DAYS: Final = 92
"""A quarter; a longer span has to wait for the place of the long ones."""
AT_ONCE: Final = 1
LONG_PLACES: Final = web.AppKey("long_report_places", asyncio.Semaphore)
"""Places for reports of long spans, beside those of the short ones."""
STALLED_SECONDS: Final = 30.0
"""How long a browser may take for one piece of the answer."""
_PIECE: Final = 65_536

_log = structlog.get_logger()

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
    filters = await hold_to_known(request, name, wanted)
    if shape != "table":
        await limited(request, EXPORT)
    is_short = (filters.last - filters.first).days < SHORT_DAYS
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    # Whoever has left, or does not read, is told nothing more.
    with suppress(ConnectionResetError):
        async with slowly(request, PLACES if is_short else LONG_PLACES):
            await response.prepare(request)
            await _say(request, response, ReportLine(steps=steps_of(name, filters)))
            last = await _last_line(request, response, name, filters, shape)
        # Nobody waits for the place of somebody who is reading.
        await _say(request, response, last)
        await response.write_eof()
    return response


async def _last_line(
    request: web.Request, response: web.StreamResponse, name: str, filters: Filters, shape: Shape
) -> ReportLine:
    """Return what came of it; from here on a failure can only be told in a line."""
    try:
        report = await _run(request, response, name, filters)
        if shape == "table":
            return ReportLine(table=table_of(report))
        return ReportLine(file=await _file_of(report, name, filters, shape))
    except ConnectionResetError:
        raise
    except (TooLong, TimeoutError):
        return _problem("too_long", "统计时间过长，已停止；请缩短日期范围。")
    except OUTSIDE_FAILURES:
        return _problem("unavailable", "暂时无法处理，请稍后再试。")
    except Exception:  # noqa: BLE001 - see above
        _log.exception("web.failed", method=request.method, path=request.path)
        return _problem("failed", "系统内部错误，已记录。")


async def _run(
    request: web.Request, response: web.StreamResponse, name: str, filters: Filters
) -> Report:
    async def told(step: int, steps: int) -> None:
        await _say(request, response, ReportLine(step=step, steps=steps))

    async def work() -> Report:
        async with reading(request) as connection, one_report(connection) as session:
            return await run_report(session, name, filters, told)

    return await first(work(), left(request))


async def _file_of(report: Report, name: str, filters: Filters, shape: Shape) -> ReportFile:
    write, kind = writer_of(Format(shape))
    content = base64.b64encode(await asyncio.to_thread(write, report)).decode()
    file = f"{name}-{filters.first}-{filters.last}.{shape}"
    return ReportFile(name=file, kind=kind, content=content)


def _problem(code: str, message: str) -> ReportLine:
    return ReportLine(problem=Problem(code=code, message=message))


async def _say(request: web.Request, response: web.StreamResponse, line: ReportLine) -> None:
    """Write a line, piece by piece.

    Raises:
        ConnectionResetError: nobody reads it; the connection is cut.
    """
    text = line.model_dump_json(exclude_none=True).encode() + b"\n"
    try:
        for begin in range(0, len(text), _PIECE):
            async with asyncio.timeout(STALLED_SECONDS):
                await response.write(text[begin : begin + _PIECE])
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError from None
