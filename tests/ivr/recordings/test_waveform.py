from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ivr.recordings.waveform import as_json, peaks

sounds = hnp.arrays(np.int16, st.tuples(st.integers(1, 300), st.just(2)))


@given(sounds, st.integers(1, 50))
def test_no_sample_is_louder_than_its_peak_and_only_silence_is_zero(
    samples: np.ndarray[tuple[int, int], np.dtype[np.int16]], stretches: int
) -> None:
    found = peaks(samples, stretches)
    half = len(found) // 2
    assert half == min(stretches, len(samples))
    for leg in (0, 1):
        loudest = int(np.abs(samples[:, leg].astype(np.int32)).max())
        drawn = max(found[leg * half : (leg + 1) * half])
        assert drawn * 32_768 / 255 >= loudest
        assert (drawn - 1) * 32_768 / 255 < max(loudest, 1)


def test_the_loudest_sample_of_all_fits() -> None:
    assert peaks(np.array([[-32_768, 32_767]], np.int16)) == b"\xff\xff"


def test_a_recording_without_sound_has_no_peaks() -> None:
    assert peaks(np.zeros((0, 2), np.int16)) == b""


def test_each_leg_has_its_half() -> None:
    assert as_json(b"\1\2\3\4", 250) == {
        "milliseconds": 250,
        "loudest": 255,
        "caller": [1, 2],
        "agent": [3, 4],
    }
