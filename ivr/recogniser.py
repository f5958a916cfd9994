"""Speech recognisers: what turns a message into text.

`SpeechRecogniser` is the adapter. None is shipped: a centre that has one registers a factory in
the entry-point group `hotline.speech_recogniser` and names it in `transcripts.recogniser`.

A recogniser is foreign code with a model of its own, so each message has a process for itself:
what hangs, dies or takes all memory costs that message its text and nothing else.
`python -m ivr.recogniser NAME LOCALE` is that process: a sound file comes in, text goes out.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Final, Protocol

import numpy as np
import soundfile

from ivr.errors import HotlineError, SettingsInvalid
from ivr.menu.voice import Speech

GROUP: Final = "hotline.speech_recogniser"
LONGEST_TEXT: Final = 10_000
"""Characters of a transcript. Nobody says more in three minutes; a recogniser gone mad does."""

_MOST_BYTES: Final = 4 * LONGEST_TEXT
_NICER: Final = 10
"""The machine also serves calls."""


class RecogniserFailed(HotlineError):
    """The recogniser made no text of a message."""


class SpeechRecogniser(Protocol):
    """A recogniser of speech."""

    def recognise(self, speech: Speech, locale: str) -> str:
        """Write down what is said; an empty text when nothing is.

        Args:
            speech: mono sound, as it came over the telephone: usually 8 kHz.
            locale: the language that is expected, `zh` or `en`.
        """
        ...


def recognisers() -> tuple[str, ...]:
    """Name the recognisers of the installed packages."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP)))


def find_recogniser(name: str) -> SpeechRecogniser:
    """Make the recogniser that an installed package has registered by this name.

    Raises:
        SettingsInvalid: naming the recognisers there are.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        names = ", ".join(sorted(found)) or "none is installed"
        raise SettingsInvalid(f"Expected one of the recognisers ({names}); came {name!r}.")
    recogniser: SpeechRecogniser = found[name].load()()
    return recogniser


async def recognise(name: str, sound: bytes, locale: str, *, seconds: float) -> str:
    """Let a recogniser write down a message, in a process of its own.

    Args:
        name: of a registered recogniser.
        sound: a sound file, WAV or Opus; the caller is on its first channel.
        locale: the language that is expected.
        seconds: what it may take; then the process is killed.

    Raises:
        RecogniserFailed: it took longer, ended badly, or said what is no text.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, name, locale),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # What it prints may hold the caller's words, and those are never logged.
        stderr=asyncio.subprocess.DEVNULL,
        limit=_MOST_BYTES + 1,
        start_new_session=True,
    )
    code: int | None = None
    try:
        async with asyncio.timeout(seconds):
            said = await _converse(process, sound)
            code = await _ended(process)
    except TimeoutError:
        raise RecogniserFailed(f"{name}: expected a text in {seconds:g} s.") from None
    finally:
        if code is None:
            _kill(process)
            await _ended(process)
    if code != 0:
        raise RecogniserFailed(f"{name}: ended with {code}.")
    return _text(name, said)


async def _converse(process: asyncio.subprocess.Process, sound: bytes) -> bytes:
    """Hand the sound over and read the answer; both at once, or each could wait for the other."""
    assert process.stdin is not None  # noqa: S101 - both are pipes, see above
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(sound)
    process.stdin.close()
    said = b""
    while len(said) <= _MOST_BYTES and (more := await process.stdout.read(_MOST_BYTES)):
        said += more
    if len(said) > _MOST_BYTES:
        _kill(process)
    return said


async def _ended(process: asyncio.subprocess.Process) -> int | None:
    """Wait for the end; what is still in the pipe is read, or the pipe would never close."""
    await process.communicate()
    return process.returncode


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill it and whatever it has started: each of them may hold the pipe open."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _text(name: str, said: bytes) -> str:
    try:
        text = said.decode("utf-8")
    except UnicodeDecodeError:
        raise RecogniserFailed(f"{name}: expected UTF-8.") from None
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(printable.split())[:LONGEST_TEXT]


def _caller(sound: bytes) -> Speech:
    samples, rate = soundfile.read(io.BytesIO(sound), dtype="float32", always_2d=True)
    return Speech(np.ascontiguousarray(samples[:, 0], dtype=np.float32), int(rate))


def main() -> None:
    """Be the process of one message."""
    name, locale = sys.argv[1:]
    with suppress(OSError):  # a sandbox may forbid it
        os.nice(_NICER)
    # Whatever a library prints must not get into the text.
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    text = find_recogniser(name).recognise(_caller(sys.stdin.buffer.read()), locale)
    answer.write(text.encode("utf-8"))
    answer.close()


if __name__ == "__main__":
    main()
