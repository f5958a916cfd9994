from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk import spool
from ivr.calls import LegKind
from ivr.channels import Channel, Channels, joined, length
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


def test_time_in_a_parking_lot_is_kept_apart() -> None:
    call = cel.Journal().begins().write("PARK_START").after(7).write("PARK_END")
    assert round(length(channels(call).party.parked) / 1e6) == 7
