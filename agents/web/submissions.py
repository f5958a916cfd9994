"""Units' months in the browser: who has reported, handing in, accepting, sending back.

A thin shell over `agents/statistics/intake`, whose functions the command line calls as well.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp_pydantic.injectors import Group
from aiohttp_pydantic.oas.typing import r200, r201, r204
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents.database import queries
from agents.reports.tally import Period, Standing
from agents.statistics import intake
from agents.statistics.submission_files import read_submission
from agents.statistics.submissions import Fault as CellFault
from agents.statistics.submissions import SubmissionRefused
from agents.throttle import EXPORT
from agents.web.api import answer, change, done, endpoint, limited, reading, session, who
from agents.web.problems import Fault, Refused
from ivr.categories.taxonomy import edition, editions

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_SHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_FAULTS: Final = 100
"""Of one file that are told; a file of the wrong form would have thousands."""

Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
MonthText = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}\s*$")]

UnitMonthStanding = Literal["complete", "partial", "missing"]
"""Values of `Standing`, whose name in the document is that of an article's."""

WORDS: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"a unit of the network", "已登记的上报单位"),
        (r"a month such as (\S+)", r"月份，如 \1"),
        (r"the sum of the lines, (\d+)", r"各行之和 \1"),
        (r"no lines beside a total only", "仅总数时没有分类行"),
        (r"(\d+) lines(?: of it)?", r"\1 行"),
        (r"each category once", "每个类别一行"),
        (r"(\d+) repeated", r"重复 \1 行"),
        (r"a category of (\S*)", r"\1 的类别编码"),
        (r"a count, 0 or more", "不小于 0 的整数"),
        (r"a submission as JSON", "JSON 格式的上报数据"),
        (r"rows of text", "文字表格"),
        (r"a text that can be kept", "可以保存的文字"),
        (r"other characters", "其他字符"),
        (r"a workbook \(\.xlsx\)", "XLSX 工作簿"),
        (r"something else", "其他内容"),
        (r"UTF-8 or GB 18030", "UTF-8 或 GB 18030 编码的文字"),
        (r"other bytes", "其他编码"),
        (r"the unit's signature", "该单位的签名"),
        (r"the signature of (\S+)", r"\1 的签名"),
        (r"another one", "其他签名"),
        (r"one that waits", "待受理的上报"),
        (r"none", "无"),
        (r"accepted", "已受理"),
        (r"replaced", "已被替换"),
        (r"returned", "已退回"),
        (r"a unit that sends in", "报送数据的单位"),
        (r"(\S+), counted here", r"\1（由本系统直接统计）"),
        (r"a month without imported history", "没有导入过历史数据的月份"),
    )
)
"""What our own words of a fault are in Chinese; what a file said is repeated as it came."""


class Asked(Group):  # type: ignore[misc]  # the library has no types
    """Whose months: of a network, in an edition of the categories."""

    network: Key
    month: MonthText
    edition: Key


class Choices(BaseModel):
    """What can be asked for."""

    networks: list[str]
    editions: list[str]


class UnitStanding(BaseModel):
    """How a unit's month stands."""

    model_config = ConfigDict(from_attributes=True)

    unit: str
    name: str
    standing: UnitMonthStanding
    version: int | None
    accepted: bool
    returned: bool
    late: bool
    counted_here: bool = Field(description="Its requests are counted here; nothing is sent in")
    total: int
    reason: str


class Standings(BaseModel):
    """Who has reported a month, and who has not."""

    reported: int
    units: list[UnitStanding]


class MonthVersion(BaseModel):
    """One version of a unit's month."""

    model_config = ConfigDict(from_attributes=True)

    submission_id: int
    version: int
    state: Literal["received", "accepted", "replaced", "returned"]
    standing: UnitMonthStanding
    total: int
    reason: str
    late: bool
    signed: bool
    sent_by: str
    received_at: datetime
    accepted_by: str | None
    accepted_at: datetime | None
    returned_by: str | None
    returned_at: datetime | None
    return_reason: str | None


class MonthVersions(BaseModel):
    """Every version of a unit's month, the newest first."""

    versions: list[MonthVersion]


class HandedIn(BaseModel):
    """A unit's month as a file."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="Of the file; `.xlsx` and `.json` say what it is, everything else is CSV"
    )
    content: Base64
    signature: Base64 = Field("", description="Ed25519, of units that have a key")


class Receipt(BaseModel):
    """What became of a file."""

    submission_id: int
    unit: str
    month: str
    version: int
    repeated: bool = Field(description="The very same content was here already")
    late: bool


class Accepted(BaseModel):
    """A version that counts from now on."""

    replaced: int | None = Field(description="The version that counted before")


class SentBack(BaseModel):
    """Why a version is sent back."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


@endpoint
async def show_choices(request: web.Request) -> r200[Choices]:
    """List the networks that are loaded and the editions of the categories."""
    async with reading(request) as connection:
        networks = [row["network"] async for row in queries.networks(connection)]
    return answer(Choices(networks=networks, editions=[one.id for one in editions()]))


@endpoint
async def show_standings(request: web.Request, asked: Asked) -> r200[Standings]:
    """Tell who has reported a month and who has not."""
    month = _month(asked.month)
    async with reading(request) as connection:
        found = await intake.reported(
            connection, asked.network, asked.edition, Period(month, month)
        )
    units = [UnitStanding.model_validate(row, from_attributes=True) for row in found]
    reported = sum(row.standing is not Standing.MISSING for row in found)
    return answer(Standings(reported=reported, units=units))


@endpoint
async def show_versions(
    request: web.Request, unit: Key, month: MonthText, /, edition: Key
) -> r200[MonthVersions]:
    """Give every version of a unit's month."""
    async with reading(request) as connection:
        found = await intake.versions(connection, unit, _month(month), edition)
    return answer(MonthVersions(versions=[MonthVersion.model_validate(one) for one in found]))


@endpoint
async def blank_form(
    request: web.Request, unit: Key, month: MonthText, /, edition: Key
) -> r200[bytes]:
    """Give the form that a unit fills in."""
    await limited(request, EXPORT)
    async with reading(request) as connection:
        known = await queries.unit_of(connection, unit=unit)
    if known is None or edition not in {one.id for one in editions()}:
        raise Refused(404)
    return web.Response(
        body=await asyncio.to_thread(_write_form, unit, _month(month), edition),
        content_type=_SHEET,
        headers={"Content-Disposition": f'attachment; filename="{unit}-{month}.xlsx"'},
    )


def _write_form(unit: str, month: date, edition_id: str) -> bytes:
    # The writers of office formats are loaded with the first form.
    from agents.statistics.submission_book import blank_book  # noqa: PLC0415 - see above

    return blank_book(unit, month, edition(edition_id))


@change
async def hand_in(request: web.Request, body: HandedIn) -> r201[Receipt]:
    """Hand in a unit's month; it counts once somebody accepts it."""
    content, signature = _decoded("content", body.content), _decoded("signature", body.signature)
    connection = session(request)
    known = {row["unit_id"] async for row in queries.unit_ids(connection)}
    try:
        read = await asyncio.to_thread(read_submission, body.name, content, known)
        receipt = await intake.receive(
            connection,
            read,
            sent_by=who(request).person,
            now=datetime.now(_SHANGHAI),
            signature=signature or None,
        )
    except SubmissionRefused as refusal:
        raise _refused(refusal.faults) from None
    return answer(
        Receipt(
            submission_id=receipt.submission_id,
            unit=read.unit,
            month=f"{read.month:%Y-%m}",
            version=receipt.version,
            repeated=receipt.repeated,
            late=receipt.late,
        ),
        status=201,
    )


@change
async def accept(request: web.Request, submission_id: Number, /) -> r200[Accepted]:
    """Put a version in force; the one before it is kept."""
    try:
        replaced = await intake.accept(session(request), submission_id, by=who(request).person)
    except SubmissionRefused as refusal:
        raise _refused(refusal.faults) from None
    return answer(Accepted(replaced=replaced))


@change
async def send_back(request: web.Request, submission_id: Number, /, body: SentBack) -> r204:
    """Send a version back; it stays on record and never counts."""
    try:
        await intake.send_back(
            session(request), submission_id, by=who(request).person, reason=body.reason
        )
    except SubmissionRefused as refusal:
        raise _refused(refusal.faults) from None
    return done()


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        fault = Fault(field="month", message="月份有误")
        raise Refused(422, "invalid", faults=[fault]) from None


def _decoded(field: str, text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        fault = Fault(field=field, message="应为 Base64 编码")
        raise Refused(422, "invalid", faults=[fault]) from None


def _refused(faults: Iterable[CellFault]) -> Refused:
    """Name each cell that is wrong, in Chinese."""
    told = [
        Fault(
            field=fault.cell,
            message=f"应为{in_chinese(fault.expected)}，实为“{in_chinese(fault.came)}”",
        )
        for fault in faults
    ]
    return Refused(
        422, "submission_refused", "上报数据有误，请更正后重新提交。", faults=told[:MOST_FAULTS]
    )


def in_chinese(text: str) -> str:
    """Say our own words in Chinese, and leave other people's as they are."""
    for pattern, words in WORDS:
        if pattern.fullmatch(text):
            return pattern.sub(words, text)
    return text.replace(" or ", " 或 ")
