"""Scheduled reports in the browser: to whom and when, and what became of each time."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200, r201, r204
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents import audit
from agents.database import queries
from agents.mail import check_recipient
from agents.reports.schedules import Every, Rhythm, next_due
from agents.throttle import EXPORT
from agents.web.api import answer, change, done, endpoint, limited, reading, session, who
from agents.web.problems import Fault, Refused
from agents.web.saved_reports import Number
from ivr.config import MailSettings
from ivr.errors import ValueRefused

MAIL: Final = web.AppKey("mail", MailSettings)
MOST: Final = 50
"""Schedules that one person has in force."""
RUNS_SHOWN: Final = 30
_DAYS: Final = {Every.DAY: range(1), Every.WEEK: range(1, 8), Every.MONTH: range(1, 32)}

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Address = Annotated[str, StringConstraints(min_length=3, max_length=254, strip_whitespace=True)]


class NewSchedule(BaseModel):
    """A report that is to be mailed again and again, by China's clock."""

    model_config = ConfigDict(extra="forbid")

    saved_id: Number
    every: Every
    on_day: Annotated[int, Field(ge=0, le=31)] = Field(
        default=0,
        description="Of a week 1 for Monday to 7; of a month 1 to 31, in a shorter one its last",
    )
    at: Clock
    recipients: Annotated[list[Address], Field(min_length=1, max_length=20)]
    form: Literal["none", "csv", "xlsx"] = "xlsx"
    short_text: bool = True


class Schedule(BaseModel):
    """A schedule in force."""

    schedule_id: int
    saved_id: int
    name: str
    every: Every
    on_day: int
    at: str
    recipients: list[str]
    form: Literal["none", "csv", "xlsx"]
    short_text: bool
    next_due: datetime


class MailRun(BaseModel):
    """One time that a report was due."""

    model_config = ConfigDict(from_attributes=True)

    run_id: int
    schedule_id: int
    name: str
    due_at: datetime
    state: Literal["due", "sending", "waiting", "sent", "failed"]
    tries: int
    try_at: datetime
    ended_at: datetime | None
    reason: str = Field(description="A word, with the code that the mail server gave")
    sent: int
    recipients: int
    refused: list[str]


class Schedules(BaseModel):
    """One's own schedules, and the newest of their runs."""

    mail: bool = Field(description="Whether there is a mail server")
    domains: list[str] = Field(description="To which addresses may be sent")
    schedules: list[Schedule]
    runs: list[MailRun]


@endpoint
async def show_all(request: web.Request) -> r200[Schedules]:
    """List one's own schedules, and what became of their newest runs."""
    person, mail = who(request).person, request.app[MAIL]
    async with reading(request) as connection:
        made = [row async for row in queries.schedules_of(connection, owner=person)]
        runs = [row async for row in queries.runs_of(connection, owner=person, most=RUNS_SHOWN)]
    return answer(
        Schedules(
            mail=bool(mail.host),
            domains=list(mail.domains),
            schedules=[_shown(row) for row in made],
            runs=[MailRun.model_validate(dict(row)) for row in runs],
        )
    )


@change
async def make(request: web.Request, body: NewSchedule) -> r201[Schedule]:
    """Have one's own saved report mailed from now on."""
    connection, person = session(request), who(request).person
    rhythm = _rhythm(body)
    recipients = _checked(request.app[MAIL], body.recipients)
    if await queries.count_schedules(connection, owner=person) >= MOST:
        raise Refused(409, "too_many", f"最多 {MOST} 个定时任务，请先停用不用的。")
    schedule_id = await queries.make_schedule(
        connection,
        owner=person,
        recipients=recipients,
        at=rhythm.at,
        next_due=next_due(rhythm, datetime.now(UTC)),
        **body.model_dump(exclude={"recipients", "at"}),
    )
    if schedule_id is None:
        raise Refused(404)
    about = f"report:{body.saved_id}"
    await audit.note(connection, person, "report.scheduled", about, to=recipients)
    made = [row async for row in queries.schedules_of(connection, owner=person)]
    return answer(_shown(next(row for row in made if row["schedule_id"] == schedule_id)), 201)


@change
async def stop(request: web.Request, schedule_id: Number, /) -> r204:
    """Mail no more: of a run that has begun, no letter that is not on its way already."""
    connection, person = session(request), who(request).person
    stopped = await queries.stop_schedule(connection, schedule_id=schedule_id, owner=person)
    if stopped is None:
        raise Refused(404)
    await audit.note(connection, person, "report.unscheduled", f"schedule:{schedule_id}")
    return done()


@change
async def send_now(request: web.Request, schedule_id: Number, /) -> r204:
    """Send once more, now: to try it, or because an address was mended."""
    await limited(request, EXPORT)
    connection, person = session(request), who(request).person
    if not request.app[MAIL].host:
        raise _no_mail()
    made = [row["schedule_id"] async for row in queries.schedules_of(connection, owner=person)]
    if schedule_id not in made:
        raise Refused(404)
    now = await queries.present(connection)
    await queries.make_run(connection, schedule_id=schedule_id, due_at=now)
    return done()


def _rhythm(body: NewSchedule) -> Rhythm:
    if body.on_day not in _DAYS[body.every]:
        raise Refused(422, "invalid", faults=[Fault(field="on_day", message="日期有误")])
    if body.form == "none" and not body.short_text:
        fault = Fault(field="form", message="附件和短信文本至少选一项")
        raise Refused(422, "invalid", faults=[fault])
    return Rhythm(body.every, body.on_day, time.fromisoformat(body.at))


def _no_mail() -> Refused:
    return Refused(409, "mail_off", "尚未设置邮件服务器，请联系系统管理员。")


def _checked(mail: MailSettings, typed: list[str]) -> list[str]:
    """Return the addresses in one spelling, each once.

    Raises:
        Refused: 409, there is no mail server; 422, naming each address that may not be sent to.
    """
    if not mail.host:
        raise _no_mail()
    checked: dict[str, None] = {}
    faults = []
    for place, address in enumerate(typed):
        try:
            checked[check_recipient(address, mail.domains)] = None
        except ValueRefused:
            message = f"应为以下域名的邮箱地址：{'、'.join(mail.domains) or '（未设置）'}"
            faults.append(Fault(field=f"recipients.{place}", message=message))
    if faults:
        raise Refused(422, "address_refused", f"收件地址{faults[0].message}", faults=faults)
    return list(checked)


def _shown(row: Any) -> Schedule:  # noqa: ANN401 - a row
    return Schedule.model_validate({**dict(row), "at": f"{row['at']:%H:%M}"})
