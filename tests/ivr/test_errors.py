"""Errors: one root, the docstring is the message, the detail follows."""

from __future__ import annotations

import inspect

import pytest

from ivr import errors
from ivr.errors import ActionRefused, HotlineError, LinkLost, OutcomeUnknown

ALL = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == "ivr.errors"]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_the_one_root_and_says_a_sentence(kind: type[HotlineError]) -> None:
    assert issubclass(kind, HotlineError)
    assert str(kind()).endswith(".")


def test_the_detail_follows_the_sentence() -> None:
    error = ActionRefused("QueueAdd: Unable to add interface.")
    assert str(error) == "Asterisk refused the action. QueueAdd: Unable to add interface."
    assert error.detail == "QueueAdd: Unable to add interface."


def test_an_unknown_outcome_is_a_lost_link() -> None:
    assert issubclass(OutcomeUnknown, LinkLost)
