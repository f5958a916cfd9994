"""Tells by ear what a caller is told: every prompt in the tests' sounds is a chord of its own.

A chord is one of twelve low tones with one of seventeen high ones, all of them whole multiples of
the 50 Hz that a packet of 20 ms resolves. What was said is read from the audio that reached the
caller, so nothing that the product says about itself is believed.
"""

from __future__ import annotations

import asyncio
import itertools
import tomllib
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from deploy.stack.rtp import FRAME, RATE, RtpParty, Samples, decode_alaw, sine
from ivr.config import REPOSITORY

LOCALES: Final = ("zh", "en")
GOES_ON: Final = "…"
"""What follows inside a prompt with values: its further pieces and the values themselves."""
MUSIC: Final = "♪"
BEEP: Final = "beep"
"""The tone after which a message begins."""

_LOW: Final = tuple(range(400, 1_600, 100))
_HIGH: Final = tuple(range(1_700, 3_400, 100))
_LEAD_SECONDS: Final = 0.06
_CHORD_SECONDS: Final = 0.34
_FRAMES: Final = 5
"""So many packets of one chord on end are a prompt; a key pressed early cuts it to fewer."""
_ECHO_SECONDS: Final = 0.5
_LOUD: Final = 300.0
_PURE: Final = 0.8
"""Share of a packet's energy that the two tones hold together."""
_EACH: Final = 0.25
"""And each alone: a single tone is no chord."""

Said = tuple[str, str]
"""Locale and prompt."""


def _prompts() -> list[str]:
    text = (REPOSITORY / "dialplans/prompts.toml").read_text("utf-8")
    return sorted(tomllib.loads(text)["prompts"])


def _chords() -> dict[Said, tuple[int, int]]:
    said = [*itertools.product(LOCALES, (*_prompts(), GOES_ON)), ("", MUSIC), ("", BEEP)]
    return dict(zip(said, itertools.product(_LOW, _HIGH), strict=False))


CHORDS: Final = _chords()
_SAID: Final = {chord: said for said, chord in CHORDS.items()}


def _chord(said: Said, seconds: float) -> Samples:
    low, high = (sine(float(tone), seconds, peak=4_000) for tone in CHORDS[said])
    return low + high


def write_chords(sounds: Path, pieces: dict[str, list[str]]) -> None:
    """Write the sounds that Asterisk plays: per locale, every file that a prompt is made of."""
    lead = np.zeros(round(_LEAD_SECONDS * RATE), dtype=np.int16)
    for locale, names in pieces.items():
        folder = sounds / locale / "hotline"
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            key = name.removesuffix("-1")
            said = (locale, key if (locale, key) in CHORDS else GOES_ON)
            sound = np.concatenate([lead, _chord(said, _CHORD_SECONDS)])
            soundfile.write(folder / f"{name}.wav", sound, RATE, subtype="PCM_16")
    for place, name, seconds in (
        ("music/chord.wav", MUSIC, 5.0),
        ("calm/chord.wav", MUSIC, 5.0),
        ("tones/beep.wav", BEEP, 0.3),
    ):
        (sounds / place).parent.mkdir(exist_ok=True)
        soundfile.write(sounds / place, _chord(("", name), seconds), RATE, subtype="PCM_16")


def _bank(tones: tuple[int, ...]) -> NDArray[np.complex128]:
    at = np.arange(FRAME) / RATE
    bank: NDArray[np.complex128] = np.exp(-2j * np.pi * np.outer(at, tones))
    return bank


_LOW_BANK: Final = _bank(_LOW)
_HIGH_BANK: Final = _bank(_HIGH)


def chord_of(packet: Samples) -> Said | None:
    """Tell which chord a packet of 20 ms holds, None for silence and anything else."""
    wave = packet.astype(np.float64)
    energy = float(np.dot(wave, wave))
    if len(wave) != FRAME or energy < FRAME * _LOUD**2:
        return None
    low, high = (
        2 * np.abs(wave @ bank) ** 2 / (FRAME * energy) for bank in (_LOW_BANK, _HIGH_BANK)
    )
    if low.max() + high.max() < _PURE or min(low.max(), high.max()) < _EACH:
        return None
    return _SAID.get((_LOW[low.argmax()], _HIGH[high.argmax()]))


class Ears:
    """Listens to what one party hears."""

    def __init__(self, rtp: RtpParty) -> None:
        self._rtp = rtp
        self._packets = 0
        self._run: Said | None = None
        self._long = 0
        self._prompts: list[Said] = []

    def prompts(self) -> list[Said]:
        """Give every prompt so far, in the order in which it began; music is none."""
        packets = self._rtp.packets(self._packets)
        for packet in packets:
            self._take(chord_of(decode_alaw(packet)))
        self._packets += len(packets)
        return self._prompts

    async def last(self) -> list[Said]:
        """Give every prompt of a call that is over; the last may lie in the socket yet."""
        before = -1
        while self._packets != before:
            before = self._packets
            await asyncio.sleep(_ECHO_SECONDS)
            self.prompts()
        return list(self._prompts)

    @property
    def music(self) -> bool:
        """Whether music is what is heard now."""
        self.prompts()
        return self._run == ("", MUSIC) and self._long >= _FRAMES

    def _take(self, said: Said | None) -> None:
        self._long = self._long + 1 if said == self._run else 1
        self._run = said
        if said and self._long == _FRAMES and said[1] not in {GOES_ON, MUSIC}:
            self._prompts.append(said)
