"""Models on disk: one folder a version, named by the digest of its bytes.

    DIR/current            id of the version in use
    DIR/history            ids in the order in which they came into use
    DIR/<id>/model.json    taxonomy, categories, n-grams, calibration, figures
    DIR/<id>/weights.npy   float16; the model computes in float32 with the same values
    DIR/<id>/alarm.npy     float32, what gives an unnamed danger away
    DIR/<id>/memory.json   confirmed notes without the words around the matter

A version is written beside and moved into place, so a killed process leaves the old one in use.
The notes are health data: the folder is its owner's alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ivr.categories.classify import Classifier
from ivr.categories.features import restored_features
from ivr.categories.lexicon import Lexicon
from ivr.categories.memory import Memory, index_memory
from ivr.categories.model import Calibration, Model
from ivr.categories.taxonomy import edition
from ivr.errors import DefinitionInvalid

FORMAT: Final = 3
KEPT: Final = 5
"""Versions kept for roll-back."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The files of one version, as bytes, and their digest."""

    version: str
    files: Mapping[str, bytes]


def packed(model: Model, memory: Memory, taxonomy_id: str, lexicon_digest: str) -> Stored:
    """Return a model and its memory as files; the same content gives the same bytes."""
    about = {
        "format": FORMAT,
        "taxonomy": taxonomy_id,
        "lexicon": lexicon_digest,
        "codes": list(model.codes),
        "grams": list(model.features.names),
        "slope": list(model.calibration.slope),
        "intercept": list(model.calibration.intercept),
        "by_length": list(model.calibration.by_length),
    }
    files = {
        "model.json": _json(about),
        "weights.npy": _array(model.weights.astype(np.float16)),
        "bias.npy": _array(model.bias),
        "alarm.npy": _array(model.alarm),
        "idf.npy": _array(model.features.idf),
        "memory.json": _json(dict(memory.codes)),
    }
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return Stored(digest.hexdigest()[:12], files)


def unpacked(files: Mapping[str, bytes], lexicon: Lexicon, version: str) -> Classifier:
    """Return the classifier of a version's files.

    Raises:
        DefinitionInvalid: written by another format, or for another lexicon.
    """
    about = json.loads(files["model.json"])
    if about["format"] != FORMAT or about["lexicon"] != lexicon_digest(lexicon):
        raise DefinitionInvalid(
            f"Model {version}: made for another version of the program; run `learn` again."
        )
    features = restored_features(about["grams"], _read_array(files["idf.npy"]), lexicon)
    model = Model(
        features,
        tuple(about["codes"]),
        _read_array(files["weights.npy"]).astype(np.float32),
        _read_array(files["bias.npy"]),
        _read_array(files["alarm.npy"]),
        Calibration(tuple(about["slope"]), tuple(about["intercept"]), tuple(about["by_length"])),
    )
    codes = {
        note: (code, share) for note, (code, share) in json.loads(files["memory.json"]).items()
    }
    return Classifier(model, index_memory(codes), edition(about["taxonomy"]), version)


def lexicon_digest(lexicon: Lexicon) -> str:
    """Return the digest of all lists and terms: weights fit only the lexicon they learned with."""
    content = [[entry.name, *entry.terms] for entry in lexicon.lists]
    return hashlib.sha256(_json(content)).hexdigest()[:12]


def put(directory: Path, stored: Stored) -> None:
    """Write a version and make it the current one; older than the last five are removed."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    target, beside = directory / stored.version, directory / f".{stored.version}.{os.getpid()}"
    if not target.exists():
        beside.mkdir(mode=0o700)
        for name, content in stored.files.items():
            (beside / name).write_bytes(content)
        beside.rename(target)
    came = [version for version in history(directory) if version != stored.version]
    came.append(stored.version)
    for old in came[:-KEPT]:
        shutil.rmtree(directory / old, ignore_errors=True)
    _replace(directory / "history", "\n".join(came[-KEPT:]) + "\n")
    _replace(directory / "current", stored.version + "\n")


def current(directory: Path) -> str | None:
    """Return the id of the version in use, or None."""
    try:
        return (directory / "current").read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def load(directory: Path, lexicon: Lexicon, version: str | None = None) -> Classifier:
    """Return the classifier of a version, by default the one in use.

    Raises:
        DefinitionInvalid: there is no model, or it does not fit this program.
    """
    version = version or current(directory)
    if version is None:
        raise DefinitionInvalid(f"{directory}: no model; run `learn --model {directory}` first.")
    folder = directory / version
    try:
        files = {item.name: item.read_bytes() for item in sorted(folder.iterdir())}
        return unpacked(files, lexicon, version)
    except (OSError, KeyError, ValueError) as error:
        raise DefinitionInvalid(f"{folder}: not a whole model, {error}.") from None


def roll_back(directory: Path) -> str:
    """Return to the version before the one in use, and return its id.

    Raises:
        DefinitionInvalid: there is no earlier version.
    """
    came = history(directory)
    used = current(directory)
    before = came[: came.index(used)] if used in came else came
    if not before:
        raise DefinitionInvalid(f"{directory}: no version before {used}.")
    _replace(directory / "current", before[-1] + "\n")
    return before[-1]


def history(directory: Path) -> list[str]:
    """Return the ids of the versions that are kept, in the order in which they came into use."""
    try:
        return (directory / "history").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


def _replace(path: Path, content: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(content, encoding="utf-8")
    beside.replace(path)


def _json(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _array(value: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    return buffer.getvalue()


def _read_array(content: bytes) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array
