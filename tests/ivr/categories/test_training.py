from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ivr.categories.corpus import Example
from ivr.categories.evaluation import calibration_error
from ivr.categories.lexicon import lexicon, parse_lexicon
from ivr.categories.model import at_level
from ivr.categories.taxonomy import edition
from ivr.categories.training import Trial, calibrate, groups_of, train, trials


def test_what_was_trained_on_is_mostly_said_again(notes: Sequence[Example]) -> None:
    said = trials(train(notes, lexicon()), notes)
    right = sum(trial.guess == trial.example.code for trial in said)
    assert right > 0.9 * len(notes)


def test_the_order_of_the_examples_does_not_matter(notes: Sequence[Example]) -> None:
    shuffled = [*notes[150:300], *reversed(notes[:150])]
    first, second = train(notes[:300], lexicon()), train(shuffled, lexicon())
    assert np.array_equal(first.weights, second.weights)
    assert np.array_equal(first.bias, second.bias)


def test_the_lexicon_names_what_no_example_held(notes: Sequence[Example]) -> None:
    rest = [note for note in notes if "水痘" not in note.text]
    asked = [Example("水痘疫苗", "C02.01.01", "x")]
    with_terms = trials(train(rest, lexicon()), asked)[0]
    bare = parse_lexicon(['[nothing]\nterms = "〇"'], edition())
    without = trials(train(rest, bare), asked)[0]
    assert with_terms.guess == "C02.01.01"
    assert with_terms.raw[3] > without.raw[3]


def test_a_source_is_never_split_between_groups() -> None:
    examples = [Example(str(n), "P", f"s{n % 5}") for n in range(100)]
    groups = groups_of(examples, 3)
    assert len(groups) == 3
    assert sorted(source for group in groups for source in group) == [f"s{n}" for n in range(5)]


def test_calibration_makes_overconfidence_honest() -> None:
    # Says 0.9 and 0.6, is right in 7 and 4 of 10.
    said = [
        Trial(Example(f"{p}{n}", "C02.01.01", "x"), "C02.01.01" if n < right else "T", (p,) * 4, 9)
        for p, right in ((0.9, 70), (0.6, 40))
        for n in range(100)
    ]
    calibration = calibrate(said)
    honest = [
        (
            calibration.confidence(1, trial.raw[1], trial.length),
            at_level(trial.guess, 1) == at_level(trial.example.code, 1),
        )
        for trial in said
    ]
    before = [(trial.raw[1], trial.guess == trial.example.code) for trial in said]
    assert calibration_error(honest) < 0.02 < calibration_error(before)


def test_a_label_that_ends_above_a_level_does_not_calibrate_it() -> None:
    said = [Trial(Example(str(n), "P", "x"), "P", (0.5,) * 4, 9) for n in range(100)]
    wrong = [replace(trial, guess="T01") for trial in said[:50]]
    calibration = calibrate([*wrong, *said[50:]])
    assert calibration.slope[3] == 1.0
    assert calibration.intercept[3] == 0.0


def test_calibration_learns_that_the_same_probability_is_worth_less_in_a_long_text() -> None:
    said = [
        Trial(Example(f"{n}", "C02.01.01", "x"), "C02.01.01" if n < right else "T", (p,) * 4, size)
        for p, size, right in ((0.9, 8, 95), (0.9, 80, 70), (0.5, 8, 60), (0.5, 80, 35))
        for n in range(100)
    ]
    calibration = calibrate(said)
    for p, size, share in ((0.9, 8, 0.95), (0.9, 80, 0.7), (0.5, 8, 0.6), (0.5, 80, 0.35)):
        assert abs(calibration.confidence(1, p, size) - share) < 0.05
