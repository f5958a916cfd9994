from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.ami import Event, Framer
from ivr.asterisk.snapshot import (
    CallerSeen,
    ChannelSeen,
    DeviceSeen,
    MemberSeen,
    QueueSeen,
    Snapshot,
)
from ivr.queues import (
    Activity,
    Line,
    Seat,
    View,
    agent_of,
    entered_second,
    fold,
    interface_of,
    lost,
    redraw,
)
from tests.ivr.asterisk.fake_asterisk import message

AGENT = "PJSIP/agent-a1001"
CALL = "n1-17-1763785000.42"


def event(name: str, **headers: str | int) -> Event:
    (found,) = Framer().feed(b"Asterisk Call Manager/11\r\n" + message(Event=name, **headers))[0]
    return found


def member(queue: str = "psych", **changes: bool | int | str) -> MemberSeen:
    fields = {"paused": False, "pause_reason": "", "in_call": False, "device_state": 1} | changes
    return MemberSeen(queue, AGENT, **fields)  # type: ignore[arg-type]  # by name


def seen(
    *,
    callers: Iterable[CallerSeen] = (),
    members: Iterable[MemberSeen] = (member(),),
    channels: Iterable[ChannelSeen] = (),
    devices: Iterable[DeviceSeen] = (),
    queues: Iterable[str] = ("psych", "quit"),
) -> Snapshot:
    lines = tuple(QueueSeen(queue, "leastrecent", 5, 2) for queue in queues)
    return Snapshot(tuple(channels), lines, tuple(members), tuple(callers), tuple(devices))


def joined(uniqueid: str, position: int, queue: str = "psych") -> Event:
    return event(
        "QueueCallerJoin", Queue=queue, Uniqueid=uniqueid, Linkedid=uniqueid, Position=position
    )


def left(uniqueid: str, queue: str = "psych") -> Event:
    return event("QueueCallerLeave", Queue=queue, Uniqueid=uniqueid, Linkedid=uniqueid)


def agent_event(name: str, **more: str | int) -> Event:
    return event(name, Queue="psych", Interface=AGENT, Uniqueid=CALL, Linkedid=CALL, **more)


def member_event(name: str, queue: str = "psych", **changes: str | int) -> Event:
    headers: dict[str, str | int] = {"Paused": 0, "PausedReason": "", "Status": 1, **changes}
    return event(name, Queue=queue, Interface=AGENT, **headers)


def after(*events: Event, start: View | None = None, at: float = 100.0) -> View:
    view = redraw(View(), seen(), 50.0) if start is None else start
    for item in events:
        view = fold(view, item, at)
    return view


def callers(view: View, queue: str = "psych") -> list[str]:
    return [caller.uniqueid for caller in view.lines[queue].waiting]


def test_a_caller_who_joins_waits_from_then_on_and_is_gone_when_he_leaves() -> None:
    view = after(joined(CALL, 1))
    assert [(c.uniqueid, c.call, c.since) for c in view.lines["psych"].waiting] == [
        (CALL, CALL, 100.0)
    ]
    assert view.lines["psych"].longest_wait(130.5) == 30.5
    assert callers(after(left(CALL), start=view)) == []


def test_an_urgent_caller_stands_where_asterisk_puts_him() -> None:
    view = after(joined("a", 1), joined("b", 2), joined("urgent", 1))
    assert callers(view) == ["urgent", "a", "b"]


def test_nobody_waits_for_no_time() -> None:
    assert Line().longest_wait(100.0) == 0.0


def test_the_longest_wait_is_that_of_whoever_came_first_though_an_urgent_one_is_next() -> None:
    view = after(joined("a", 1), at=100.0)
    view = after(joined("urgent", 1), start=view, at=160.0)
    assert view.lines["psych"].longest_wait(200.0) == 100.0


def test_an_abandoned_call_is_counted_and_leaves_the_line() -> None:
    gone = event("QueueCallerAbandon", Queue="psych", Uniqueid=CALL, Linkedid=CALL)
    view = after(joined(CALL, 1), gone, left(CALL))
    assert (callers(view), view.lines["psych"].abandoned) == ([], 3)


def test_a_caller_whose_channel_is_gone_waits_nowhere() -> None:
    gone = event("Hangup", Channel="PJSIP/trunk-00000001", Uniqueid=CALL, Linkedid=CALL)
    assert callers(after(joined(CALL, 1), gone)) == []


def test_the_same_news_twice_changes_nothing() -> None:
    once = after(joined("a", 1), joined("b", 2))
    twice = after(joined("a", 1), start=once, at=900.0)
    assert callers(twice) == ["a", "b"]
    assert twice.lines["psych"].waiting[0].since == 100.0


def test_a_seat_rings_talks_and_is_ready_again() -> None:
    ringing = after(member_event("QueueMemberStatus", Status=6), agent_event("AgentCalled"))
    assert ringing.seats[AGENT].activity is Activity.RINGING
    assert ringing.seats[AGENT].call == CALL
    talking = after(
        joined(CALL, 1),
        member_event("QueueMemberStatus", Status=2),
        agent_event("AgentConnect"),
        start=ringing,
        at=104.0,
    )
    assert talking.seats[AGENT].activity is Activity.TALKING
    assert (talking.seats[AGENT].call, talking.seats[AGENT].since) == (CALL, 104.0)
    assert callers(talking) == []
    ready = after(
        agent_event("AgentComplete"),
        member_event("QueueMemberStatus", Status=1),
        start=talking,
        at=200.0,
    )
    assert ready.seats[AGENT].activity is Activity.READY
    assert (ready.seats[AGENT].call, ready.seats[AGENT].since) == ("", 200.0)
    assert ready.lines["psych"].completed == 6


@pytest.mark.parametrize("name", ["AgentRingNoAnswer", "AgentDump"])
def test_a_call_that_an_agent_did_not_take_is_no_longer_his(name: str) -> None:
    assert after(agent_event("AgentCalled"), agent_event(name)).seats[AGENT].call == ""


def test_a_seat_whose_own_channel_hangs_up_has_no_call() -> None:
    gone = event("Hangup", Channel=f"{AGENT}-00000003", Uniqueid="n1-17-1.2", Linkedid=CALL)
    assert after(agent_event("AgentConnect"), gone).seats[AGENT].call == ""


def test_a_seat_is_paused_only_when_it_is_paused_everywhere() -> None:
    view = redraw(View(), seen(members=[member("psych"), member("quit")]), 50.0)
    half = after(member_event("QueueMemberPause", Paused=1, PausedReason="lunch"), start=view)
    assert half.seats[AGENT].activity is Activity.READY
    assert half.seats[AGENT].pause_reason == "lunch"
    whole = after(
        member_event("QueueMemberPause", "quit", Paused=1, PausedReason="lunch"), start=half
    )
    assert whole.seats[AGENT].activity is Activity.PAUSED
    back = after(
        member_event("QueueMemberPause"), member_event("QueueMemberPause", "quit"), start=whole
    )
    assert (back.seats[AGENT].activity, back.seats[AGENT].pause_reason) == (Activity.READY, "")


@pytest.mark.parametrize(
    ("state", "activity"),
    [
        ("NOT_INUSE", Activity.READY),
        ("UNKNOWN", Activity.READY),
        ("RINGING", Activity.RINGING),
        ("INUSE", Activity.TALKING),
        ("RINGINUSE", Activity.TALKING),
        ("BUSY", Activity.TALKING),
        ("ONHOLD", Activity.TALKING),
        ("UNAVAILABLE", Activity.OFFLINE),
        ("INVALID", Activity.OFFLINE),
    ],
)
def test_a_devices_state_tells_what_its_seat_does(state: str, activity: Activity) -> None:
    view = after(event("DeviceStateChange", Device=AGENT, State=state))
    assert view.seats[AGENT].activity is activity


def test_a_seat_comes_with_its_first_queue_and_goes_with_its_last() -> None:
    view = redraw(View(), seen(members=[]), 50.0)
    view = after(
        member_event("QueueMemberAdded"), member_event("QueueMemberAdded", "quit"), start=view
    )
    assert view.seats[AGENT].queues == {"psych", "quit"}
    view = after(member_event("QueueMemberRemoved"), start=view)
    assert view.seats[AGENT].queues == {"quit"}
    assert after(member_event("QueueMemberRemoved", "quit"), start=view).seats == {}


def test_a_snapshot_replaces_everything_but_since_when() -> None:
    before = after(joined("stays", 1), joined("missed leaving", 2), agent_event("AgentConnect"))
    view = redraw(
        before,
        seen(
            callers=[
                CallerSeen("psych", "new", 2, 7, 0),
                CallerSeen("psych", "stays", 1, 99, 0),
            ],
            channels=[ChannelSeen("PJSIP/trunk-00000009", "new", "call of new", "Up")],
        ),
        500.0,
    )
    assert [(c.uniqueid, c.call, c.since) for c in view.lines["psych"].waiting] == [
        ("stays", "stays", 100.0),
        ("new", "call of new", 493.0),
    ]
    assert view.seats[AGENT].call == ""
    assert view.seats[AGENT].since == 50.0
    assert view.current


def place(second: int, priority: int = 0) -> int:
    """Give the place in line as the dialplan writes it: class, then the second counted down."""
    return (priority - priority % 10) * 50_000_000 + 2_267_225_600 - second


def test_who_leaves_the_line_for_a_moment_keeps_his_wait() -> None:
    view = after(joined("again", 1))
    view = after(left("again"), start=view, at=130.0)
    view = after(joined("again", 1), start=view, at=131.0)
    assert view.lines["psych"].longest_wait(131.0) == 31.0
    gone = event("Hangup", Uniqueid="again", Linkedid="again", Channel="PJSIP/trunk-00000001")
    assert after(gone, start=view, at=140.0).entered == {}


def test_a_snapshot_tells_from_the_place_in_line_when_a_caller_first_came() -> None:
    came, now = 1_795_336_000, 1_795_336_090.0
    channels = [ChannelSeen("PJSIP/trunk-00000009", "back", "call", "Up")]
    callers = [CallerSeen("psych", "back", 1, 3, place(came, 30))]
    view = redraw(View(), seen(callers=callers, channels=channels), now)
    assert view.lines["psych"].longest_wait(now) == 90.0


def test_a_caller_who_is_gone_is_forgotten_with_the_next_snapshot() -> None:
    view = redraw(after(joined("gone", 1)), seen(), 500.0)
    assert view.entered == {}


@given(st.integers(1_767_225_601, 2_267_225_600), st.sampled_from([0, 10, 20, 30]))
def test_a_place_in_line_says_the_second_whatever_the_class(second: int, priority: int) -> None:
    assert entered_second(place(second, priority), float(second)) == second
    assert entered_second(place(second, priority), second + 86_401.0) is None
    assert entered_second(place(second, priority), second - 2.0) is None


@pytest.mark.parametrize("priority", [0, 1, 10, 30, 2_000_000_000])
def test_another_number_is_no_place_in_line(priority: int) -> None:
    assert entered_second(priority, 1_795_336_000.0) is None


def test_a_snapshot_shows_which_call_an_agent_is_in() -> None:
    view = redraw(
        View(),
        seen(
            members=[member(device_state=2)],
            channels=[ChannelSeen(f"{AGENT}-00000003", "n1-17-1.2", CALL, "Up")],
        ),
        500.0,
    )
    assert view.seats[AGENT] == Seat(
        frozenset({"psych"}), frozenset(), "", "INUSE", CALL, since=500.0
    )


def test_seats_and_queues_that_a_snapshot_does_not_show_are_gone() -> None:
    view = redraw(after(), seen(members=[], queues=["general"]), 60.0)
    assert (list(view.seats), list(view.lines)) == ([], ["general"])


def test_the_devices_own_state_counts_more_than_the_queues_word_for_it() -> None:
    view = redraw(View(), seen(devices=[DeviceSeen(AGENT, "UNAVAILABLE")]), 50.0)
    assert view.seats[AGENT].activity is Activity.OFFLINE


@pytest.mark.parametrize(
    "forged",
    [
        joined(CALL, 1, queue="made-up"),
        left("nobody"),
        event("DeviceStateChange", Device="PJSIP/agent-nobody", State="INUSE"),
        event("DeviceStateChange", Device=AGENT, State="ON FIRE"),
        event("AgentConnect", Queue="psych", Interface="PJSIP/x", Uniqueid="1", Linkedid="1"),
        event("AgentCalled", Queue="psych", Interface="PJSIP/x", Uniqueid="1", Linkedid="1"),
        member_event("QueueMemberAdded", "made-up"),
        event("QueueMemberRemoved", Queue="psych", Interface="PJSIP/nobody"),
        event("Newchannel", Uniqueid=CALL),
    ],
    ids=lambda e: e.name,
)
def test_what_no_snapshot_has_shown_changes_nothing(forged: Event) -> None:
    assert after(forged) == after()


def test_an_event_that_a_caller_bent_is_counted_and_changes_nothing_else() -> None:
    bent = Event(b"Event: QueueCallerJoin\r\nUniqueid: a\r\nUniqueid: b\r\nQueue: psych")
    odd = event("QueueCallerJoin", Queue="psych", Uniqueid="a", Linkedid="a", Position="first")
    view = after(bent, odd)
    assert view.unreadable == 2
    assert view.lines == after().lines


def test_without_a_link_the_view_stays_but_is_not_current() -> None:
    view = lost(after(joined(CALL, 1)))
    assert not view.current
    assert callers(view) == [CALL]


def test_devices_and_agents_are_told_from_names() -> None:
    assert interface_of(f"{AGENT}-0000000f") == AGENT
    assert agent_of(AGENT) == "a1001"
    assert agent_of("Local/1001@agents/n") == "Local/1001@agents/n"


_NEWS = st.sampled_from(
    [
        *(joined(uid, pos) for uid in "abc" for pos in (1, 2, 3)),
        *(left(uid) for uid in "abc"),
        *(agent_event(n) for n in ("AgentCalled", "AgentConnect", "AgentComplete", "AgentDump")),
        *(member_event("QueueMemberPause", Paused=paused) for paused in (0, 1)),
        *(member_event("QueueMemberStatus", Status=status) for status in range(9)),
        *(member_event(name) for name in ("QueueMemberAdded", "QueueMemberRemoved")),
    ]
)


@given(st.lists(_NEWS, max_size=40), st.lists(_NEWS, max_size=10))
def test_whatever_came_before_a_snapshot_mends_it(
    truth: list[Event], missed_or_doubled: list[Event]
) -> None:
    """Lost, doubled and reordered events show until the next snapshot and no longer."""
    drawn = seen(callers=[CallerSeen("psych", "b", 1, 4, 0)], members=[member(paused=True)])
    right = redraw(after(*truth), drawn, 900.0)
    bent = redraw(after(*missed_or_doubled), drawn, 900.0)
    assert callers(right) == callers(bent) == ["b"]
    assert right.seats[AGENT].activity is bent.seats[AGENT].activity is Activity.PAUSED
    assert {line.completed for line in right.lines.values()} == {5}


@given(st.lists(_NEWS, max_size=60))
def test_no_caller_waits_twice_and_no_seat_is_paused_where_it_does_not_work(
    news: list[Event],
) -> None:
    view = after(*news)
    assert len(set(callers(view))) == len(callers(view))
    for seat in view.seats.values():
        assert seat.paused <= seat.queues
