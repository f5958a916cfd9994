from __future__ import annotations

import random

from ivr.asterisk import spool
from ivr.events import Event
from ivr.recordings.pauses import Pause, pauses
from tests.ivr import cel
from tests.ivr.cel import CALLER, phone


def events_of(call: cel.Journal) -> list[Event]:
    return [event for line in call.lines if (event := spool.parse(line))]


def talk() -> cel.Journal:
    return cel.Journal().begins().queues().after(4).rings().connects()


def close(found: tuple[Pause, ...]) -> list[tuple[int, int]]:
    """Round to tenths of a second: each line of the tests' journal takes a millisecond."""
    return [(round(pause.offset_ms, -2), round(pause.pause_ms, -2)) for pause in found]


def test_a_pause_stands_where_the_sound_before_and_after_it_meet() -> None:
    call = talk().after(10).says("RECORDING_PAUSED").after(5).says("RECORDING_RESUMED").after(20)
    call.says("RECORDING_PAUSED").after(3).says("RECORDING_RESUMED").after(1)
    call.parts(phone()).parts(CALLER).hangs_up().ends()
    assert close(pauses(events_of(call))) == [(10_000, 5_000), (30_000, 3_000)]


def test_a_pause_that_nobody_ends_lasts_as_long_as_the_conversation() -> None:
    call = talk().after(10).says("RECORDING_PAUSED").after(7)
    call.parts(phone()).parts(CALLER).after(60).hangs_up().ends()
    assert close(pauses(events_of(call))) == [(10_000, 7_000)]


def test_music_between_two_agents_is_neither_sound_nor_pause() -> None:
    call = talk().after(10).parts(phone()).parts(CALLER).after(30)
    call.rings("a1002", 4).connects("a1002", 4, "b2").after(2).says("RECORDING_PAUSED").after(5)
    call.says("RECORDING_RESUMED").after(1).parts(CALLER, "b2").hangs_up().ends()
    assert close(pauses(events_of(call))) == [(12_000, 5_000)]


def test_words_said_twice_and_out_of_order_change_nothing() -> None:
    call = talk().after(10).says("RECORDING_RESUMED").says("RECORDING_PAUSED").after(2)
    call.says("RECORDING_PAUSED").after(3).says("RECORDING_RESUMED").after(1)
    call.parts(CALLER).hangs_up().ends()
    events = events_of(call)
    random.Random(12320).shuffle(events)  # noqa: S311 - no secret
    assert close(pauses(events + events)) == [(10_000, 5_000)]


def test_a_call_that_was_never_paused_has_no_mark() -> None:
    assert pauses(events_of(cel.answered())) == ()
    assert pauses([]) == ()
