"""What was heard: tones in the recordings, and keys in Asterisk's journal."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import asyncpg
import numpy as np
import soundfile
from numpy.typing import NDArray

from deploy.stack.rtp import FRAME, RATE
from ivr.config import RecordingSettings
from tests.real.sealed import unseal

EDGE_FRAMES: Final = 25
"""At both ends of a conversation, where one side is already or still silent."""
_SHARE: Final = 0.5
_LOUD: Final = 1_000.0
_WORST: Final = 10


def digits(journal: Iterable[Mapping[str, str]], pressed: Counter[str]) -> dict[str, int]:
    """Compare the keys that were pressed with those that Asterisk's journal has."""
    came: Counter[str] = Counter()
    for line in journal:
        kind = line["eventtype"]
        if kind in {"MENU", "RATING", "RATING_REASON"}:
            extra = json.loads(line["eventextra"])["extra"]
            name = {"RATING": "p_rate:", "RATING_REASON": "p_rate_why:"}.get(kind, "")
            came[f"{name}{extra}"] += 1
    return {
        "pressed": pressed.total(),
        "came": (came & pressed).total(),
        "missed": (pressed - came).total(),
        "never_pressed": (came - pressed).total(),
        "silences": sum(count for key, count in came.items() if key.endswith(":t")),
    }


async def recordings(
    rows: Sequence[asyncpg.Record], settings: RecordingSettings, tones: tuple[float, float]
) -> dict[str, Any]:
    """Look at every packet's worth of every conversation for the tone that belongs there.

    Args:
        rows: the recordings that are kept, as the ledger's table has them.
        settings: where they lie and which keys open them.
        tones: what the caller and the agent said, Hz.
    """
    frames = 0
    lost: list[list[float]] = []
    for row in rows:
        path, name = settings.archive / row["path"], f"{row['call_id']}/both/{row['format']}"
        plain = await asyncio.to_thread(unseal, path, settings.keys, name)
        sound, _ = soundfile.read(io.BytesIO(plain), dtype="int16")
        both = zip(sound.T, tones, strict=True)
        lost.append([at for side, tone in both for at in gaps(side, tone)])
        frames += 2 * max(0, len(sound) // FRAME - 2 * EDGE_FRAMES)
    return {
        "conversations": len(rows),
        "recorded_minutes": round(sum(row["milliseconds"] for row in rows) / 60_000, 1),
        "frames": frames,
        "frames_without_the_tone": sum(map(len, lost)),
        "conversations_with_gaps": sum(map(bool, lost)),
        "worst": max(map(len, lost), default=0),
        "seconds_of_gaps": [places[:_WORST] for places in lost if places][:_WORST],
    }


def gaps(side: NDArray[np.int16], tone: float) -> list[float]:
    """Tell at which seconds there are 20 ms, ends left out, in which a tone is not heard."""
    count = len(side) // FRAME
    waves = side[: count * FRAME].reshape(count, FRAME)[EDGE_FRAMES:-EDGE_FRAMES].astype(float)
    energy = (waves**2).sum(axis=1)
    at = 2 * np.pi * tone * np.arange(FRAME) / RATE
    found = 2 * ((waves @ np.cos(at)) ** 2 + (waves @ np.sin(at)) ** 2) / FRAME
    quiet = energy < FRAME * _LOUD**2
    silent = np.flatnonzero(quiet | (found < _SHARE * energy)) + EDGE_FRAMES
    return [round(float(number) * FRAME / RATE, 2) for number in silent]
