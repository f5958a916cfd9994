"""The first call: a real SIP caller dials 12320 and a real SIP agent answers.

Both are SIPp on loopback addresses of their own, with audio in both directions and keys by
RFC 4733. Nothing in the product knows that this call is a demonstration.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg

from deploy.stack.record import JsonObject, is_complete
from deploy.stack.screen import Screen
from deploy.stack.sip import Address, Agent, Caller
from deploy.stack.stack import AGENT_ADDRESS, CALLER_ADDRESS, Stack
from ivr.errors import HotlineError
from ivr.recordings.keys import KeyFile
from ivr.recordings.reading import Reader, files_of
from ivr.recordings.storages import open_storages

CALLER_TONE: Final = 440.0
AGENT_TONE: Final = 880.0
"""Hertz: each voice is told from the other in the recording."""

_AGENT: Final = "a1001"
_KEY: Final = "1"
"""In the main menu and again in the one below: advice on diseases."""
_KEY_EVERY_SECONDS: Final = 2.0
_MENU_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 30.0
_TALK_SECONDS: Final = 6.0
_END_SECONDS: Final = 40.0
_RECORD_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1


class CallFailed(HotlineError):
    """The demonstration call did not go as it should."""


class _Journal:
    """What Asterisk has written about calls since now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = path.stat().st_size if path.exists() else 0

    def lines(self) -> list[dict[str, str]]:
        """Read all whole lines."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._start)
            text, _, _ = file.read().rpartition(b"\n")
        return [json.loads(line) for line in text.splitlines()]

    def linked_id(self) -> str | None:
        """Give the id of the first call that came over the trunk."""
        calls = (line["linkedid"] for line in self.lines() if line["context"] == "from-trunk")
        return next(calls, None)

    def says(self, user_event: str) -> bool:
        """Tell whether such a user event is there."""
        return any(line["userdeftype"] == user_event for line in self.lines())


async def demonstrate(stack: Stack, screen: Screen) -> JsonObject:
    """Ring one call through; give its final record.

    Raises:
        CallFailed: saying what was expected, and where to look.
        SippFailed: the caller or the agent could not do their part.
    """
    journal = _Journal(stack.settings.spool.directory / "cel.jsonl")
    workspace = stack.layout.directory / "first-call"
    shutil.rmtree(workspace, ignore_errors=True)
    sip = Address(stack.settings.telephony.sip_host, stack.sip_port)
    screen.say("▸ 座席登录 · an agent signs on")
    agent = Agent(
        sip=sip,
        workspace=workspace,
        tone=AGENT_TONE,
        host=AGENT_ADDRESS,
        id=_AGENT,
        secret=stack.agent_secret(_AGENT),
        ring_seconds=1.0,
        talk_seconds=_TALK_SECONDS,
    )
    caller = Caller(sip=sip, workspace=workspace, tone=CALLER_TONE, host=CALLER_ADDRESS)
    async with agent:
        screen.say("▸ 来电拨打 12320 · a caller dials 12320")
        async with caller:
            await _talk(caller, agent, journal, screen)
    with screen.step("等待话单 · waiting for the record"):
        return await _final_record(stack, journal)


async def _talk(caller: Caller, agent: Agent, journal: _Journal, screen: Screen) -> None:
    with screen.step(f"语音菜单，按 {_KEY} {_KEY} · through the menu, keys {_KEY} {_KEY}"):
        async with _expected("the call to be answered and led into a queue", _MENU_SECONDS):
            await caller.answered(_MENU_SECONDS)
            while not journal.says("QUEUE"):
                caller.press(_KEY)
                await _until(lambda: journal.says("QUEUE"), _KEY_EVERY_SECONDS)
    with screen.step("排队与接听 · waiting, then answered by the agent"):
        async with _expected("caller and agent to hear each other", _ANSWER_SECONDS):
            await caller.rtp.wait_for(AGENT_TONE, _ANSWER_SECONDS)
            await agent.rtp.wait_for(CALLER_TONE, _ANSWER_SECONDS)
    with screen.step("通话，座席挂机，来电者评价 · the talk, the agent hangs up, the caller rates"):
        async with _expected("the rating question and the end of the call", _END_SECONDS):
            while not journal.says("RATING_OFFERED"):  # noqa: ASYNC110 - Asterisk writes it
                await asyncio.sleep(_POLL_SECONDS)
            while not await _until(lambda: journal.says("RATING"), _KEY_EVERY_SECONDS):
                caller.press(_KEY)
            await caller.ended(_END_SECONDS)


async def _final_record(stack: Stack, journal: _Journal) -> JsonObject:
    call_id = journal.linked_id()
    record: JsonObject = {}
    async with _expected(f"the final record of {call_id}; look at ledger.log", _RECORD_SECONDS):
        while not is_complete(record):
            code, said = await stack.ask("ivr", "record", str(call_id), "--json")
            record = json.loads(said) if code == 0 else {}
        if isinstance(recording := record["recording"], dict):
            recording["path"] = str(await _opened(stack, str(call_id)))
    return record


async def _opened(stack: Stack, call_id: str) -> Path:
    """Lay a copy of the sealed recording beside the first call, to be listened to."""
    connection = await asyncpg.connect(stack.settings.database.url, timeout=_RECORD_SECONDS)
    try:
        row = await connection.fetchrow(
            "SELECT * FROM recording WHERE call_id = $1 AND leg = 'both'", call_id
        )
    finally:
        await connection.close(timeout=_RECORD_SECONDS)
    if row is None:
        raise CallFailed(f"Expected a recording of {call_id}, there is none.")
    settings = stack.settings.recordings
    file = files_of(dict(row))[0]
    async with open_storages(settings) as storages:
        reader = Reader(storages, KeyFile(settings.keys))
        sound = b"".join([piece async for piece in reader.sound(file, 0, file.size)])
    copy = stack.layout.directory / "first-call" / f"recording.{file.format}"
    await asyncio.to_thread(copy.write_bytes, sound)
    return copy


@asynccontextmanager
async def _expected(what: str, seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise CallFailed(f"Expected {what} within {seconds:.0f} s.") from None


async def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for what another process does; False when it has not come by then."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - another process cannot set our event
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        return False
    return True
