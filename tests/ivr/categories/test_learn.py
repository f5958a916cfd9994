from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import ivr.categories.learn as learning
from ivr.categories.corpus import Example
from ivr.categories.learn import Guard, fit, gathered, held, learn
from ivr.categories.lexicon import lexicon
from ivr.categories.rules import Request
from ivr.categories.versions import Stored, current, load


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, notes: tuple[Example, ...]) -> Sequence[Example]:
    """Learn upon a corner of the corpus; the rest of the mechanism is the shipped one."""
    monkeypatch.setattr(learning, "seed_corpus", lambda: notes)
    return notes


def desk(number: int, code: str = "P") -> Example:
    return Example(f"第{number}封感谢某某医生的信", code, "desk")


def test_the_same_rows_give_the_same_bytes(notes: Sequence[Example]) -> None:
    rows = [desk(number) for number in range(30)]
    first, second = fit([*notes, *rows], rows), fit([*rows, *notes][::-1], rows[::-1])
    assert first == second


def test_a_persons_label_beats_the_corpus(small: Sequence[Example]) -> None:
    note = next(note for note in small if note.code == "B03" and not held(note.text))
    other = Example(note.text, "B99", "desk")
    examples, _ = gathered([other])
    assert other in examples
    assert [e for e in examples if e.text == note.text and e.code == "B03"] == []


def test_the_held_share_is_never_learned_from(small: Sequence[Example]) -> None:
    rows = [desk(number) for number in range(1000)]
    examples, apart = gathered(rows)
    assert 20 < len(apart) < 90
    assert set(apart) & set(examples) == set()
    assert all(held(row.text) for row in apart)
    assert small


def test_what_was_confirmed_is_known_the_same_day(tmp_path: Path, small: Sequence[Example]) -> None:
    row = next(
        Example(f"紫云{number}号方案", "B99", "desk")
        for number in range(100)
        if not held(f"紫云{number}号方案")
    )
    learnt = learn([row], tmp_path)
    verdict = load(tmp_path, lexicon()).classify(Request(row.text))
    assert (learnt.taken, learnt.confirmed, verdict.guess) == (True, 1, "B99")
    assert small


def test_a_worse_model_is_refused_with_its_figures_and_the_old_one_stays(
    tmp_path: Path, small: Sequence[Example]
) -> None:
    right = [row for row in small if row.source == "seed"]
    rows = [replace(row, source="desk") for row in right]
    first = learn(rows, tmp_path)
    # Somebody exports the desk's notes with the codes shifted; the held notes keep theirs.
    shifted = [
        row if held(row.text) else replace(row, code=rows[at - 97].code)
        for at, row in enumerate(rows)
    ]
    second = learn(shifted, tmp_path)
    assert first.taken
    assert not second.taken
    assert current(tmp_path) == first.version == second.before
    assert second.guard.used > second.guard.candidate
    assert "refused" in second.as_text()
    assert "in use: service" in second.as_text()


def test_learning_again_from_the_same_rows_changes_nothing(
    tmp_path: Path, small: Sequence[Example]
) -> None:
    rows = [desk(number) for number in range(5)]
    first, second = learn(rows, tmp_path), learn(rows, tmp_path)
    assert first.version == second.version == second.before
    assert (tmp_path / "history").read_text(encoding="utf-8").split() == [first.version]
    assert small


def test_a_slip_within_chance_is_not_refused() -> None:
    assert not Guard(100, (0.8,) * 5, (0.805,) * 5).refuses
    assert Guard(100, (0.8,) * 5, (0.85,) * 5).refuses
    assert not Guard(3, (), ()).refuses


def test_a_model_of_an_older_program_counts_as_none(
    tmp_path: Path, small: Sequence[Example], stored: Stored
) -> None:
    (tmp_path / stored.version).mkdir()
    (tmp_path / "current").write_text(stored.version, encoding="utf-8")
    assert learn([desk(1)], tmp_path).before is None
    assert small
