"""Voices: what turns a prompt's text into sound.

`SpeechSynth` is the adapter. espeak-ng is built in: robotic, good for building and testing, not
for citizens. Another voice registers a factory in the entry-point group `hotline.speech_synth`.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Final, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from ivr.errors import HotlineError, SettingsInvalid
from ivr.menu.pronounce import pronounce

GROUP: Final = "hotline.speech_synth"
Samples = NDArray[np.float32]


class VoiceFailed(HotlineError):
    """The voice made no sound of a text."""


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """Mono sound, samples between -1 and 1."""

    samples: Samples
    rate: int
    """Samples a second."""


class SpeechSynth(Protocol):
    """A voice. `name` changes whenever the same text would sound different."""

    @property
    def name(self) -> str:
        """Identity of the voice with its version and parameters."""
        ...

    def synthesize(self, text: str, locale: str) -> Speech:
        """Speak a text.

        Raises:
            VoiceFailed: no sound came of it.
        """
        ...


_VOICES: Final[Mapping[str, tuple[str, int]]] = {
    "zh": ("cmn-latn-pinyin", 220),
    "en": ("en", 165),
}
"""espeak-ng's name and its words a minute; Chinese so fast comes to the 4.5 characters a second
of a calm speaker, with which the greeting is over within 12 s."""
_DEADLINE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Espeak:
    """The built-in voice, a program of Debian, started once for each passage."""

    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Locale to pronunciations of words."""
    pace: float = 1.0
    """Below 1 slower, above 1 faster than the usual speed of each language."""
    program: str = "espeak-ng"

    @property
    def name(self) -> str:
        """Identity; a changed pronunciation is found by the text it changes, not here."""
        return f"{self.program}:{sorted(_VOICES.values())}:{self.pace}"

    def synthesize(self, text: str, locale: str) -> Speech:
        """Speak a text, each passage in the voice of its language."""
        passages = pronounce(text, locale, self.words.get(locale, {}))
        if not passages:
            raise VoiceFailed(f"Expected something to pronounce in {locale}; came {text!r}.")
        spoken = [self._passage(one.text, one.locale) for one in passages]
        return Speech(np.concatenate([one.samples for one in spoken]), spoken[0].rate)

    def _passage(self, text: str, locale: str) -> Speech:
        voice, words_a_minute = _VOICES[locale]
        command = [self.program, "-v", voice, "-s", str(round(words_a_minute * self.pace))]
        try:
            done = subprocess.run(  # noqa: S603 - fixed program and options; text goes by pipe
                [*command, "-b", "1", "--stdin", "--stdout"],
                input=text.encode(),
                capture_output=True,
                timeout=_DEADLINE_SECONDS,
                check=True,
            )
            samples, rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
        except FileNotFoundError:
            raise VoiceFailed(f"Expected the program {self.program}; install espeak-ng.") from None
        except (subprocess.SubprocessError, soundfile.LibsndfileError) as error:
            raise VoiceFailed(f"{self.program} failed on {text!r}: {error}.") from None
        return Speech(np.asarray(samples, dtype=np.float32), int(rate))


def find_voice(name: str, words: Mapping[str, Mapping[str, str]]) -> SpeechSynth:
    """Give the built-in voice `espeak`, or one registered by an installed package.

    Raises:
        SettingsInvalid: naming the voices there are.
    """
    if name == "espeak":
        return Espeak(words)
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        names = ", ".join(("espeak", *sorted(found)))
        raise SettingsInvalid(f"Expected one of the voices {names}; came {name!r}.")
    voice: SpeechSynth = found[name].load()()
    return voice
