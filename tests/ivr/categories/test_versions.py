from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ivr.categories.classify import Classifier
from ivr.categories.lexicon import lexicon, parse_lexicon
from ivr.categories.rules import Request
from ivr.categories.taxonomy import edition
from ivr.categories.versions import KEPT, Stored, current, load, put, roll_back, unpacked
from ivr.errors import DefinitionInvalid


def named(stored: Stored, name: str) -> Stored:
    return replace(stored, version=name)


def test_a_stored_model_says_what_the_trained_one_said(
    tmp_path: Path, stored: Stored, classifier: Classifier
) -> None:
    put(tmp_path, stored)
    again = load(tmp_path, lexicon())
    for text in ("预约皮肤科", "不想活了", "狂犬疫苗几针", "攒了些药，够了，想睡了不醒"):
        assert again.classify(Request(text)) == classifier.classify(Request(text))


def test_roll_back_returns_to_the_version_before(tmp_path: Path, stored: Stored) -> None:
    put(tmp_path, named(stored, "aaa"))
    put(tmp_path, named(stored, "bbb"))
    assert roll_back(tmp_path) == "aaa"
    assert current(tmp_path) == "aaa"
    with pytest.raises(DefinitionInvalid, match="before aaa"):
        roll_back(tmp_path)


def test_only_the_last_versions_are_kept(tmp_path: Path, stored: Stored) -> None:
    for number in range(KEPT + 2):
        put(tmp_path, named(stored, f"v{number}"))
    folders = sorted(item.name for item in tmp_path.iterdir() if item.is_dir())
    assert folders == [f"v{number}" for number in range(2, KEPT + 2)]


def test_the_folder_of_health_notes_is_its_owners_alone(tmp_path: Path, stored: Stored) -> None:
    put(tmp_path / "models", stored)
    assert (tmp_path / "models").stat().st_mode & 0o077 == 0
    assert (tmp_path / "models" / stored.version).stat().st_mode & 0o077 == 0


def test_a_missing_torn_or_foreign_model_is_refused_by_name(tmp_path: Path, stored: Stored) -> None:
    with pytest.raises(DefinitionInvalid, match="no model"):
        load(tmp_path, lexicon())
    put(tmp_path, stored)
    (tmp_path / stored.version / "weights.npy").write_bytes(b"torn")
    with pytest.raises(DefinitionInvalid, match="not a whole model"):
        load(tmp_path, lexicon())
    other = parse_lexicon(['[a]\nterms = "甲"'], edition())
    with pytest.raises(DefinitionInvalid, match="learn"):
        unpacked(stored.files, other, "x")
