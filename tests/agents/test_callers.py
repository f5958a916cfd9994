"""The card of a call: what is known, masked, with the flags that matter."""

from __future__ import annotations

import pytest

from agents import callers, requests, users
from agents.auth import Identity
from agents.requests import Written
from agents.roles import Role
from ivr.database import Pool
from tests.agents.conftest import CALLER, new_call, record_call

CRISIS = Written("C06.01.11", "on_the_spot", risk={"level": "extreme"})


async def test_a_card_warns_of_age_of_risk_and_of_a_block(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await users.create(connection, users.OPERATOR, Identity("a1001", Role.AGENT, "安娜"))
        before = await record_call(pool)
        await requests.save(connection, "a1001", before, [(CRISIS, None)])
        await connection.execute(
            "INSERT INTO caller_profile (number, elderly, noted_by) VALUES ($1, true, 'a1001')",
            CALLER,
        )
    call_id = await record_call(pool)
    card = await callers.card(pool, call_id)
    assert card is not None
    assert card.flags == ("elderly", "risk")
    assert card.number == "138****1234"
    assert CALLER not in repr(card)
    assert card.earlier[0].requests[0].risk == "extreme"


async def test_history_shows_the_last_calls_first_and_no_more_than_ten(pool: Pool) -> None:
    ids = [await record_call(pool, call_id=new_call(600 - at)) for at in range(12)]
    card = await callers.card(pool, ids[-1])
    assert card is not None
    assert [one.call_id for one in card.earlier] == list(reversed(ids[1:-1]))


async def test_no_call_has_no_card_and_no_number(pool: Pool) -> None:
    assert await callers.card(pool, new_call()) is None
    async with pool.acquire() as connection:
        assert await callers.reveal(connection, "a1001", new_call(), "回访") is None
    assert await pool.fetchval("SELECT count(*) FROM audit") == 0


def test_a_code_that_an_edition_does_not_know_is_shown_as_it_is() -> None:
    assert callers.path_of("12320-2016", "C02")[0] == "咨询"
    assert callers.path_of("12320-2016", "C02.88") == ("C02.88",)


@pytest.mark.parametrize(
    ("priority", "named"), [(None, ""), (0, "P3"), (10, "P2"), (20, "P1"), (30, "P0"), (-1, "P3")]
)
def test_the_class_of_a_call_is_named_by_its_priority(priority: int | None, named: str) -> None:
    assert callers.class_of(priority) == named


async def test_the_class_of_a_call_that_is_over_is_that_of_its_last_queue(pool: Pool) -> None:
    call_id = await record_call(pool)
    for position, priority in ((1, 0), (2, 30)):
        await pool.execute(
            """INSERT INTO queue_visit (opened_at, call_id, position, queue, priority, entered_at,
                   wait_ms, outcome, status)
               VALUES (call_opened_at($1), $1, $2, 'psych', $3, now(), 0, 'answered', '')""",
            *(call_id, position, priority),
        )
    card = await callers.card(pool, call_id)
    assert card is not None
    assert card.priority == "P0"
