"""How fast desks hear: events a second over 200 sockets, beside a bare aiohttp WebSocket.

    python bench/desk_events.py [--desks 200] [--seconds 20]

Two figures. First 20 events a second, as a busy centre has them, to every desk: from the moment an
event is given to Redis until a browser's socket has it, and the server's memory a desk. Then as
many events as go: delivered a second, as a ratio to a bare aiohttp WebSocket server that sends the
same bytes to as many sockets, in the same arrangement of processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, TCPConnector, web

from agents import users
from agents.auth import Identity, Sessions
from agents.events import NOTICE, Event
from agents.feed import Feed
from agents.roles import Permission, Role
from agents.service import open_redis, stores
from agents.web.doors import COOKIE
from deploy.stack.stack import Stack
from ivr.log import configure_logging

RATE = 20
GOAL = 0.5
EVENT = Event(NOTICE, {"text": "字" * 40}, needs=Permission.LIVE_SEE)
_STEADY_LOOKS = 4
BURST = 100
"""Events given at once when the most is asked for: what a desk's queue holds twice over."""


def serve_bare(message: str, told: Connection) -> None:
    """Run a server that sends a message to all its sockets as often as it is told."""

    async def run() -> None:
        sockets: list[web.WebSocketResponse] = []

        async def connect(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            sockets.append(socket)
            async for asked in socket:
                for _ in range(int(asked.data)):
                    for other in sockets:
                        await other.send_str(message)
            return socket

        app = web.Application()
        app.router.add_get("/", connect)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.send(runner.addresses[0][1])
        await asyncio.to_thread(told.recv)
        await runner.cleanup()

    asyncio.run(run())


@asynccontextmanager
async def process(target: object, *arguments: object) -> AsyncIterator[tuple[int, int]]:
    """Run one of the servers; gives its port and process id."""
    here, there = multiprocessing.Pipe()
    started = multiprocessing.get_context("spawn").Process(
        target=target,  # type: ignore[arg-type]  # one of the two above
        args=(*arguments, there),
    )
    started.start()
    try:
        yield await asyncio.to_thread(here.recv), started.pid or 0
    finally:
        here.send(None)
        await asyncio.to_thread(started.join, 10)


@asynccontextmanager
async def sockets(
    address: str, count: int, cookie: str = ""
) -> AsyncIterator[list[ClientWebSocketResponse]]:
    """Open so many sockets as one browser would."""
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(
            ClientSession(
                # Without `limit=0` the hundred-and-first socket waits for a place for ever.
                connector=TCPConnector(limit=0),
                cookie_jar=CookieJar(unsafe=True),
                cookies={COOKIE: cookie},
            )
        )
        origin = address.rpartition("/api")[0] or address
        yield [
            await stack.enter_async_context(
                browser.ws_connect(address, origin=origin, max_msg_size=0)
            )
            for _ in range(count)
        ]


async def receive(opened: ClientWebSocketResponse, most: int) -> list[float]:
    """Receive so many messages; returns when each came."""
    came = []
    for _ in range(most):
        await opened.receive_str()
        came.append(time.perf_counter())
    return came


async def delays(feed: Feed, opened: list[ClientWebSocketResponse], seconds: int) -> list[float]:
    """Return how long each event took to each desk, in seconds, at the usual rate."""
    count = RATE * seconds
    async with asyncio.TaskGroup() as tasks:
        receiving = [tasks.create_task(receive(one, count)) for one in opened]
        begun, given = time.perf_counter(), []
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            given.append(time.perf_counter())
            await feed.tell(EVENT)
    return [
        came - sent for task in receiving for came, sent in zip(task.result(), given, strict=True)
    ]


async def desk_rate(feed: Feed, opened: list[ClientWebSocketResponse], bursts: int) -> float:
    """Return how many events a second arrive when bursts follow each other without a pause."""
    begun = time.perf_counter()
    for _ in range(bursts):
        async with asyncio.TaskGroup() as tasks:
            for one in opened:
                tasks.create_task(receive(one, BURST))
            for _ in range(BURST):
                await feed.tell(EVENT)
    return bursts * BURST * len(opened) / (time.perf_counter() - begun)


async def bare_rate(opened: list[ClientWebSocketResponse], bursts: int) -> float:
    """Return the same of the bare server."""
    begun = time.perf_counter()
    for _ in range(bursts):
        async with asyncio.TaskGroup() as tasks:
            for one in opened:
                tasks.create_task(receive(one, BURST))
            await opened[0].send_str(str(BURST))
    return bursts * BURST * len(opened) / (time.perf_counter() - begun)


async def measure(desks: int, seconds: int, stack: Stack) -> None:
    """Measure both, one after the other, and print."""
    settings = stack.settings
    async with stores(settings) as (pool, redis), pool.acquire() as connection:
        identity = Identity("a1001", Role.AGENT, "张三")
        await users.create(connection, users.OPERATOR, identity)
        cookie = await Sessions(redis, pool).open(identity)
    async with open_redis(settings.redis) as redis:
        feed = Feed(redis, "n1")
        before = await settled(stack)
        address = f"http://127.0.0.1:{stack.ports.web}/api/v1/events"
        async with sockets(address, desks, cookie) as opened:
            await asyncio.sleep(1)
            grown = resident(stack) - before
            took = sorted(await delays(feed, opened, seconds))
            rounds = [await desk_rate(feed, opened, 2) for _ in range(5)]
        message = json.dumps({"id": "1763785000000-0~1763785000000-0", "type": "notice"})
        padded = message + EVENT.data["text"] + " " * 40
        async with (
            process(serve_bare, padded) as (port, _),
            sockets(f"http://127.0.0.1:{port}", desks) as opened,
        ):
            bare = [await bare_rate(opened, 2) for _ in range(5)]
    print(f"{desks} desks, {RATE} events a second, {len(took)} deliveries")
    for share in (0.5, 0.99):
        print(f"  p{share * 100:g}: {took[int(len(took) * share)] * 1e3:.1f} ms")
    print(f"  memory: {grown / desks / 1024:.0f} KB a desk, {before / 2**20:.0f} MB without any")
    desk_median, bare_median = statistics.median(rounds), statistics.median(bare)
    print(f"delivered {desk_median:,.0f} events/s; bare aiohttp {bare_median:,.0f} messages/s")
    ratio = desk_median / bare_median
    print(f"ratio {ratio:.2f} (goal ≥ {GOAL})")
    result = {
        "ratio": round(ratio, 2),
        "goal": GOAL,
        "delivered_per_second": round(desk_median),
        "bare_per_second": round(bare_median),
        "p50_ms": round(took[int(len(took) * 0.5)] * 1e3, 1),
        "p99_ms": round(took[int(len(took) * 0.99)] * 1e3, 1),
        "kilobytes_a_desk": round(grown / desks / 1024),
        "megabytes_without": round(before / 2**20),
        "desks": desks,
        "met": ratio >= GOAL,
    }
    print(json.dumps(result))


async def settled(stack: Stack) -> int:
    """Return the memory of the people's side once it has read what it reads at its start."""
    seen = [resident(stack)]
    while (
        len(seen) < _STEADY_LOOKS or max(seen[-_STEADY_LOOKS:]) > min(seen[-_STEADY_LOOKS:]) * 1.01
    ):
        await asyncio.sleep(1)
        seen.append(resident(stack))
    return seen[-1]


def resident(stack: Stack) -> int:
    """Return the bytes of memory that the people's side has."""
    status = Path(f"/proc/{stack.pid('agents')}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1_024


async def run(desks: int, seconds: int) -> None:
    """Start PostgreSQL, Valkey and the people's side, measure, and stop them."""
    environment = {**os.environ, "HOTLINE_WEB__SUGGESTIONS": "false"}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        async with Stack(Path(folder), environment=environment) as stack:
            await stack.start("postgres", "valkey", "migrate", "agents")
            await measure(desks, seconds, stack)


def main() -> None:
    """Read how many desks, for how long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--desks", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=20)
    asked = parser.parse_args()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        configure_logging(stream=nowhere)
        asyncio.run(run(asked.desks, asked.seconds))


if __name__ == "__main__":
    main()
