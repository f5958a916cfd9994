from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk import spool
from ivr.callback import (
    FOR_PEOPLE,
    OPEN,
    WITHDRAWN_PAUSE,
    Happening,
    Policy,
    Ticket,
    TicketState,
    after,
    line_until,
    overdue,
    place,
    result_of,
    was_missed,
)
from ivr.calls import Call, Disposition, EndedBy, LegKind, VisitOutcome
from ivr.config import REPOSITORY
from ivr.fold import fold
from ivr.hours import SHANGHAI, Hours, Span, parse_hours
from tests.ivr import bookings, cel

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=SHANGHAI)
NEW = Ticket(TicketState.WAITING, 0, NOON, NOON)
POLICY = Policy()

RANG = (Happening.ANSWERED, Happening.NO_ANSWER, Happening.MACHINE)
SAID_LATER = (Happening.MACHINE, Happening.TAKEN_BACK)
HAPPENINGS = st.lists(st.sampled_from(list(Happening)), max_size=30)


def folded(call: cel.Journal, *, engine_restarted: bool = False) -> Call:
    events = [event for line in call.lines if (event := spool.parse(line))]
    return fold(events, engine_restarted=engine_restarted)


def lived(*happenings: Happening) -> Ticket:
    ticket, at = NEW, NOON
    for happening in happenings:
        at += timedelta(minutes=15)
        ticket = after(ticket, happening, at, POLICY)
    return ticket


def test_the_third_try_in_vain_is_the_last_and_people_take_over() -> None:
    once = (Happening.PLACED, Happening.NO_ANSWER)
    assert lived(*once * 2).state is TicketState.WAITING
    end = lived(*once * 3)
    assert (end.state, end.tries, end.closed_at is not None) == (TicketState.NOT_REACHED, 3, True)
    assert end.state in FOR_PEOPLE


def test_tries_are_ten_minutes_apart_and_a_place_holder_in_vain_is_no_try() -> None:
    tried = after(lived(Happening.PLACED), Happening.NO_ANSWER, NOON, POLICY)
    assert (tried.tries, tried.due_at) == (1, NOON + timedelta(minutes=10))
    back = after(lived(Happening.PLACED), Happening.WITHDRAWN, NOON, POLICY)
    assert (back.tries, back.due_at) == (0, NOON + WITHDRAWN_PAUSE)


def test_an_answering_machine_is_a_try_in_vain_also_when_the_agent_says_so_afterwards() -> None:
    during = lived(Happening.PLACED, Happening.MACHINE)
    afterwards = lived(Happening.PLACED, Happening.ANSWERED, Happening.MACHINE)
    assert (during.state, during.tries) == (afterwards.state, afterwards.tries)
    assert (afterwards.state, afterwards.tries) == (TicketState.WAITING, 1)
    rounds = (Happening.PLACED, Happening.ANSWERED, Happening.MACHINE) * 3
    assert lived(*rounds).state is TicketState.NOT_REACHED


def test_what_an_agent_takes_back_leaves_the_ticket_as_if_he_had_not_said_it() -> None:
    reached = lived(Happening.PLACED, Happening.ANSWERED)
    for tries in (1, POLICY.tries):
        before = replace(reached, tries=tries)
        said = after(before, Happening.MACHINE, NOON, POLICY)
        back = after(said, Happening.TAKEN_BACK, NOON, POLICY)
        assert (back.state, back.tries) == (TicketState.REACHED, tries)
        assert back.closed_at is not None
    assert after(reached, Happening.TAKEN_BACK, NOON, POLICY) == reached


@pytest.mark.parametrize(
    ("happening", "state"),
    [
        (Happening.SERVED, TicketState.SERVED),
        (Happening.FORBIDDEN, TicketState.REFUSED),
        (Happening.OVERDUE, TicketState.EXPIRED),
    ],
)
@pytest.mark.parametrize("before", [(), (Happening.PLACED,)])
def test_what_closes_a_ticket_closes_it_in_line_as_well(
    before: tuple[Happening, ...], happening: Happening, state: TicketState
) -> None:
    assert lived(*before, happening).state is state


@given(HAPPENINGS)
def test_whatever_happens_a_ticket_keeps_its_promises(happenings: list[Happening]) -> None:
    ticket, at, placed, rung = NEW, NOON, 0, 0
    for happening in happenings:
        at += timedelta(seconds=1)
        before, ticket = ticket, after(ticket, happening, at, POLICY)
        placed += before.state is TicketState.WAITING and ticket.state is TicketState.CALLING
        rung += before.state is TicketState.CALLING and happening in RANG
        assert (ticket.closed_at is None) == (ticket.state in OPEN)
        assert ticket.tries == rung <= POLICY.tries
        assert rung <= placed, "nobody is rung but by an attempt"
        if before.state not in OPEN and happening not in SAID_LATER:
            assert ticket == before, "closed is closed"
        if happening in RANG[1:] and ticket.state is TicketState.WAITING and ticket != before:
            assert ticket.due_at - at == POLICY.pause


def test_a_ticket_is_overdue_after_its_time_and_only_while_it_is_open() -> None:
    assert not overdue(NEW, NOON + POLICY.keep - timedelta(seconds=1), POLICY)
    assert overdue(NEW, NOON + POLICY.keep, POLICY)
    assert not overdue(replace(NEW, state=TicketState.SERVED), NOON + POLICY.keep, POLICY)


# ---- the place in line ------------------------------------------------------------------------


@given(st.integers(0, 30), st.integers(1_700_000_000, 2_200_000_000))
def test_the_dialplan_counts_places_as_the_rule_does(urgency: int, entered: int) -> None:
    text = (REPOSITORY / "dialplans/inbound.conf").read_text("utf-8")
    (formula,) = re.findall(r"Set\(QUEUE_PRIO=\$\[(.+)\]\)", text)
    formula = formula.replace("${CLASS}", str(urgency)).replace("${ENTERED}", str(entered))
    assert re.fullmatch(r"[0-9+*()% -]+", formula)
    assert eval(formula) == place(urgency, entered)  # noqa: S307 - digits and signs only
    assert 0 < place(urgency, entered) < 2**31, "app_queue reads an int"


@dataclass
class Person:
    """Somebody who wants to speak with an agent."""

    name: int
    urgency: int
    entered: int
    books: bool
    answers: tuple[bool, ...]
    """Whether he would answer his telephone at the first ring, the second, and so on."""
    ticket: Ticket = field(default=NEW)
    log: list[str] = field(default_factory=list)


PEOPLE = st.lists(
    st.builds(
        lambda urgency, gap, books, answers: (urgency, gap, books, tuple(answers)),
        st.sampled_from([0, 0, 0, 10, 20, 30]),
        st.integers(1, 4),
        st.booleans(),
        st.lists(st.booleans(), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=12,
)


def entering(drawn: list[tuple[int, int, bool, tuple[bool, ...]]]) -> list[Person]:
    people, second = [], 1_795_000_000
    for name, (urgency, gap, books, answers) in enumerate(drawn):
        second += gap
        people.append(Person(name, urgency, second, books, answers))
    return people


def queue_serves(people: list[Person], frees: list[int]) -> list[tuple[int, int]]:
    """Play app_queue with place holders: it serves the highest number, the earlier comer first.

    Gives who was connected at which moment an agent became free.
    """
    line: list[tuple[int, int, Person]] = []
    joined, served = 0, []
    for second in frees:
        at = datetime.fromtimestamp(second, UTC)
        for person in people:
            stands = any(one is person for _, _, one in line)
            ticket = person.ticket
            if person.log or stands or person.entered > second:
                continue
            if person.books:
                due = ticket.state is TicketState.WAITING and ticket.due_at <= at
                if not due:
                    continue
                person.ticket = after(ticket, Happening.PLACED, at, POLICY)
            joined += 1
            line.append((-place(person.urgency, person.entered), joined, person))
        if not line:
            continue
        line.sort(key=lambda one: one[:2])
        _, _, person = line.pop(0)
        served.append((second, person.name))
        if not person.books:
            person.log.append("spoke")
            continue
        answers = person.answers[person.ticket.tries]
        told = Happening.ANSWERED if answers else Happening.NO_ANSWER
        person.ticket = after(person.ticket, told, at, POLICY)
        if person.ticket.state not in OPEN:
            person.log.append(person.ticket.state.value)
    return served


def fair_order(people: list[Person], frees: list[int]) -> list[tuple[int, int]]:
    """The independent model: whoever came first in his class, and is not resting, is next."""
    done: set[int] = set()
    rings: dict[int, int] = {}
    rests: dict[int, int] = {}
    served = []
    for second in frees:
        there = [
            (-(one.urgency // 10), one.entered, one.name)
            for one in people
            if one.entered <= second and one.name not in done and rests.get(one.name, 0) <= second
        ]
        if not there:
            continue
        name = min(there)[2]
        served.append((second, name))
        one = people[name]
        ring = rings.get(name, 0)
        if not one.books or one.answers[ring] or ring == 2:
            done.add(name)
        rings[name] = ring + 1
        rests[name] = second + 600
    return served


@given(PEOPLE, st.lists(st.integers(1, 400), min_size=60, max_size=60))
def test_call_backs_are_fair_no_starvation_no_double_call_no_queue_jump(
    drawn: list[tuple[int, int, bool, tuple[bool, ...]]], gaps: list[int]
) -> None:
    frees, second = [], 1_795_000_000
    for gap in gaps:
        second += gap
        frees.append(second)
    second += 2_000
    frees += range(second, second + 3_000, 60)
    people = entering(drawn)
    for person in people:
        person.ticket = replace(NEW, due_at=datetime.fromtimestamp(person.entered, UTC))
    served = queue_serves(people, frees)
    assert served == fair_order(entering(drawn), frees)
    for person in people:
        times = sum(name == person.name for _, name in served)
        needed = (person.answers.index(True) + 1) if any(person.answers) else 3
        assert times == (needed if person.books else 1), "nobody is forgotten, nor called again"
        assert person.log, "everybody comes to an end"


# ---- when -------------------------------------------------------------------------------------

HOURS = """
[schedules.always]
{always}
[schedules.office]
{office}
[numbers]
default = "always"
[queues]
anyone = {{ schedule = "always" }}
consult = {{ schedule = "office", otherwise = "anyone" }}
"""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday", "makeup")


@pytest.fixture(scope="module")
def hours() -> Hours:
    always = "\n".join(f'{day} = ["00:00-24:00"]' for day in DAYS)
    office = "\n".join(f'{day} = ["08:30-12:00", "14:00-17:30"]' for day in DAYS)
    return parse_hours(REPOSITORY / "hours.toml", HOURS.format(always=always, office=office))


def clock(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-18T{text}+08:00")


@pytest.mark.parametrize(
    ("queue", "at", "until"),
    [
        ("anyone", "08:59:59", None),
        ("anyone", "09:00:00", "20:00:00"),
        ("anyone", "19:59:59", "20:00:00"),
        ("anyone", "20:00:00", None),
        ("consult", "08:59:00", None),
        ("consult", "09:00:00", "12:00:00"),
        ("consult", "12:00:00", None),
        ("consult", "14:00:00", "17:30:00"),
        ("consult", "17:30:00", None),
        ("nowhere", "10:00:00", None),
    ],
)
def test_nobody_is_called_outside_permitted_times_or_the_queues_own(
    hours: Hours, queue: str, at: str, until: str | None
) -> None:
    expected = None if until is None else clock(until)
    assert line_until(hours, queue, clock(at), POLICY) == expected
    assert line_until(hours, queue, clock(at).astimezone(UTC), POLICY) == expected


def test_a_place_holder_needs_some_time_before_closing(hours: Hours) -> None:
    least = timedelta(seconds=30)
    assert line_until(hours, "anyone", clock("19:59:29"), POLICY, least=least)
    assert line_until(hours, "anyone", clock("19:59:30"), POLICY, least=least) is None


def test_round_the_clock_ends_at_midnight_and_begins_with_it(hours: Hours) -> None:
    policy = Policy(permitted=Span(0, 24 * 60))
    until = line_until(hours, "anyone", clock("23:59:00"), policy)
    assert until == clock("00:00:00") + timedelta(days=1)
    assert line_until(hours, "anyone", clock("00:00:00"), policy) == until


# ---- what the journal says ------------------------------------------------------------------


def test_the_records_of_a_booking_and_of_the_call_back_belong_together() -> None:
    first = folded(bookings.booked())
    assert first.disposition is Disposition.CALLBACK_BOOKED
    (booking,) = first.bookings
    assert (booking.number, booking.queue, booking.urgency) == (bookings.MOBILE, "consult", 0)
    assert booking.entered_ms // 1000 == first.visits[0].entered_ms // 1000
    back = folded(bookings.reached("n1-7-1795001000.c1", first.call_id))
    assert back.callback_of == first.call_id
    assert (back.direction.value, back.dialled) == ("outbound", bookings.MOBILE)
    assert (back.disposition, back.agent) == (Disposition.ANSWERED, "a1001")
    assert back.ended_by is EndedBy.AGENT
    assert round(back.talk_ms / 1000) == 60, "the agent's talk with a place holder is none"
    assert result_of(back) is Happening.ANSWERED


def test_who_was_rung_in_vain_was_tried_and_who_was_not_rung_was_not() -> None:
    attempt, of = "n1-7-1795001000.c1", "n1-7-1795000000.1"
    vain = folded(bookings.rung_in_vain(attempt, of))
    assert (vain.disposition, result_of(vain)) == (Disposition.FAILED, Happening.NO_ANSWER)
    assert vain.talk_ms == 0
    void = folded(bookings.given_up(bookings.placed(attempt, of)))
    assert result_of(void) is Happening.WITHDRAWN
    assert void.disposition is not Disposition.ANSWERED
    assert not [leg for leg in void.legs if leg.kind is LegKind.TRUNK]


def test_who_was_called_back_and_stands_in_line_again_is_answered_by_whom_he_speaks_with() -> None:
    call = bookings.reached("n1-7-1795001000.c1", "n1-7-1795000000.1", talk=20)
    call.lines = call.lines[:-5]  # his agent sends him on, and hangs up
    call.parts(bookings.OUTSIDE, "b1").parts(cel.phone(), "b1").hangs_up(cel.phone())
    call.says("QUEUE", "anyone:0", bookings.OUTSIDE).after(4)
    second = cel.phone("a1002", 9)
    call.write("CHAN_START", second).after(2).write("ANSWER", second)
    call.joins(second, "b3").joins(bookings.OUTSIDE, "b3").after(30)
    call.parts(second, "b3").parts(bookings.OUTSIDE, "b3").hangs_up(second, source=second)
    record = folded(call.hangs_up(bookings.OUTSIDE).ends())
    (visit,) = record.visits
    assert (visit.outcome, visit.agent) == (VisitOutcome.ANSWERED, "a1002")
    assert (record.agent, round(record.talk_ms / 1000)) == ("a1001", 50)
    assert visit.wait_ms == record.wait_ms == 6_000


def test_an_engine_that_died_in_the_talk_has_reached_the_caller() -> None:
    call = bookings.reached("n1-7-1795001000.c1", "n1-7-1795000000.1")
    call.lines = call.lines[:-6]
    lost = folded(call, engine_restarted=True)
    assert lost.disposition is Disposition.ENGINE_LOST
    assert result_of(lost) is Happening.ANSWERED
    assert result_of(folded(call)) is None, "it may still go on"


@pytest.mark.parametrize(("wait", "missed"), [(9.9, False), (10.0, True), (60.0, True)])
def test_who_gave_up_after_ten_seconds_is_missed(wait: float, *, missed: bool) -> None:
    assert was_missed(folded(cel.abandoned(wait=wait))) is missed
    assert not was_missed(folded(cel.answered()))
