"""The audit for those who watch over the others; whoever reads it is written into it first."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp_pydantic.injectors import Group
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents import audit
from agents.audit import NEWEST, Filters, Line
from agents.reports.export import closed
from agents.throttle import EXPORT, SEARCH
from agents.web.api import POOL, answer, endpoint, limited, reading, slowly, who
from agents.web.problems import Fault, Refused
from agents.web.reports import EARLIEST, LATEST, LONGEST_SECONDS, PLACES
from ivr.database import Session

PAGE: Final = 100
MOST_TAKEN_OUT: Final = 50_000
"""Lines in one file."""
LONGEST_DAYS: Final = 3 * 366

_CHINA: Final = ZoneInfo("Asia/Shanghai")
_HEADINGS: Final = ("序号", "时间", "人员", "动作", "对象", "详情", "哈希")

T = TypeVar("T")

Actor = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{0,16}$")]
Action = Annotated[str, StringConstraints(pattern=r"^[a-z_.]{0,40}$")]
Part = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{0,80}$")]


class Lines(Group):  # type: ignore[misc]  # the library has no types
    """Which lines are wanted: whole days of China, both included; an empty word means all."""

    first: date
    last: date
    actor: Actor = ""
    action: Action = ""
    object: Part = ""

    def filters(self) -> Filters:
        """Return it as the audit takes it.

        Raises:
            Refused: 422, the days run backwards or are too many.
        """
        known = EARLIEST <= self.first <= self.last <= LATEST
        if not known or (self.last - self.first).days >= LONGEST_DAYS:
            fault = Fault(field="last", message="应不早于起始日，且跨度不超过三年")
            raise Refused(422, "invalid", faults=[fault])
        return Filters(self.first, self.last, self.actor, self.action, self.object)


class AuditLine(BaseModel):
    """Who did what to what."""

    model_config = ConfigDict(from_attributes=True)

    seq: int
    happened_at: datetime
    actor: str = Field(description="Staff id; empty when nobody is known")
    action: str
    object: str
    detail: str = Field(description="JSON")
    hash: str = Field(description="Of this line and the one before it, hexadecimal")


class AuditLines(BaseModel):
    """Lines, the newest first."""

    lines: list[AuditLine]
    more: bool = Field(description="Ask again with `before` the last number")


class Actions(BaseModel):
    """All actions that were ever written down."""

    actions: list[str]


class ChainBreak(BaseModel):
    """A line at which the chain does not hold."""

    model_config = ConfigDict(from_attributes=True)

    seq: int
    happened_at: datetime
    why: str = Field(description="`changed`, `missing` (lines before it are gone), `relinked`")


class Chain(BaseModel):
    """Whether a stretch of the chain holds."""

    model_config = ConfigDict(from_attributes=True)

    checked: int = Field(description="The last line of it; ask again `after` it while more follow")
    lines: int = Field(description="The newest line of all")
    newest_hash: str = Field(description="Note it: a chain does not tell that its end was cut off")
    faults: int = Field(description="At how many lines of the stretch the chain does not hold")
    breaks: list[ChainBreak] = Field(description="The first of them")


@endpoint
async def show(
    request: web.Request,
    wanted: Lines,
    before: Annotated[int, Field(ge=1, le=NEWEST)] = NEWEST,
) -> r200[AuditLines]:
    """Give a page of the audit."""
    await limited(request, SEARCH)
    filters = wanted.filters()
    await _own_up(request, "audit.read", filters, before)
    found = await _asked(request, lambda s: audit.lines(s, filters, PAGE + 1, before=before))
    page = [AuditLine.model_validate(line) for line in found[:PAGE]]
    return answer(AuditLines(lines=page, more=len(found) > PAGE))


@endpoint
async def show_actions(request: web.Request) -> r200[Actions]:
    """List what can be filtered by."""
    async with reading(request) as connection:
        return answer(Actions(actions=await audit.actions(connection)))


@endpoint
async def show_chain(
    request: web.Request, after: Annotated[int, Field(ge=0, le=NEWEST)] = 0
) -> r200[Chain]:
    """Walk along a stretch of the chain and tell whether it holds, or where it breaks."""
    await limited(request, SEARCH if after else EXPORT)
    if not after:
        await audit.note(request.app[POOL], who(request).person, "audit.verified", "audit")
    found = await _asked(request, lambda session: audit.chain(session, after))
    if found.lines < after:
        raise Refused(409, "chain_shorter", f"第 {after} 行已不存在：核验期间，末尾的行被删除。")
    return answer(Chain.model_validate(found))


@endpoint
async def take_out(request: web.Request, wanted: Lines) -> r200[bytes]:
    """Give all lines that are wanted as CSV."""
    await limited(request, EXPORT)
    filters = wanted.filters()
    await _own_up(request, "audit.exported", filters)
    found = await _asked(request, lambda s: audit.lines(s, filters, MOST_TAKEN_OUT + 1))
    if len(found) > MOST_TAKEN_OUT:
        raise Refused(422, "too_many", f"超过 {MOST_TAKEN_OUT} 行，请缩小范围。")
    file = f"audit-{filters.first}-{filters.last}.csv"
    return web.Response(
        body=await asyncio.to_thread(_to_csv, found),
        content_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


async def _own_up(
    request: web.Request, action: str, filters: Filters, before: int = NEWEST
) -> None:
    """Write down who reads what, before he has read it."""
    asked = {name: str(value) for name, value in asdict(filters).items() if value}
    if before < NEWEST:
        asked["before"] = str(before)
    await audit.note(request.app[POOL], who(request).person, action, "audit", asked=asked)


async def _asked(request: web.Request, question: Callable[[Session], Awaitable[T]]) -> T:
    try:
        async with (
            slowly(request, PLACES),
            asyncio.timeout(LONGEST_SECONDS),
            reading(request) as connection,
        ):
            return await question(connection)
    except TimeoutError:
        raise Refused(503, "too_long", "查询时间过长，已停止；请缩短日期范围。") from None


def _to_csv(found: list[Line]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    for line in found:
        at = line.happened_at.astimezone(_CHINA).isoformat(sep=" ", timespec="milliseconds")
        words = (line.actor, line.action, line.object, line.detail, line.hash)
        writer.writerow([line.seq, at, *map(closed, words)])
    return ("\ufeff" + out.getvalue()).encode()
