"""A recording as a picture: the loudest sample of each stretch, for both legs. Pure."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

STRETCHES: Final = 1_000
"""At most so many; a short recording has one for each sample."""
_LOUDEST: Final = 32_768
LEGS: Final = ("caller", "agent")


def peaks(samples: npt.NDArray[np.int16], stretches: int = STRETCHES) -> bytes:
    """Reduce a recording to its peaks.

    Args:
        samples: frames by two channels, the caller's first.
        stretches: how many peaks at most.

    Returns:
        0 to 255 each, rounded up so that only silence is 0: those of the caller, then as many of
        the agent.
    """
    frames = len(samples)
    if frames == 0:
        return b""
    starts = np.unique(np.arange(stretches, dtype=np.int64) * frames // stretches)
    # The two extremes, and not abs(): that overflows at -32,768 and copies the whole sound.
    highest = np.maximum.reduceat(samples, starts, axis=0).astype(np.int32)
    lowest = np.minimum.reduceat(samples, starts, axis=0).astype(np.int32)
    loudest = np.maximum(np.maximum(highest, -lowest), 0)
    scaled = (loudest * 255 + _LOUDEST - 1) // _LOUDEST
    return scaled.astype(np.uint8).T.tobytes()


def as_json(stored: bytes, milliseconds: int) -> dict[str, Any]:
    """Return stored peaks as the JSON object of the API."""
    half = len(stored) // len(LEGS)
    caller, agent = list(stored[:half]), list(stored[half:])
    return {"milliseconds": milliseconds, "loudest": 255, "caller": caller, "agent": agent}
