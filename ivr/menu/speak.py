"""Making the audio of every prompt: recordings first, the synthetic voice for the rest.

Only what changed is made again: beside the sounds lies a list of what each file was made of.

Elderly callers hear a slower variant. A sentence that a person has recorded has one only if he has
recorded it slowly too: Asterisk then falls back on the ordinary recording by itself, and a human
voice at its own pace is better than a machine's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ivr.menu.audio import FORMATS, levelled, read_recording, write_sounds
from ivr.menu.model import SLOWER
from ivr.menu.prompts import FOLDER, PromptBook
from ivr.menu.voice import Espeak, SpeechSynth, find_voice

MADE_OF: Final = "made-of.json"
"""Beside the sounds: file name to what it was made of."""
RECORDED: Final = "recorded:"
SLOWER_PACE: Final = 0.8
_WORKERS: Final = 2
"""The machine also serves calls."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What `speak_all` did."""

    made: int
    kept: int
    synthetic: tuple[str, ...]
    """`<locale>/<key>` of every sound still waiting for a recording."""


@dataclass(frozen=True, slots=True)
class _Task:
    variant: str
    """Folder below the sounds: a locale, or its slower variant."""
    locale: str
    key: str
    text: str
    recording: Path | None
    made_of: str


def speak_all(
    prompts: PromptBook,
    sounds: Path,
    *,
    recorded: Path,
    voice: str = "espeak",
    progress: Progress | None = None,
) -> Spoken:
    """Bring `<sounds>/<locale>/hotline/` in step with the texts and the recordings.

    Args:
        prompts: the texts.
        sounds: the folder that Asterisk plays from.
        recorded: a folder with `<locale>/<key>.wav`; what is there wins over the voice.
        voice: `espeak`, or the name of a registered voice.
        progress: called with the number done and the number to do.

    Raises:
        SettingsInvalid: no such voice.
        VoiceFailed: the voice made no sound; what was made before stays.
    """
    voices = _voices(voice, prompts)
    tasks = list(_tasks(prompts, recorded, voices))
    made_of = {variant: _made_of(sounds, variant) for variant in voices}
    stale = [task for task in tasks if not _in_step(task, sounds, made_of[task.variant])]
    try:
        with ThreadPoolExecutor(_WORKERS) as pool:
            jobs = {
                pool.submit(_make, task, sounds, voices[task.variant].synth): task for task in stale
            }
            for count, job in enumerate(as_completed(jobs), start=1):
                job.result()
                task = jobs[job]
                made_of[task.variant][task.key] = task.made_of
                if progress:
                    progress(count, len(stale))
    finally:
        for variant, listed in made_of.items():
            _write_made_of(sounds, variant, listed)
    return Spoken(len(stale), len(tasks) - len(stale), still_synthetic(prompts, sounds))


def speak_text(
    key: str,
    texts: Mapping[str, str],
    sounds: Path,
    pronunciations: Mapping[str, Mapping[str, str]],
    voice: str = "espeak",
) -> None:
    """Make the sound of a text that stands in no file, by locale, unless it is there.

    Raises:
        SettingsInvalid: no such voice.
        VoiceFailed: the voice made no sound.
    """
    synth = find_voice(voice, pronunciations)
    for locale, text in texts.items():
        stem = _stem(sounds, locale, key)
        if not all(stem.with_name(f"{key}.{suffix}").is_file() for suffix, _ in FORMATS):
            stem.parent.mkdir(parents=True, exist_ok=True)
            write_sounds(stem, levelled(synth.synthesize(text, locale)))


def still_synthetic(prompts: PromptBook, sounds: Path) -> tuple[str, ...]:
    """List `<locale>/<key>` of every sound that no human has recorded yet."""
    return tuple(
        f"{locale}/{key}"
        for locale, texts in prompts.recordable.items()
        for made_of in (_made_of(sounds, locale),)
        for key in texts
        if not made_of.get(key, "").startswith(RECORDED)
    )


def out_of_step(prompts: PromptBook, sounds: Path, *, recorded: Path, voice: str) -> list[str]:
    """List `<locale>/<key>` of every sound that is missing or was made of something else."""
    voices = _voices(voice, prompts)
    made_of = {variant: _made_of(sounds, variant) for variant in voices}
    return [
        f"{task.variant}/{task.key}"
        for task in _tasks(prompts, recorded, voices)
        if not _in_step(task, sounds, made_of[task.variant])
    ]


@dataclass(frozen=True, slots=True)
class _Voice:
    locale: str
    synth: SpeechSynth


def _voices(voice: str, prompts: PromptBook) -> dict[str, _Voice]:
    """Give the voice of each variant; one from elsewhere knows no pace, so it has no slower one."""
    words = prompts.pronunciations
    synth = find_voice(voice, words)
    voices = {locale: _Voice(locale, synth) for locale in prompts.recordable}
    if isinstance(synth, Espeak):
        slow = replace(synth, pace=SLOWER_PACE)
        voices |= {slower: _Voice(locale, slow) for locale, slower in SLOWER.items()}
    return voices


def _tasks(prompts: PromptBook, recorded: Path, voices: Mapping[str, _Voice]) -> Iterator[_Task]:
    for variant, voice in voices.items():
        locale = voice.locale
        words = prompts.pronunciations.get(locale, {})
        for key, text in prompts.recordable[locale].items():
            recording = recorded / variant / f"{key}.wav"
            if recording.is_file():
                content = hashlib.sha256(recording.read_bytes()).hexdigest()
                yield _Task(variant, locale, key, text, recording, f"{RECORDED}{content}")
            elif variant == locale or not (recorded / locale / f"{key}.wav").is_file():
                said = {word: way for word, way in words.items() if word in text}
                made = [voice.synth.name, text, said]
                content = json.dumps(made, ensure_ascii=False, sort_keys=True)
                digest = hashlib.sha256(content.encode()).hexdigest()
                yield _Task(variant, locale, key, text, None, f"spoken:{digest}")


def _in_step(task: _Task, sounds: Path, made_of: Mapping[str, str]) -> bool:
    stem = _stem(sounds, task.variant, task.key)
    return made_of.get(task.key) == task.made_of and all(
        stem.with_name(f"{stem.name}.{suffix}").is_file() for suffix, _ in FORMATS
    )


def _make(task: _Task, sounds: Path, synth: SpeechSynth) -> None:
    if task.recording:
        speech = read_recording(task.recording)
    else:
        speech = synth.synthesize(task.text, task.locale)
    stem = _stem(sounds, task.variant, task.key)
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_sounds(stem, levelled(speech))


def _stem(sounds: Path, locale: str, key: str) -> Path:
    return sounds / locale / FOLDER / key


def _made_of(sounds: Path, locale: str) -> dict[str, str]:
    """Read the list; one that is missing or torn only means that everything is made again."""
    try:
        listed = json.loads((sounds / locale / FOLDER / MADE_OF).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(listed) if isinstance(listed, dict) else {}


def _write_made_of(sounds: Path, locale: str, listed: Mapping[str, str]) -> None:
    path = sounds / locale / FOLDER / MADE_OF
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(json.dumps(listed, indent=1, sort_keys=True), encoding="utf-8")
    unfinished.replace(path)
