"""Recognisers for the tests, registered as an installed package registers one."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 8_000

_CODE = """
import os, sys, time
import numpy as np


class Recogniser:
    def recognise(self, speech, locale):
        return self.say(speech, locale)


def of(say):
    return lambda: type("Made", (Recogniser,), {"say": lambda self, *heard: say(*heard)})()


def _tone(speech, locale):
    spectrum = np.abs(np.fft.rfft(speech.samples))
    hertz = np.argmax(spectrum) * speech.rate / len(speech.samples)
    return f"{locale} {hertz:.0f} Hz {speech.rate}"


def _chatty(speech, locale):
    print("loading the model")
    os.write(1, b"and more")
    return "只有这些"


def _raises(speech, locale):
    raise ValueError("no")


def _hangs(speech, locale):
    with open(os.environ["TOY_PID"], "w") as note:
        note.write(str(os.getpid()))
    time.sleep(600)


def _endless(speech, locale):
    return "x" * 100_000_000


class _Binary(str):
    def encode(self, *_):
        return b"\\xff\\xfe"


tone, chatty, raises, hangs = of(_tone), of(_chatty), of(_raises), of(_hangs)
dies = of(lambda *_: os._exit(9))
endless = of(_endless)
binary = of(lambda *_: _Binary("x"))
silent = of(lambda *_: "")
control = of(lambda *_: "a\\x00b\\n\\x1bc")
long = of(lambda *_: "x" * 12_000)
"""
_NAMES = (
    *("tone", "chatty", "raises", "hangs", "dies"),
    *("endless", "binary", "silent", "control", "long"),
)


def install(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the package into a folder of its own, for this process and its children."""
    info = site / "toy_ears-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-ears\nVersion: 1\n")
    points = "\n".join(f"{name} = toy_ears:{name}" for name in _NAMES)
    (info / "entry_points.txt").write_text(f"[hotline.speech_recogniser]\n{points}\n")
    (site / "toy_ears.py").write_text(_CODE, "utf-8")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", f"{site}:{Path(__file__).resolve().parents[2]}")
    monkeypatch.setenv("TOY_PID", str(site / "pid"))
    monkeypatch.delitem(sys.modules, "toy_ears", raising=False)


def a_wav(left: float, right: float, seconds: float = 2.0) -> bytes:
    """Make a sound file of two channels, each a tone of so many hertz."""
    at = np.arange(round(seconds * RATE)) / RATE
    both = np.stack([0.5 * np.sin(2 * np.pi * hertz * at) for hertz in (left, right)], axis=1)
    file = io.BytesIO()
    soundfile.write(file, both, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()
