from __future__ import annotations

import json

from ivr import board
from ivr.asterisk.snapshot import CallerSeen, DeviceSeen
from ivr.queues import View, lost, redraw
from tests.ivr.test_queues import (
    AGENT,
    CALL,
    after,
    agent_event,
    joined,
    left,
    member,
    member_event,
    seen,
)


def test_the_state_is_json_that_names_calls_by_their_id() -> None:
    state = json.loads(json.dumps(board.state(after(joined(CALL, 1)), 130.25)))
    assert state["at_ms"] == 130_250
    assert state["current"] is True
    assert state["queues"]["psych"] == {
        "waiting": [{"call": CALL, "channel": CALL, "since_ms": 100_000}],
        "longest_wait_ms": 30_250,
        "completed": 5,
        "abandoned": 2,
    }
    assert state["agents"]["a1001"] == {
        "activity": "ready",
        "device": "NOT_INUSE",
        "queues": ["psych"],
        "paused": [],
        "pause_reason": "",
        "call": "",
        "since_ms": 50_000,
    }


def test_nothing_new_is_nothing_to_tell() -> None:
    assert board.changes(after(), after()) == []


def test_a_caller_who_joins_or_leaves_is_told_with_how_many_wait() -> None:
    view = after(joined("a", 1))
    (told,) = board.changes(after(), view)
    assert told == {
        "kind": "caller.joined",
        "queue": "psych",
        "call": "a",
        "channel": "a",
        "waiting": 1,
        "since_ms": 100_000,
    }
    (gone,) = board.changes(view, after(left("a"), start=view))
    assert (gone["kind"], gone["waiting"]) == ("caller.left", 0)


def test_a_seat_that_changes_is_told_whole() -> None:
    changed = after(
        member_event("QueueMemberPause", Paused=1, PausedReason="lunch"), agent_event("AgentCalled")
    )
    (told,) = board.changes(after(), changed)
    assert told == {
        "kind": "agent.changed",
        "agent": "a1001",
        "activity": "paused",
        "paused": "psych",
        "pause_reason": "lunch",
        "call": CALL,
        "since_ms": 100_000,
    }


def test_a_seat_that_is_gone_is_told() -> None:
    view = redraw(after(), seen(members=[]), 60.0)
    assert board.changes(after(), view) == [{"kind": "agent.left", "agent": "a1001"}]


def test_a_lost_and_a_found_link_ask_for_the_whole_state() -> None:
    assert board.changes(after(), lost(after())) == [board.RENEWED]
    assert board.changes(View(), after()) == [board.RENEWED]


def test_a_reader_that_applies_the_changes_sees_what_the_state_says() -> None:
    before = after(joined("a", 1), joined("b", 2))
    view = redraw(
        before,
        seen(
            callers=[CallerSeen("quit", "a", 1, 0, 0), CallerSeen("psych", "c", 1, 2, 0)],
            members=[member(device_state=1)],
            devices=[DeviceSeen(AGENT, "INUSE")],
        ),
        200.0,
    )
    shown = {
        (queue, caller.uniqueid) for queue in before.lines for caller in before.lines[queue].waiting
    }
    for change in board.changes(before, view):
        place = (str(change.get("queue")), str(change.get("channel")))
        if change["kind"] == "caller.joined":
            shown.add(place)
        elif change["kind"] == "caller.left":
            shown.remove(place)
    assert shown == {("quit", "a"), ("psych", "c")}
