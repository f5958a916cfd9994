"""What follows from what, what is seen, and what the queues are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.presence import (
    NO_ANSWER,
    REASONS,
    Meant,
    Moment,
    Pause,
    Phone,
    Shown,
    State,
    effect,
    follows,
    phone_of,
    shown,
)
from ivr.queues import Activity

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WRAP_UP = timedelta(seconds=60)
SECOND = timedelta(seconds=1)
QUEUES = frozenset({"consult", "psych"})


def phone(
    activity: Activity = Activity.READY,
    *,
    call: str = "",
    paused: frozenset[str] = frozenset(),
    reason: str = "",
    since: datetime = NOW,
) -> Phone:
    return Phone(activity, call, QUEUES, paused, reason, since)


def moment(
    state: State,
    seen: Phone | None,
    was: State = State.AVAILABLE,
    *,
    until: datetime | None = None,
    signed_in: bool = True,
) -> Moment:
    return Moment(Meant(state, NOW, until=until), Shown(was, "", "c1"), seen, signed_in, NOW)


def test_a_talk_is_followed_by_a_wrap_up_with_an_end() -> None:
    after = follows(moment(State.AVAILABLE, phone(), State.TALKING), WRAP_UP)
    assert (after.state, after.call_id, after.until) == (State.WRAP_UP, "c1", NOW + WRAP_UP)


@pytest.mark.parametrize("still", [Activity.TALKING, Activity.RINGING])
def test_nothing_follows_while_the_telephone_is_in_use(still: Activity) -> None:
    before = moment(State.AVAILABLE, phone(still), State.TALKING, signed_in=False)
    assert follows(before, WRAP_UP) == before.meant


def test_whoever_asked_for_a_pause_during_a_call_has_it_afterwards() -> None:
    before = moment(State.PAUSED, phone(), State.TALKING)
    assert follows(before, WRAP_UP) == before.meant


def test_a_wrap_up_ends_at_its_limit_and_not_before() -> None:
    due = moment(State.WRAP_UP, phone(), until=NOW)
    assert follows(due, WRAP_UP).state is State.AVAILABLE
    early = moment(State.WRAP_UP, phone(), until=NOW + timedelta(seconds=1))
    assert follows(early, WRAP_UP) == early.meant


def test_whoever_let_it_ring_is_paused_until_he_says_otherwise() -> None:
    rung_out = phone(Activity.PAUSED, paused=QUEUES, reason="Auto-Pause", since=NOW + SECOND)
    after = follows(moment(State.AVAILABLE, rung_out), WRAP_UP)
    assert (after.state, after.reason) == (State.PAUSED, NO_ANSWER)


@pytest.mark.parametrize(
    "seen",
    [
        phone(Activity.PAUSED, paused=QUEUES, reason="Auto-Pause", since=NOW - SECOND),
        phone(Activity.READY, paused=frozenset({"psych"}), reason="Auto-Pause", since=NOW + SECOND),
        phone(Activity.RINGING, paused=QUEUES, reason="Auto-Pause", since=NOW + SECOND),
    ],
    ids=["the queues still pause him", "one of them still does", "it rings"],
)
def test_whoever_says_that_he_is_back_says_it_once(seen: Phone) -> None:
    before = moment(State.AVAILABLE, seen, State.PAUSED)
    assert follows(before, WRAP_UP) == before.meant


def test_whoever_is_signed_out_is_away() -> None:
    for state in (State.AVAILABLE, State.PAUSED, State.WRAP_UP):
        assert follows(moment(state, phone(), signed_in=False), WRAP_UP).state is State.AWAY
    away = moment(State.AWAY, phone(), signed_in=False)
    assert follows(away, WRAP_UP) == away.meant


def test_the_telephone_says_more_than_what_is_meant() -> None:
    meant = Meant(State.PAUSED, NOW, "meal")
    assert shown(meant, phone(Activity.TALKING, call="c2")) == Shown(State.TALKING, "", "c2")
    assert shown(meant, phone(Activity.RINGING, call="c2")) == Shown(State.RINGING, "", "c2")
    assert shown(meant, phone()) == Shown(State.PAUSED, "meal")
    offline = phone(Activity.OFFLINE)
    assert shown(Meant(State.AVAILABLE, NOW), offline) == Shown(State.UNREACHABLE)
    assert shown(meant, None) == Shown(State.PAUSED, "meal")


@pytest.mark.parametrize(
    ("meant", "seen", "told"),
    [
        (Meant(State.AVAILABLE, NOW), phone(), None),
        (Meant(State.AVAILABLE, NOW), phone(paused=QUEUES, reason="WRAP_UP"), Pause(paused=False)),
        (Meant(State.AVAILABLE, NOW), phone(paused=frozenset({"psych"})), Pause(paused=False)),
        (Meant(State.WRAP_UP, NOW), phone(), Pause(paused=True, reason="WRAP_UP")),
        (Meant(State.PAUSED, NOW, "meal"), phone(paused=QUEUES, reason="MEAL"), None),
        (
            Meant(State.PAUSED, NOW, "meal"),
            phone(paused=QUEUES, reason="X"),
            Pause(paused=True, reason="MEAL"),
        ),
        (
            Meant(State.PAUSED, NOW, "meal"),
            phone(paused=frozenset({"psych"}), reason="MEAL"),
            Pause(paused=True, reason="MEAL"),
        ),
        (Meant(State.AWAY, NOW), None, None),
    ],
)  # fmt: skip
def test_the_queues_are_told_what_they_do_not_do_yet(
    meant: Meant, seen: Phone | None, told: Pause | None
) -> None:
    assert effect(meant, seen) == told


meanings = st.builds(
    Meant,
    st.sampled_from([State.AVAILABLE, State.WRAP_UP, State.PAUSED, State.AWAY]),
    st.just(NOW),
    st.sampled_from(["", *REASONS]),
)
phones = st.builds(
    Phone,
    st.sampled_from(Activity),
    st.just("c"),
    st.just(QUEUES),
    st.frozensets(st.sampled_from(sorted(QUEUES))),
    st.text(max_size=8),
    st.sampled_from([NOW, NOW + SECOND]),
)


@given(meanings, phones)
def test_queues_that_did_as_they_were_told_are_left_alone(meant: Meant, seen: Phone) -> None:
    told = effect(meant, seen)
    if told is not None:
        paused = QUEUES if told.paused else frozenset()
        after = Phone(seen.activity, "c", QUEUES, paused, told.reason, NOW)
        assert effect(meant, after) is None


@given(meanings, phones, st.booleans())
def test_what_follows_stands_until_something_happens(
    meant: Meant,
    seen: Phone,
    signed_in: bool,  # noqa: FBT001 - hypothesis calls it
) -> None:
    first = follows(Moment(meant, Shown(State.TALKING), seen, signed_in, NOW), WRAP_UP)
    again = follows(Moment(first, shown(first, seen), seen, signed_in, NOW), WRAP_UP)
    again = follows(Moment(again, shown(again, seen), seen, signed_in, NOW), WRAP_UP)
    assert follows(Moment(again, shown(again, seen), seen, signed_in, NOW), WRAP_UP) == again


def test_an_unknown_seat_is_no_telephone() -> None:
    assert phone_of(None) is None
    seat = {"activity": "ready", "queues": ["consult"], "paused": [], "since_ms": 1_500}
    since = datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
    assert phone_of(seat) == Phone(
        Activity.READY, "", frozenset({"consult"}), frozenset(), "", since
    )
