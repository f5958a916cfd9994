"""Saved reports in the browser, and the main figures of a span as a text message."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Annotated

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200, r201, r204
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents import audit
from agents.reports import saved
from agents.reports.catalogue import REPORTS, Filters
from agents.reports.main_figures import main_figures
from agents.reports.periods import Relative, name_of
from agents.reports.saved import NameTaken, Saved, TooMany, Wish
from agents.reports.sms import BRIEF, FULL, MainFigures, TextMessage, text_message
from agents.web.api import answer, change, done, endpoint, reading, session, who
from agents.web.problems import Fault, Refused
from agents.web.reports import Key, Wanted, asked, hold_to_unit
from ivr.database import Session

Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Name = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=60,
        strip_whitespace=True,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$",
    ),
]
"""One line: it becomes the subject of a mail."""


class ReportWish(BaseModel):
    """What is to be shown, its span told relatively, and what it is called."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    report: Key
    period: Relative
    queue: Key = ""
    agent: Key = ""
    unit: Key = ""
    shared: bool = Field(default=False, description="All who may see reports may open it")


class SavedReport(BaseModel):
    """A report that somebody keeps, with the days that it means today."""

    saved_id: int
    name: str
    owner: str
    owner_name: str
    own: bool
    report: str
    title: str
    period: Relative
    first: date
    last: date
    queue: str
    agent: str
    unit: str
    shared: bool


class SavedReports(BaseModel):
    """One's own, then those that others share."""

    saved: list[SavedReport]


class MessageText(BaseModel):
    """A text for a message."""

    text: str
    length: int
    limit: int = Field(description="Characters it was made for")
    messages: int = Field(description="As how many a carrier counts it")


class MessageTexts(BaseModel):
    """The main figures of a span, in one message and in full."""

    period: str
    brief: MessageText
    full: MessageText


@endpoint
async def show_all(request: web.Request) -> r200[SavedReports]:
    """List the reports that one may open."""
    person = who(request).person
    async with reading(request) as connection:
        found = await saved.all_for(connection, person)
    return answer(SavedReports(saved=[_shown(one, person) for one in found]))


@endpoint
async def show(request: web.Request, saved_id: Number, /) -> r200[SavedReport]:
    """Give one saved report, as an address opens it."""
    person = who(request).person
    async with reading(request) as connection:
        found = await saved.one_for(connection, saved_id, person)
    if found is None:
        raise Refused(404)
    return answer(_shown(found, person))


@change
async def save(request: web.Request, body: ReportWish) -> r201[SavedReport]:
    """Keep a report under a name."""
    person = who(request).person
    try:
        saved_id = await saved.save(session(request), person, await _wish(request, body))
    except NameTaken:
        raise _taken() from None
    except TooMany:
        message = f"最多保存 {saved.MOST} 个报表，请先删除不用的。"
        raise Refused(409, "too_many", message) from None
    return await _answered(request, saved_id, 201)


@change
async def replace(request: web.Request, saved_id: Number, /, body: ReportWish) -> r200[SavedReport]:
    """Change one's own: its name, what it shows, or whether it is shared."""
    wish = await _wish(request, body)
    try:
        found = await saved.change(session(request), saved_id, who(request).person, wish)
    except NameTaken:
        raise _taken() from None
    if not found:
        raise Refused(404)
    return await _answered(request, saved_id, 200)


@change
async def delete(request: web.Request, saved_id: Number, /) -> r204:
    """Put one's own away; it is mailed no more until it is brought back."""
    if not await saved.delete(session(request), saved_id, who(request).person):
        raise Refused(404)
    await audit.note(session(request), who(request).person, "report.deleted", f"report:{saved_id}")
    return done()


@change
async def restore(request: web.Request, saved_id: Number, /) -> r200[SavedReport]:
    """Bring one's own back."""
    person = who(request).person
    try:
        found = await saved.restore(session(request), saved_id, person, datetime.now(UTC))
    except NameTaken:
        raise _taken() from None
    if not found:
        raise Refused(404)
    await audit.note(session(request), person, "report.restored", f"report:{saved_id}")
    return await _answered(request, saved_id, 200)


@endpoint
async def show_text(request: web.Request, wanted: Wanted) -> r200[MessageTexts]:
    """Say the main figures of whole days as a text message."""
    filters = wanted.filters()
    await hold_to_unit(request, filters.unit)

    async def ask(connection: Session) -> MainFigures:
        return await main_figures(connection, filters)

    figures = await asked(request, ask)
    span = name_of(filters.first, filters.last)
    brief, full = await asyncio.to_thread(_texts, span, figures, filters)
    return answer(MessageTexts(period=_period(filters), brief=_text(brief), full=_text(full)))


def _texts(span: str, figures: MainFigures, filters: Filters) -> tuple[TextMessage, TextMessage]:
    narrowed = filters.narrowed
    return text_message(span, figures, BRIEF, narrowed), text_message(span, figures, FULL, narrowed)


def _text(said: TextMessage) -> MessageText:
    return MessageText(
        text=said.text, length=len(said.text), limit=said.limit, messages=said.messages
    )


def _period(filters: Filters) -> str:
    return f"{filters.first}至{filters.last}"


async def _wish(request: web.Request, body: ReportWish) -> Wish:
    """Read a wish; what the report cannot be narrowed by is left out.

    Raises:
        Refused: 422, there is no such report or unit.
    """
    if body.report not in REPORTS:
        raise Refused(422, "invalid", faults=[Fault(field="report", message="没有这种报表")])
    told = body.model_dump()
    for key in {"queue", "agent", "unit"} - set(REPORTS[body.report].filters):
        told[key] = ""
    await hold_to_unit(request, told["unit"])
    return Wish(**{**told, "period": body.period})


def _taken() -> Refused:
    fault = Fault(field="name", message="已有同名的报表")
    return Refused(409, "name_taken", "已有同名的报表，请换一个名称。", faults=[fault])


async def _answered(request: web.Request, saved_id: int, status: int) -> web.Response:
    person = who(request).person
    found = await saved.one_for(session(request), saved_id, person)
    if found is None:
        raise Refused(404)
    return answer(_shown(found, person), status)


def _shown(one: Saved, person: str) -> SavedReport:
    wish = one.wish
    filters = wish.filters(saved.today(datetime.now(UTC)))
    known = REPORTS.get(wish.report)
    return SavedReport(
        saved_id=one.saved_id,
        name=wish.name,
        owner=one.owner,
        owner_name=one.owner_name,
        own=one.owner == person,
        report=wish.report,
        title=known.title if known else wish.report,
        period=wish.period,
        first=filters.first,
        last=filters.last,
        queue=wish.queue,
        agent=wish.agent,
        unit=wish.unit,
        shared=wish.shared,
    )
