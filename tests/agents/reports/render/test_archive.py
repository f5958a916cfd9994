from __future__ import annotations

import json

import pytest

from agents.reports.document import Bulletin
from agents.reports.render.archive import from_json, to_json
from ivr.errors import DefinitionInvalid


def test_a_bulletin_survives_being_written_and_read(national: Bulletin, province: Bulletin) -> None:
    for bulletin in (national, province):
        assert from_json(to_json(bulletin)) == bulletin


def test_every_number_is_written_with_its_count_and_base(national: Bulletin) -> None:
    data = json.loads(to_json(national))
    column = next(c for c in data["columns"] if c["name"] == "受理分析")
    blocks = column["articles"][0]["blocks"]
    share = next(b for b in blocks if b.get("id") == "T6")["body"][0][2]
    assert (share["text"], share["count"], share["base"]) == ("34.4", 38905, 113083)
    figures = [
        f for b in blocks if b["block"] == "prose" for p in b["phrases"] for f in p["figures"]
    ]
    assert {"name": "咨询", "count": 113083, "base": 264478, "printed": "42.8"} in figures


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 2}'])
def test_anything_else_is_no_bulletin(text: str) -> None:
    with pytest.raises(DefinitionInvalid):
        from_json(text)
