from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.stack.rtp import (
    FRAME,
    RATE,
    RtpParty,
    decode_alaw,
    encode_alaw,
    share_of,
    sine,
)


@given(st.binary(max_size=300))
def test_every_byte_of_alaw_survives_decoding_and_encoding(data: bytes) -> None:
    assert encode_alaw(decode_alaw(data)) == data


@given(st.lists(st.integers(-32_000, 32_000), min_size=1, max_size=200))
def test_alaw_keeps_loudness_within_its_steps(values: list[int]) -> None:
    samples = np.array(values, dtype=np.int16)
    error = np.abs(decode_alaw(encode_alaw(samples)).astype(int) - samples)
    assert np.all(error <= np.maximum(8, np.abs(samples) / 16 + 1))


def test_the_corners_of_g711_are_where_the_recommendation_has_them() -> None:
    assert list(decode_alaw(bytes([0xD5, 0x55, 0xAA, 0x2A]))) == [8, -8, 32_256, -32_256]


@pytest.mark.parametrize("tone", [440.0, 620.0, 880.0, 1240.0])
def test_a_tone_is_told_from_its_neighbours_and_from_silence(tone: float) -> None:
    heard = decode_alaw(encode_alaw(sine(tone, 0.2)))
    assert share_of(heard, tone) > 0.95
    assert all(share_of(heard, other) < 0.1 for other in (500.0, 740.0, 980.0, 1100.0))
    assert share_of(np.zeros(1_600, dtype=np.int16), tone) == 0
    assert share_of(np.zeros(0, dtype=np.int16), tone) == 0


def test_two_tones_at_once_share_the_energy() -> None:
    both = sine(440, 0.2, peak=4_000) + sine(880, 0.2, peak=4_000)
    assert share_of(both, 440) == pytest.approx(0.5, abs=0.05)


class Peer(asyncio.DatagramProtocol):
    """The other end: keeps packets, and sends when told."""

    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        self.packets.append(data)


@asynccontextmanager
async def peer_of(party: RtpParty) -> AsyncIterator[Peer]:
    peer = Peer()
    peer.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: peer, remote_addr=("127.0.0.1", party.port)
    )
    try:
        yield peer
    finally:
        peer.transport.close()


def packet(sequence: int, audio: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence, sequence * FRAME, 7) + audio


async def heard_by(peer: Peer, count: int) -> None:
    async with asyncio.timeout(5):
        while len(peer.packets) < count:  # noqa: ASYNC110 - packets come when they come
            await asyncio.sleep(0.01)


async def test_it_says_nothing_before_somebody_is_there_and_then_plays_its_tone() -> None:
    async with RtpParty("127.0.0.1", 440.0) as party, peer_of(party) as peer:
        await asyncio.sleep(0.1)
        assert peer.packets == []
        peer.transport.sendto(packet(1, b"\xd5" * FRAME))
        await heard_by(peer, 12)
    audio = b"".join(data[12:] for data in peer.packets)
    assert share_of(decode_alaw(audio), 440.0) > 0.9
    numbers = [struct.unpack("!H", data[2:4])[0] for data in peer.packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_keys_are_pressed_as_rfc_4733_says() -> None:
    async with RtpParty("127.0.0.1", 440.0) as party, peer_of(party) as peer:
        peer.transport.sendto(packet(1, b"\xd5" * FRAME))
        await heard_by(peer, 1)
        party.press("1#")
        await heard_by(peer, 40)
    events = [p for p in peer.packets if p[1] & 0x7F == 101]
    parsed = [(*struct.unpack("!BBH", p[12:]), struct.unpack("!I", p[4:8])[0]) for p in events]
    assert list(dict.fromkeys(p[0] for p in parsed)) == [1, 11]
    for key in (1, 11):
        mine = [p for p in parsed if p[0] == key]
        assert len({stamp for *_, stamp in mine}) == 1, "one time stamp for one key"
        assert [p[1] >> 7 for p in mine] == [0] * 6 + [1] * 3, "the end is told three times"
        durations = [p[2] for p in mine]
        assert durations == sorted(durations)
        assert durations[-1] >= 80 * RATE // 1_000, "as long as Asterisk asks for"
    markers = [p[1] >> 7 for p in events]
    assert markers == [1, *[0] * 8] * 2


async def test_a_tone_is_awaited_and_a_wait_has_an_end() -> None:
    async with RtpParty("127.0.0.1", 440.0) as party, peer_of(party) as peer:
        with pytest.raises(TimeoutError):
            await party.wait_for(880.0, 0.1)
        tone = encode_alaw(sine(880.0, 0.4))
        for number in range(20):
            peer.transport.sendto(packet(number, tone[number * FRAME : (number + 1) * FRAME]))
        await party.wait_for(880.0, 2)
        assert not party.hears(440.0)
        assert share_of(party.audio(), 880.0) > 0.9
