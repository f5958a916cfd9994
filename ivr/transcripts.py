"""Gives messages a transcript, where a centre has a speech recogniser.

A message is work from the moment it is left; its text comes later or never. Whatever the
recogniser does, the message and its sound stay as they are.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from ivr.config import Settings
from ivr.database import OUTSIDE_FAILURES, Pool, queries, transaction
from ivr.errors import RecordingUnreadable, SettingsInvalid
from ivr.recogniser import RecogniserFailed, recognise, recognisers
from ivr.recordings.holds import lock_call
from ivr.recordings.keys import KeyFile
from ivr.recordings.reading import Reader, files_of
from ivr.recordings.storages import open_storages

log = structlog.get_logger()

TRIES: Final = 3
SINCE: Final = timedelta(days=7)
"""An older message is done or has been listened to."""
_LOOK_SECONDS: Final = 5.0
_READ_SECONDS: Final = 30.0
_REMEMBERED: Final = 10_000
_LOCALE: Final = "zh"
"""What callers speak; a message does not say which language was chosen before it."""


class Transcriber:
    """One message after the other, the urgent ones first."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._tries: OrderedDict[str, int] = OrderedDict()
        """By call; forgotten with the process, so a mended recogniser has another chance."""
        self._put_off: set[str] = set()
        """Calls whose sound could not be had; tried again after all others and a pause."""

    async def run(self) -> None:
        """Write down what comes until cancelled, through every failure of the database."""
        name = self._settings.transcripts.recogniser
        if name not in recognisers():
            log.error("transcripts.off", recogniser=name, installed=list(recognisers()))
            return
        while True:
            try:
                done = await self.step()
            except OUTSIDE_FAILURES:
                done = False
            await asyncio.sleep(0 if done else _LOOK_SECONDS)

    async def step(self) -> bool:
        """Try one message; False when a pause is due: none is left, or its sound is not there."""
        given_up = [call_id for call_id, tries in self._tries.items() if tries >= TRIES]
        async with transaction(self._pool, self._settings.database) as connection:
            row = await queries.message_without_transcript(
                connection,
                node=self._settings.node.name,
                since=datetime.now(UTC) - SINCE,
                left_out=[*given_up, *self._put_off],
            )
        if row is None or len(self._put_off) > _REMEMBERED:
            self._put_off.clear()
            return False
        text = await self._recognise(row)
        if text is not None:
            async with transaction(self._pool, self._settings.database) as connection:
                # A deletion of the sound, which takes the text with it, comes before or after us.
                await lock_call(connection, row["call_id"])
                stored = await queries.store_transcript(
                    connection, call_id=row["call_id"], transcript=text
                )
            self._tries.pop(row["call_id"], None)
            if str(stored).endswith(" 1"):
                log.info("transcript.stored", call_id=row["call_id"], characters=len(text))
        return row["call_id"] not in self._put_off

    async def _recognise(self, row: Mapping[str, Any]) -> str | None:
        call_id, settings = row["call_id"], self._settings.transcripts
        tries = self._tries[call_id] = self._tries.get(call_id, 0) + 1
        if len(self._tries) > _REMEMBERED:
            self._tries.popitem(last=False)
        try:
            async with asyncio.timeout(_READ_SECONDS):
                sound = await self._sound(row)
            return await recognise(
                settings.recogniser, sound, _LOCALE, seconds=settings.deadline_seconds
            )
        except (RecogniserFailed, RecordingUnreadable, SettingsInvalid, OSError) as error:
            log.warning("transcript.failed", call_id=call_id, why=str(error), tries=tries)
            if isinstance(error, SettingsInvalid | OSError):
                self._put_off.add(call_id)
                # What does not answer says nothing of the message; a file that is gone does.
                self._tries[call_id] -= not isinstance(error, FileNotFoundError)
            return None

    async def _sound(self, row: Mapping[str, Any]) -> bytes:
        recordings, file = self._settings.recordings, files_of(row)[0]
        async with open_storages(recordings) as storages:
            reader = Reader(storages, KeyFile(recordings.keys))
            return b"".join([piece async for piece in reader.sound(file, 0, file.size)])
