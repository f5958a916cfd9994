"""What the bridge answers, or does not, reaches the desk."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from agents.web import wishes
from ivr.database import Pool
from ivr.transfer_wishes import Answer
from tests.agents.conftest import Desk
from tests.agents.web.test_transfers import bridge, call_id, way

__all__ = ["call_id"]


@pytest.mark.parametrize("answer", [one for one in Answer if one is not Answer.DONE])
async def test_what_the_bridge_refuses_is_said_and_not_written_down(
    desk: Desk, redis: Redis, pool: Pool, call_id: str, answer: Answer
) -> None:
    async with bridge(redis, answer=answer):
        status, said = await way(desk, call_id, "consult", "ambulance")
    assert (status, said["code"]) == (409, answer.value)
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE action LIKE 'call.%'") == 0
    assert (await (await desk.ask("GET", "/transfers")).json())["consultation"] is None


async def test_a_bridge_that_says_nothing_is_not_believed_to_have_done_it(
    desk: Desk, call_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "ANSWER_SECONDS", 0.2)
    status, said = await way(desk, call_id, "hand_over", "ambulance")
    assert (status, said["code"]) == (409, "unconfirmed")
