"""The knowledge base at the desk: search, read, write, judge, remark."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200, r201, r204
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.types import StringConstraints

from agents import articles, knowledge
from agents.knowledge import ArticleStanding, Version
from agents.roles import Permission, may
from agents.throttle import EXPORT, SEARCH
from agents.web.api import answer, change, done, endpoint, limited, reading, session, who
from agents.web.problems import Refused
from ivr.categories.taxonomy import edition
from ivr.errors import DefinitionInvalid

FOUND = 20
_HERE = ZoneInfo("Asia/Shanghai")

ArticleId = Annotated[int, Field(ge=1, le=2**53)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
Remarked = Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Text(_Body):
    """What an article says."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
    answer: Annotated[str, Field(min_length=1, max_length=4_000, description="标准口径")]
    body: Annotated[str, Field(max_length=100_000, description="Markdown")]
    categories: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=20)]
    sources: Annotated[list[Annotated[str, Field(max_length=400)]], Field(max_length=20)]
    valid_from: date | None = None
    valid_until: date | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Text:
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise ValueError("valid_until: expected a day after valid_from")
        return self


class NewText(Text):
    """A new article."""

    slug: Slug | None = Field(None, description="Name of its file in an export")


class Hit(BaseModel):
    """An article that was found."""

    model_config = ConfigDict(from_attributes=True)

    article_id: int
    version: int
    title: str
    categories: list[str]
    answer: str
    sources: list[str]


class Hits(BaseModel):
    """Articles in force, the best first."""

    articles: list[Hit]


class ArticleVersion(BaseModel):
    """One version of an article."""

    article_id: int
    slug: str
    version: int
    standing: ArticleStanding
    text: Text
    written_by: str
    written_at: datetime
    judged_by: str
    judged_at: datetime | None
    remark: str


class ArticleVersions(BaseModel):
    """Versions, of one article or of several."""

    versions: list[ArticleVersion]


class Placed(BaseModel):
    """Where a version was put."""

    article_id: int
    version: int


class Judgement(_Body):
    """Whether a version may be in force."""

    approve: bool
    remark: Annotated[str, Field(max_length=1_000)] = ""


class RemarkKind(StrEnum):
    """What is the matter with an article."""

    WRONG = "wrong"
    OUTDATED = "outdated"


class ArticleRemark(_Body):
    """What is wrong in an article."""

    kind: RemarkKind
    note: Remarked


class MissingArticle(_Body):
    """What no article tells."""

    note: Remarked


class Remark(BaseModel):
    """What a reader found."""

    model_config = ConfigDict(from_attributes=True)

    remark_id: int
    article_id: int | None = Field(description="Null: no article tells it")
    kind: str
    note: str
    made_by: str
    made_at: datetime


class Remarks(BaseModel):
    """Remarks that nobody has dealt with."""

    remarks: list[Remark]


class Markdown(_Body):
    """An article as a file."""

    slug: Slug
    markdown: Annotated[str, Field(max_length=200_000)]


@endpoint
async def search(
    request: web.Request,
    q: Annotated[str, Field(max_length=200)] = "",
    category: Annotated[str, Field(max_length=32)] = "",
    limit: Annotated[int, Field(ge=1, le=FOUND)] = 10,
) -> r200[Hits]:
    """Find articles in force by words, by category, or both; the newest when asked for nothing."""
    await limited(request, SEARCH)
    today = datetime.now(_HERE).date()
    async with reading(request) as connection:
        found = await knowledge.search(connection, q, category, today, limit)
    return answer(Hits(articles=[Hit.model_validate(one) for one in found]))


@endpoint
async def show(request: web.Request, article_id: ArticleId, /) -> r200[ArticleVersion]:
    """Give the version in force."""
    async with reading(request) as connection:
        found = await knowledge.versions(connection, article_id)
    for one in found:
        if one.standing is ArticleStanding.APPROVED:
            return answer(_version(one))
    raise Refused(404)


@endpoint
async def show_version(
    request: web.Request, article_id: ArticleId, version: Number, /
) -> r200[ArticleVersion]:
    """Give a version that a request cites, or one's own; others are for those who judge."""
    identity = who(request)
    async with reading(request) as connection:
        found = await knowledge.versions(connection, article_id)
    for one in found:
        seen = one.standing in {
            ArticleStanding.APPROVED,
            ArticleStanding.REPLACED,
            ArticleStanding.RETIRED,
        }
        judges = may(identity.role, Permission.ARTICLES_APPROVE)
        if one.version == version and (seen or judges or one.written_by == identity.person):
            return answer(_version(one))
    raise Refused(404)


@endpoint
async def show_versions(request: web.Request, article_id: ArticleId, /) -> r200[ArticleVersions]:
    """Give every version, the newest first."""
    async with reading(request) as connection:
        found = await knowledge.versions(connection, article_id)
    if not found:
        raise Refused(404)
    return answer(ArticleVersions(versions=[_version(one) for one in found]))


@endpoint
async def show_review(request: web.Request) -> r200[ArticleVersions]:
    """List the versions that wait for a judgement."""
    async with reading(request) as connection:
        found = await knowledge.in_review(connection)
    return answer(ArticleVersions(versions=[_version(one) for one in found]))


@change
async def create(request: web.Request, body: NewText) -> r201[Placed]:
    """Write a new article; it waits for somebody else's judgement."""
    return await _written(request, _article(body), None, body.slug)


@change
async def write(request: web.Request, article_id: ArticleId, /, body: Text) -> r201[Placed]:
    """Write a further version; the one in force stays so until this one is approved."""
    return await _written(request, _article(body), article_id, None)


@change
async def bring_in(request: web.Request, body: Markdown) -> r201[Placed]:
    """Write a version from a Markdown file; the article of that name, or a new one."""
    await limited(request, EXPORT)
    try:
        article = articles.from_markdown(body.markdown)
        text = Text.model_validate(
            {name: getattr(article, name) for name in Text.model_fields}, from_attributes=True
        )
    except (DefinitionInvalid, ValueError) as error:
        detail = error.detail if isinstance(error, DefinitionInvalid) else "长度或日期不符。"
        raise Refused(422, "markdown_invalid", f"文件格式有误：{detail}") from None
    return await _written(request, _article(text), None, body.slug)


@endpoint
async def take_out(request: web.Request, article_id: ArticleId, /) -> r200[Markdown]:
    """Give the version in force as a Markdown file."""
    await limited(request, EXPORT)
    async with reading(request) as connection:
        found = await knowledge.versions(connection, article_id)
    for one in found:
        if one.standing is ArticleStanding.APPROVED:
            slug = one.slug or f"article-{article_id}"
            return answer(Markdown(slug=slug, markdown=articles.to_markdown(one.article)))
    raise Refused(404)


@change
async def judge(
    request: web.Request, article_id: ArticleId, version: Number, /, body: Judgement
) -> r204:
    """Put a version in force, or refuse it; never one's own."""
    judged = await knowledge.judge(
        session(request),
        who(request).person,
        (article_id, version),
        body.remark,
        approve=body.approve,
    )
    if not judged:
        raise Refused(409, "not_to_be_judged", "此版本不在待审状态，或为本人所写。")
    return done()


@change
async def retire(request: web.Request, article_id: ArticleId, /) -> r204:
    """Take an article out of force."""
    if not await knowledge.retire(session(request), who(request).person, article_id):
        raise Refused(404)
    return done()


@change
async def remark(request: web.Request, article_id: ArticleId, /, body: ArticleRemark) -> r204:
    """Say what is wrong in an article."""
    made = await knowledge.add_remark(
        session(request), who(request).person, article_id, body.kind.value, body.note
    )
    if made is None:
        raise Refused(404)
    return done()


@change
async def miss(request: web.Request, body: MissingArticle) -> r204:
    """Say what no article tells."""
    await knowledge.add_remark(session(request), who(request).person, None, "missing", body.note)
    return done()


@endpoint
async def show_remarks(request: web.Request) -> r200[Remarks]:
    """List what nobody has dealt with."""
    async with reading(request) as connection:
        found = await knowledge.remarks(connection)
    return answer(Remarks(remarks=[Remark.model_validate(one) for one in found]))


@change
async def close_remark(request: web.Request, remark_id: ArticleId, /) -> r204:
    """Note that a remark was dealt with."""
    if not await knowledge.close_remark(session(request), who(request).person, remark_id):
        raise Refused(404)
    return done()


async def _written(
    request: web.Request, article: articles.Article, article_id: int | None, slug: str | None
) -> web.Response:
    if unknown := [code for code in article.categories if code not in edition()]:
        raise Refused(422, "category_unknown", f"没有此类别：{'、'.join(unknown)}")
    placed = await knowledge.write(session(request), who(request).person, article, article_id, slug)
    if placed is None:
        raise Refused(409, "in_review", "没有此条目，或已有待审版本。")
    return answer(Placed(article_id=placed[0], version=placed[1]), status=201)


def _article(text: Text) -> articles.Article:
    return articles.Article(
        title=text.title,
        answer=text.answer,
        body=text.body,
        categories=tuple(text.categories),
        sources=tuple(text.sources),
        valid_from=text.valid_from,
        valid_until=text.valid_until,
    )


def _version(one: Version) -> ArticleVersion:
    return ArticleVersion(
        article_id=one.article_id,
        slug=one.slug,
        version=one.version,
        standing=one.standing,
        text=Text.model_validate(
            {name: getattr(one.article, name) for name in Text.model_fields}, from_attributes=True
        ),
        written_by=one.written_by,
        written_at=one.written_at,
        judged_by=one.judged_by,
        judged_at=one.judged_at,
        remark=one.remark,
    )
