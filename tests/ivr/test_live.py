from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import structlog
from redis.asyncio import Redis

from deploy.stack.valkey import binary
from ivr import live, queues
from ivr.asterisk.link import Link, Pace
from ivr.asterisk.variables import BEAT
from ivr.config import RedisSettings
from tests.ivr.asterisk.fake_asterisk import FakeAsterisk, fake_asterisk, listed, message, until
from tests.ivr.test_queues import after, joined

CALLER = "13812341234"
CALL = "n1-17-1763785000.42"
ONCE = Pace(snapshot=60)
PACE = Pace(first_retry=0.02, last_retry=0.1, snapshot=0.1, redraw=0.02)


@dataclass
class Valkey:
    """A real Valkey that a test may stop, kill and start again; nothing is kept on disk."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> RedisSettings:
        return RedisSettings(url=f"unix://{self.folder}/v.sock", deadline_seconds=0.3)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "--", str(binary()), "--port", "0"),
                *("--unixsocket", f"{self.folder}/v.sock", "--dir", str(self.folder)),
                *("--save", "", "--appendonly", "no", "--daemonize", "no"),
            ],
            stdout=subprocess.DEVNULL,
        )
        client = self.client()
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.RedisError:
                assert self.process.poll() is None
                time.sleep(0.02)
        client.close()

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=f"{self.folder}/v.sock", decode_responses=True)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait(timeout=10)


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # short, for a socket
        server = Valkey(Path(folder))
        server.start()
        yield server
        server.signal(signal.SIGKILL)


@pytest.fixture
def store(valkey: Valkey) -> Iterator[redis.Redis]:
    client = valkey.client()
    yield client
    client.close()


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    """An Asterisk with one queue, one agent and one caller who waits."""
    queue = message(Event="QueueParams", Queue="psych", Strategy="x", Completed=5, Abandoned=2)
    member = message(
        Event="QueueMember",
        Queue="psych",
        Location="PJSIP/agent-a1001",
        InCall=0,
        Status=1,
        Paused=0,
        PausedReason="",
    )
    entry = message(
        Event="QueueEntry",
        Queue="psych",
        Position=1,
        Uniqueid=CALL,
        CallerIDNum=CALLER,
        CallerIDName=f"张三 {CALLER}",
        Wait=3,
        Priority=30,
    )
    async with fake_asterisk() as fake:
        fake.answers["QueueStatus"] = lambda headers: listed(headers, queue, member, entry)
        yield fake


@asynccontextmanager
async def watched(
    asterisk: FakeAsterisk,
    settings: RedisSettings,
    checks: dict[str, live.Check] | None = None,
    pace: Pace = PACE,
) -> AsyncIterator[live.Live]:
    link = Link(asterisk.settings(), pace=pace)
    watching = live.Live(link, settings, "n1", checks or {})
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(link.run()), tasks.create_task(watching.run())]
        try:
            await until(lambda: watching.view.current)
            yield watching
        finally:
            for task in running:
                task.cancel()


def state(store: redis.Redis) -> dict[str, Any]:
    return dict(json.loads(str(store.get(live.state_key("n1")) or "{}")))


def shown(store: redis.Redis) -> bool:
    return bool(state(store).get("current"))


def told(store: redis.Redis) -> list[dict[str, str]]:
    entries: Any = store.xrange(live.stream_key("n1"))
    return [fields for _, fields in entries]


def kinds(store: redis.Redis) -> list[str]:
    return [entry["kind"] for entry in told(store)]


async def test_who_waits_is_shown_with_a_version_and_an_expiry(
    asterisk: FakeAsterisk, valkey: Valkey, store: redis.Redis
) -> None:
    async with watched(asterisk, valkey.settings, pace=ONCE):
        await until(lambda: shown(store))
        now = state(store)
        assert isinstance(now["version"], int)
        assert now["queues"]["psych"]["waiting"][0]["call"] == CALL
        assert 0 < int(store.ttl(live.state_key("n1"))) <= live.EXPIRY_SECONDS
        await asterisk.emit(
            message(
                Event="QueueCallerJoin",
                Queue="psych",
                Uniqueid="n1-17-1.2",
                Linkedid="n1-17-1.2",
                Position=2,
            )
        )
        await until(lambda: "caller.joined" in kinds(store))
        assert int(told(store)[-1]["version"]) > now["version"]


async def test_a_flushed_redis_is_whole_again(
    asterisk: FakeAsterisk, valkey: Valkey, store: redis.Redis
) -> None:
    async with watched(asterisk, valkey.settings):
        await until(lambda: shown(store))
        before = state(store)["queues"]["psych"]["waiting"]
        store.flushall()
        await until(lambda: shown(store), seconds=5)
        assert state(store)["queues"]["psych"]["waiting"] == before


async def test_a_killed_redis_costs_no_call_and_is_whole_when_it_is_back(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with watched(asterisk, valkey.settings) as watching:
            valkey.signal(signal.SIGKILL)
            await until(lambda: any(line["event"] == "live.redis_lost" for line in logs))
            await asterisk.emit(
                message(Event="DeviceStateChange", Device="PJSIP/agent-a1001", State="INUSE")
            )
            beats = len(asterisk.named("Setvar"))
            await until(lambda: len(asterisk.named("Setvar")) > beats)
            assert watching.view.current
            valkey.start()
            store = valkey.client()
            await until(lambda: shown(store))
            assert kinds(store)[0] == "view.renewed"
            store.close()
            # Said once the write has been answered, which a reader may well overtake.
            await until(lambda: any(line["event"] == "live.redis_back" for line in logs))
    events = [line["event"] for line in logs if line["event"].startswith("live.redis")]
    assert events == ["live.redis_lost", "live.redis_back"]


async def test_a_stopped_redis_holds_up_neither_the_view_nor_the_heart(
    asterisk: FakeAsterisk, valkey: Valkey, store: redis.Redis
) -> None:
    async with watched(asterisk, valkey.settings) as watching:
        await until(lambda: shown(store))
        valkey.signal(signal.SIGSTOP)
        beats = len(asterisk.named("Setvar"))
        asterisk.answers["QueueStatus"] = lambda headers: listed(
            headers, message(Event="QueueParams", Queue="q", Strategy="x", Completed=0, Abandoned=0)
        )
        await until(lambda: list(watching.view.lines) == ["q"])
        await until(lambda: len(asterisk.named("Setvar")) > beats)
        valkey.signal(signal.SIGCONT)
        await until(lambda: list(state(store)["queues"]) == ["q"])


async def test_somebody_elses_key_in_our_place_is_put_right(
    asterisk: FakeAsterisk, valkey: Valkey, store: redis.Redis
) -> None:
    store.set(live.stream_key("n1"), "not a stream")
    store.lpush(live.state_key("n1"), "not a state")
    async with watched(asterisk, valkey.settings):
        await until(lambda: store.type(live.stream_key("n1")) == "stream")
        await until(lambda: shown(store))


async def test_a_lost_link_is_shown_at_once(
    asterisk: FakeAsterisk, valkey: Valkey, store: redis.Redis
) -> None:
    async with watched(asterisk, valkey.settings):
        await until(lambda: shown(store))
        asterisk.refuses_login = True
        asterisk.reset()
        await until(lambda: state(store).get("current") is False)


async def test_no_number_and_no_name_of_a_caller_reaches_redis(
    asterisk: FakeAsterisk, valkey: Valkey, store: redis.Redis
) -> None:
    async with watched(asterisk, valkey.settings, pace=ONCE):
        await until(lambda: shown(store))
        await asterisk.emit(
            message(
                Event="QueueCallerJoin",
                CallerIDNum=CALLER,
                CallerIDName=f"张三 {CALLER}",
                Queue="psych",
                Uniqueid="n1-17-1.2",
                Linkedid="n1-17-1.2",
                Position=2,
            )
        )
        await until(lambda: "caller.joined" in kinds(store))
        everything = repr([state(store), told(store), store.keys("*")])
    assert CALLER not in everything
    assert "张三" not in everything


async def test_a_write_whose_answer_is_lost_is_not_made_twice() -> None:
    """A Redis that takes a write and hangs up: redis-py by itself would send it eleven times."""
    writes = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal writes
        while data := await reader.read(65_536):
            if b"XADD" in data:
                writes += 1
                break
            writer.write(b"-ERR unknown\r\n" if b"HELLO" in data else b"+OK\r\n+OK\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = RedisSettings(url=f"redis://127.0.0.1:{port}/0?protocol=2", deadline_seconds=0.3)
    async with server, live.connect(settings) as client:
        board = live.Board(client, "n1", settings.deadline_seconds)
        with pytest.raises((OSError, redis.RedisError)):
            await board.show(queues.View(), 1.0)
        await asyncio.sleep(0.05)
    assert writes == 1


async def test_the_stream_keeps_about_what_it_promises(
    valkey: Valkey, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVENTS_KEPT", 200)
    async with live.connect(valkey.settings) as client:
        board = live.Board(client, "n1", 1.0)
        for n in range(30):
            view = after(*(joined(f"{n}.{m}", m + 1) for m in range(50)))
            await board.show(view, 100.0 + n)
    assert 200 <= int(store.xlen(live.stream_key("n1"))) < 500


async def test_versions_grow_across_restarts(valkey: Valkey, store: redis.Redis) -> None:
    versions = []
    async with live.connect(valkey.settings) as client:
        for at in (100.0, 200.0):
            board = live.Board(client, "n1", 1.0)
            for _ in range(3):
                await board.show(after(), at)
                versions.append(state(store)["version"])
    assert versions == [100_000, 100_001, 100_002, 200_000, 200_001, 200_002]


async def test_after_a_failed_write_readers_are_told_to_read_again(
    valkey: Valkey, store: redis.Redis
) -> None:
    async with live.connect(valkey.settings) as client:
        board = live.Board(client, "n1", 0.2)
        await board.show(after(), 1.0)
        valkey.signal(signal.SIGSTOP)
        with pytest.raises((OSError, redis.RedisError)):
            await board.show(after(joined("a", 1)), 2.0)
        valkey.signal(signal.SIGCONT)
        await board.show(after(joined("a", 1)), 3.0)
    assert kinds(store)[-1] == "view.renewed"


async def test_the_heart_beats_only_while_every_check_says_so(
    asterisk: FakeAsterisk, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(live, "_CHECK_SECONDS", 0.1)
    monkeypatch.setattr(live, "_WITHHELD_SECONDS", 0.02)
    well = {"database": True}
    hangs = asyncio.Event()
    hangs.set()

    async def database() -> bool:
        return well["database"]

    async def listener() -> bool:
        await hangs.wait()
        return True

    def beats() -> int:
        return len(asterisk.named("Setvar"))

    checks: dict[str, live.Check] = {"database": database, "listener": listener}
    with structlog.testing.capture_logs() as logs:
        async with watched(asterisk, valkey.settings, checks):
            await until(lambda: beats() > 3)
            well["database"] = False
            await until(lambda: "live.beat_withheld" in {line["event"] for line in logs})
            held = beats()
            await asyncio.sleep(0.1)
            assert beats() == held
            well["database"] = True
            await until(lambda: beats() > held + 2)
            hangs.clear()
            await until(lambda: any(line.get("check") == "listener" for line in logs))
            held = beats()
            await asyncio.sleep(0.2)
            assert beats() == held
    beat = asterisk.named("Setvar")[-1]
    assert beat["Variable"] == BEAT
    assert beat["Value"].isdigit()
    assert "Channel" not in beat


async def test_a_check_that_breaks_withholds_the_beat_and_nothing_else(
    asterisk: FakeAsterisk, valkey: Valkey
) -> None:
    async def broken() -> bool:
        raise RuntimeError("the check itself is ill")

    with structlog.testing.capture_logs() as logs:
        async with watched(asterisk, valkey.settings, {"broken": broken}) as watching:
            await until(lambda: any(line.get("check") == "broken" for line in logs))
            assert watching.view.current
    assert asterisk.named("Setvar") == []
    assert sum(line["event"] == "live.beat_withheld" for line in logs) == 1


def test_the_client_is_asynchronous_and_bounded() -> None:
    client = live.connect(RedisSettings())
    assert isinstance(client, Redis)
    pool = client.connection_pool
    assert pool.max_connections == 4
    assert pool.connection_kwargs["socket_timeout"] == RedisSettings().deadline_seconds
