"""Journals of call-backs, as Asterisk writes them: the call that books one, and the one we make."""

from __future__ import annotations

from dataclasses import dataclass

from tests.ivr import cel

PLACE_HOLDER = "Local/s@callback-line-00000000;1"
OTHER_END = "Local/s@callback-line-00000000;2"
OUTSIDE = "PJSIP/trunk-000000ff"
MOBILE = "13800001234"


def booked(
    number: int = 1,
    *,
    caller: str = MOBILE,
    to: str = "",
    queue: str = "consult",
    wait: float = 130,
) -> cel.Journal:
    """A caller waits, books a call back, and is thanked."""
    call = cel.Journal(number).begins(caller).chooses("main", "1", "C").queues(queue)
    entered = call.now_us // 1_000_000
    call.after(wait).says("LEFT", f"{queue}:CALLBACK")
    call.says("CALLBACK_BOOKED", f"{queue}:0:{entered}:{to or caller}")
    call.says("OUTCOME", "callback_booked").after(4)
    return call.hangs_up(source="dialplan/builtin").ends()


@dataclass
class Attempt(cel.Journal):
    """A call that we make, under the attempt's id."""

    attempt_id: str = "n1-7-1795001000.c1"

    @property
    def call_id(self) -> str:
        return self.attempt_id

    def unique(self, channel: str) -> str:
        serial = {PLACE_HOLDER: "", OTHER_END: ";2"}.get(channel)
        if serial is not None:
            return f"{self.attempt_id}{serial}"
        head = self.attempt_id.rpartition(".")[0]
        return f"{head}.{1000 + int(channel.rpartition('-')[2], 16)}"


def placed(attempt_id: str, of: str, *, agent: str = "a1001", begins: float = 300) -> cel.Journal:
    """A place holder waits in line, and an agent answers it."""
    call = Attempt(attempt_id=attempt_id).after(begins)
    call.write("CHAN_START", PLACE_HOLDER).write("CHAN_START", OTHER_END)
    call.says("DIALLED", "outbound:", OTHER_END).says("CALLBACK_OF", of, OTHER_END).after(5)
    call.write("CHAN_START", cel.phone(agent)).after(2).write("ANSWER", cel.phone(agent))
    call.says("AGENT", agent, cel.phone(agent)).write("ANSWER", PLACE_HOLDER)
    return call.joins(cel.phone(agent), "b1").joins(OTHER_END, "b1")


def given_up(call: cel.Journal, agent: str = "a1001") -> cel.Journal:
    """Nobody was, or is any more, to be rung: all hang up."""
    call.parts(OTHER_END, "b1").parts(cel.phone(agent), "b1")
    for channel in (PLACE_HOLDER, OTHER_END, cel.phone(agent)):
        call.hangs_up(channel, source="dialplan/builtin")
    call.ends()
    return call


def rung_in_vain(
    attempt_id: str, of: str, number: str = MOBILE, *, begins: float = 300
) -> cel.Journal:
    """The citizen's telephone rings, and nobody answers."""
    call = placed(attempt_id, of, begins=begins).says("DIALLED", f"outbound:{number}", PLACE_HOLDER)
    call.says("RECORDING", attempt_id, PLACE_HOLDER).write("CHAN_START", OUTSIDE).after(30)
    call.hangs_up(OUTSIDE, cause=0)
    return given_up(call)


def reached(
    attempt_id: str, of: str, number: str = MOBILE, *, talk: float = 60, begins: float = 300
) -> cel.Journal:
    """The citizen answers; the pipe between him and the agent is taken out."""
    call = placed(attempt_id, of, begins=begins).says("DIALLED", f"outbound:{number}", PLACE_HOLDER)
    call.says("RECORDING", attempt_id, PLACE_HOLDER).write("CHAN_START", OUTSIDE).after(8)
    call.write("ANSWER", OUTSIDE).joins(OUTSIDE, "b2").joins(PLACE_HOLDER, "b2").parts(
        OUTSIDE, "b2"
    )
    call.parts(OTHER_END, "b1").joins(OUTSIDE, "b1").parts(PLACE_HOLDER, "b2")
    call.hangs_up(PLACE_HOLDER).hangs_up(OTHER_END).after(talk)
    call.parts(cel.phone(), "b1").parts(OUTSIDE, "b1").hangs_up(cel.phone(), source=cel.phone())
    call.hangs_up(OUTSIDE, source=cel.phone()).ends()
    return call
