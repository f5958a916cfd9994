"""The classifier at the desk: bounded, and silent rather than late."""

from __future__ import annotations

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from agents import suggestions
from agents.suggestions import ADVICE, MOST_WAITING, Suggestions, flags_in
from ivr.categories.classify import Classifier
from ivr.categories.redflags import watch
from ivr.categories.rules import Request
from ivr.errors import DefinitionInvalid
from tests.ivr.categories.conftest import classifier, notes, stored

__all__ = ["classifier", "notes", "stored"]

BITTEN = Request("被狗咬了要打狂犬疫苗吗")


def test_every_flag_tells_the_agent_what_to_do() -> None:
    assert {flag.name for flag in watch().flags} == set(ADVICE)


def test_a_dangerous_note_is_flagged_without_any_model() -> None:
    [flag] = flags_in("我不想活了")
    assert (flag.name, flag.advice) == ("self_harm", ADVICE["self_harm"])
    assert flags_in("疫苗几点开门") == ()


async def test_a_note_is_classified_once_the_model_is_there(classifier: Classifier) -> None:
    reader = Suggestions(lambda: classifier)
    assert await reader.verdict(BITTEN) is None
    await reader.prepare()
    assert reader.ready
    verdict = await reader.verdict(BITTEN)
    assert verdict == classifier.classify(BITTEN)
    reader.close()


async def test_a_model_that_cannot_be_loaded_leaves_the_form_working() -> None:
    def broken() -> Classifier:
        raise DefinitionInvalid("no model")

    reader = Suggestions(broken)
    with capture_logs() as logged:
        await reader.prepare()
    assert [line["event"] for line in logged] == ["suggestions.unavailable"]
    assert await reader.verdict(BITTEN) is None


async def test_a_busy_thread_is_asked_no_more_than_so_often_and_late_is_never(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggestions, "DEADLINE_SECONDS", 0.1)
    reader = Suggestions(lambda: classifier)
    await reader.prepare()
    hold = threading.Event()
    reader._thread.submit(hold.wait, 30)
    asked = [reader.verdict(BITTEN) for _ in range(2 * MOST_WAITING)]
    assert set(await asyncio.gather(*asked)) == {None}
    assert reader._thread._work_queue.qsize() <= MOST_WAITING
    hold.set()
    monkeypatch.setattr(suggestions, "DEADLINE_SECONDS", 30.0)
    assert await reader.verdict(BITTEN) is not None
    reader.close()
