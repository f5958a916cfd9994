"""The running hotline for the faults: its proxies, its checker, and Asterisk's own word."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
import redis.asyncio

from deploy.stack import children, postgres, valkey
from deploy.stack.console import console
from deploy.stack.layout import Memory
from deploy.stack.stack import Stack
from ivr.config import REPOSITORY
from tests.faults.checker import Evidence, Report, check, read_ledgers
from tests.faults.load import USUAL, Callers, Load
from tests.faults.proxy import Proxy
from tests.real.hotline import Hotline, write_tones

AGENTS = tuple(f"a10{number:02}" for number in range(1, 7))
SOAK = bool(os.environ.get("SOAK"))
_loads = itertools.count(1)

Message = dict[str, str]

DATABASE_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""How a database refuses that is dead, dying or just coming back."""


@dataclass
class Rig:
    """The hotline, and what stands around it."""

    hotline: Hotline
    folder: Path
    ami: Proxy
    """Between the bridge and Asterisk."""
    database: Proxy
    """Between the ledger and PostgreSQL."""

    @property
    def journal(self) -> Path:
        """The file that Asterisk's journal is written to."""
        return self.hotline.stack.settings.spool.directory / "cel.jsonl"

    def chance(self) -> random.Random:
        """Give a new source of chance; its seed is printed, and `FAULTS_SEED` repeats it."""
        seed = int(os.environ.get("FAULTS_SEED") or int.from_bytes(os.urandom(4)))
        print(f"FAULTS_SEED={seed}")  # noqa: T201 - pytest shows it where a test fails
        return random.Random(seed)  # noqa: S311 - no secret

    def load(
        self,
        callers: Sequence[Callers] = USUAL,
        agents: Sequence[str] = AGENTS,
        *,
        patient: bool = False,
    ) -> Load:
        """Describe a load; enter it to let it begin.

        Args:
            callers: the sorts of callers.
            agents: who takes the calls.
            patient: wait in the end until every caller is through; else Asterisk ends the calls.
        """
        dismiss = None if patient else self.hang_up_all
        folder = self.folder / f"load-{next(_loads)}"
        return Load(self.hotline, folder, callers, agents, dismiss=dismiss)

    def evidence(self, *ledgers: Path) -> Evidence:
        folder = self.hotline.stack.layout.directory
        return Evidence.of(folder, self.hotline.database, ledgers)

    async def settles(
        self, *ledgers: Path, back_at: float = 0.0, clocks_agree: bool = True
    ) -> Report:
        """Wait until all that the checker asks for is there; give its last report.

        Waiting ends as soon as nothing is wrong, or a little after the time in which it must be.
        """
        since = max(back_at, time.time())
        while True:
            report = await check(
                self.evidence(*ledgers), back_at=back_at, clocks_agree=clocks_agree
            )
            if not report.violations or time.time() > since + 75:
                return report
            await asyncio.sleep(0.5)

    async def judged(self, *ledgers: Path) -> Report:
        """Give the checker's report of this moment."""
        return await check(self.evidence(*ledgers))

    async def rows(self, sql: str, *values: object) -> list[asyncpg.Record]:
        return await self.hotline.rows(sql, *values)

    async def count(self, sql: str, *values: object) -> int:
        """Ask for one number."""
        return int((await self.rows(sql, *values))[0][0])

    def numbers(self, load: Load) -> list[str]:
        """Give the numbers of all who called, by SIPp's own ledger."""
        return list(read_ledgers(load.ledgers))

    def boot(self) -> int:
        """Tell how often Asterisk was started so far."""
        return int(self.hotline.stack.layout.boots.read_text("ascii"))

    def handles(self, pid: int) -> int:
        """Count a process's open files."""
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))

    async def asterisk(self, command: str) -> str:
        """Give Asterisk's console a command, through its sandbox; give its answer."""
        return await console(self.hotline.stack.layout, command)

    async def hang_up_all(self) -> None:
        """Let Asterisk end every call."""
        await self.asterisk("channel request hangup all")

    async def administer(self, *statements: str) -> None:
        """Carry out statements in another database than the hotline's."""
        address = self.hotline.database.rpartition("/")[0]
        await self._execute(f"{address}/postgres", statements)

    async def execute(self, *statements: str) -> None:
        """Carry out statements in the hotline's database."""
        await self._execute(self.hotline.database, statements)

    async def _execute(self, address: str, statements: Sequence[str]) -> None:
        connection = await asyncpg.connect(address, timeout=10)
        try:
            for statement in statements:
                await connection.execute(statement, timeout=30)
        finally:
            await connection.close(timeout=10)

    def logged(self, component: str, event: str) -> int:
        """Count how often a component has logged an event."""
        return self.hotline.stack.log(component).read_text("utf-8", "replace").count(f'"{event}"')

    @asynccontextmanager
    async def manager(self) -> AsyncIterator[Manager]:
        """Speak to Asterisk's manager directly, without anything of the product."""
        stack = self.hotline.stack
        reader, writer = await asyncio.open_connection("127.0.0.1", stack.ports.ami)
        manager = Manager(reader, writer)
        try:
            secret = stack.memory.secret("ami live")
            await reader.readline()
            await manager.ask("Login", Username="live", Secret=secret, Events="off")
            yield manager
        finally:
            writer.close()

    async def unpause_all(self) -> None:
        """Take back who was paused because a telephone rang in vain."""
        async with self.manager() as manager:
            for agent in AGENTS:
                await manager.ask("QueuePause", Interface=f"PJSIP/agent-{agent}", Paused="false")

    async def shown(self) -> dict[str, Any] | None:
        """Read the live state as the desks read it; None when there is none."""
        client = redis.asyncio.from_url(valkey.url(self.hotline.stack.layout))
        try:
            said = await client.get("hotline:n1:live")
        finally:
            await client.aclose()
        return json.loads(said) if said else None

    async def redis(self, *words: str) -> None:
        """Give Redis a command of the test's own."""
        client = redis.asyncio.from_url(valkey.url(self.hotline.stack.layout))
        try:
            await client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py's gap
        finally:
            await client.aclose()

    async def live_state_agrees(self, within: float) -> None:
        """Wait until Redis holds what Asterisk says, and fail after `within` seconds."""
        async with asyncio.timeout(within):
            while not await self.shows_what_asterisk_says():  # noqa: ASYNC110 - in other processes
                await asyncio.sleep(0.1)

    async def shows_what_asterisk_says(self) -> bool:
        """Compare who waits in which queue, and who is paused there: Redis against Asterisk."""
        try:
            state = await self.shown()
        except (OSError, redis.exceptions.RedisError):
            return False
        if state is None or not state["current"]:
            return False
        async with self.manager() as manager:
            said = await manager.events("QueueStatus", "QueueStatusComplete")
        waiting = {(m["Queue"], m["Uniqueid"]) for m in said if m["Event"] == "QueueEntry"}
        paused = {
            (m["Queue"], m["Location"].removeprefix("PJSIP/agent-"))
            for m in said
            if m["Event"] == "QueueMember" and m["Paused"] == "1"
        }
        return waiting == {
            (queue, caller["channel"])
            for queue, line in state["queues"].items()
            for caller in line["waiting"]
        } and paused == {
            (queue, agent) for agent, seat in state["agents"].items() for queue in seat["paused"]
        }


Prepare = Callable[[Stack], Awaitable[None]]


async def _nothing(_stack: Stack) -> None: ...


@asynccontextmanager
async def running(folder: Path, prepare: Prepare = _nothing) -> AsyncIterator[Rig]:
    """Run the whole hotline in a folder, with a proxy on each of its two ways.

    Args:
        folder: all that is written lies below it.
        prepare: called with the stack before anything of it is started.
    """
    hours, stack_folder = folder / "hours.toml", folder / "stack"
    shutil.copy(REPOSITORY / "dialplans/hours.toml", hours)
    stack_folder.mkdir()
    # Kept before the stack asks for it: the ledger's address, through the proxy, holds it.
    password = Memory(stack_folder / "memory.json").secret("postgres")
    outer = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    outer["HOTLINE_DEFINITIONS__HOURS"] = str(hours)
    outer["HOTLINE_TELEPHONY__AGENTS"] = ",".join(AGENTS)
    async with Proxy() as ami, Proxy() as way, AsyncExitStack() as undone:
        # Who is killed comes back at once, as with systemd's RestartSec: the growing pauses are
        # for those who die by themselves, and would let the killed be dead for most of a run.
        undone.enter_context(patch.object(children, "_LONGEST_DELAY", 0.3))
        outer["HOTLINE_AMI__PORT"] = str(ami.port)
        outer["HOTLINE_DATABASE__URL"] = postgres.url(way.port, password)
        stack = Stack(stack_folder, environment=outer, rated_after_seconds=1)
        await undone.enter_async_context(stack)
        ami.target, way.target = stack.ports.ami, stack.ports.postgres
        write_tones(stack.layout.sounds)
        await prepare(stack)
        await stack.start("postgres", "valkey", "migrate", "asterisk", "ivr", "ledger")
        address = postgres.url(stack.ports.postgres, password)
        yield Rig(Hotline(stack, folder / "sipp", address, hours), folder, ami, way)


@dataclass
class Manager:
    """A manager session, as plain as it gets."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, action: str, **fields: str) -> Message:
        self._send(action, fields)
        while "Response" not in (message := await self._message()):
            pass
        return message

    async def events(self, action: str, last: str, **fields: str) -> list[Message]:
        self._send(action, fields)
        found: list[Message] = []
        while (message := await self._message()).get("Event") != last:
            found.append(message)
        return [message for message in found if "Event" in message]

    def _send(self, action: str, fields: Message) -> None:
        lines = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
        self.writer.write(f"Action: {action}\r\n{lines}\r\n".encode())

    async def _message(self) -> Message:
        async with asyncio.timeout(10):
            text = (await self.reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
        pairs = (line.partition(": ") for line in text.splitlines() if line)
        return {key: value for key, _, value in pairs}
