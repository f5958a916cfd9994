from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from ivr.asterisk.variables import UserEvent
from ivr.calls import CALL_ID, Disposition, OfferOutcome, VisitOutcome
from ivr.migrations import MIGRATIONS


@pytest.mark.parametrize(
    "linked_id",
    ["n1-7-1795000000.1", "bj2-123456789-1795000000.99999", "n1-7-1795000000.a4711"],
)
def test_a_linked_id_tells_node_boot_and_second(linked_id: str) -> None:
    match = CALL_ID.fullmatch(linked_id)
    assert match
    assert (match["node"], match["boot"], match["second"]) == (
        *linked_id.split("-")[:2],
        "1795000000",
    )


@pytest.mark.parametrize(
    "linked_id", ["1795000000.1", "N1-7-1795000000.1", "n1-7-1795000000.1/..", "", "n1--1.1"]
)
def test_anything_else_is_no_call_of_ours(linked_id: str) -> None:
    assert not CALL_ID.fullmatch(linked_id)


def test_the_schema_knows_the_same_closed_sets() -> None:
    schema = (MIGRATIONS / "0001_ledger.sql").read_text(encoding="utf-8")
    for kind in (Disposition, VisitOutcome, OfferOutcome):
        for member in kind:
            assert f"'{member}'" in schema


def test_the_agent_id_of_the_dialplan_fits_the_schema() -> None:
    assert UserEvent.AGENT
    assert "'^[a-z0-9]{1,16}$'" in (MIGRATIONS / "0001_ledger.sql").read_text(encoding="utf-8")


def sentences() -> dict[str, str]:
    """What the code says each disposition means."""
    [definition] = ast.parse(inspect.getsource(Disposition)).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for member, said in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(said, ast.Expr):
            name, text = ast.literal_eval(member.value), ast.literal_eval(said.value)
            found[name] = " ".join(text.split())
    return found


def test_each_disposition_is_one_sentence_and_the_same_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs/records.md").read_text(encoding="utf-8")
    assert set(sentences()) == set(Disposition)
    for name, sentence in sentences().items():
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0
        assert f"| `{name}` | {sentence} |" in text
