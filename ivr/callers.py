"""What the centre knows of who calls, asked of PostgreSQL before the first prompt.

A question has a deadline far below what a caller notices, and answers are kept for half a minute.
Whatever the database does, the call goes on: somebody of whom nothing is known is answered as
anybody. One connection serves all callers; those who come at the same moment share a question.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from ivr.database import OUTSIDE_FAILURES, Pool, queries
from ivr.routing import Caller
from ivr.screening import Level

_log = structlog.get_logger()

DEADLINE_SECONDS: Final = 0.2
"""A caller is answered after this, known or not."""

KEPT_SECONDS: Final = 30.0
"""A block that was just lifted is forgotten within this."""

MOST_KEPT: Final = 10_000
MOST_WAITING: Final = 1_000
"""Questions that wait for the one connection; one more caller is answered as anybody."""
MOST_AT_ONCE: Final = 100

REST_SECONDS: Final = 2.0
"""After a failure the database is left alone for this long, and nobody waits for it."""

_QUESTION_SECONDS: Final = 2.0

_ABROAD: Final = re.compile(r"(?:\+|00)86(?=[0-9])")
_MOBILE: Final = re.compile(r"0(?=1[3-9][0-9]{9}$)")
_NUMBER: Final = re.compile(r"[0-9]{3,20}")

NOBODY: Final = Caller()


def national_number(number: str) -> str:
    """Write a number the one way in which it is kept: `+8613812341234` is `13812341234`.

    So is `013812341234`, as some carriers write a mobile of another province. Empty when the
    number is withheld or is none.
    """
    digits = _MOBILE.sub("", _ABROAD.sub("", re.sub(r"[^0-9+]", "", number), count=1), count=1)
    digits = digits.removeprefix("+")
    return digits if _NUMBER.fullmatch(digits) else ""


class Callers:
    """Answers `known`, as long as `run` is running."""

    def __init__(self, pool: Pool, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a pool that may be of a server that is away; `clock` counts seconds."""
        self._pool = pool
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._asked: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._waiting: dict[str, asyncio.Future[Caller]] = {}
        self._resting_until = 0.0
        self._failing = False

    async def known(self, number: str) -> Caller:
        """Tell what is known of the caller `number`, as it came, within `DEADLINE_SECONDS`."""
        if not national_number(number):
            return NOBODY
        kept = self._kept.get(number)
        if kept and self._clock() < kept[0]:
            return kept[1]
        if self._clock() < self._resting_until:
            return NOBODY
        answer = self._waiting.get(number)
        if answer is None:
            if self._asked.full():
                return NOBODY
            answer = asyncio.get_running_loop().create_future()
            self._waiting[number] = answer
            self._asked.put_nowait(number)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await asyncio.shield(answer)
        except TimeoutError:
            self._fail("TimeoutError")
            return NOBODY

    async def run(self) -> None:
        """Ask the database for those who wait, until cancelled."""
        while True:
            numbers = [await self._asked.get()]
            while len(numbers) < MOST_AT_ONCE and not self._asked.empty():
                numbers.append(self._asked.get_nowait())
            found: dict[str, Caller] = {}
            try:
                async with asyncio.timeout(_QUESTION_SECONDS):
                    found = await self._ask(numbers)
            except OUTSIDE_FAILURES as failure:
                self._fail(type(failure).__name__)
            else:
                self._recover()
            for number in numbers:
                caller = found.get(number, NOBODY)
                if found:
                    self._keep(number, caller)
                self._waiting.pop(number).set_result(caller)

    async def _ask(self, numbers: list[str]) -> dict[str, Caller]:
        async with self._pool.acquire(timeout=_QUESTION_SECONDS) as connection:
            rows = queries.callers_known(
                connection, callers=numbers, numbers=[national_number(one) for one in numbers]
            )
            return {
                row["caller"]: Caller(
                    elderly=row["elderly"],
                    abandons_last_hour=row["abandons"],
                    level=Level(row["level"]),
                )
                async for row in rows
            }

    def _keep(self, number: str, caller: Caller) -> None:
        self._kept[number] = (self._clock() + KEPT_SECONDS, caller)
        self._kept.move_to_end(number)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def _fail(self, reason: str) -> None:
        self._resting_until = self._clock() + REST_SECONDS
        if not self._failing:
            self._failing = True
            _log.warning("callers.unknown", reason=reason)

    def _recover(self) -> None:
        if self._failing:
            self._failing = False
            _log.info("callers.known")
