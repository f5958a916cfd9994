"""All callers' hands: a key by RFC 4733 for each question, on one socket for all calls."""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

import numpy as np

from deploy.stack.rtp import encode_alaw

LEVELS: Final = {"m_main": 4_000, "m_consult": 12_000}
"""A question is a constant level of its own, so that one byte of RTP tells which it is."""


def press(host: str) -> None:
    """Press 1 whenever a question begins, for all calls on one socket; print its port."""
    hands = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hands.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    hands.bind((host, 0))
    print(hands.getsockname()[1], flush=True)
    codes = {_code(level): name for name, level in LEVELS.items()}
    last: dict[Any, str] = {}
    numbers: dict[Any, int] = {}
    while True:
        data, peer = hands.recvfrom(2_048)
        asked = codes.get(data[12 + 80], "") if len(data) == 172 and data[1] & 0x7F == 8 else ""  # noqa: PLR2004 - 20 ms of PCMA
        if asked and last.get(peer) != asked:
            number = numbers.get(peer, 0)
            for packet in _key(number):
                hands.sendto(packet, peer)
            numbers[peer] = number + 4
        last[peer] = asked


def _code(level: int) -> int:
    return encode_alaw(np.array([level], dtype=np.int16))[0]


def _key(number: int) -> list[bytes]:
    """Make the packets of key 1, pressed for 100 ms: its beginning, and its end three times."""
    packets = []
    for step, (end, duration) in enumerate(((0, 160), (1, 800), (1, 800), (1, 800))):
        head = struct.pack("!BBHII", 0x80, 101 | (step == 0) << 7, number + step, number * 1_000, 7)
        packets.append(head + struct.pack("!BBH", 1, end << 7 | 10, duration))
    return packets
