"""The audit's lines come and go with what they tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents import audit
from agents.audit import BREAKS_SHOWN
from ivr.config import REPOSITORY
from ivr.database import Pool
from ivr.transfer_wishes import Verb
from tests.agents.audit_actions import actions


async def test_a_line_is_there_with_its_change_and_not_without(pool: Pool) -> None:
    async with pool.acquire() as connection:
        change = connection.transaction()
        await change.start()
        await audit.note(connection, "a1001", "x.done", "x:1")
        await change.rollback()
        await audit.note(connection, "a1001", "x.done", "x:2", reason="回访", n=1)
    rows: Any = await pool.fetch("SELECT seq, actor, action, object, detail FROM audit")
    assert [tuple(row) for row in rows] == [
        (1, "a1001", "x.done", "x:2", '{"n": 1, "reason": "回访"}')
    ]


async def harmed(pool: Pool, harm: str, lines: int = 12) -> None:
    for number in range(1, lines + 1):
        await audit.note(pool, "a1001", "x.done", f"x:{number}")
    await pool.execute("ALTER TABLE audit DISABLE TRIGGER insert_only")
    await pool.execute(harm)
    await pool.execute("ALTER TABLE audit ENABLE TRIGGER insert_only")


async def walked(pool: Pool, stretch: int) -> list[tuple[int, str]]:
    """Walk along the chain as somebody does who may look at few lines at once."""
    found: list[tuple[int, str]] = []
    after = 0
    async with pool.acquire() as connection:
        while True:
            seen = await audit.chain(connection, after, stretch)
            found += [(one.seq, one.why) for one in seen.breaks]
            assert seen.faults == len(seen.breaks)
            if seen.checked == seen.lines:
                return found
            assert after < seen.checked <= after + stretch
            after = seen.checked


@pytest.mark.parametrize("stretch", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("harm", "breaks"),
    [
        ("SELECT", []),
        ("UPDATE audit SET actor = 'a1009' WHERE seq IN (1, 6)", [(1, "changed"), (6, "changed")]),
        ("DELETE FROM audit WHERE seq BETWEEN 5 AND 9", [(10, "missing")]),
        ("DELETE FROM audit WHERE seq IN (1, 6)", [(2, "missing"), (7, "missing")]),
        ("UPDATE audit SET hash = sha256('x') WHERE seq = 6", [(6, "changed"), (7, "relinked")]),
    ],
)
async def test_a_walk_in_stretches_finds_what_a_walk_at_once_finds(
    pool: Pool, stretch: int, harm: str, breaks: list[tuple[int, str]]
) -> None:
    await harmed(pool, harm)
    assert await walked(pool, stretch) == breaks


async def test_all_faults_are_counted_and_the_first_are_named(pool: Pool) -> None:
    await harmed(pool, "UPDATE audit SET actor = 'a1009' WHERE seq > 2", lines=30)
    async with pool.acquire() as connection:
        seen = await audit.chain(connection)
    assert (seen.faults, len(seen.breaks)) == (28, BREAKS_SHOWN)
    assert [one.seq for one in seen.breaks] == list(range(3, 3 + BREAKS_SHOWN))


DESKTOP = REPOSITORY / "agents/desktop/src/locales"
WAYS = tuple(f"call.{verb.value}" for verb in Verb if verb is not Verb.EXEMPT)
"""Of handing a caller over; a caller is spared the rating through a door of its own."""
PUT_TOGETHER = {"f'call.{verb.value}'": WAYS}


def test_every_action_that_is_written_has_a_name_for_people_and_no_other_has() -> None:
    written = actions(PUT_TOGETHER)
    assert {"number.revealed", "surge.on", "recording.deleted", "article.refused"} < written
    for language in ("zh-CN", "en"):
        texts = json.loads((DESKTOP / f"{language}.json").read_text("utf-8"))
        acts = texts["audit"]["act"].items()
        assert {f"{about}.{did}" for about, dids in acts for did in dids} == written, language
