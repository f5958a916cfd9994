"""A crowd's mouths and ears: RTP for hundreds of parties in one process, as steady as it can be.

Each party has a socket of its own for one call. It says its tone from the first packet that it
hears until the other end is closed, presses a key by RFC 4733 when it hears a question, and notes
what it misses: packets that never came, and the longest pause between two. One loop without
asyncio: what the crowd costs is taken from the hotline under test.

    python bench/crowd.py HOST COUNT TONE

binds COUNT ports of HOST, each four above the one before, prints the first, and at the end of its
standard input one line of JSON.
"""

from __future__ import annotations

import json
import random
import select
import socket
import struct
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from deploy.stack.rtp import FRAME, encode_alaw, sine

PORT_STEP: Final = 4
"""As SIPp's [auto_media_port] counts."""
LEVELS: Final = {"m_main": 10_000, "m_consult": 14_000, "p_rate": 18_000, "p_rate_why": 24_000}
"""A question is a constant level: above every tone, so that three samples tell which it is."""
KEYS: Final = {"m_main": "1", "m_consult": "1234", "p_rate": "123", "p_rate_why": "1234"}
"""Among which the caller chooses."""

_PERIOD: Final = FRAME / 8_000
_PAUSE: Final = 0.1
"""A pause this long between two packets is noted."""
_PCMA, _KEY = 8, 101
_PACKET: Final = 12 + FRAME


def code_of(level: int) -> int:
    """Give the byte that a level has in A-law."""
    return encode_alaw(np.array([level], dtype=np.int16))[0]


_CODES: Final = {code_of(level): name for name, level in LEVELS.items()}


@dataclass(eq=False)
class Party:
    """One end of an RTP session."""

    socket: socket.socket
    heard_at: float = 0.0
    expected: int | None = None
    """Sequence number of the packet that should come next."""
    question: str = ""
    plan: deque[bytes] = field(default_factory=deque)
    sequence: int = 0
    stamp: int = 0


@dataclass
class Notes:
    """What the crowd has noticed."""

    received: int = 0
    sent: int = 0
    missed: int = 0
    """Packets that never came, by their numbers."""
    pauses: int = 0
    longest_pause: float = 0.0
    pressed: Counter[str] = field(default_factory=Counter)
    """`<question>:<key>` to how often."""
    late: float = 0.0
    """How much this process itself was ever behind, seconds."""


class Crowd:
    """All parties of one kind."""

    def __init__(self, host: str, count: int, tone: float) -> None:
        self.notes = Notes()
        self._poll = select.epoll()
        self._parties: dict[int, Party] = {}
        self._active: set[Party] = set()
        self._frames = [encode_alaw(frame) for frame in sine(tone, 1.0).reshape(-1, FRAME)]
        self._random = random.Random(12320)  # noqa: S311 - which key is pressed
        self.first, ends = _bound(host, count)
        for end in ends:
            end.setblocking(False)  # noqa: FBT003 - the standard library's own
            self._poll.register(end, select.EPOLLIN)
            self._parties[end.fileno()] = Party(end)

    def run(self) -> None:
        """Speak and listen until standard input ends."""
        self._poll.register(sys.stdin, select.EPOLLIN | select.EPOLLHUP)
        began, ticks = time.monotonic(), 0
        while True:
            now = time.monotonic()
            due = began + ticks * _PERIOD
            if now >= due:
                self.notes.late = max(self.notes.late, now - due)
                self._speak(ticks)
                ticks += 1
                continue
            for number, _ in self._poll.poll(due - now):
                if number == sys.stdin.fileno():
                    return
                self._listen(self._parties[number])

    def _listen(self, party: Party) -> None:
        try:
            while True:
                data, peer = party.socket.recvfrom(2_048)
                if party.expected is None:
                    # Connected, so that the kernel tells when the other end is closed.
                    party.socket.connect(peer)
                    self._active.add(party)
                self._heard(party, data)
        except BlockingIOError:
            return
        except ConnectionRefusedError:
            self._active.discard(party)

    def _heard(self, party: Party, data: bytes) -> None:
        now, notes = time.monotonic(), self.notes
        notes.received += 1
        number = int.from_bytes(data[2:4], "big")
        if party.expected is not None:
            notes.missed += (number - party.expected) & 0xFFFF
            if now - party.heard_at > _PAUSE:
                notes.pauses += 1
                notes.longest_pause = max(notes.longest_pause, now - party.heard_at)
        party.expected = number + 1 & 0xFFFF
        party.heard_at = now
        self._judge(party, data)

    def _judge(self, party: Party, data: bytes) -> None:
        """Press a key at the first packet of a question."""
        asked = ""
        if len(data) == _PACKET and data[52] == data[92] == data[132]:
            asked = _CODES.get(data[92], "")
        if asked and asked != party.question:
            key = self._random.choice(KEYS[asked])
            party.plan.extend(_pressed(int(key)))
            self.notes.pressed[f"{asked}:{key}"] += 1
        party.question = asked

    def _speak(self, tick: int) -> None:
        for party in tuple(self._active):
            body = party.plan.popleft() if party.plan else b""
            if body and body[0] == 0x80 | _KEY:
                party.stamp = tick * FRAME  # of a key's packets all have that of its first
            kind, payload = (body[0], body[1:]) if body else (_PCMA, b"")
            stamp = party.stamp if body else tick * FRAME
            party.sequence = party.sequence + 1 & 0xFFFF
            head = struct.pack("!BBHII", 0x80, kind, party.sequence, stamp & 0xFFFFFFFF, 7)
            try:
                party.socket.send(head + (payload or self._frames[tick % len(self._frames)]))
            except ConnectionRefusedError:
                self._active.discard(party)
            else:
                self.notes.sent += 1


def _bound(host: str, count: int) -> tuple[int, list[socket.socket]]:
    """Find a row of ports that nobody has, and take them all."""
    for first in range(6_000, 65_000 - PORT_STEP * count, 500):
        ends: list[socket.socket] = []
        try:
            for number in range(count):
                ends.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                ends[-1].bind((host, first + PORT_STEP * number))
        except OSError:
            for end in ends:
                end.close()
        else:
            return first, ends
    sys.exit(f"{host}: expected {count} free ports in a row.")


def _pressed(key: int) -> list[bytes]:
    """Make a key of 120 ms: type with marker, and payload, of each packet."""
    steps = [(step, 0) for step in range(1, 7)] + [(6, 1)] * 3
    return [
        bytes([_KEY | 0x80 * (place == 0)]) + struct.pack("!BBH", key, end << 7 | 10, step * FRAME)
        for place, (step, end) in enumerate(steps)
    ]


def main() -> None:
    """Be a crowd."""
    host, count, tone = sys.argv[1:]
    crowd = Crowd(host, int(count), float(tone))
    print(crowd.first, flush=True)
    crowd.run()
    notes = crowd.notes
    print(json.dumps({**vars(notes), "pressed": dict(notes.pressed)}), flush=True)


if __name__ == "__main__":
    main()
