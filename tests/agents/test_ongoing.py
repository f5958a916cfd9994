"""What is known of a call that goes on, before its record says so."""

from __future__ import annotations

from agents import callers
from agents.ongoing import Heard, heard
from ivr.asterisk import spool
from ivr.database import Pool
from tests.agents.conftest import record_call
from tests.ivr import cel


def ringing(number: int = 1) -> cel.Journal:
    call = (
        cel.Journal(number).begins().chooses("m_main", "1", "C03").chooses("m_consult", "1", "C02")
    )
    return call.queues("consult", 10).rings()


RINGING = Heard(
    "m_main:1/m_consult:1",
    "consult",
    10,
    (("m_main", "1"), ("m_consult", "1")),
    (("12320-2016", "C02"),),
)


def test_what_the_menu_has_heard_is_known_while_it_rings() -> None:
    events = [event for line in ringing().lines if (event := spool.parse(line))]
    assert heard(events) == RINGING


def test_of_nothing_or_of_two_calls_nothing_is_said() -> None:
    both = [*ringing(1).lines, *ringing(2).lines]
    assert heard([]) is None
    assert heard([event for line in both if (event := spool.parse(line))]) is None


async def test_the_card_of_a_ringing_call_says_what_the_journal_says_and_not_what_the_record_does(
    pool: Pool,
) -> None:
    call = ringing()
    await record_call(pool, call_id=call.call_id)
    ongoing = "UPDATE call SET final = false, disposition = NULL, ended_at = NULL, queue = NULL"
    await pool.execute(ongoing)
    card = await callers.card(pool, call.call_id)
    assert card is not None
    assert (card.queue, card.priority, card.presets) == ("", "", ())
    await pool.execute(
        "INSERT INTO spool_line VALUES (call_opened_at($1), $1, 1, 0, $2)",
        call.call_id,
        "\n".join([*call.lines, "no line of ours"]),
    )
    card = await callers.card(pool, call.call_id)
    assert card is not None
    assert [(step.menu, step.key) for step in card.steps] == list(RINGING.steps)
    assert (card.queue, [preset.code for preset in card.presets]) == ("consult", ["C02"])
    assert card.priority == "P2"
