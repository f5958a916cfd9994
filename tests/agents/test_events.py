"""Who may hear what; cursors survive any text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.auth import Identity
from agents.events import (
    NOTICE,
    Cursor,
    Event,
    earlier,
    from_bridge,
    from_desk,
    parse_cursor,
    to_desk,
)
from agents.roles import Permission, Role

ANNA, BERT = Identity("a1001", Role.AGENT, "安娜"), Identity("a1002", Role.AGENT, "贝特")
CHEF = Identity("s1", Role.SUPERVISOR, "班长")


def test_what_is_for_one_person_is_heard_by_nobody_else() -> None:
    event = Event(NOTICE, {}, to="a1001")
    assert [event.heard_by(one) for one in (ANNA, BERT, CHEF)] == [True, False, False]
    event = Event(NOTICE, {}, to="a1001", needs=Permission.CALLS_SEE)
    assert [event.heard_by(one) for one in (ANNA, BERT, CHEF)] == [True, False, True]
    assert not Event(NOTICE, {}).heard_by(CHEF)


def test_the_board_names_no_caller_and_no_call() -> None:
    joined = {
        "kind": "caller.joined",
        "queue": "psych",
        "call": "n1-17-1.42",
        "channel": "n1-17-1.43",
        "waiting": "3",
        "since_ms": "1",
    }
    [event] = from_bridge(joined)
    assert event.data == {"kind": "caller.joined", "queue": "psych", "waiting": 3}


def test_an_agents_call_is_told_to_that_agent_alone() -> None:
    changed = {
        "kind": "agent.changed",
        "agent": "a1001",
        "activity": "ringing",
        "call": "n1-17-1.42",
        "since_ms": "7",
    }
    board, call = from_bridge(changed)
    assert "n1-17-1.42" not in str(board.data)
    assert [call.heard_by(one) for one in (ANNA, BERT, CHEF)] == [True, False, False]


@given(
    st.dictionaries(st.text(), st.text() | st.integers()), st.text(), st.sampled_from(Permission)
)
def test_an_event_is_read_as_it_was_written(
    data: dict[str, str | int], to: str, needs: Permission
) -> None:
    event = Event(NOTICE, data, to, needs)
    assert list(from_desk(to_desk(event))) == [event]


@given(st.text())
def test_no_text_is_a_cursor_but_one_that_was_given_out(text: str) -> None:
    cursor = parse_cursor(text)
    assert cursor is None or str(cursor) == text
    assert parse_cursor(str(Cursor("17-0", "18-3"))) == Cursor("17-0", "18-3")


def test_ids_are_compared_by_number() -> None:
    assert earlier("9-0", "10-0")
    assert earlier("10-9", "10-10")
    assert not earlier("10-0", "10-0")
