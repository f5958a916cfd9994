"""Every history that a call can have, against a plain account of it that knows nothing of the fold.

The account is kept by a clock: between any two facts it asks who is in which room, who is put aside
and who rings, and adds the time to each. No spans, no order of events, nothing of `ivr.channels`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ivr.asterisk import spool
from ivr.calls import Call
from ivr.events import Event
from ivr.fold import fold
from tests.ivr import cel
from tests.ivr.cel import CALLER, phone

AGENTS = ("a1001", "a1002", "a1003")

understood = cache(spool.parse)
"""The record is asked for after every fact; its lines need not be parsed each time."""


@dataclass
class Person:
    """Somebody on a telephone, and the microseconds of each kind so far."""

    channel: str
    agent: str = ""
    room: str = ""
    aside_by: str | None = None
    answered: bool = False
    hung: bool = False
    gone: bool = False
    has_talked: bool = False
    ring: int = 0
    talk: int = 0
    hold: int = 0
    wrap_up: int = 0

    @property
    def audible(self) -> bool:
        return bool(self.room) and self.aside_by is None


@dataclass
class Stay:
    """A stay in a queue as its caller remembers it."""

    queue: str
    waited: int = 0
    outcome: str = "waiting"
    agent: str | None = None
    offers: dict[str, str] = field(default_factory=dict)
    """What became of each phone that was rung, by channel."""


class Account:
    """What everybody spent their time with."""

    def __init__(self) -> None:
        self.caller = Person(CALLER)
        self.people = [self.caller]
        self.stays: list[Stay] = []
        self.first_agent: str | None = None

    def elapse(self, microseconds: int) -> None:
        talking = {p.channel for p in self.people if self._hears_somebody(p)}
        holding = {p.aside_by for p in self.people if p.aside_by and not p.gone}
        for person in self.people:
            if person.gone:
                continue
            if person.channel in talking:
                person.talk += microseconds
                person.has_talked, person.wrap_up = True, 0
            aside = person.aside_by is not None or person.agent in holding - {""}
            if aside:
                person.hold += microseconds
            elif person.has_talked and person.channel not in talking and person.agent:
                person.wrap_up += microseconds
            if person.agent and not person.answered and not person.hung:
                person.ring += microseconds
        if self.stays and self.stays[-1].outcome == "waiting" and not self.caller.hung:
            self.stays[-1].waited += microseconds

    def _hears_somebody(self, person: Person) -> bool:
        return person.audible and any(
            other.audible and other.room == person.room and other is not person
            for other in self.people
        )

    def on_the_line(self) -> list[Person]:
        """Agents whose phones are off the hook."""
        return [p for p in self.people if p.agent and p.answered and not p.hung]

    def ringing(self) -> list[Person]:
        return [p for p in self.people if p.agent and not p.answered and not p.hung]


class Clockwork(cel.Journal):
    """A journal whose every fact takes its time in the account as well."""

    account: Account

    def after(self, seconds: float) -> cel.Journal:
        self.account.elapse(round(seconds * 1_000_000))
        return super().after(seconds)

    def write(self, *args: Any, **kwargs: Any) -> cel.Journal:  # noqa: ANN401 - as the journal has it
        self.account.elapse(150)
        return super().write(*args, **kwargs)


class CallHistory(RuleBasedStateMachine):
    """A caller, three agents, and a switch that may die."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Account()
        self.journal = Clockwork()
        self.journal.account = self.account
        self.journal.begins()
        self.keys = 0
        self.serial = 2
        self.over = False
        self.died = False
        self.ended_by: str | None = None

    # What a call consists of --------------------------------------------------------------------

    @property
    def caller(self) -> Person:
        return self.account.caller

    def put(self, person: Person, room: str) -> None:
        self.journal.joins(person.channel, room)
        person.room, person.aside_by = room, None

    def take_out(self, person: Person) -> None:
        if person.room:
            self.journal.parts(person.channel, person.room)
            person.room = ""

    def hang_up(self, person: Person, *, source: str = "", cause: int = 16) -> None:
        self.take_out(person)
        extra = {"hangupcause": cause, "hangupsource": source, "dialstatus": ""}
        self.journal.write("HANGUP", person.channel, extra=extra)
        person.hung = True
        self.journal.write("CHAN_END", person.channel)
        person.gone = True

    def new_phone(self, agent: str) -> Person:
        self.serial += 1
        person = Person(phone(agent, self.serial), agent)
        self.journal.write("CHAN_START", person.channel)
        self.account.people.append(person)
        return person

    def pick_up(self, person: Person, room: str) -> None:
        self.journal.write("ANSWER", person.channel)
        person.answered = True
        self.put(person, room)

    def settle(self, outcome: str) -> None:
        """The stay in the queue is over; the phones that ring for it are called off."""
        stay = self.account.stays[-1]
        if stay.outcome == "waiting":
            stay.outcome = outcome

    def call_off(self) -> None:
        for person in self.account.ringing():
            stay = self.account.stays[-1]
            stay.offers[person.channel] = "withdrawn"
            self.hang_up(person, cause=26)

    def idle_agents(self) -> list[str]:
        busy = {p.agent for p in self.account.people if not p.gone}
        return [agent for agent in AGENTS if agent not in busy]

    @property
    def waiting(self) -> bool:
        stays = self.account.stays
        return not self.over and bool(stays) and stays[-1].outcome == "waiting"

    @property
    def talking(self) -> bool:
        return not self.over and bool(self.caller.room) and self.caller.aside_by is None

    @property
    def put_aside(self) -> bool:
        return not self.over and self.caller.aside_by is not None

    # What may happen ----------------------------------------------------------------------------

    @precondition(lambda self: not self.over)
    @rule(seconds=st.integers(1, 90))
    def time_passes(self, seconds: int) -> None:
        self.journal.after(seconds)

    @precondition(lambda self: not self.over and not self.account.stays)
    @rule(key=st.sampled_from("0123456789ti"))
    def a_key_is_chosen(self, key: str) -> None:
        self.journal.says("MENU", f"main:{key}")
        self.keys += 1

    @precondition(lambda self: not self.over and not self.account.stays)
    @rule(queue=st.sampled_from(["general", "psych"]))
    def the_caller_enters_a_queue(self, queue: str) -> None:
        self.journal.says("QUEUE", f"{queue}:0")
        self.account.stays.append(Stay(queue))

    @precondition(lambda self: self.waiting and self.idle_agents())
    @rule(data=st.data())
    def a_phone_is_rung(self, data: st.DataObject) -> None:
        person = self.new_phone(data.draw(st.sampled_from(self.idle_agents())))
        self.account.stays[-1].offers[person.channel] = ""
        self.journal.after(2)

    @precondition(lambda self: self.waiting and self.account.ringing())
    @rule(data=st.data(), cause=st.sampled_from([0, 17, 21]))
    def a_phone_rings_in_vain(self, data: st.DataObject, cause: int) -> None:
        person = data.draw(st.sampled_from(self.account.ringing()))
        self.hang_up(person, cause=cause)
        vain = "declined" if cause else "no_answer"
        self.account.stays[-1].offers[person.channel] = vain
        self.journal.after(2)

    @precondition(lambda self: self.waiting and self.account.ringing())
    @rule(data=st.data())
    def an_agent_answers(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from(self.account.ringing()))
        room = f"room-{self.serial}"
        self.pick_up(person, room)
        self.journal.says("AGENT", person.agent, person.channel)
        self.put(self.caller, room)
        stay = self.account.stays[-1]
        stay.agent, stay.offers[person.channel] = person.agent, "connected"
        self.account.first_agent = self.account.first_agent or person.agent
        self.settle("answered")
        self.call_off()

    @precondition(lambda self: self.waiting)
    @rule(queue=st.sampled_from(["general", "psych"]))
    def the_queue_sends_the_caller_on(self, queue: str) -> None:
        self.call_off()
        self.journal.says("LEFT", f"{self.account.stays[-1].queue}:TIMEOUT")
        self.settle("overflow")
        self.journal.says("QUEUE", f"{queue}:0")
        self.account.stays.append(Stay(queue))

    @precondition(lambda self: self.talking and self.idle_agents())
    @rule(data=st.data(), rings=st.integers(1, 20))
    def a_third_one_joins(self, data: st.DataObject, rings: int) -> None:
        person = self.new_phone(data.draw(st.sampled_from(self.idle_agents())))
        self.journal.after(rings)
        self.pick_up(person, self.caller.room)

    @precondition(lambda self: self.talking and len(self.account.on_the_line()) > 1)
    @rule(data=st.data())
    def one_of_several_agents_leaves(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from(self.account.on_the_line()))
        self.hang_up(person, source=person.channel)

    @precondition(lambda self: self.talking and self.account.on_the_line())
    @rule(data=st.data())
    def an_agent_holds_the_caller(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from(self.account.on_the_line()))
        self.take_out(self.caller)
        self.journal.says("HOLD", person.agent)
        self.caller.aside_by = person.agent

    @precondition(lambda self: self.put_aside and self.account.on_the_line())
    @rule(says_so=st.booleans())
    def the_caller_is_taken_back(self, *, says_so: bool) -> None:
        if says_so:
            self.journal.says("HOLD_END")
            self.caller.aside_by = None
        self.put(self.caller, self.account.on_the_line()[0].room)

    @precondition(lambda self: self.talking and self.idle_agents() and self.account.on_the_line())
    @rule(data=st.data(), parked=st.integers(1, 60))
    def the_caller_is_parked_and_fetched(self, data: st.DataObject, parked: int) -> None:
        parker = data.draw(st.sampled_from(self.account.on_the_line()))
        fetcher = data.draw(st.sampled_from(self.idle_agents()))
        self.take_out(self.caller)
        extra = {"parker_dial_string": f"PJSIP/agent-{parker.agent}", "parking_lot": "default"}
        self.journal.write("PARK_START", extra=extra)
        self.caller.aside_by = parker.agent
        for person in self.account.on_the_line():
            self.hang_up(person, source=person.channel)
        self.journal.after(parked).write("PARK_END", extra={"reason": "ParkedCallUnparked"})
        self.caller.aside_by = None
        person = self.new_phone(fetcher)
        room = f"room-{self.serial}"
        self.pick_up(person, room)
        self.put(self.caller, room)

    @precondition(lambda self: self.talking and self.idle_agents())
    @rule(data=st.data(), rings=st.integers(1, 20))
    def the_call_is_passed_on(self, data: st.DataObject, rings: int) -> None:
        """Attended: both agents are in the room, then the first goes."""
        before = self.account.on_the_line()
        person = self.new_phone(data.draw(st.sampled_from(self.idle_agents())))
        self.journal.after(rings)
        self.pick_up(person, self.caller.room)
        self.journal.write("ATTENDEDTRANSFER", before[0].channel)
        for other in before:
            self.hang_up(other, source=other.channel)

    @precondition(lambda self: self.talking)
    @rule(queue=st.sampled_from(["general", "psych"]))
    def the_caller_is_put_into_a_queue_again(self, queue: str) -> None:
        """Blind: nobody is asked."""
        self.journal.write("BLINDTRANSFER", self.account.on_the_line()[0].channel)
        self.take_out(self.caller)
        for person in self.account.on_the_line():
            self.hang_up(person, source=person.channel)
        self.journal.says("QUEUE", f"{queue}:0")
        self.account.stays.append(Stay(queue))

    # How it ends --------------------------------------------------------------------------------

    @precondition(lambda self: not self.over)
    @rule(lingers=st.integers(0, 30))
    def the_caller_hangs_up(self, lingers: int) -> None:
        self.ended_by = "caller"
        if self.waiting:
            self.call_off()
        self.hang_up(self.caller, source=CALLER)
        if self.account.stays:
            self.settle("abandoned")
        self.journal.after(lingers)
        for person in self.account.on_the_line():
            self.hang_up(person, source=CALLER)
        self.journal.ends()
        self.over = True

    @precondition(lambda self: self.talking)
    @rule()
    def the_agents_hang_up(self) -> None:
        for person in self.account.on_the_line():
            self.hang_up(person, source=person.channel)
        self.ended_by = "agent"
        self.take_out(self.caller)
        self.journal.says("LEFT", f"{self.account.stays[-1].queue}:CONTINUE").after(2)
        self.hang_up(self.caller, source="dialplan/builtin")
        self.journal.ends()
        self.over = True

    @precondition(lambda self: not self.over and not self.account.stays)
    @rule()
    def the_menu_ends_the_call(self) -> None:
        self.ended_by = "system"
        self.hang_up(self.caller, source="dialplan/builtin")
        self.journal.ends()
        self.over = True

    @precondition(lambda self: not self.over)
    @rule()
    def asterisk_dies(self) -> None:
        self.tell_the_time()
        if self.account.stays:
            self.settle("lost")
        self.over = self.died = True

    @rule(seed=st.integers(0, 2**16))
    def lines_come_again_and_in_disorder(self, seed: int) -> None:
        """As from a spool that is read twice; also after the end, when nothing else can happen."""
        chance = random.Random(seed)  # noqa: S311 - no secret
        again = chance.sample(self.journal.lines, k=min(9, len(self.journal.lines)))
        self.journal.lines += again
        chance.shuffle(self.journal.lines)

    # Whether both tell the same -----------------------------------------------------------------

    def events(self) -> list[Event]:
        return [event for line in self.journal.lines if (event := understood(line))]

    def record(self) -> Call:
        return fold(self.events(), engine_restarted=self.died)

    def tell_the_time(self) -> None:
        """The fold knows no later moment than that of the last fact: state one again."""
        self.journal.says("CALLER", "13800001234")

    @invariant()
    def the_record_is_what_happened(self) -> None:
        if not self.over:
            self.tell_the_time()
        call = self.record()
        self.compare_people(call)
        self.compare_stays(call)
        assert call.final == self.over
        assert call.disposition == self.disposition()
        assert call.agent == self.account.first_agent
        assert (call.talk_ms, call.hold_ms) == (self.caller.talk // 1000, self.caller.hold // 1000)
        assert call.ended_by == (None if self.died else self.ended_by)
        assert not call.inexact

    def compare_people(self, call: Call) -> None:
        legs = {leg.channel: leg for leg in call.legs}
        assert len(legs) == len(call.legs) == len(self.account.people)
        for person in self.account.people:
            leg = legs[self.journal.unique(person.channel)]
            assert (leg.agent or "") == person.agent
            assert leg.ring_ms == person.ring // 1000
            assert leg.talk_ms == person.talk // 1000
            assert leg.hold_ms == person.hold // 1000
            assert leg.wrap_up_ms == (person.wrap_up // 1000 if person.gone else 0)

    def compare_stays(self, call: Call) -> None:
        assert call.wait_ms == sum(stay.waited // 1000 for stay in self.account.stays)
        assert len(call.visits) == len(self.account.stays)
        for visit, stay in zip(call.visits, self.account.stays, strict=True):
            assert (visit.queue, visit.wait_ms) == (stay.queue, stay.waited // 1000)
            assert (visit.outcome, visit.agent) == (stay.outcome, stay.agent)
            pending = "ringing" if stay.outcome == "waiting" else "withdrawn"
            expected = [
                (phone_.split("-")[1], how or pending) for phone_, how in stay.offers.items()
            ]
            assert [(offer.agent, offer.outcome) for offer in visit.offers] == expected

    def disposition(self) -> str | None:
        if not self.over:
            return None
        if self.died:
            return "engine_lost"
        if self.caller.has_talked:
            return "answered"
        if self.account.stays:
            last = self.account.stays[-1].outcome
            return "abandoned_in_queue" if last == "abandoned" else "overflow"
        if self.ended_by == "caller":
            return "abandoned_in_menu"
        return "self_service" if self.keys else "failed"


CallHistory.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEveryHistoryIsToldAsItWas = CallHistory.TestCase
