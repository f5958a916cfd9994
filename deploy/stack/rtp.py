"""An RTP party for real calls: plays a tone, presses keys by RFC 4733, keeps what it hears.

SIPp carries the signalling of the demonstration and of the tests; its own players need raw
sockets, hence root, and it keeps nothing of what arrives. Audio here is A-law at 8 kHz in
packets of 20 ms (RFC 3551), keys are payload type 101.
"""

from __future__ import annotations

import asyncio
import math
import struct
from collections import deque
from collections.abc import Callable
from itertools import islice
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

RATE: Final = 8_000
FRAME: Final = 160
"""Samples in a packet of 20 ms."""

_PERIOD: Final = FRAME / RATE
_PCMA: Final = 8
_KEYS: Final = 101
_KEY_FRAMES: Final = 6
"""A key lasts 120 ms; Asterisk asks for 80."""
_GAP_FRAMES: Final = 5
_END_COPIES: Final = 3
_VOLUME: Final = 10
_EVENTS: Final = "0123456789*#"
_LONGEST_MINUTES: Final = 10
_WINDOW: Final = 1_600
"""A tone is judged on 200 ms."""
_SHARE: Final = 0.5
"""How much of the energy in the window a tone must hold to count as heard."""
_QUIET: Final = 100.0
"""Root mean square, in 16-bit steps, below which nothing is heard."""

Samples = NDArray[np.int16]


def sine(frequency: float, seconds: float, *, peak: int = 8_000) -> Samples:
    """Make a tone of `frequency` hertz."""
    at = np.arange(round(seconds * RATE))
    wave: Samples = (peak * np.sin(2 * np.pi * frequency * at / RATE)).astype(np.int16)
    return wave


def share_of(samples: Samples, frequency: float) -> float:
    """Tell which share of the energy lies at `frequency`: about 1 for the pure tone, 0 for others.

    The scalar product with sine and cosine (Goertzel's quantity at one frequency), set in
    relation to all energy.
    """
    wave = samples.astype(np.float64)
    energy = float(np.dot(wave, wave))
    if not len(wave) or math.sqrt(energy / len(wave)) < _QUIET:
        return 0.0
    turn = 2 * np.pi * frequency * np.arange(len(wave)) / RATE
    re, im = float(np.dot(wave, np.cos(turn))), float(np.dot(wave, np.sin(turn)))
    return 2 * (re * re + im * im) / (len(wave) * energy)


def _alaw_value(code: int) -> int:
    """Decode one byte as ITU-T G.711 table 1a says."""
    code ^= 0x55
    exponent, mantissa = (code & 0x70) >> 4, code & 0x0F
    size = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return size if code & 0x80 else -size


_DECODED: Final = np.array([_alaw_value(code) for code in range(256)], dtype=np.int16)
_ORDER: Final = np.argsort(_DECODED, kind="stable")
_BOUNDS: Final = (_DECODED[_ORDER][1:].astype(np.int32) + _DECODED[_ORDER][:-1]) // 2


def encode_alaw(samples: Samples) -> bytes:
    """Encode by the nearest value that A-law has."""
    return _ORDER[np.searchsorted(_BOUNDS, samples)].astype(np.uint8).tobytes()


def decode_alaw(data: bytes) -> Samples:
    """Decode to 16 bit."""
    return _DECODED[np.frombuffer(data, dtype=np.uint8)]


class RtpParty(asyncio.DatagramProtocol):
    """One end of an RTP session on loopback, bound inside its context.

    It plays to where audio comes from (symmetric RTP), and until some comes to where `find`
    says that the signalling has put the other end.
    """

    def __init__(
        self, host: str, tone: float, find: Callable[[], tuple[str, int] | None] = lambda: None
    ) -> None:
        """Bind to `host`; play `tone` hertz as soon as there is somebody."""
        self._find = find
        self._host = host
        self._frames = [encode_alaw(frame) for frame in sine(tone, 1.0).reshape(-1, FRAME)]
        self._heard: deque[tuple[float, bytes]] = deque(
            maxlen=_LONGEST_MINUTES * 60 * RATE // FRAME
        )
        self._plan: deque[tuple[int, int, int, int]] = deque()
        self._peer: tuple[str, int] | None = None
        self._sequence = self._clock = self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self._host, 0))
        self._transport = transport
        self.port: int = transport.get_extra_info("sockname")[1]
        self._began = loop.time()
        self._tick()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._timer:
            self._timer.cancel()
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep audio, and remember who sent it."""
        self._peer = addr
        if len(data) > 12 and data[1] & 0x7F == _PCMA:  # noqa: PLR2004 - RFC 3550: the fixed header
            self._heard.append((asyncio.get_running_loop().time(), data[12:]))

    def press(self, keys: str) -> None:
        """Press `keys`, `0-9*#`, one after the other; the tone pauses meanwhile."""
        for key in keys:
            event = _EVENTS.index(key)
            for step in range(1, _KEY_FRAMES + 1):
                self._plan.append((event, step, 0, int(step == 1)))
            self._plan.extend([(event, _KEY_FRAMES, 1, 0)] * _END_COPIES)
            self._plan.extend([(-1, 0, 0, 0)] * _GAP_FRAMES)

    def audio(self, seconds: float | None = None) -> Samples:
        """Give what was heard, or only the last `seconds` of it."""
        since = 0.0 if seconds is None else asyncio.get_running_loop().time() - seconds
        return decode_alaw(b"".join(data for when, data in self._heard if when >= since))

    def packets(self, first: int = 0) -> list[bytes]:
        """Give the packets of audio that were heard, from the one with the number `first`."""
        return [data for _, data in islice(self._heard, first, None)]

    def silent_seconds(self) -> float:
        """Tell for how long no audio has arrived."""
        return asyncio.get_running_loop().time() - (self._heard[-1][0] if self._heard else 0.0)

    def hears(self, frequency: float) -> bool:
        """Tell whether the tone is there right now."""
        latest = self.audio(_WINDOW / RATE + _PERIOD)
        return len(latest) >= _WINDOW and share_of(latest[-_WINDOW:], frequency) > _SHARE

    async def wait_for(self, frequency: float, within: float) -> float:
        """Wait until the tone is heard; give the seconds that took.

        Raises:
            TimeoutError: when it is not heard `within` seconds.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(within):
            while not self.hears(frequency):  # noqa: ASYNC110 - the judgement is on a window of time
                await asyncio.sleep(_PERIOD)
        return loop.time() - began

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        due = int((loop.time() - self._began) / _PERIOD)
        while self._ticks <= due:
            self._ticks += 1
            self._send()
        self._timer = loop.call_at(self._began + self._ticks * _PERIOD, self._tick)

    def _send(self) -> None:
        at = self._ticks * FRAME
        if self._plan and self._peer:
            event, step, end, first = self._plan.popleft()
            if event < 0:
                return
            if first:
                self._clock = at
            duration = step * FRAME
            body = struct.pack("!BBH", event, end << 7 | _VOLUME, duration)
            self._packet(_KEYS | first << 7, self._clock, body)
            return
        self._packet(_PCMA, at, self._frames[self._ticks % len(self._frames)])

    def _packet(self, kind: int, at: int, body: bytes) -> None:
        if self._peer is None:
            self._peer = self._find()
        if self._peer is None:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = struct.pack(
            "!BBHII", 0x80, kind, self._sequence, at & 0xFFFFFFFF, id(self) & 0xFFFF
        )
        self._transport.sendto(header + body, self._peer)
