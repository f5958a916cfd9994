from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk import spool
from ivr.calls import LegKind
from ivr.channels import Channel, Channels, joined, length, without
from ivr.events import chronology
from tests.ivr import cel
from tests.ivr.cel import CALLER, phone


def channels(call: cel.Journal) -> Channels:
    events = [event for line in call.lines if (event := spool.parse(line))]
    return Channels(sorted(events, key=chronology))


spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda s: (s[0], s[0] + s[1]))
)


@given(spans)
def test_time_together_counts_no_moment_twice(of: list[tuple[int, int]]) -> None:
    moments = {moment for begin, end in of for moment in range(begin, end)}
    assert length(of) == len(moments)
    assert joined(joined(of)) == joined(of)


@given(st.integers(0, 60), st.integers(0, 20), spans)
def test_what_is_left_outside_the_holes_is_exactly_that(
    begin: int, lasts: int, holes: list[tuple[int, int]]
) -> None:
    left = without((begin, begin + lasts), holes)
    inside = {moment for opens, closes in holes for moment in range(opens, closes)}
    moments = {moment for opens, closes in left for moment in range(opens, closes)}
    assert moments == set(range(begin, begin + lasts)) - inside


@pytest.mark.parametrize(
    ("name", "kind", "agent"),
    [
        ("PJSIP/agent-a1001-00000003", LegKind.AGENT, "a1001"),
        ("PJSIP/trunk-00000003", LegKind.TRUNK, None),
        ("Local/s@callback-00000001;2", LegKind.LOCAL, None),
        ("PJSIP/agent-A1-00000003", LegKind.OTHER, None),
        ("PJSIP/12356-00000003", LegKind.OTHER, None),
    ],
)
def test_a_channel_tells_by_its_name_where_it_leads(
    name: str, kind: LegKind, agent: str | None
) -> None:
    channel = Channel("1", name, 0)
    assert (channel.kind, channel.agent) == (kind, agent)


def test_three_in_a_room_talk_once() -> None:
    """A colleague who joins for ten of thirty seconds adds none to the caller's talk."""
    call = cel.Journal().begins().queues().rings().connects().after(10)
    call.rings("a1002", 4).write("ANSWER", phone("a1002", 4)).joins(phone("a1002", 4)).after(10)
    call.parts(phone("a1002", 4)).hangs_up(phone("a1002", 4)).after(10)
    call.parts(CALLER).parts(phone()).hangs_up(phone()).hangs_up(source=CALLER).ends()
    found = channels(call)
    seconds = [round(found.talk_us(channel) / 1e6) for channel in found]
    assert seconds == [32, 32, 10]


def test_a_caller_alone_in_a_room_talks_with_nobody() -> None:
    found = channels(cel.Journal().begins().joins(CALLER).after(30).parts(CALLER))
    assert found.talk_us(found.party) == 0


def test_who_is_in_another_room_is_not_met() -> None:
    """The agent asks a colleague while the caller waits alone."""
    call = cel.Journal().begins().queues().rings().joins(CALLER, "b1")
    call.joins(phone(), "b2").after(30).parts(phone(), "b2").parts(CALLER, "b1")
    found = channels(call)
    assert found.talks(found.party) == []


def test_what_was_never_closed_ends_with_the_last_thing_known_and_is_marked() -> None:
    call = cel.Journal().begins().queues().rings().connects().after(30)
    call.hangs_up(phone()).hangs_up(source=CALLER).ends()
    found = channels(call)
    assert round(found.talk_us(found.party) / 1e6) == 30
    assert found.inexact


def test_a_talk_that_goes_on_is_not_inexact() -> None:
    call = cel.Journal().begins().queues().rings().connects().after(30).says("RATING_OFFERED")
    found = channels(call)
    assert round(found.talk_us(found.party) / 1e6) == 30
    assert not found.inexact
    assert not found.over


def test_a_clock_that_steps_back_is_marked_and_makes_no_negative_time() -> None:
    call = cel.Journal().begins().queues().rings().connects()
    call.now_us -= 3_600_000_000
    call.parts(CALLER).parts(phone()).hangs_up(phone()).hangs_up(source=CALLER).ends()
    found = channels(call)
    assert found.inexact
    assert all(found.talk_us(channel) >= 0 for channel in found)
    assert all(channel.rings_us(found.until_us) >= 0 for channel in found)


def test_a_call_is_over_when_its_last_channel_is_gone_even_if_nobody_says_so() -> None:
    call = cel.Journal().begins().hangs_up(source=CALLER)
    assert channels(call).over
    assert not channels(cel.Journal().begins()).over


def test_the_party_is_the_one_who_gave_the_call_its_id() -> None:
    """Even where the line that tells of its start was torn."""
    call = cel.answered()
    call.lines = call.lines[8:]
    assert channels(call).party.name == CALLER


def seconds(microseconds: int) -> int:
    return round(microseconds / 1e6)


def times(call: cel.Journal) -> dict[str, tuple[int, int, int]]:
    """Talk, hold and wrap-up of each channel, in seconds."""
    found = channels(call)
    return {
        channel.agent or "caller": (
            seconds(found.talk_us(channel)),
            seconds(found.hold_us(channel)),
            seconds(found.wrap_up_us(channel)),
        )
        for channel in found
    }


@pytest.mark.parametrize("says_when", [True, False])
def test_who_is_held_talks_with_nobody_and_the_agent_is_who_holds(*, says_when: bool) -> None:
    """A redirected caller hears music; to be joined again ends it, whether it is said or not."""
    call = cel.Journal().begins().queues().rings().connects().after(10)
    call.parts(CALLER).says("HOLD", "a1001").after(20)
    call = call.says("HOLD_END") if says_when else call
    call.joins(CALLER).after(5).parts(CALLER).parts(phone())
    call.hangs_up(phone()).hangs_up(source=CALLER).ends()
    assert times(call) == {"caller": (15, 20, 0), "a1001": (15, 20, 0)}
    assert not channels(call).inexact


def test_a_held_caller_who_hangs_up_was_held_to_the_end() -> None:
    call = cel.Journal().begins().queues().rings().connects().after(10)
    call.parts(CALLER).says("HOLD", "a1001").after(20).hangs_up(source=CALLER)
    call.after(7).parts(phone()).hangs_up(phone()).ends()
    assert times(call) == {"caller": (10, 20, 0), "a1001": (10, 20, 7)}
    assert not channels(call).inexact


def test_music_inside_a_bridge_is_no_conversation() -> None:
    call = cel.Journal().begins().queues().rings().connects().after(10)
    call.says("HOLD", "a1001").after(20).says("HOLD_END").after(5)
    call.parts(CALLER).parts(phone()).hangs_up(phone()).hangs_up(source=CALLER).ends()
    assert times(call) == {"caller": (15, 20, 0), "a1001": (15, 20, 0)}


def test_a_parked_caller_waits_for_whoever_takes_him_back() -> None:
    """Two who are parked in one lot share a bridge and do not speak with each other."""
    call = cel.Journal().begins().queues().rings().connects().after(10).parts(CALLER)
    extra = {"parker_dial_string": "PJSIP/agent-a1001", "parking_lot": "default"}
    call.write("PARK_START", extra=extra).joins(CALLER, "lot").parts(phone()).hangs_up(phone())
    call.after(30).parts(CALLER, "lot").write("PARK_END", extra={"reason": "ParkedCallUnparked"})
    call.rings("a1002", 4).write("ANSWER", phone("a1002", 4)).joins(phone("a1002", 4), "b2")
    call.joins(CALLER, "b2").after(8).parts(CALLER, "b2").parts(phone("a1002", 4), "b2")
    call.hangs_up(phone("a1002", 4)).hangs_up(source=CALLER).ends()
    assert times(call) == {"caller": (18, 30, 0), "a1001": (10, 0, 0), "a1002": (8, 0, 0)}
    assert not channels(call).inexact


def test_an_agent_who_stays_on_the_phone_after_the_caller_wraps_up() -> None:
    call = cel.Journal().begins().queues().rings().connects().after(10)
    call.parts(CALLER).hangs_up(source=CALLER).after(12).parts(phone()).hangs_up(phone()).ends()
    assert times(call) == {"caller": (10, 0, 0), "a1001": (10, 0, 12)}


def test_a_colleague_at_the_other_end_of_a_pipe_is_who_one_speaks_with() -> None:
    """As in an attended transfer before Asterisk takes its own pipe out of the way."""
    call = cel.Journal().begins().queues().rings().connects().after(10).parts(CALLER)
    near, far = "Local/a1002@colleagues-00000007;1", "Local/a1002@colleagues-00000007;2"
    other = phone("a1002", 4)
    call.write("CHAN_START", near).write("CHAN_START", far).write("CHAN_START", other).write(
        "ANSWER", other
    )
    call.joins(CALLER, "b2").joins(near, "b2").joins(far, "b3").joins(other, "b3").after(9)
    call.parts(CALLER, "b2").parts(near, "b2").parts(far, "b3").parts(other, "b3")
    for name in (near, far, other, phone(), CALLER):
        call.hangs_up(name)
    found = channels(call.ends())
    assert [talk[0].agent for talk in found.talks(found.party)] == ["a1001", "a1002"]
    assert [seconds(end - begin) for _, (begin, end) in found.talks(found.party)] == [10, 9]
    assert [seconds(found.talk_us(c)) for c in found if c.agent == "a1002"] == [9]
