"""What is kept for a time goes when it is over, and not before."""

from __future__ import annotations

from agents import upkeep
from ivr.database import Pool


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
