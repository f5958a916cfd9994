"""The search finds what holds every word, else what holds any."""

from __future__ import annotations

from datetime import date

from agents import knowledge
from agents.articles import Article
from agents.bigrams import vector
from ivr.database import Pool, Session

TODAY = date(2026, 11, 22)


async def put(connection: Session, article: Article) -> int:
    placed = await knowledge.write(connection, "e1", article, None, None)
    assert placed is not None
    assert await knowledge.judge(connection, "s1", placed, "", approve=True)
    return placed[0]


async def test_articles_with_every_word_come_before_any_others(pool: Pool) -> None:
    async with pool.acquire() as connection:
        dog = await put(connection, Article("狗咬伤", "冲洗并接种", ""))
        cat = await put(connection, Article("猫抓伤", "冲洗伤口", ""))

        async def found(text: str) -> set[int]:
            hits = await knowledge.search(connection, text, "", TODAY, 10)
            return {hit.article_id for hit in hits}

        assert await found("冲洗") == {dog, cat}
        assert await found("狗咬伤 冲洗") == {dog}
        assert await found("狗咬伤怎么办") == {dog}  # no article holds every word
        assert await found("高血压") == set()
        assert await found("，。") == set()


async def test_asked_for_nothing_it_gives_what_came_into_force_last(pool: Pool) -> None:
    async with pool.acquire() as connection:
        first = await put(connection, Article("狗咬伤", "冲洗并接种", ""))
        second = await put(connection, Article("猫抓伤", "冲洗伤口", ""))
        over = await put(connection, Article("旧", "答", "", valid_until=TODAY))
        hits = await knowledge.search(connection, "", "", TODAY, 10)
        assert [hit.article_id for hit in hits] == [second, first]
        assert over not in {hit.article_id for hit in hits}
        assert len(await knowledge.search(connection, "", "", TODAY, 1)) == 1
        assert await knowledge.search(connection, "", "Z99", TODAY, 10) == []


async def test_a_title_comes_first_however_many_older_articles_have_the_word(pool: Pool) -> None:
    await pool.execute(
        """
        WITH place AS (
            INSERT INTO article (slug) SELECT 'a' || n FROM generate_series(1, 900) AS n
            RETURNING article_id)
        INSERT INTO article_version (article_id, version, state, title, categories, answer, body,
            sources, written_by, judged_by, judged_at, words)
        SELECT article_id, 1, 'approved', '题', '{}', '答', '文', '{}', 'a', 'b', now(),
            $1::text::tsvector FROM place
        """,
        vector("题", "答", "接种之后" * 9),
    )
    async with pool.acquire() as connection:
        titled = await put(connection, Article("接种", "答", ""))
        hits = await knowledge.search(connection, "接种", "", TODAY, 10)
    assert hits[0].article_id == titled
    assert len(hits) == 10


async def test_a_category_finds_what_was_written_for_it_or_for_what_it_belongs_to(
    pool: Pool,
) -> None:
    async with pool.acquire() as connection:
        wide = await put(connection, Article("疾病预防", "答", "", ("C02",)))
        narrow = await put(connection, Article("疫苗", "答", "", ("C02.01",)))
        hits = await knowledge.search(connection, "", "C02.01.01", TODAY, 10)
        assert {hit.article_id for hit in hits} == {wide, narrow}
        hits = await knowledge.search(connection, "", "C02", TODAY, 10)
        assert {hit.article_id for hit in hits} == {wide}


async def test_nobody_judges_his_own_words_whatever_the_handler_does(pool: Pool) -> None:
    async with pool.acquire() as connection:
        placed = await knowledge.write(connection, "e1", Article("题", "答", ""), None, None)
        assert placed is not None
        assert not await knowledge.judge(connection, "e1", placed, "", approve=True)
