"""What is kept for a time goes when it is over, and not before."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from agents import upkeep
from ivr.database import Pool
from tests.agents.conftest import file_request, record_call


async def test_an_answer_is_kept_for_thirty_days(pool: Pool) -> None:
    await pool.execute(
        "INSERT INTO answered_change (person, key, fingerprint, made_at) VALUES "
        "('a', 'fresh-key', sha256('x'), now() - interval '29 days'), "
        "('a', 'stale-key', sha256('x'), now() - interval '31 days')"
    )
    await upkeep.tidy(pool)
    assert await pool.fetchval("SELECT string_agg(key, ',') FROM answered_change") == "fresh-key"


async def test_a_session_is_kept_for_half_a_year(pool: Pool) -> None:
    await pool.execute(
        "INSERT INTO user_account (person, name, role, created_by) VALUES ('a', 'a', 'agent', '')"
    )
    await pool.execute(
        "INSERT INTO user_session (hash, person, limited, ends_at) VALUES "
        "(sha256('old'), 'a', false, now() - interval '7 months'), "
        "(sha256('new'), 'a', false, now() - interval '5 months')"
    )
    await upkeep.tidy(pool)
    assert await pool.fetchval("SELECT count(*) FROM user_session") == 1


async def test_figures_of_sound_are_kept_for_half_a_year(pool: Pool) -> None:
    await pool.execute(
        "INSERT INTO user_account (person, name, role, created_by) VALUES ('a', 'a', 'agent', '')"
    )
    await pool.execute(
        """
        INSERT INTO call_quality (call_id, person, part, codec, seconds, received, lost, jitter_ms,
            jitter_most_ms, told_at)
        SELECT 'n1-17-1763785000.42', 'a', part, 'opus', 1, 1, 0, 0, 0, now() - age::interval
        FROM (VALUES ('part-fresh', '182 days'), ('part-stale', '184 days')) AS told (part, age)
        """
    )
    await upkeep.tidy(pool)
    assert await pool.fetchval("SELECT string_agg(part, ',') FROM call_quality") == "part-fresh"


async def test_what_came_of_a_run_or_a_mailing_is_kept_for_a_year(pool: Pool) -> None:
    await pool.execute(
        """
        INSERT INTO user_account (person, name, role, created_by) VALUES ('a', 'a', 'analyst', '');
        INSERT INTO run (kind, about, wanted, asked_by, state, ended_at)
        SELECT 'issue', age, '{}', 'a', 'done', now() - age::interval
        FROM (VALUES ('360 days'), ('370 days')) AS ended (age);
        INSERT INTO saved_report (owner, name, report, period) VALUES ('a', 'a', 'hours', 'today');
        INSERT INTO report_schedule (saved_id, every, on_day, at, recipients, form, short_text,
            next_due)
        SELECT saved_id, 'day', 0, '08:00', ARRAY['a@b.cn'], 'none', true, now() FROM saved_report;
        INSERT INTO report_run (schedule_id, due_at, state, try_at, ended_at)
        SELECT schedule_id, now() - age::interval, state, now(), ended
        FROM report_schedule, (VALUES ('360 days', 'sent', now() - interval '360 days'),
            ('370 days', 'sent', now() - interval '370 days'), ('380 days', 'due', NULL)
        ) AS run (age, state, ended);
        INSERT INTO report_delivery (run_id, recipient) SELECT run_id, 'a@b.cn' FROM report_run;
        """
    )
    await upkeep.tidy(pool)
    assert await pool.fetchval("SELECT string_agg(about, ',') FROM run") == "360 days"
    rows = await pool.fetch(
        "SELECT report_run.state FROM report_run JOIN report_delivery USING (run_id)"
    )
    assert sorted(row["state"] for row in rows) == ["due", "sent"]


async def test_requests_are_folded_into_the_counts_without_anybody_asking(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "CHORES", ((upkeep.merge, 0.05),))
    await pool.execute("SELECT make_partitions_ahead(1)")
    running = asyncio.create_task(upkeep.run(pool))
    try:
        await file_request(pool, await record_call(pool))
        async with asyncio.timeout(20):
            while await pool.fetchval("SELECT count(*) FROM count_change"):  # noqa: ASYNC110 - it is folded elsewhere
                await asyncio.sleep(0.02)
        assert await pool.fetchval("SELECT sum(n) FROM month_count") == 1
    finally:
        running.cancel()


async def test_a_chore_that_fails_is_done_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    done = asyncio.Event()
    failures = iter((OSError("away"), OSError("away")))

    async def chore(_pool: Pool) -> None:
        for failure in failures:
            raise failure
        done.set()

    monkeypatch.setattr(upkeep, "CHORES", ((chore, 0.01),))
    running = asyncio.create_task(upkeep.run(cast("Pool", None)))
    try:
        async with asyncio.timeout(20):
            await done.wait()
    finally:
        running.cancel()
