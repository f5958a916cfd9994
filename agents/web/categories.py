"""Categories at the desk: the tree, a search as one types, and what the note suggests."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Annotated, Final

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, ConfigDict, Field

from agents.suggestions import Suggestions, flags_in
from agents.throttle import SEARCH
from agents.web.api import answer, endpoint, limited
from ivr.categories.classify import Verdict
from ivr.categories.lookup import lookup
from ivr.categories.rules import Request
from ivr.categories.taxonomy import CURRENT, Node, Taxonomy, edition

SUGGESTIONS: Final = web.AppKey("suggestions", Suggestions)

FOUND: Final = 20


class Category(BaseModel):
    """One node of the tree."""

    code: str
    name: str
    path: list[str] = Field(description="Names from the service type down")
    parent: str | None
    level: int = Field(description="0 is the service type")
    leaf: bool
    selectable: bool = Field(description="Whether a request may be filed here")


class Categories(BaseModel):
    """Nodes of the edition in force."""

    scheme: str
    categories: list[Category]


class Candidate(BaseModel):
    """A category that is offered."""

    code: str
    path: list[str]
    confidence: float


class Flag(BaseModel):
    """A danger that the note shows, and what the agent does about it."""

    name: str
    title: str
    advice: str


class Suspicion(BaseModel):
    """A danger that the note may be about though no word of it stands there."""

    words: list[str] = Field(description="What sounded like it, strongest first; maybe none")


class Suggested(BaseModel):
    """What a note is about, as far as a machine can tell."""

    ready: bool = Field(description="False: no model yet, or no time; ask again or choose by hand")
    candidates: list[Candidate] = Field(description="Up to three, the likeliest first")
    settled: str = Field(description="The deepest level that is certain; empty when none is")
    reason: str = Field(description="The words, keys or earlier notes that led there, in Chinese")
    flags: list[Flag]
    suspicion: Suspicion | None = Field(
        description="To be asked about; null where a flag has said so already, or nothing sounds so"
    )
    guess: str
    confidence: list[float] = Field(description="Of the guess, by level; to be sent with the form")
    model: str


class Note(BaseModel):
    """What an agent has typed so far, and what else is known."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=4_000)]
    service: Annotated[str, Field(pattern=r"^([A-Z]|)$")] = ""
    menu: Annotated[str, Field(max_length=64, description="A preset of the call")] = ""
    queue: Annotated[str, Field(pattern=r"^[a-z0-9_]{0,32}$")] = ""
    outbound: bool = False


@endpoint
async def show_tree(request: web.Request) -> r200[Categories]:  # noqa: ARG001 - the form of a handler
    """Give the whole tree in printed order."""
    return answer(await asyncio.to_thread(_tree))


@cache
def _tree() -> Categories:
    tree = edition()
    return Categories(
        scheme=CURRENT, categories=[_category(tree, node) for node in tree.nodes.values()]
    )


@endpoint
async def search(
    request: web.Request,
    q: Annotated[str, Field(max_length=64)],
    limit: Annotated[int, Field(ge=1, le=FOUND)] = 10,
) -> r200[Categories]:
    """Find categories by Chinese, pinyin, initials or code."""
    await limited(request, SEARCH)
    tree = edition()
    found = await asyncio.to_thread(lookup(CURRENT).find, q, limit)
    return answer(Categories(scheme=CURRENT, categories=[_category(tree, n) for n in found]))


@endpoint
async def suggest(request: web.Request, body: Note) -> r200[Suggested]:
    """Say what a note is about, and which dangers it shows. Changes nothing, and keeps nothing."""
    await limited(request, SEARCH)
    flags = [Flag(name=f.name, title=f.title, advice=f.advice) for f in flags_in(body.text)]
    asked = Request(
        text=body.text,
        direction="out" if body.outbound else "in",
        menu_path=body.menu,
        service=body.service,
        queue=body.queue,
    )
    verdict = await request.app[SUGGESTIONS].verdict(asked)
    return answer(suggested(verdict, flags))


def suggested(verdict: Verdict | None, flags: list[Flag]) -> Suggested:
    """Say what a verdict means for the desk; without one, what the patterns have found."""
    if verdict is None:
        return Suggested(
            ready=False,
            candidates=[],
            settled="",
            reason="",
            flags=flags,
            suspicion=None,
            guess="",
            confidence=[],
            model="",
        )
    tree = edition(verdict.taxonomy)
    return Suggested(
        ready=True,
        candidates=[
            Candidate(
                code=one.code, path=list(tree.path(one.code)), confidence=round(one.confidence, 4)
            )
            for one in verdict.top
        ],
        settled=verdict.code,
        reason=verdict.reason,
        flags=flags,
        suspicion=_suspicion(verdict, flags),
        guess=verdict.guess,
        confidence=[round(value, 4) for value in verdict.confidence],
        model=verdict.model,
    )


def _suspicion(verdict: Verdict, flags: list[Flag]) -> Suspicion | None:
    if verdict.alarming is None or flags:
        return None
    return Suspicion(words=list(verdict.alarming))


def _category(tree: Taxonomy, node: Node) -> Category:
    return Category(
        code=node.code,
        name=node.name,
        path=list(tree.path(node.code)),
        parent=node.parent,
        level=node.level,
        leaf=tree.is_leaf(node.code),
        selectable=tree.selectable(node.code),
    )
