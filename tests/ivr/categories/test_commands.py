from __future__ import annotations

import json
from pathlib import Path

import pytest

import ivr.categories.learn as learning
from ivr.categories import commands
from ivr.categories.classify import Classifier
from ivr.categories.commands import (
    classify_lines,
    evaluate_file,
    learn_file,
    open_classifier,
    open_learnt,
)
from ivr.categories.corpus import Example
from ivr.categories.rows import RowInvalid
from ivr.categories.versions import Stored, current, put
from ivr.errors import DefinitionInvalid


def test_each_line_is_answered_in_order(classifier: Classifier) -> None:
    lines = ['{"text":"预约皮肤科"}', '{"text":"感谢医生"}', '{"campaign":"O02"}']
    guesses = [json.loads(answer)["guess"] for answer in classify_lines(lines, classifier)]
    assert guesses == ["B01.06", "P", "O02"]


def test_the_lines_before_a_bad_one_are_answered(classifier: Classifier) -> None:
    answers = classify_lines(['{"text":"感谢医生"}', "nonsense"], classifier)
    assert json.loads(next(answers))["guess"] == "P"
    with pytest.raises(RowInvalid, match="Line 2"):
        next(answers)


def test_the_seed_model_is_trained_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: tuple[Example, ...]
) -> None:
    monkeypatch.setattr(commands, "seed_corpus", lambda: notes)
    first = open_classifier(seed=tmp_path)
    monkeypatch.setattr(commands, "fit", lambda *_: pytest.fail("trained again"))
    assert open_classifier(seed=tmp_path).version == first.version


def test_a_seed_model_is_kept_beside_what_was_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: tuple[Example, ...]
) -> None:
    """Where a release lies, a service cannot write; where it learns, it can."""
    monkeypatch.setattr(commands, "seed_corpus", lambda: notes)
    first = open_learnt(tmp_path / "models/learnt")
    assert current(tmp_path / "models/seed") == first.version
    assert current(tmp_path / "models/learnt") is None
    monkeypatch.setattr(commands, "fit", lambda *_: pytest.fail("trained again"))
    assert open_learnt(tmp_path / "models/learnt").version == first.version


def test_a_named_folder_without_a_model_is_not_replaced_by_the_seed(tmp_path: Path) -> None:
    with pytest.raises(DefinitionInvalid, match="no model"):
        open_classifier(tmp_path)


def test_learning_from_a_file_and_judging_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: tuple[Example, ...]
) -> None:
    monkeypatch.setattr(learning, "seed_corpus", lambda: notes)
    rows = tmp_path / "rows.jsonl"
    made = [{"text": f"感谢第{n}位医生", "code": "P", "source": "desk"} for n in range(40)]
    rows.write_text("\n".join(json.dumps(row) for row in made), encoding="utf-8")
    assert learn_file(rows, tmp_path / "model").taken
    judged = evaluate_file(rows, open_classifier(tmp_path / "model"))
    assert judged.levels[0].accuracy == 1


def test_inputs_beside_the_text_can_be_left_out_of_a_judgement(
    tmp_path: Path, classifier: Classifier
) -> None:
    rows = tmp_path / "rows.jsonl"
    row = {"text": "预约皮肤科", "service": "投诉", "code": "T01"}
    rows.write_text(json.dumps(row), encoding="utf-8")
    assert evaluate_file(rows, classifier).levels[0].accuracy == 1
    assert evaluate_file(rows, classifier, text_alone=True).levels[0].accuracy == 0


def test_an_empty_or_bad_file_changes_nothing(
    tmp_path: Path, classifier: Classifier, stored: Stored
) -> None:
    put(tmp_path / "model", stored)
    rows = tmp_path / "rows.jsonl"
    for content, fault in (("", "at least one row"), ('{"text":"x","code":"Q"}', "Line 1")):
        rows.write_text(content, encoding="utf-8")
        with pytest.raises(RowInvalid, match=fault):
            learn_file(rows, tmp_path / "model")
        with pytest.raises(RowInvalid, match=fault):
            evaluate_file(rows, classifier)
    assert open_classifier(tmp_path / "model").version == stored.version
