"""One running copy of the hotline: named components, started and stopped in any order.

`deploy/up` starts them all; a test starts those it needs:

    async with Stack(tmp_path) as stack:
        await stack.start("postgres", "valkey", "migrate")
        ...
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.stack import postgres, valkey
from deploy.stack.children import Child, ChildFailed, Supervisor, tail
from deploy.stack.layout import Layout, Memory, hold_lock, write_private
from deploy.stack.ports import PortBlock
from ivr.config import REPOSITORY, Settings, load_settings

COMPONENTS: Final = (
    *("postgres", "valkey", "migrate", "prompts"),
    *("asterisk", "ivr", "ledger", "agents"),
)
"""In the order in which they are started."""

_ONE_SHOT_SECONDS: Final = 120.0
_WATCHDOG_SECONDS: Final = 5.0
_NOT_FOR_CHILDREN: Final = frozenset(
    {"HOTLINE_CACHE", "HOTLINE_ASTERISK_ROOT", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}
)


class Stack:
    """A copy of the hotline in one folder, alive inside its context."""

    def __init__(self, directory: Path, *, environment: Mapping[str, str] | None = None) -> None:
        """Use `directory` for everything; read `DATABASE_URL`, `REDIS_URL` and so on."""
        self.layout = Layout(directory.absolute())
        self._outer = dict(os.environ if environment is None else environment)
        self._open = ExitStack()
        self._starters: dict[str, Callable[[], Awaitable[None]]] = {
            "postgres": self._start_postgres,
            "valkey": self._start_valkey,
            "migrate": lambda: self.run("migrate", "ivr", "migrate"),
            "prompts": lambda: self.run("prompts", "ivr", "speak"),
            "ivr": lambda: self._start_ours("ivr", "ivr", "serve"),
            "ledger": lambda: self._start_ours("ledger", "ivr", "ledger"),
            "agents": lambda: self._start_ours("agents", "agents", "serve"),
        }

    async def __aenter__(self) -> Self:
        self.layout.make()
        self._open.enter_context(hold_lock(self.layout.directory / "lock"))
        self.memory = Memory(self.layout.directory / "memory.json")
        block = self._open.enter_context(PortBlock(self.memory.number("port block")))
        self.ports = block.ports
        self.memory.keep("port block", self.ports.block)
        self.settings = self._write_settings()
        self.supervisor = Supervisor(logs=self.layout.logs, runtime=self.layout.runtime)
        await self.supervisor.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            await self.supervisor.__aexit__(kind, error, at)
        finally:
            self._open.close()

    @property
    def environment(self) -> dict[str, str]:
        """What our own processes run in."""
        kept = {k: v for k, v in self._outer.items() if k not in _NOT_FOR_CHILDREN}
        return {
            "PATH": os.defpath,
            **kept,
            "HOTLINE_SETTINGS": str(self.layout.settings),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUNBUFFERED": "1",
        }

    async def start(self, *names: str) -> None:
        """Start these components, one after the other, each ready before the next.

        Raises:
            ChildFailed: naming the component, with its last log lines.
        """
        for name in names:
            await self._starters[name]()

    async def stop(self, name: str) -> None:
        """Stop the component in order."""
        await self.supervisor.stop(name)

    async def restart(self, name: str) -> None:
        """Stop the component in order and start it again."""
        await self.stop(name)
        await self.start(name)

    def kill(
        self, name: str, number: signal.Signals = signal.SIGKILL, *, revive: bool = True
    ) -> None:
        """Send a signal; a component that dies of it comes back unless `revive` is False."""
        self.supervisor.signal(name, number, revive=revive)

    async def ready(self, name: str) -> None:
        """Wait until a component that died serves again."""
        await self.supervisor.ready(name)

    def pid(self, name: str) -> int | None:
        """Give the component's working process, None while there is none."""
        return self.supervisor.pid(name)

    def log(self, name: str) -> Path:
        """Where the component writes."""
        return self.supervisor.log(name)

    async def run(self, name: str, *arguments: str) -> None:
        """Run `python -m <arguments>` to its end, as the component `name`.

        Raises:
            ChildFailed: when it does not end well in time; with its last log lines.
        """
        log = self.log(name)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=self.environment,
                cwd=REPOSITORY,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(_ONE_SHOT_SECONDS):
                code = await process.wait()
        except TimeoutError:
            raise ChildFailed(f"{name}: not done in {_ONE_SHOT_SECONDS} s.\n{tail(log)}") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code != 0:
            raise ChildFailed(f"{name}: ended with {code}.\n{tail(log)}")

    async def _start_postgres(self) -> None:
        if "DATABASE_URL" not in self._outer:
            password = self.memory.secret("postgres")
            await postgres.make_cluster(self.layout, password)
            await self.supervisor.start(
                postgres.postgres_child(self.layout, self.ports.postgres, password)
            )

    async def _start_valkey(self) -> None:
        if "REDIS_URL" not in self._outer:
            await self.supervisor.start(valkey.valkey_child(self.layout))

    async def _start_ours(self, name: str, *arguments: str) -> None:
        await self.supervisor.start(
            Child(
                name=name,
                command=lambda: (sys.executable, "-m", *arguments),
                environment=self.environment,
                notifies=True,
                watchdog_seconds=_WATCHDOG_SECONDS,
                folder=REPOSITORY,
            )
        )

    def _write_settings(self) -> Settings:
        asterisk, ports, secret = self.layout.asterisk, self.ports, self.memory.secret
        sections: dict[str, dict[str, str | int]] = {
            "ami": {"port": ports.ami, "secret": secret("ami live")},
            "agi": {"port": ports.agi, "token": secret("agi token")},
            "spool": {"directory": str(asterisk / "log/cel-custom")},
            "recordings": {
                "incoming": str(asterisk / "spool/monitor"),
                "archive": str(self.layout.recordings),
            },
            "database": {"url": postgres.url(ports.postgres, secret("postgres"))},
            "redis": {"url": valkey.url(self.layout)},
            "definitions": {"sounds": str(self.layout.sounds)},
            "web": {"port": ports.web},
        }
        lines = ["# Written by deploy/up at every start; change the environment instead."]
        for section, values in sections.items():
            lines.append(f"\n[{section}]")
            # A JSON string is a TOML basic string.
            lines += [
                f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()
            ]
        write_private(self.layout.settings, "\n".join([*lines, ""]))
        return load_settings(self.environment)
