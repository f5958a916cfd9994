from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from agents.statistics.issue_runs import Wanted
from agents.web.bulletin_answers import MEDIA_TYPES, BulletinForm, run_of

AT: Final = datetime(2016, 11, 10, tzinfo=UTC)


def run(**changed: object) -> dict[str, Any]:
    wanted = Wanted(
        act="compile", scheme="jiangsu-2014", first=AT.date().replace(day=1), last=AT.date()
    )
    row = {"run_id": 1, "state": "running", "step": 2, "steps": 7, "doing": "html", "why": ""}
    asked = {"asked_by": "s1", "asked_at": AT, "ended_at": None, "result": "{}"}
    return {**row, **asked, "wanted": wanted.model_dump_json(), **changed}


def test_a_run_is_told_with_its_months_and_what_came_of_it() -> None:
    shown = run_of(run())
    assert (shown.act, shown.first, shown.last, shown.why) == ("compile", "2016-11", "2016-11", "")
    assert (shown.bulletin_id, shown.missing) == (None, [])
    result = json.dumps({"bulletin_id": 7, "missing": ["天津市"], "partial": []})
    done = run_of(run(state="done", result=result))
    assert (done.bulletin_id, done.missing) == (7, ["天津市"])
    assert run_of(run(state="failed", why="too_long")).why.startswith("用时过长")


def test_every_form_has_its_media_type() -> None:
    assert set(MEDIA_TYPES) == set(BulletinForm)
