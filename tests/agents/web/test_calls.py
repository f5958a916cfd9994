"""The screen pop, and the number behind the mask."""

from __future__ import annotations

from redis.asyncio import Redis

from agents.throttle import REVEAL
from ivr.database import Pool
from tests.agents.conftest import CALLER, STATE, Desk, new_call, record_call, show


async def test_the_call_at_ones_telephone_pops_up_with_all_that_is_known(
    desk: Desk, pool: Pool, redis: Redis
) -> None:
    await desk.enter()
    earlier, call_id = await record_call(pool, "a1002"), new_call()
    code = {"requests": [{"code": "C02.01.01", "note": "x"}]}
    await desk.enter(person="a1002")
    assert (await desk.ask("POST", f"/calls/{earlier}/requests", code)).status == 201
    await desk.enter()
    await record_call(pool, None, call_id=call_id)
    seat = {**STATE["agents"]["a1001"], "activity": "ringing", "call": call_id}
    await show(redis, agents={"a1001": seat})
    while not (shown := await (await desk.ask("GET", "/calls/current")).json())["call_id"]:
        pass
    assert shown["activity"] == "ringing"
    card = shown["card"]
    assert card["number"] == "138****1234"
    assert card["origin"]["place"]
    assert card["origin"]["carrier"] == "中国移动"
    [before] = card["earlier"]
    assert (before["call_id"], before["agent"]) == (earlier, "a1002")
    assert before["requests"][0]["path"][0] == "咨询"
    assert CALLER not in str(shown)
    assert (await desk.ask("GET", f"/calls/{call_id}")).status == 200


async def test_no_call_is_none(desk: Desk) -> None:
    await desk.enter()
    shown = await (await desk.ask("GET", "/calls/current")).json()
    assert shown == {"activity": "", "call_id": "", "card": None}


async def test_a_number_is_revealed_with_a_reason_that_is_written_down(
    desk: Desk, pool: Pool
) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    refused = await desk.ask("POST", f"/calls/{call_id}/reveal", {"reason": " "})
    assert refused.status == 400
    async with await desk.ask("POST", f"/calls/{call_id}/reveal", {"reason": "回访"}) as answer:
        assert (await answer.json())["number"] == CALLER
    rows = await pool.fetch("SELECT actor, object, detail FROM audit WHERE action LIKE 'number.%'")
    assert [tuple(row) for row in rows] == [("a1001", f"call:{call_id}", '{"reason": "回访"}')]


async def test_nobody_reveals_numbers_by_the_dozen(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    came = [
        (await desk.ask("POST", f"/calls/{call_id}/reveal", {"reason": "回访"})).status
        for _ in range(REVEAL.most + 1)
    ]
    assert came == [200] * REVEAL.most + [429]


async def test_a_withheld_number_is_anonymous_and_has_no_history(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    await record_call(pool, caller="")
    call_id = await record_call(pool, caller="")
    card = await (await desk.ask("GET", f"/calls/{call_id}")).json()
    assert (card["number"], card["flags"], card["earlier"]) == ("匿名", ["anonymous"], [])


async def test_of_a_call_that_we_made_the_number_is_the_one_we_dialled(
    desk: Desk, pool: Pool
) -> None:
    await desk.enter()
    call_id = await record_call(pool, caller="")
    await pool.execute("UPDATE call SET direction = 'outbound', dialled = $1", CALLER)
    async with await desk.ask("POST", f"/calls/{call_id}/reveal", {"reason": "回访"}) as answer:
        assert (await answer.json())["number"] == CALLER
