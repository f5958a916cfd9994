"""Many calls at once: SIPp dials by the second, each call with a number that no other call has.

A caller's number is the user part of its SIP Call-ID, so SIPp's own ledger says who called, and
what became of it on the wire. Sound is made here: keys of callers, and a tone of agents who talk.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import jinja2

from deploy.stack.rtp import FRAME, encode_alaw, sine
from deploy.stack.sip import free_port
from deploy.stack.stack import AGENT_ADDRESS, CALLER_ADDRESS
from tests.real.hotline import Hotline

_SCENARIOS = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "sipp"),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 - SIP inside CDATA
    trim_blocks=True,
    lstrip_blocks=True,
)
_TICK = 0.02
_UNDER_WAY = 0.5
"""Seconds after which whoever dialled last is through to Asterisk."""
_prefixes = itertools.count(25101)
_signings = itertools.count(1)


@dataclass(frozen=True)
class Callers:
    """One sort of caller: how many a second, what they press, how long they stay."""

    per_second: float
    keys: tuple[tuple[float, str], ...] = ()
    """Seconds after the answer, and a key."""
    stays: float = 9.0
    """Seconds until the caller hangs up, unless Asterisk does."""
    longer: float = 0.0
    """Up to so many seconds more, by chance."""
    most: int | None = None
    """How many calls there are in all."""


WANDERER = Callers(1.5, stays=0.2, longer=3.5)
"""Hangs up somewhere in the menu."""
ASKING = Callers(2.5, keys=((1.0, "0"), (2.5, "0"), (4.0, "0")), stays=6.5)
"""Wants a person, and says so until he is understood."""
HURRIED = Callers(1.0, keys=((0.8, "1"), (1.8, "1")), stays=2.0, longer=4.0)
"""Goes to a queue and does not wait for long."""
USUAL = (WANDERER, ASKING, HURRIED)
"""Five calls a second."""


class Sound:
    """Sends keys and tones from one port; what comes back is left to the kernel to drop."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.bind((host, 0))
        self.port: int = self._socket.getsockname()[1]
        self._frame = encode_alaw(sine(880.0, FRAME / 8_000))
        self._sent: dict[int, int] = {}
        self.talking: set[int] = set()

    def close(self) -> None:
        self._socket.close()

    def talk(self) -> None:
        """Give every party that talks its next packet."""
        for port in self.talking:
            self._packet(port, 8, self._sent.get(port, 0) * FRAME, self._frame)

    async def press(self, port: int, key: str) -> None:
        """Press one key, by RFC 4733, after a little sound by which Asterisk knows the sender."""
        for _ in range(4):
            self._packet(port, 8, self._sent.get(port, 0) * FRAME, self._frame)
        began = self._sent.get(port, 0) * FRAME
        event = "0123456789*#".index(key)
        for step in range(1, 10):
            body = struct.pack("!BBH", event, (step > 6) << 7 | 10, min(step, 6) * FRAME)
            self._packet(port, 101 | (step == 1) << 7, began, body)
            await asyncio.sleep(_TICK)

    def _packet(self, port: int, kind: int, at: int, body: bytes) -> None:
        number = self._sent[port] = self._sent.get(port, 0) + 1
        header = struct.pack("!BBHII", 0x80, kind, number & 0xFFFF, at & 0xFFFFFFFF, port)
        with suppress(OSError):
            self._socket.sendto(header + body, ("127.0.0.1", port))


class Sipp:
    """One SIPp process and the files it writes."""

    def __init__(self, hotline: Hotline, folder: Path, scenario: str, **values: object) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.ledger = folder / "ledger"
        self._read = 0
        path = folder / scenario
        path.write_text(_SCENARIOS.get_template(scenario).render(values), "ascii")
        self._argv = (
            *("setpriv", "--pdeathsig", "KILL", "--", "sipp", f"127.0.0.1:{hotline.sip.port}"),
            *("-sf", str(path), "-nostdin", "-nd", "-aa", "-l", "2000", "-trace_shortmsg"),
            *("-shortmessage_file", str(self.ledger), "-shortmessage_overwrite", "true"),
            *("-trace_err", "-error_file", str(folder / "errors"), "-trace_logs"),
            *("-log_file", str(folder / "media"), "-max_invite_retrans", "4"),
            *("-max_non_invite_retrans", "4", "-max_log_size", "100000000"),
        )

    async def start(self, host: str, port: int, *options: str) -> None:
        ports = ("-i", host, "-p", str(port), "-mp", str(free_port(host)))
        with (self.folder / "screen").open("wb") as screen:
            self.process = await asyncio.create_subprocess_exec(
                *(*self._argv, *ports, *options),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=screen,
                stderr=asyncio.subprocess.STDOUT,
                env={"PATH": os.defpath, "TERM": "dumb"},
                start_new_session=True,
            )

    async def ended(self, within: float) -> int:
        async with asyncio.timeout(within):
            return await self.process.wait()

    def dial_no_more(self) -> None:
        """Begin no more calls."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGUSR1)

    async def end(self, within: float) -> None:
        """Wait for the calls that go on."""
        with suppress(TimeoutError):
            await self.ended(within)
        await self.kill()

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def said(self) -> list[list[str]]:
        """Give the whole lines that its scenario logged since the last time, in words."""
        try:
            with (self.folder / "media").open("rb") as stream:
                stream.seek(self._read)
                whole, newline, _ = stream.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._read += len(whole) + len(newline)
        return [words for line in whole.decode("ascii").splitlines() if (words := line.split())]


@dataclass
class Load:
    """Calls that come for as long as this context lasts, and agents who take them."""

    hotline: Hotline
    folder: Path
    callers: Sequence[Callers] = USUAL
    agents: Sequence[str] = ()
    rings: float = 0.2
    talks: float = 1.5
    dismiss: Callable[[], Awaitable[object]] | None = None
    """What ends the calls that go on in the end, instead of waiting for them."""
    _dialling: list[tuple[Callers, Sipp]] = field(init=False, default_factory=list)
    _phones: Sipp | None = field(init=False, default=None)

    async def __aenter__(self) -> Self:
        self._listening, self._speaking = Sound(CALLER_ADDRESS), Sound(AGENT_ADDRESS)
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        if self.agents:
            await self._open_phones()
        for number, sort in enumerate(self.callers):
            prefix = f"0{next(_prefixes)}"
            least, spread = round(sort.stays * 1000), round(sort.longer * 1000)
            sipp = Sipp(
                self.hotline,
                self.folder / f"callers-{number}",
                "caller.xml",
                prefix=prefix,
                rtp_port=self._listening.port,
                least_ms=least,
                spread_ms=spread,
            )
            rate = ("-r", str(round(sort.per_second * 10)), "-rp", "10000")
            most = ("-m", str(sort.most)) if sort.most else ()
            port = free_port(CALLER_ADDRESS)
            await sipp.start(CALLER_ADDRESS, port, *rate, *most, "-cid_str", f"{prefix}%u@load")
            self._dialling.append((sort, sipp))
        self._sounding = self._tasks.create_task(self._sound())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                await self.end()
        finally:
            for sipp in (*(sipp for _, sipp in self._dialling), self._phones):
                if sipp:
                    await sipp.kill()
            self._sounding.cancel()
            # What went wrong in the body goes on as it is, not wrapped in a group.
            await self._tasks.__aexit__(None, None, None)
            self._listening.close()
            self._speaking.close()

    @property
    def ledgers(self) -> tuple[Path, ...]:
        """What SIPp wrote down of the callers."""
        return tuple(sipp.ledger for _, sipp in self._dialling)

    async def all_dialled(self, within: float) -> None:
        """Wait until every call of those that are counted is over."""
        async with asyncio.timeout(within):
            for sort, sipp in self._dialling:
                if sort.most:
                    await sipp.process.wait()

    async def end(self, within: float = 40.0) -> None:
        """Let no new caller dial, and wait for the calls that go on."""
        for _, sipp in self._dialling:
            sipp.dial_no_more()
        if self.dismiss:
            await asyncio.sleep(_UNDER_WAY)
            await self.dismiss()
        async with asyncio.TaskGroup() as ending:
            for _, sipp in self._dialling:
                ending.create_task(sipp.end(within))

    async def _sign_all_on(self) -> None:
        """Tell Asterisk where the agents' telephones are, for the next ten minutes.

        Asterisk takes them to be where the REGISTER comes from: the port of the telephones.
        """
        for agent in self.agents:
            await self._sign_on(agent)

    async def _sign_on(self, agent: str) -> None:
        folder = self.folder / f"sign-{agent}-{next(_signings)}"
        secret = self.hotline.stack.agent_secret(agent)
        sipp = Sipp(self.hotline, folder, "register.xml", agent=agent, secret=secret)
        await sipp.start(AGENT_ADDRESS, self._phones_port, "-m", "1")
        try:
            assert await sipp.ended(15) == 0, f"{agent} could not sign on: {folder}"
        finally:
            await sipp.kill()

    async def _open_phones(self) -> None:
        self._phones_port = free_port(AGENT_ADDRESS)
        self._phones = Sipp(
            self.hotline,
            self.folder / "agents",
            "agents.xml",
            rtp_port=self._speaking.port,
            ring_ms=round(self.rings * 1000),
            talk_ms=round(self.talks * 1000),
        )
        await self._sign_all_on()
        await self._phones.start(AGENT_ADDRESS, self._phones_port)

    async def _sound(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            for sort, sipp in self._dialling:
                for _, port in sipp.said():
                    for after, key in sort.keys:
                        self._tasks.create_task(self._press(int(port), after, key))
            for word, port in self._phones.said() if self._phones else ():
                change: Callable[[int], None] = self._speaking.talking.discard
                if word == "talks":
                    change = self._speaking.talking.add
                change(int(port))
            self._speaking.talk()
            due = max(due + _TICK, clock())
            await asyncio.sleep(due - clock())

    async def _press(self, port: int, after: float, key: str) -> None:
        await asyncio.sleep(after)
        await self._listening.press(port, key)
