"""A hotline of its own for the golden calls: chords for prompts, many agents, any time of day."""

from __future__ import annotations

import asyncio
import os
import shutil
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from deploy.stack import postgres
from deploy.stack.stack import Stack
from ivr.config import REPOSITORY
from tests.real.ears import write_chords
from tests.real.hotline import Hotline, until
from tests.scenarios.golden import ALWAYS_STAFFED

AGENTS: Final = tuple(f"a{number}" for number in range(1001, 1013))
TALK_SECONDS: Final = 2.5
"""More than the second from which on a talk is rated, by a clock of whole seconds."""

KINDS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday", "makeup")
_WORKING: Final = frozenset({"mon", "tue", "wed", "thu", "fri", "makeup"})


def hours(day: str, now: datetime) -> str:
    """Write hours.toml so that this moment is within `day`.

    `open` is round the clock, `closed` a working day after hours; `holiday`, `makeup` and `sat`
    are days of a kind on which only the rule for that kind opens or closes the office.
    """
    shipped = (REPOSITORY / "dialplans/hours.toml").read_text("utf-8")
    if day == "open":
        return shipped
    queues = tomllib.loads(shipped)["queues"]
    lines = ["[schedules.always]", *(f'{kind} = ["00:00-24:00"]' for kind in KINDS)]
    lines += ["[schedules.elsewhen]", *(f"{kind} = {_spans(kind, day, now)}" for kind in KINDS)]
    lines += ["[numbers]", 'default = "elsewhen"', "[queues]"]
    for name, queue in queues.items():
        schedule = "always" if name in ALWAYS_STAFFED else "elsewhen"
        otherwise = f', otherwise = "{queue["otherwise"]}"' if "otherwise" in queue else ""
        lines.append(f'{name} = {{ schedule = "{schedule}"{otherwise} }}')
    for later in (0, 1) if day != "closed" else ():  # a run may pass midnight
        date = (now + timedelta(days=later)).date()
        lines += ["[[days]]", f"date = {date}", f'kind = "{day}"', 'note = "test"']
    return "\n".join([*lines, ""])


def _spans(kind: str, day: str, now: datetime) -> str:
    if day == "closed":
        hour = (now.hour + 12) % 24
        return f'["{hour:02}:00-{hour:02}:01"]'
    opens = kind == day if day == "makeup" else kind in _WORKING and kind != day
    return '["00:00-24:00"]' if opens else "[]"


class Times:
    """Changes the hours in force, and throws the emergency switch."""

    def __init__(self, hotline: Hotline) -> None:
        self.hotline = hotline
        self._now = ("open", False)

    async def become(self, day: str, *, surge: bool) -> None:
        """Let this moment be within `day`; with `surge` the emergency's menu is in front."""
        was_day, was_surge = self._now
        self._now = (day, surge)
        if surge != was_surge:
            before = self._logged("surge.switched")
            code, said = await self.hotline.stack.ask(
                *("ivr", "surge", "on" if surge else "off", "--reason", "test")
            )
            assert code == 0, said
            await until(lambda: self._logged("surge.switched") > before, 20)
        if day != was_day:
            before = self._logged("definitions.replaced")
            text = hours(day, datetime.now(ZoneInfo("Asia/Shanghai")))
            await asyncio.to_thread(self.hotline.hours.write_text, text, "utf-8")
            await until(lambda: self._logged("definitions.replaced") > before, 20)

    def _logged(self, event: str) -> int:
        log = self.hotline.stack.layout.logs / "ivr.log"
        return log.read_text("utf-8").count(f'"event": "{event}"')


@asynccontextmanager
async def golden_stack(
    folder: Path,
    pieces: dict[str, list[str]],
    *,
    at_work: Sequence[str] = AGENTS,
    environment: Mapping[str, str] | None = None,
    paces: Mapping[str, int] | None = None,
) -> AsyncIterator[Times]:
    """Start it, with these agents at their telephones; settings and paces as `Stack` takes them."""
    outer = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    place = folder / "hours.toml"
    shutil.copy(REPOSITORY / "dialplans/hours.toml", place)
    outer["HOTLINE_DEFINITIONS__HOURS"] = str(place)
    outer["HOTLINE_TELEPHONY__AGENTS"] = ",".join(AGENTS)
    outer |= environment or {}
    async with AsyncExitStack() as parts:
        stack = Stack(folder / "stack", environment=outer, rated_after_seconds=1, paces=paces)
        await parts.enter_async_context(stack)
        write_chords(stack.layout.sounds, pieces)
        await stack.start("postgres", "valkey", "migrate", "asterisk", "ivr", "ledger")
        database = postgres.url(stack.ports.postgres, stack.memory.secret("postgres"))
        hotline = Hotline(stack, folder / "sipp", database, place)
        for agent in at_work:
            phone = hotline.agent(agent, talk_seconds=TALK_SECONDS)
            await parts.enter_async_context(phone)
        yield Times(hotline)
