"""Drives SIPp: callers and agents that are real to Asterisk, with sound by `deploy.stack.rtp`.

Each party is one SIPp process (an agent's sign-on one more), a child that dies with us and has
an end of its own. What SIPp saw of a call is its ledger; it shares nothing with the product.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import jinja2

from deploy.stack.rtp import RtpParty, Samples
from deploy.stack.sip_ledger import Ledger, parse_ledger
from ivr.errors import HotlineError

SCENARIOS: Final = Path(__file__).parent / "sipp"

_SIGN_SECONDS: Final = 10.0
_SIGN_OFF_SECONDS: Final = 2.0
_REGISTERED_SECONDS: Final = 600
_STOP_SECONDS: Final = 3.0
_GOODBYE_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.02
_MEDIA: Final = "media"
_MESSAGES: Final = "messages"
_MEDIA_PORT: Final = 6_000
_PARTY_PORTS: Final = range(2_000, 10_000, 4)
"""Every fourth: SIPp binds four in a row for the audio."""
_APART: Final = 509
"""How many of them processes that were begun one after another start apart."""
_serial = itertools.count(1)
_asked = itertools.count(1)


class SippFailed(HotlineError):
    """SIPp did not do what its scenario says."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where Asterisk listens."""

    host: str
    port: int


def free_port(host: str) -> int:
    """Give a UDP port below those that the kernel chooses; SIPp takes one by number only.

    Nothing holds it until SIPp binds it, so each process asks for its own in turn: the kernel's
    choice was another socket's, now and then, before SIPp had begun.

    Raises:
        SippFailed: when none of them is free.
    """
    for _ in _PARTY_PORTS:
        port = _PARTY_PORTS[(os.getpid() * _APART + next(_asked)) % len(_PARTY_PORTS)]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
            probe.bind((host, port))
            return port
    raise SippFailed(f"no port of {host} is free from {_PARTY_PORTS[0]} to {_PARTY_PORTS[-1]}.")


def _media_address() -> str:
    """Give a loopback address that no other SIPp of ours has.

    SIPp binds four ports in a row whether it plays or not, and ends when one of them is taken.
    """
    process, serial = os.getpid(), next(_serial)
    return f"127.{16 + process // 256 % 200}.{process % 256}.{serial % 254 + 1}"


def _scenario(name: str, folder: Path, **values: object) -> Path:
    """Fill a scenario; bytes above 127 are written as they are meant, one each."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(SCENARIOS),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - SIP inside CDATA, hostile bytes on purpose
    )
    path = folder / name
    text = environment.get_template(name).render(values)
    path.write_bytes(text.encode("iso-8859-1"))
    return path


class _Sipp:
    """One SIPp process."""

    def __init__(self, folder: Path, scenario: Path, sip: Address, host: str, port: int) -> None:
        self._folder = folder
        self._argv = (
            *("setpriv", "--pdeathsig", "KILL", "--"),
            *("sipp", f"{sip.host}:{sip.port}", "-sf", str(scenario), "-i", host, "-p", str(port)),
            *("-nostdin", "-nd", "-aa", "-trace_shortmsg", "-trace_err"),
            *("-mp", str(_MEDIA_PORT), "-mi", _media_address()),
            *("-shortmessage_file", str(folder / "ledger")),
            *("-shortmessage_overwrite", "true", "-error_file", str(folder / "errors")),
            *("-trace_logs", "-log_file", str(folder / _MEDIA)),
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *options: str) -> None:
        with (self._folder / "screen").open("wb") as screen:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                *options,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=screen,
                stderr=asyncio.subprocess.STDOUT,
                env={"PATH": os.defpath, "TERM": "dumb"},
                start_new_session=True,
            )

    async def wait(self, within: float) -> int:
        if self._process is None:
            raise SippFailed("it was not started.")
        async with asyncio.timeout(within):
            return await self._process.wait()

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        process = self._process
        if process is None or not self.runs:
            return
        process.terminate()
        try:
            await self.wait(_STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    def ledger(self) -> Ledger:
        path = self._folder / "ledger"
        return parse_ledger(path.read_text("iso-8859-1") if path.exists() else "")

    def complaint(self) -> str:
        path = self._folder / "errors"
        return path.read_text("iso-8859-1")[-2000:] if path.exists() else ""


@dataclass
class _Party(ABC):
    """What callers and agents have in common; alive inside its context."""

    sip: Address
    workspace: Path
    tone: float
    """Hertz of what this party says."""
    host: str
    """The loopback address it calls from."""
    _open: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    async def _begin(self) -> None:
        self._port = free_port(self.host)
        self._folder = self.workspace / f"{type(self).__name__.lower()}-{next(_serial)}"
        self._folder.mkdir(parents=True)
        party = RtpParty(self.host, self.tone, self._media)
        self.rtp = await self._open.enter_async_context(party)

    def _media(self) -> tuple[str, int] | None:
        """Tell where Asterisk wants the audio: SIPp notes the port of each SDP it gets."""
        noted = self._folder / _MEDIA
        whole_lines = noted.read_text("ascii").rpartition("\n")[0] if noted.exists() else ""
        ports = whole_lines.split()
        return (self.sip.host, int(ports[-1])) if ports else None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._sipp.stop()
        await self._open.aclose()

    @property
    @abstractmethod
    def _sipp(self) -> _Sipp:
        """The SIPp that speaks for this party."""

    @property
    def ledger(self) -> Ledger:
        """What SIPp saw so far."""
        return self._sipp.ledger()

    def heard(self) -> Samples:
        """Give all that this party heard."""
        return self.rtp.audio()

    async def sees(self, start: str, within: float, *, sent: bool = False) -> float:
        """Wait for a message that begins with `start`; give its time.

        Raises:
            TimeoutError: when it does not come `within` seconds.
        """
        async with asyncio.timeout(within):
            while (at := self.ledger.at(start, sent=sent)) is None:  # noqa: ASYNC110 - SIPp writes a file
                await asyncio.sleep(_POLL_SECONDS)
        return at


@dataclass
class Caller(_Party):
    """Somebody who dials."""

    tone: float = 440.0
    host: str = "127.0.0.2"
    number: str = "12320"
    caller: str = "02500000001"
    """The user part of From, as it goes onto the wire."""
    display: str = ""
    headers: tuple[str, ...] = ()
    password: str = ""
    """Of an agent who dials; with it the first INVITE is expected to be challenged."""
    longest_seconds: float = 120.0

    async def __aenter__(self) -> Self:
        await self._begin()
        self._call_id = f"{os.urandom(8).hex()}@caller"
        values = {
            "number": self.number,
            "user": self.caller,
            "display": self.display,
            "password": self.password,
            "headers": "".join(f"{line}\n" for line in self.headers),
            "rtp_port": self.rtp.port,
            "answer_ms": 20_000,
            "longest_ms": round(self.longest_seconds * 1000),
        }
        scenario = _scenario("caller.xml", self._folder, **values)
        self._process = _Sipp(self._folder, scenario, self.sip, self.host, self._port)
        await self._process.start("-m", "1", "-cid_str", self._call_id)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Hang up, if nobody has: who is just gone stands in line until his silence is noticed."""
        if self._sipp.runs:
            self.hang_up()
            with suppress(TimeoutError):
                await self._sipp.wait(_GOODBYE_SECONDS)
        await super().__aexit__(kind, error, at)

    @property
    def _sipp(self) -> _Sipp:
        return self._process

    def press(self, keys: str) -> None:
        """Press keys, by RFC 4733."""
        self.rtp.press(keys)

    async def answered(self, within: float = 5.0) -> float:
        """Wait for the 200; give its time."""
        return await self.sees("SIP/2.0 200", within)

    def hang_up(self) -> None:
        """Tell SIPp, by a MESSAGE inside the call, to send BYE."""
        lines = (
            f"MESSAGE sip:caller@{self.host}:{self._port} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:9;branch=z9hG4bKdriver",
            "From: <sip:driver@localhost>;tag=d",
            "To: <sip:caller@localhost>",
            f"Call-ID: {self._call_id}",
            "CSeq: 1 MESSAGE",
            "Content-Length: 0",
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as driver:
            driver.bind((self.host, 0))
            text = "\r\n".join([*lines, "", ""])
            driver.sendto(text.encode("ascii"), (self.host, self._port))

    async def ended(self, within: float) -> Ledger:
        """Wait for the end of the call; give the ledger.

        Raises:
            TimeoutError: when the call goes on.
            SippFailed: when the call did not go as a call goes.
        """
        code = await self._sipp.wait(within)
        if code not in {0, 1}:
            raise SippFailed(f"caller: ended with {code}: {self._sipp.complaint()}")
        return self.ledger


@dataclass
class Agent(_Party):
    """Somebody who answers."""

    tone: float = 880.0
    host: str = "127.0.0.1"
    id: str = "a1001"
    secret: str = ""
    ring_seconds: float = 0.3
    """Then he answers; longer than a queue's patience means that he does not."""
    talk_seconds: float = 3.0
    """Then he hangs up."""
    keeps_messages: bool = False
    """Whether whole SIP messages are kept, for `messages`."""

    async def __aenter__(self) -> Self:
        await self._begin()
        if await self._sign(_REGISTERED_SECONDS, _SIGN_SECONDS) != 0:
            await self._open.aclose()
            raise SippFailed(f"agent {self.id} could not sign on; see {self._folder}.")
        user = f"agent-{self.id}"
        values = {
            "user": user,
            "rtp_port": self.rtp.port,
            "ring_ms": round(self.ring_seconds * 1000),
            "talk_ms": round(self.talk_seconds * 1000),
        }
        scenario = _scenario("agent.xml", self._folder, **values)
        self._process = _Sipp(self._folder, scenario, self.sip, self.host, self._port)
        kept = ("-trace_msg", "-message_file", str(self._folder / _MESSAGES))
        await self._process.start(*(kept if self.keeps_messages else ()))
        return self

    def messages(self) -> str:
        """Give the SIP messages so far, both ways, as they were on the wire."""
        path = self._folder / _MESSAGES
        return path.read_text("iso-8859-1") if path.exists() else ""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Sign off, so that nobody rings a telephone that is gone; Asterisk may be gone as well."""
        await self._sipp.stop()
        await self._sign(0, _SIGN_OFF_SECONDS)
        await super().__aexit__(kind, error, at)

    async def _sign(self, expires: int, within: float) -> int:
        folder = self._folder / f"sign-{expires}"
        folder.mkdir()
        values = {"user": f"agent-{self.id}", "secret": self.secret, "expires": expires}
        form = _scenario("agent_register.xml", folder, **values)
        sign = _Sipp(folder, form, self.sip, self.host, self._port)
        try:
            await sign.start("-m", "1", "-timeout", f"{within:.0f}s")
            return await sign.wait(within + _STOP_SECONDS)
        except TimeoutError:
            return -1
        finally:
            await sign.stop()

    @property
    def _sipp(self) -> _Sipp:
        return self._process
