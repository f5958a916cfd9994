"""How long an agent waits: the search over 20,000 articles, and the card of a call that rings.

    python bench/desk_answers.py [--articles 20000] [--calls 100000] [--questions 1000]

Over HTTP from another process, as a browser asks: what an agent types into the knowledge base, and
the card of a call whose caller has rung before. Each figure stands beside its limit (100 ms for
the search, 300 ms from ring to card).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import asyncpg
from aiohttp import ClientSession, CookieJar, TCPConnector

from agents import users
from agents.auth import Identity, Sessions
from agents.bigrams import vector
from agents.roles import Role
from agents.service import stores
from agents.throttle import SEARCH
from agents.web.doors import COOKIE
from deploy.stack import postgres
from deploy.stack.stack import Stack
from ivr.categories.taxonomy import edition
from ivr.log import configure_logging

SEARCH_MS, CARD_MS = 100, 300
_CALLERS: Final = 20_000
_SENTENCE: Final = 12
"""Names of categories in an answer; three times as many in a body."""


def articles(count: int, chance: random.Random) -> Iterator[tuple[str, str, str, str]]:
    """Make articles of the words of the trade: code, title, answer, body."""
    tree = edition()
    leaves = [(one.code, one.name) for one in tree.nodes.values() if tree.selectable(one.code)]
    names = [name for _, name in leaves]
    for number in range(count):
        code, name = leaves[number % len(leaves)]
        answer = "，".join(chance.choices(names, k=_SENTENCE))
        body = "。".join(chance.choices(names, k=3 * _SENTENCE))
        yield code, f"{name}：第{number}条", answer, body


async def fill(stack: Stack, asked: argparse.Namespace) -> list[str]:
    """Write articles and calls down; gives the calls that ring."""
    chance = random.Random(12_320)  # noqa: S311 - the same texts at each run
    address = postgres.url(stack.ports.postgres, stack.memory.secret("postgres"))
    connection = await asyncpg.connect(address)
    try:
        made = articles(asked.articles, chance)
        rows = [(code, t, a, b, vector(t, a, b)) for code, t, a, b in made]
        await connection.executemany(
            """
            WITH place AS (INSERT INTO article DEFAULT VALUES RETURNING article_id)
            INSERT INTO article_version (article_id, version, state, title, categories, answer,
                body, sources, written_by, judged_by, judged_at, words)
            SELECT article_id, 1, 'approved', $2, ARRAY[$1], $3, $4, '{}', 'a', 'b', now(),
                $5::text::tsvector FROM place
            """,
            rows,
        )
        await connection.execute("SELECT make_partitions_ahead(1)")
        now = int(time.time())
        calls = [
            (f"n1-17-{now - number % 80_000}.{number}", f"138{number % _CALLERS:08}")
            for number in range(asked.calls)
        ]
        await connection.executemany(
            """
            INSERT INTO call (opened_at, call_id, node, boot, direction, caller, dialled,
                started_at, answered_at, ended_at, final, disposition, short, menu_path, queue,
                agent, wait_ms, ring_ms, talk_ms, hold_ms, rating_offered, recorded, inexact,
                digest)
            VALUES (call_opened_at($1), $1, 'n1', 17, 'inbound', $2, '12320', call_opened_at($1),
                call_opened_at($1), now(), true, 'answered', false, 'main>1', 'consult', 'a1000',
                5000, 3000, 40000, 0, true, true, false, sha256('x'))
            """,
            calls,
        )
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return [call_id for call_id, _ in chance.sample(calls, min(asked.questions, len(calls)))]


async def people(stack: Stack, count: int) -> list[str]:
    """Open a session for each of so many agents; one alone may not ask so often."""
    cookies = []
    async with stores(stack.settings) as (pool, redis), pool.acquire() as connection:
        for number in range(count):
            identity = Identity(f"a{1_000 + number}", Role.SUPERVISOR, "张三")
            await users.create(connection, users.OPERATOR, identity)
            cookies.append(await Sessions(redis, pool).open(identity))
    return cookies


async def timed(count: int, ask: Callable[[int], Awaitable[None]]) -> list[float]:
    """Return how long each of so many questions took, in milliseconds, the shortest first."""
    took = []
    for number in range(count):
        begun = time.perf_counter()
        await ask(number)
        took.append((time.perf_counter() - begun) * 1_000)
    return sorted(took)


def tell(what: str, took: list[float], limit: int) -> None:
    """Print a figure beside its limit."""
    middle, late = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(f"{what}: p50 {middle:.1f} ms, p99 {late:.1f} ms of {limit} ms: {late / limit:.2f}")


async def measure(stack: Stack, asked: argparse.Namespace) -> None:
    """Fill, ask, and print."""
    calls = await fill(stack, asked)
    cookies = await people(stack, asked.questions // SEARCH.most + 2)
    names = [one.name for one in edition().nodes.values()]
    typed = [name[:length] for name, length in zip(names, itertools.cycle((2, 3, 4, 6)))]
    base = f"http://127.0.0.1:{stack.ports.web}/api/v1"
    async with ClientSession(connector=TCPConnector(limit=0), cookie_jar=CookieJar()) as browser:

        async def get(path: str, number: int, **query: str) -> None:
            cookie = {"Cookie": f"{COOKIE}={cookies[number % len(cookies)]}"}
            async with browser.get(base + path, params=query, headers=cookie) as came:
                assert came.ok, await came.text()
                await came.read()

        async def search(number: int) -> None:
            await get("/articles", number, q=typed[number % len(typed)])

        async def card(number: int) -> None:
            await get(f"/calls/{calls[number % len(calls)]}", number)

        await timed(50, search)
        tell(
            f"search over {asked.articles:,} articles",
            await timed(asked.questions, search),
            SEARCH_MS,
        )
        await timed(50, card)
        tell(f"card among {asked.calls:,} calls", await timed(asked.questions, card), CARD_MS)


async def run(asked: argparse.Namespace) -> None:
    """Start PostgreSQL, Valkey and the people's side, measure, and stop them."""
    environment = {**os.environ, "HOTLINE_WEB__SUGGESTIONS": "false"}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        async with Stack(Path(folder), environment=environment) as stack:
            await stack.start("postgres", "valkey", "migrate", "agents")
            await measure(stack, asked)


def main() -> None:
    """Read how much to ask of how much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=1_000)
    asked = parser.parse_args()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        configure_logging(stream=nowhere)
        asyncio.run(run(asked))


if __name__ == "__main__":
    main()
