"""What the desk shows: counts and waits, and nobody's name."""

from __future__ import annotations

import json

from agents.desk import ACTIVITIES, picture
from ivr.board import state
from ivr.queues import Activity, Line, Seat, View, Waiting
from tests.agents.conftest import STATE


def test_queues_stand_in_their_order_with_waits_and_those_who_are_free() -> None:
    assert picture(STATE)["queues"] == [
        {
            "name": "consult",
            "label": "健康咨询",
            "waiting": 1,
            "longest_wait_ms": 9_000,
            "ready": 2,
        },
        {"name": "psych", "label": "心理援助", "waiting": 0, "longest_wait_ms": 0, "ready": 0},
    ]


def test_agents_are_counted_by_what_they_do() -> None:
    counts = {one["activity"]: one["count"] for one in picture(STATE)["agents"]}
    assert counts == {"ready": 2, "ringing": 0, "talking": 1, "paused": 0, "offline": 0}
    assert set(ACTIVITIES) == set(Activity)


def test_a_queue_unknown_to_us_is_shown_last_by_its_own_name() -> None:
    queues = STATE["queues"] | {"aaa": STATE["queues"]["psych"]}
    shown = picture(STATE | {"queues": queues})["queues"]
    assert [queue["label"] for queue in shown] == ["健康咨询", "心理援助", "aaa"]


def test_the_bridges_own_state_is_understood_and_names_no_call() -> None:
    view = View(
        lines={"consult": Line(waiting=(Waiting("n1-17-1.42", "n1-17-1.40", 100.0),))},
        seats={
            "PJSIP/agent-a1001": Seat(
                frozenset({"consult"}), device="NOT_INUSE", call="n1-17-1.40", since=90.0
            )
        },
        current=True,
    )
    shown = picture(json.loads(json.dumps(state(view, 103.5) | {"version": 5})))
    assert shown["current"] is True
    assert shown["version"] == 5
    [queue] = shown["queues"]
    assert (queue["waiting"], queue["longest_wait_ms"], queue["ready"]) == (1, 3_500, 1)
    assert "n1-17" not in json.dumps(shown)
    assert "a1001" not in json.dumps(shown)
