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
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from agents.telephone import telephone_secret
from deploy.stack import asterisk, postgres, valkey
from deploy.stack.asterisk_root import provide_asterisk
from deploy.stack.children import Child, ChildFailed, Supervisor, tail
from deploy.stack.desktop import build_folder
from deploy.stack.layout import Layout, Memory, cache_folder, hold_lock, next_boot, write_private
from deploy.stack.ports import PortBlock
from ivr.config import REPOSITORY, Settings, load_settings

CALLER_ADDRESS: Final = "127.0.0.2"
"""From here calls come in over the trunk, on the machine itself."""

AGENT_ADDRESS: Final = "127.0.0.3"
"""From here SIP agents register, on the machine itself."""

COMPONENTS: Final = (
    *("postgres", "valkey", "migrate", "prompts", "desktop"),
    *("asterisk", "ivr", "ledger", "agents"),
)
"""In the order in which they are started."""

_ONE_SHOT_SECONDS: Final = 120.0
_BUILD_SECONDS: Final = 480.0
_QUESTION_SECONDS: Final = 30.0
_WATCHDOG_SECONDS: Final = 5.0
_NOT_FOR_CHILDREN: Final = frozenset(
    {
        *("HOTLINE_CACHE", "HOTLINE_ASTERISK_ROOT"),
        *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"),
        # Children that compile all they import at every start are slow to come back.
        "PYTHONDONTWRITEBYTECODE",
    }
)


class Stack:
    """A copy of the hotline in one folder, alive inside its context."""

    def __init__(
        self,
        directory: Path,
        *,
        environment: Mapping[str, str] | None = None,
        rated_after_seconds: int = 15,
        paces: Mapping[str, int] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Use `directory` for everything; read `DATABASE_URL`, `REDIS_URL` and so on.

        Args:
            directory: all that this copy writes lies below it.
            environment: instead of the process's own.
            rated_after_seconds: a shorter talk is not followed by the rating question.
            paces: other seconds of `asterisk.Values` by name, for tests that do not wait minutes.
            tell: called with short words during long steps.
        """
        self.layout = Layout(directory.absolute())
        self._outer = dict(os.environ if environment is None else environment)
        self._open = ExitStack()
        self._rated_after = rated_after_seconds
        self._paces = dict(paces or {})
        self.tell = tell or (lambda _word: None)
        self._starters: dict[str, Callable[[], Awaitable[None]]] = {
            "postgres": self._start_postgres,
            "valkey": self._start_valkey,
            "migrate": lambda: self.run("migrate", "ivr", "migrate"),
            "prompts": lambda: self.run("prompts", "ivr", "speak"),
            "desktop": self._build_desktop,
            "asterisk": self._start_asterisk,
            "ivr": lambda: self._start_ours("ivr", "ivr", "serve"),
            "ledger": lambda: self._start_ours("ledger", "ivr", "ledger"),
            # It holds nothing, and may be in the middle of learning when its parent dies.
            "agents": lambda: self._start_ours("agents", "agents", "serve", death="KILL"),
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

    async def run(self, name: str, *arguments: str, seconds: float = _ONE_SHOT_SECONDS) -> None:
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
            async with asyncio.timeout(seconds):
                code = await process.wait()
        except TimeoutError:
            raise ChildFailed(f"{name}: not done in {seconds:.0f} s.\n{tail(log)}") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code != 0:
            raise ChildFailed(f"{name}: ended with {code}.\n{tail(log)}")

    async def ask(self, *arguments: str) -> tuple[int, str]:
        """Run `python -m <arguments>`; give its exit code and what it printed.

        Raises:
            TimeoutError: when it takes longer than a question may.
        """
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self.environment,
            cwd=REPOSITORY,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_QUESTION_SECONDS):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        return process.returncode or 0, said.decode("utf-8")

    async def _build_desktop(self) -> None:
        cache = cache_folder(self._outer)
        if not build_folder(cache).exists():
            arguments = ("deploy.stack", "desktop", "--cache", str(cache))
            await self.run("desktop", *arguments, seconds=_BUILD_SECONDS)

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

    async def _start_asterisk(self) -> None:
        root = await provide_asterisk(cache_folder(self._outer), self._outer, self.tell)
        folders = asterisk.Folders(base=self.layout.asterisk, sounds=self.layout.sounds)

        def command() -> tuple[str, ...]:
            asterisk.write_configuration(folders, self._asterisk_values())
            return asterisk.asterisk_command(root, folders)

        async def booted() -> bool:
            control = asterisk.control_command(root, folders, "core waitfullybooted")
            return (folders.run / "asterisk.ctl").exists() and await _succeeds(
                control, asterisk.environment()
            )

        await self.supervisor.start(
            Child(
                name="asterisk",
                command=command,
                environment=asterisk.environment(),
                parent_death="KILL",
                ready=booted,
                sandboxed=True,
                folder=self.layout.directory,
            )
        )

    def _asterisk_values(self) -> asterisk.Values:
        secret, ports, telephony = self.memory.secret, self.ports, self.settings.telephony
        accounts = ("live", "dialer", "desk", "beat", "watch")
        return asterisk.check_values(
            node=self.settings.node.name,
            boot=next_boot(self.layout.boots),
            secrets={name: secret(f"ami {name}") for name in accounts},
            agi_token=secret("agi token"),
            agents=tuple(
                {
                    "id": name,
                    "secret": self.agent_secret(name),
                    "browser": name in telephony.browsers,
                    **_skills(telephony.skills, name),
                }
                for name in (*telephony.agents, *telephony.browsers)
            ),
            trunk={
                "addresses": (CALLER_ADDRESS, *telephony.trunk),
                "contact": telephony.trunk_contact,
                "qualify_seconds": telephony.qualify_seconds,
            },
            sip_host=telephony.sip_host,
            sip_port=self.sip_port,
            external_address=telephony.external_address,
            rtp_first=ports.rtp[0],
            rtp_last=ports.rtp[1],
            ami_port=ports.ami,
            agi_port=ports.agi,
            http_port=ports.http,
            rating_after_seconds=self._rated_after,
            callback_ring_seconds=self.settings.callback.ring_seconds,
            permitted=self.settings.callback.permitted,
            **self._paces,
        )

    @property
    def sip_port(self) -> int:
        """Where Asterisk takes SIP over UDP."""
        return self.settings.telephony.sip_port or self.ports.sip

    def agent_secret(self, agent: str) -> str:
        """Give the SIP password of an agent."""
        return telephone_secret(self.memory.secret("telephones"), agent)

    async def _start_ours(self, name: str, *arguments: str, death: str = "TERM") -> None:
        await self.supervisor.start(
            Child(
                name=name,
                command=lambda: (sys.executable, "-m", *arguments),
                environment=self.environment,
                parent_death=death,
                notifies=True,
                watchdog_seconds=_WATCHDOG_SECONDS,
                folder=REPOSITORY,
            )
        )

    def _write_settings(self) -> Settings:
        folders = asterisk.Folders(base=self.layout.asterisk, sounds=self.layout.sounds)
        ports, secret = self.ports, self.memory.secret
        sections: dict[str, dict[str, str | int]] = {
            "ami": {"port": ports.ami, "secret": secret("ami live")},
            "callback": {"secret": secret("ami dialer")},
            "desk_ami": {"port": ports.ami, "secret": secret("ami desk")},
            "agi": {"port": ports.agi, "token": secret("agi token")},
            "spool": {"directory": str(folders.cel), "boots": str(self.layout.boots)},
            "recordings": {
                "incoming": str(folders.monitor),
                "archive": str(self.layout.recordings),
                "keys": str(self.layout.directory / "recordings.keys"),
            },
            "database": {"url": postgres.url(ports.postgres, secret("postgres"))},
            "redis": {"url": valkey.url(self.layout)},
            "definitions": {"sounds": str(self.layout.sounds)},
            "softphone": {
                "switch": f"ws://127.0.0.1:{ports.http}/ws",
                "key": secret("telephones"),
            },
            "web": {
                "port": ports.web,
                "desktop": str(build_folder(cache_folder(self._outer))),
            },
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


def _skills(skills: Mapping[str, Mapping[str, int]], agent: str) -> dict[str, object]:
    own = skills.get(agent)
    return {"queues": tuple(own), "penalties": dict(own)} if own else {}


async def _succeeds(argv: Sequence[str], environment: Mapping[str, str]) -> bool:
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    try:
        return await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
