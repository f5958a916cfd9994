"""Recordings at the desk: what there is of a call, its waveform, and hearing it.

A recording is named by its call and leg and never by a path. Every listen is a row of the audit
before its first byte is sent, and so is every attempt at what one may not hear.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any, Final, Literal, NoReturn

import structlog
from aiohttp import hdrs, web
from aiohttp_pydantic.oas.typing import r200, r201, r204
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from agents import audit
from agents.listening import LINK_SECONDS, Hearer, Link, Links, may_hear, recordings
from agents.ranges import Part, Unsatisfiable, asked_part, is_same
from agents.web.api import (
    DATABASE,
    POOL,
    PRESENTED,
    answer,
    change,
    done,
    endpoint,
    reading,
    session,
    who,
)
from agents.web.own import served
from agents.web.problems import Refused
from ivr.calls import CALL_ID
from ivr.config import RecordingSettings
from ivr.errors import HotlineError, ValueRefused
from ivr.recordings import waveform
from ivr.recordings.holds import release_hold, set_hold
from ivr.recordings.keys import KeyFile
from ivr.recordings.reading import MEDIA_TYPES, Reader, StoredFile, files_of
from ivr.recordings.storages import open_storages

PATH: Final = "/api/v1/recordings/"
"""Before a link's secret."""
LEGS: Final = ("both", "voicemail")
WRITE_SECONDS: Final = 30.0
"""A player that takes longer to read one piece is cut; it asks again from where it was."""
_SHOWN: Final = 80
"""Characters of what somebody made up that stand in the audit."""

log = structlog.get_logger()


class Shelf:
    """What plays recordings; set up when the application starts."""

    def __init__(self, settings: RecordingSettings) -> None:
        self._settings = settings
        self.reader = Reader({}, KeyFile(settings.keys))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep the storages open."""
        async with open_storages(self._settings) as storages:
            self.reader = Reader(storages, KeyFile(self._settings.keys))
            yield


SHELF: Final = web.AppKey("shelf", Shelf)
LINKS: Final = web.AppKey("links", Links)


async def keep_open(app: web.Application) -> AsyncIterator[None]:
    """Open the storages with the application, and close them with it."""
    async with app[SHELF].opened():
        yield


class Pause(BaseModel):
    """A mark where the recording was paused."""

    offset_ms: int = Field(description="In the sound")
    pause_ms: int = Field(description="How much is not in it")


class Recording(BaseModel):
    """A recording of a call."""

    leg: Literal["both", "voicemail"]
    state: Literal["kept", "missing", "deleted"]
    milliseconds: int
    pauses: list[Pause]
    held: bool = Field(description="A legal hold is on the call")


class Recordings(BaseModel):
    """What there is of a call that one may hear."""

    recordings: list[Recording]


class Waveform(BaseModel):
    """The loudest sample of each stretch of equal length."""

    milliseconds: int
    loudest: int = Field(description="What a peak is at most")
    caller: list[int]
    agent: list[int]


class Purpose(BaseModel):
    """Why somebody wants to hear it; written down with his name."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=2, max_length=200, strip_whitespace=True)]


class Playable(BaseModel):
    """Where it can be heard."""

    url: str = Field(description="For an audio element of this session")
    valid_seconds: int


@endpoint
async def show(request: web.Request, call_id: str, /) -> r200[Recordings]:
    """List the recordings of a call that one may hear."""
    await _known(request, call_id, "both")
    async with reading(request) as connection:
        rows = await recordings(connection, call_id)
        found = [row for row in rows if await _may(request, connection, call_id, row["leg"])]
        if not rows and await _may(request, connection, call_id, "both"):
            raise Refused(404)
    if not found:
        await _refuse(request, call_id, "not one's own")
    return answer(Recordings(recordings=[_shown(row) for row in found]))


@endpoint
async def peaks(request: web.Request, call_id: str, leg: str, /) -> r200[Waveform]:
    """Give the waveform of a recording, both legs."""
    row = await _heard(request, call_id, leg)
    if row["peaks"] is None:
        raise Refused(404)
    return answer(Waveform(**waveform.as_json(row["peaks"], row["milliseconds"])))


@change
async def link(request: web.Request, call_id: str, leg: str, /, body: Purpose) -> r201[Playable]:
    """Make a link through which this session hears a recording for a minute."""
    await _heard(request, call_id, leg)
    secret = await request.app[LINKS].make(request[PRESENTED], call_id, leg, body.reason)
    return answer(Playable(url=PATH + secret, valid_seconds=LINK_SECONDS), status=201)


@change
async def hold(request: web.Request, call_id: str, /, body: Purpose) -> r204:
    """Put a legal hold on a call: nothing recorded of it is deleted."""
    return await _change_hold(request, call_id, set_hold, body)


@change
async def release(request: web.Request, call_id: str, /, body: Purpose) -> r204:
    """Take the legal hold off a call."""
    return await _change_hold(request, call_id, release_hold, body)


async def _change_hold(
    request: web.Request, call_id: str, verb: Callable[..., Awaitable[bool]], body: Purpose
) -> web.Response:
    await _known(request, call_id, "both")
    try:
        changed = await verb(
            session(request), call_id, reason=body.reason, person=who(request).person
        )
    except ValueRefused:
        raise Refused(404) from None
    if not changed:
        raise Refused(409)
    return done()


async def play(request: web.Request) -> web.StreamResponse:
    """Send the sound that a link opens, or the part of it that the player asks for."""
    found = await request.app[LINKS].find(request[PRESENTED], request.match_info["link"])
    if found is None:
        await _refuse(request, "link", "no link of this session", status=403)
    row = await _heard(request, found.call_id, found.leg)
    file = files_of(row)[0]
    etag = f'"{file.sha256.hex()}"'
    headers = {
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.ETAG: etag,
        hdrs.CONTENT_TYPE: MEDIA_TYPES[file.format],
        hdrs.CONTENT_DISPOSITION: f'inline; filename="{file.call_id}.{file.format}"',
    }
    if is_same(request.headers.get(hdrs.IF_NONE_MATCH, ""), etag):
        return web.Response(status=304, headers=headers)
    try:
        part = asked_part(
            ", ".join(request.headers.getall(hdrs.RANGE, [])),
            request.headers.get(hdrs.IF_RANGE, ""),
            etag,
            file.size,
        )
    except Unsatisfiable as error:
        await _note(request, "recording.refused", found.call_id, why=f"range {error}"[:_SHOWN])
        return web.Response(status=416, headers={hdrs.CONTENT_RANGE: f"bytes */{file.size}"})
    if part.partial:
        headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.stop - 1}/{file.size}"
    headers[hdrs.CONTENT_LENGTH] = str(part.stop - part.start)
    response = web.StreamResponse(status=206 if part.partial else 200, headers=headers)
    if request.method == hdrs.METH_HEAD:
        await response.prepare(request)
        return response
    return await _send(request, response, found, file, part)


async def _send(
    request: web.Request, response: web.StreamResponse, found: Link, file: StoredFile, part: Part
) -> web.StreamResponse:
    async with aclosing(request.app[SHELF].reader.sound(file, part.start, part.stop)) as pieces:
        try:
            first = await anext(pieces, b"")
        except (OSError, HotlineError) as error:
            log.error("recording.unplayable", call_id=file.call_id, why=str(error))  # noqa: TRY400 - the reason is in the error itself
            raise Refused(503) from None
        await _note_listen(request, found)
        await response.prepare(request)
        try:
            await _write(response, first)
            async for piece in pieces:
                await _write(response, piece)
        except (OSError, HotlineError) as error:
            if isinstance(error, HotlineError):
                log.error("recording.unplayable", call_id=file.call_id, why=error.detail)  # noqa: TRY400 - as above
            # Short of the length that was said, so that nobody takes a part for the whole.
            if request.transport is not None:
                request.transport.abort()
    return response


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(data)


async def _note_listen(request: web.Request, found: Link) -> None:
    """Let the audit know, once a link: a player asks for many parts of one listen."""
    links = request.app[LINKS]
    if await links.is_noted(found):
        return
    await _note(request, "recording.listened", found.call_id, leg=found.leg, reason=found.reason)
    await links.mark_noted(found)


async def _heard(request: web.Request, call_id: str, leg: str) -> Mapping[str, Any]:
    """Return the row of a recording that can be heard by whoever asks.

    Raises:
        Refused: 404, whether it is another's, made up, or gone.
    """
    await _known(request, call_id, leg)
    async with reading(request) as connection:
        allowed = await _may(request, connection, call_id, leg)
        rows = await recordings(connection, call_id) if allowed else []
    if not allowed:
        await _refuse(request, call_id, "not one's own")
    for row in rows:
        if row["leg"] == leg and row["state"] == "kept":
            return row
    raise Refused(404)


async def _known(request: web.Request, call_id: str, leg: str) -> None:
    if not CALL_ID.fullmatch(call_id) or leg not in LEGS:
        await _refuse(request, ascii(f"{call_id}/{leg}")[:_SHOWN], "no id")


async def _may(request: web.Request, connection: Any, call_id: str, leg: str) -> bool:  # noqa: ANN401 - a session
    identity = who(request)
    hearer = Hearer(identity.person, identity.role, frozenset(served(request)))
    return await may_hear(connection, hearer, call_id, leg)


async def _refuse(request: web.Request, about: str, why: str, *, status: int = 404) -> NoReturn:
    await _note(request, "recording.refused", about, why=why)
    raise Refused(status)


async def _note(request: web.Request, action: str, about: str, **detail: str) -> None:
    """Write a line of the audit now, whatever becomes of the request and its transaction."""
    seconds = request.app[DATABASE].acquire_seconds
    async with request.app[POOL].acquire(timeout=seconds) as connection:
        await audit.note(connection, who(request).person, action, about, **detail)


def _shown(row: Mapping[str, Any]) -> Recording:
    return Recording(
        leg=row["leg"],
        state=row["state"],
        milliseconds=row["milliseconds"] or 0,
        pauses=json.loads(row["pauses"]),
        held=row["held"],
    )
