"""The knowledge base: versions that somebody else approves, a search, and what readers remark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from agents import audit
from agents.articles import Article
from agents.bigrams import question, vector
from agents.database import queries
from ivr.categories.taxonomy import edition
from ivr.database import Session

LISTED: Final = 200


class ArticleStanding(StrEnum):
    """What a version is."""

    REVIEW = "review"
    APPROVED = "approved"
    REFUSED = "refused"
    REPLACED = "replaced"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found."""

    article_id: int
    version: int
    title: str
    categories: tuple[str, ...]
    answer: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an article."""

    article_id: int
    slug: str
    version: int
    standing: ArticleStanding
    article: Article
    written_by: str
    written_at: datetime
    judged_by: str
    judged_at: datetime | None
    remark: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What a reader found."""

    remark_id: int
    article_id: int | None
    kind: str
    note: str
    made_by: str
    made_at: datetime


async def search(connection: Session, text: str, category: str, on: date, most: int) -> list[Hit]:
    """Find articles in force: those that hold every word, else those that hold any.

    Asked for nothing, it gives the newest.

    Args:
        connection: for reading.
        text: as typed; empty: whatever the category holds.
        category: only at and above this code; empty: all.
        on: the day on which they must be valid.
        most: how many at most.
    """
    if not text and not category:
        newest = queries.newest_articles(connection, on=on, most=most)
        return [_hit(row) async for row in newest]
    tree = edition()
    lineage = [node.code for node in tree.lineage(category)] if category in tree else []
    for every in (True, False):
        asked = question(text, every=every)
        if not asked and (text or not lineage):
            return []
        rows = queries.search_articles(
            connection, question=asked, lineage=lineage, on=on, most=most
        )
        found = [_hit(row) async for row in rows]
        if found:
            return found
    return []


async def write(
    connection: Session, person: str, article: Article, article_id: int | None, slug: str | None
) -> tuple[int, int] | None:
    """Write a version that waits for a judgement.

    Args:
        connection: inside the transaction of the change.
        person: who writes.
        article: what it says.
        article_id: of an article that is there; None for a new one, or the one of that name.
        slug: name of a new one.

    Returns:
        The article and its version; None when there is none, or a version waits already.
    """
    if article_id is None:
        article_id = await queries.add_article(connection, slug=slug)
        if article_id is None:
            article_id = await queries.article_named(connection, slug=slug)
    if await queries.lock_article(connection, article_id=article_id) is None:
        return None
    found = await versions(connection, article_id or 0)
    if any(one.standing is ArticleStanding.REVIEW for one in found):
        return None
    version = await queries.write_article(
        connection,
        article_id=article_id,
        content=json.dumps(asdict(article), ensure_ascii=False, default=date.isoformat),
        words=vector(article.title, article.answer, article.body),
        written_by=person,
    )
    await audit.note(connection, person, "article.written", f"article:{article_id}", v=version)
    return int(article_id or 0), int(version)


async def judge(
    connection: Session, person: str, place: tuple[int, int], remark: str, *, approve: bool
) -> bool:
    """Approve or refuse a version; False when it does not wait, or is the judge's own.

    Args:
        connection: inside the transaction of the change.
        person: who judges.
        place: article and version.
        remark: for the author.
        approve: put it in force, instead of the one before.
    """
    article_id, version = place
    await queries.lock_article(connection, article_id=article_id)
    if approve:
        await queries.replace_article(
            connection, article_id=article_id, state=ArticleStanding.REPLACED.value
        )
    status = await queries.judge_article(
        connection,
        article_id=article_id,
        version=version,
        state=(ArticleStanding.APPROVED if approve else ArticleStanding.REFUSED).value,
        judged_by=person,
        remark=remark,
    )
    if not str(status).endswith(" 1"):
        return False
    action = "article.approved" if approve else "article.refused"
    await audit.note(connection, person, action, f"article:{article_id}", v=version)
    return True


async def retire(connection: Session, person: str, article_id: int) -> bool:
    """Take an article out of force; False when none is."""
    status = await queries.replace_article(
        connection, article_id=article_id, state=ArticleStanding.RETIRED.value
    )
    if not str(status).endswith(" 1"):
        return False
    await audit.note(connection, person, "article.retired", f"article:{article_id}")
    return True


async def versions(connection: Session, article_id: int) -> list[Version]:
    """List every version of an article, the newest first."""
    rows = queries.versions_of_article(connection, article_id=article_id)
    return [_version(row) async for row in rows]


async def in_review(connection: Session) -> list[Version]:
    """List the versions that wait for a judgement, the oldest first."""
    return [_version(row) async for row in queries.articles_in_review(connection, most=LISTED)]


async def add_remark(
    connection: Session, person: str, article_id: int | None, kind: str, note: str
) -> int | None:
    """Note what a reader found; None when there is no such article."""
    if (
        article_id is not None
        and await queries.lock_article(connection, article_id=article_id) is None
    ):
        return None
    return int(
        await queries.remark_on_article(
            connection, article_id=article_id, kind=kind, note=note, made_by=person
        )
    )


async def remarks(connection: Session) -> list[Remark]:
    """List what nobody has dealt with, the oldest first."""
    return [Remark(**dict(row)) async for row in queries.open_remarks(connection, most=LISTED)]


async def close_remark(connection: Session, person: str, remark_id: int) -> bool:
    """Note that a remark was dealt with; False when it was before."""
    status = await queries.close_remark(connection, remark_id=remark_id, closed_by=person)
    return str(status).endswith(" 1")


def _hit(row: Mapping[str, Any]) -> Hit:
    return Hit(
        row["article_id"],
        row["version"],
        row["title"],
        tuple(row["categories"]),
        row["answer"],
        tuple(row["sources"]),
    )


def _version(row: Mapping[str, Any]) -> Version:
    article = Article(
        title=row["title"],
        answer=row["answer"],
        body=row["body"],
        categories=tuple(row["categories"]),
        sources=tuple(row["sources"]),
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
    )
    return Version(
        article_id=row["article_id"],
        slug=row["slug"] or "",
        version=row["version"],
        standing=ArticleStanding(row["state"]),
        article=article,
        written_by=row["written_by"],
        written_at=row["written_at"],
        judged_by=row["judged_by"] or "",
        judged_at=row["judged_at"],
        remark=row["remark"],
    )
