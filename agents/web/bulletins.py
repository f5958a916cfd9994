"""The 工作简报 in the browser: compiled, written, reviewed, published, looked at and taken out.

A thin shell over `agents/statistics/issue*`, whose functions the command line calls as well. What
takes long is a run (`agents.runs`); its progress is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from aiohttp_pydantic.oas.typing import r200, r202, r204

from agents import audit, runs
from agents.database import queries
from agents.reports.bulletin import history
from agents.reports.scheme import scheme, schemes
from agents.reports.tally import Period, shifted
from agents.statistics import issue_drafts, issue_runs, issues
from agents.statistics.counts import watermark
from agents.throttle import EXPORT
from agents.web.api import (
    afterwards,
    answer,
    change,
    done,
    endpoint,
    limited,
    reading,
    session,
    who,
)
from agents.web.bulletin_answers import (
    MEDIA_TYPES,
    BulletinForm,
    BulletinRemark,
    BulletinRun,
    Bulletins,
    BulletinShown,
    BulletinText,
    BulletinVersion,
    Compilation,
    Number,
    row_of,
    run_of,
)
from agents.web.bulletin_words import refused
from agents.web.headers import FRAMED
from agents.web.problems import Fault, Refused
from agents.web.reports import EARLIEST, LATEST
from ivr.database import Session
from ivr.errors import DefinitionInvalid

RUNNER: Final = web.AppKey("runner", runs.Runner)
MOST_MONTHS: Final = 12
MOST_RUNS: Final = 5

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")


@endpoint
async def show_all(request: web.Request) -> r200[Bulletins]:
    """List the issues of the newest months, and the newest runs."""
    async with reading(request) as connection:
        found = [row async for row in queries.issues(connection, most=issue_drafts.MOST_SHOWN)]
        ran = [
            row
            async for row in queries.newest_runs(
                connection, kind=issue_runs.KIND, seconds=runs.LOST_SECONDS, most=MOST_RUNS
            )
        ]
    return answer(
        Bulletins(
            schemes=list(schemes()), bulletins=list(map(row_of, found)), runs=list(map(run_of, ran))
        )
    )


@endpoint
async def show(request: web.Request, bulletin_id: Number, /) -> r200[BulletinShown]:
    """Give an issue with its written part."""
    async with reading(request) as connection:
        found = await _found(connection, bulletin_id)
        forms = {
            BulletinForm(row["form"]): row["mark"]
            async for row in queries.issue_forms(connection, bulletin_id=bulletin_id)
        }
        shown = scheme(found["scheme"])
        period = Period(found["first_month"], found["last_month"])
        mark = await watermark(connection, shown.taxonomy.id, history(period))
    today = datetime.now(_SHANGHAI).date()
    return answer(
        BulletinShown(
            bulletin=row_of(found),
            version=found["version"],
            outbound=found["outbound"],
            editorial=issue_drafts.editorial_of(found, today),
            forms=list(forms),
            page=forms.get(BulletinForm.HTML, ""),
            counts_changed=found["watermark"].removeprefix(issues.DRAFT_MARK) != mark,
        )
    )


@change
async def begin(request: web.Request, body: Compilation) -> r202[BulletinRun]:
    """Begin to compile the issue of some months from today's counts."""
    if body.scheme not in schemes():
        raise Refused(422, "invalid", faults=[Fault(field="scheme", message="没有此简报格式")])
    period = _period(body.first, body.last)
    try:
        run_id = await issue_runs.ask_compilation(
            session(request),
            scheme(body.scheme),
            period,
            outbound=body.outbound,
            by=who(request).person,
        )
    except issues.IssueRefused as refusal:
        raise refused(refusal) from None
    return await _begun(request, run_id)


@change
async def publish(request: web.Request, bulletin_id: Number, /) -> r202[BulletinRun]:
    """Begin to publish a reviewed issue, which another has sent there: its files are made anew."""
    try:
        run_id = await issue_runs.ask_publication(
            session(request), bulletin_id, by=who(request).person
        )
    except issues.IssueRefused as refusal:
        raise refused(refusal) from None
    return await _begun(request, run_id)


@change
async def draw(request: web.Request, bulletin_id: Number, /) -> r202[BulletinRun]:
    """Begin to make the files of an issue from before files were kept; what it says stays."""
    try:
        run_id = await issue_runs.ask_drawing(session(request), bulletin_id, by=who(request).person)
    except issues.IssueRefused as refusal:
        raise refused(refusal) from None
    return await _begun(request, run_id)


@endpoint
async def show_run(request: web.Request, run_id: Number, /) -> r200[BulletinRun]:
    """Tell how far a run is."""
    async with reading(request) as connection:
        return answer(await _shown_run(connection, run_id))


@change
async def cancel(request: web.Request, run_id: Number, /) -> r204:
    """Cancel a run; nothing of it is kept."""
    connection = session(request)
    await _shown_run(connection, run_id)
    if await queries.cancel_run(connection, run_id=run_id, kind=issue_runs.KIND) is None:
        raise Refused(409, "run_ended", "已经结束，无法取消。")
    afterwards(request, _wake(request))
    return done()


@change
async def write(
    request: web.Request, bulletin_id: Number, /, body: BulletinText
) -> r200[BulletinVersion]:
    """Save the written part of a draft; refused (409) when another has saved meanwhile."""
    try:
        version = await issue_drafts.write(
            session(request), bulletin_id, body.version, body.editorial, by=who(request).person
        )
    except issues.IssueRefused as refusal:
        raise refused(refusal) from None
    except DefinitionInvalid:
        fault = Fault(field="editorial.column", message="受理分析应有且只有一处位置")
        raise Refused(422, "invalid", faults=[fault]) from None
    return answer(BulletinVersion(version=version))


@change
async def review(request: web.Request, bulletin_id: Number, /) -> r204:
    """Send a draft to review; somebody else will publish it."""
    try:
        await issue_runs.send_to_review(session(request), bulletin_id, by=who(request).person)
    except issues.IssueRefused as refusal:
        raise refused(refusal) from None
    return done()


@change
async def send_back(request: web.Request, bulletin_id: Number, /, body: BulletinRemark) -> r204:
    """Send a reviewed issue back to its writers."""
    try:
        await issues.send_back(
            session(request), bulletin_id, by=who(request).person, reason=body.reason
        )
    except issues.IssueRefused as refusal:
        raise refused(refusal) from None
    return done()


@endpoint
async def preview(request: web.Request, bulletin_id: Number, /) -> r200[bytes]:
    """Give an issue as a page, for a frame of our own in which nothing runs."""
    found = await _file(request, bulletin_id, BulletinForm.HTML)
    response = web.Response(body=found["content"], content_type="text/html", charset="utf-8")
    response[FRAMED] = True
    return response


@endpoint
async def take_out(request: web.Request, bulletin_id: Number, form: BulletinForm, /) -> r200[bytes]:
    """Give an issue as a file; who took it is in the audit."""
    await limited(request, EXPORT)
    found = await _file(request, bulletin_id, form)
    async with reading(request) as connection:
        await audit.note(
            connection,
            who(request).person,
            "bulletin.taken_out",
            f"bulletin:{bulletin_id}",
            form=form.value,
            state=found["state"],
        )
    return web.Response(
        body=found["content"],
        content_type=MEDIA_TYPES[form],
        headers={hdrs.CONTENT_DISPOSITION: _disposition(found, form)},
    )


def _disposition(found: Mapping[str, Any], form: BulletinForm) -> str:
    """Name the file twice: for programs that know no Chinese, and for people."""
    months = _months(found["first_month"], found["last_month"])
    draft = "" if found["state"] == "published" else "-draft"
    plain = f"bulletin-{found['scheme']}-{months}{draft}.{form}"
    label = Period(found["first_month"], found["last_month"]).label
    said = f"12320工作简报第{found['issue']}期（{label}）{'-草稿' if draft else ''}.{form}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(said)}"


async def _file(request: web.Request, bulletin_id: int, form: BulletinForm) -> Mapping[str, Any]:
    async with reading(request) as connection:
        found: Mapping[str, Any] | None = await queries.issue_file(
            connection, bulletin_id=bulletin_id, form=form.value
        )
    if found is None:
        raise Refused(404, "no_file", "没有此格式的文件，请重新编制。")
    return found


async def _found(connection: Session, bulletin_id: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = await queries.issue(connection, bulletin_id=bulletin_id)
    if found is None:
        raise Refused(404)
    return found


async def _begun(request: web.Request, run_id: int) -> web.Response:
    afterwards(request, _wake(request))
    return answer(await _shown_run(session(request), run_id), status=202)


def _wake(request: web.Request) -> Any:  # noqa: ANN401 - what `afterwards` takes
    async def wake() -> None:
        request.app[RUNNER].wake()

    return wake


async def _shown_run(connection: Session, run_id: int) -> BulletinRun:
    row = await queries.run(connection, run_id=run_id, seconds=runs.LOST_SECONDS)
    if row is None or row["kind"] != issue_runs.KIND:
        raise Refused(404)
    return run_of(row)


def _months(first: date, last: date) -> str:
    return f"{first:%Y-%m}" if first == last else f"{first:%Y-%m}..{last:%Y-%m}"


def _period(first_text: str, last_text: str) -> Period:
    first, last = (date.fromisoformat(f"{text}-01") for text in (first_text, last_text))
    if not (EARLIEST <= first <= last <= LATEST and last < shifted(first, MOST_MONTHS)):
        fault = Fault(field="last", message="应不早于起始月，且不超过十二个月")
        raise Refused(422, "invalid", faults=[fault])
    return Period(first, last)
