"""The form of a call: its draft, its requests, and their corrections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Final

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200, r201, r204
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents import attendance, drafts, requests
from agents.alarms import Alarm, notice
from agents.callers import path_of
from agents.presence import Meant, State
from agents.requests import MOST, Guess, Written, fileable
from agents.roles import Permission, may
from agents.web.api import POOL, afterwards, answer, change, done, endpoint, reading, session, who
from agents.web.events import FEED
from agents.web.health import WATCH
from agents.web.own import CallId, of_own_call
from agents.web.problems import Fault, Refused

RequestId = Annotated[int, Field(ge=1, le=2**53)]
Line = Annotated[str, StringConstraints(max_length=64)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Settlement(StrEnum):
    """How a request was settled."""

    ON_THE_SPOT = "on_the_spot"
    TRANSFERRED = "transferred"
    OPEN = "open"


class RiskLevel(StrEnum):
    """Of a self-harm call: 低, 中, 高, 极高."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    EXTREME = "extreme"


class Risk(_Body):
    """What was asked in a self-harm call; null where it was not, or not answered."""

    level: RiskLevel
    thoughts: bool | None = None
    plan: bool | None = None
    means: bool | None = None
    timing: bool | None = None
    alone: bool | None = None
    past_attempts: bool | None = None
    self_rating: Annotated[int, Field(ge=0, le=100)] | None = None


class Suggestion(_Body):
    """What had been suggested, as it was given; the next model learns from the difference."""

    guess: Annotated[str, Field(max_length=32)]
    confidence: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(max_length=8)]
    model: Annotated[str, Field(max_length=64)]


class Content(_Body):
    """One request of a form, complete or not."""

    code: Annotated[str, Field(max_length=32)] = ""
    settlement: Settlement = Settlement.ON_THE_SPOT
    transferred_to: Line = ""
    note: Annotated[str, Field(max_length=4_000)] = ""
    region: Line = ""
    red_flags: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=16)] = []
    risk: Risk | None = None
    suspected_event: bool = False
    articles: Annotated[list[RequestId], Field(max_length=20)] = []
    suggestion: Suggestion | None = None


Contents = Annotated[list[Content], Field(max_length=MOST)]


class DraftChange(_Body):
    """The whole form as it stands now."""

    version: Annotated[
        int, Field(ge=0, le=2**31 - 2, description="The one this was made from; 0 for the first")
    ]
    requests: Contents


class Draft(BaseModel):
    """The form as it was last kept."""

    call_id: str
    version: int
    requests: list[Content]
    saved_at: datetime


class Drafts(BaseModel):
    """Forms that were begun and not saved."""

    drafts: list[Draft]


class SavedRequest(BaseModel):
    """A request, in one of its versions."""

    request_id: int
    version: int
    position: int
    scheme: str
    path: list[str]
    content: Content
    withdrawn: bool
    written_by: str
    written_at: datetime
    reason: str


class Form(BaseModel):
    """All that was written of a call: the requests in force, and one's own draft."""

    call_id: str
    draft: Draft | None
    requests: list[SavedRequest]


class Filing(_Body):
    """The form, complete."""

    requests: Annotated[list[Content], Field(min_length=1, max_length=MOST)]


class Filed(BaseModel):
    """The numbers of the new requests, in the order of the form."""

    request_ids: list[int]


class Correction(_Body):
    """A request as it ought to be."""

    version: Annotated[int, Field(ge=1, le=2**31 - 2, description="The one that was seen")]
    content: Content
    withdrawn: bool = Field(default=False, description="It was none; it is counted no more")
    reason: Annotated[str, StringConstraints(min_length=2, max_length=200, strip_whitespace=True)]


class RequestVersions(BaseModel):
    """Every version of a request, the newest first."""

    versions: list[SavedRequest]


@endpoint
async def show(request: web.Request, call_id: CallId, /) -> r200[Form]:
    """Give what was written of a call."""
    async with reading(request) as connection:
        await of_own_call(request, connection, call_id, or_else=Permission.CALLS_SEE)
        draft = await drafts.find(connection, who(request).person, call_id)
        made = await requests.of_call(connection, call_id)
    return answer(
        Form(
            call_id=call_id,
            draft=_draft(draft) if draft else None,
            requests=[_saved(one) for one in made],
        )
    )


@endpoint
async def keep_draft(request: web.Request, call_id: CallId, /, body: DraftChange) -> r200[Draft]:
    """Keep what was typed; once answered it survives whatever happens to server and browser.

    Needs no Idempotency-Key: the version makes a draft that is sent twice one. A draft that has
    moved on elsewhere is refused (409).
    """
    content = {"requests": [one.model_dump(mode="json") for one in body.requests]}
    async with reading(request) as connection:
        await of_own_call(request, connection, call_id)
        kept = await drafts.keep(connection, who(request).person, call_id, body.version, content)
    if kept is None:
        raise Refused(409, "draft_moved", "草稿已在别处更改，请刷新。")
    return answer(_draft(kept))


@endpoint
async def drop_draft(request: web.Request, call_id: CallId, /) -> r204:
    """Throw one's own draft away."""
    await drafts.drop(request.app[POOL], who(request).person, call_id)
    return done()


@endpoint
async def show_drafts(request: web.Request) -> r200[Drafts]:
    """List one's own drafts, the oldest first."""
    async with reading(request) as connection:
        found = await drafts.unsaved(connection, who(request).person)
    return answer(Drafts(drafts=[_draft(one) for one in found]))


@change
async def save(request: web.Request, call_id: CallId, /, body: Filing) -> r201[Filed]:
    """File the form: saved means committed. Ends the draft and the wrap-up.

    While the call's record is not written yet (`call_not_recorded`, 503) it is to be sent again.
    """
    connection, person = session(request), who(request).person
    await of_own_call(request, connection, call_id, or_else=Permission.REQUESTS_CORRECT)
    faults = [
        Fault(field=f"requests.{at}.{name}", message=words)
        for at, one in enumerate(body.requests)
        for name, words in _faults(one)
    ]
    if faults:
        raise Refused(422, "form_incomplete", "请补全标出的内容。", faults=faults)
    filed = [(written_of(one), _guess(one)) for one in body.requests]
    made = await requests.save(connection, person, call_id, filed)
    if made is None:
        raise Refused(503, "call_not_recorded", "通话记录尚未写入，请稍后再保存。", retry_seconds=1)
    await _tell(request, call_id, body.requests)
    if await attendance.end_wrap_up(connection, person, call_id):
        free = Meant(State.AVAILABLE, datetime.now(UTC))
        seen = attendance.standing(person, free, request.app[WATCH].seats.get(person))
        afterwards(request, partial(request.app[FEED].tell, seen.as_event()))
    return answer(Filed(request_ids=made), status=201)


_ALARMING: Final = frozenset({RiskLevel.HIGH, RiskLevel.EXTREME})


async def _tell(request: web.Request, call_id: str, filed: list[Content]) -> None:
    """Let supervisors know at once what cannot wait.

    Before the commit: told twice does no harm, and nobody would tell it after a crash.
    """
    feed, person = request.app[FEED], who(request).person
    alarms = {
        Alarm.SUSPECTED_EVENT: any(one.suspected_event for one in filed),
        Alarm.SELF_HARM: any(one.risk and one.risk.level in _ALARMING for one in filed),
    }
    for alarm, raised in alarms.items():
        if raised:
            await feed.tell(notice(alarm, person, call_id))


@change
async def correct(request: web.Request, request_id: RequestId, /, body: Correction) -> r204:
    """Correct a request, or withdraw it; what was written before stays to be read."""
    connection = session(request)
    before = _newest(
        request, await requests.versions(connection, request_id), Permission.REQUESTS_CORRECT
    )
    await requests.lock(connection, before.call_id)
    now = (await requests.versions(connection, request_id))[0]
    if now.version != body.version:
        raise Refused(409, "request_moved", "此记录已被更改，请刷新。")
    if now.written.withdrawn:
        raise Refused(409, "request_withdrawn", "此记录已撤回。")
    faults = [
        Fault(field=f"content.{name}", message=words)
        for name, words in _faults(body.content, now.scheme)
    ]
    if faults:
        raise Refused(422, "form_incomplete", "请补全标出的内容。", faults=faults)
    written = written_of(body.content, withdrawn=body.withdrawn)
    await requests.correct(connection, who(request).person, now, written, body.reason)
    return done()


@endpoint
async def show_versions(request: web.Request, request_id: RequestId, /) -> r200[RequestVersions]:
    """Give every version of a request."""
    async with reading(request) as connection:
        found = await requests.versions(connection, request_id)
    _newest(request, found, Permission.CALLS_SEE)
    return answer(RequestVersions(versions=[_saved(one) for one in found]))


def _newest(
    request: web.Request, found: Sequence[requests.Request], permission: Permission
) -> requests.Request:
    """Return the newest version if whoever asks may see it; to anybody else it is not there."""
    if not found:
        raise Refused(404)
    own = found[-1].written_by == who(request).person
    if not own and not may(who(request).role, permission):
        raise Refused(404)
    return found[0]


def _faults(content: Content, scheme: str | None = None) -> list[tuple[str, str]]:
    found = []
    if not fileable(content.code, scheme):
        found.append(("code", "请选择类别。"))
    if content.settlement is Settlement.TRANSFERRED and not content.transferred_to:
        found.append(("transferred_to", "请填写转办单位。"))
    return found


def written_of(content: Content, *, withdrawn: bool = False) -> Written:
    """Turn what came into what is kept."""
    return Written(
        code=content.code,
        settlement=content.settlement.value,
        transferred_to=content.transferred_to,
        note=content.note,
        region=content.region,
        red_flags=tuple(content.red_flags),
        risk=content.risk.model_dump(mode="json") if content.risk else None,
        suspected_event=content.suspected_event,
        articles=tuple(content.articles),
        withdrawn=withdrawn,
    )


def _guess(content: Content) -> Guess | None:
    said = content.suggestion
    return Guess(said.guess, tuple(said.confidence), said.model) if said else None


def _draft(draft: drafts.Draft) -> Draft:
    return Draft(
        call_id=draft.call_id,
        version=draft.version,
        requests=[Content.model_validate(one) for one in draft.content["requests"]],
        saved_at=draft.saved_at,
    )


def _saved(one: requests.Request) -> SavedRequest:
    written = one.written
    return SavedRequest(
        request_id=one.request_id,
        version=one.version,
        position=one.position,
        scheme=one.scheme,
        path=list(path_of(one.scheme, written.code)),
        content=Content(
            code=written.code,
            settlement=Settlement(written.settlement),
            transferred_to=written.transferred_to,
            note=written.note,
            region=written.region,
            red_flags=list(written.red_flags),
            risk=Risk.model_validate(written.risk) if written.risk else None,
            suspected_event=written.suspected_event,
            articles=list(written.articles),
        ),
        withdrawn=written.withdrawn,
        written_by=one.written_by,
        written_at=one.written_at,
        reason=one.reason,
    )
