"""The bridge as a whole, between an Asterisk that asks and an Asterisk that listens."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivr.asterisk.variables import BEAT
from ivr.config import Settings
from ivr.errors import DefinitionInvalid
from ivr.live import connect
from ivr.service import dialling, serve
from ivr.supervision import Supervisor
from ivr.surge import StandingOrder
from ivr.surge_memory import SurgeMemory
from tests.ivr.asterisk.fake_agi import TOKEN, Peer, environment
from tests.ivr.asterisk.fake_asterisk import FakeAsterisk, fake_asterisk, until
from tests.ivr.test_live import Valkey, valkey

__all__ = ["valkey"]


@dataclass
class Bridge:
    asterisk: FakeAsterisk
    settings: Settings
    heard: list[bytes]

    @asynccontextmanager
    async def call(self, **changed: str) -> AsyncIterator[Peer]:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.settings.agi.port))
        peer.say(environment(**changed))
        try:
            yield peer
        finally:
            await peer.hang_up()


@pytest.fixture(autouse=True)
def _own_collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[Bridge]:
    async with running_bridge(tmp_path, f"unix://{tmp_path / 'absent.sock'}") as bridge:
        yield bridge


@asynccontextmanager
async def running_bridge(tmp_path: Path, redis: str) -> AsyncIterator[Bridge]:
    """Run a bridge whose database is away."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.setblocking(False)  # noqa: FBT003 - socket's own signature
        loop = asyncio.get_running_loop()
        loop.add_reader(door, lambda: heard.append(door.recv(64)))
        async with fake_asterisk() as asterisk, asyncio.TaskGroup() as tasks:
            settings = _settings(asterisk, redis)
            environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
            running = tasks.create_task(serve(settings, Supervisor(environment)))
            await until(lambda: b"READY=1" in heard)
            yield Bridge(asterisk, settings, heard)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await until(lambda: heard[-1] == b"STOPPING=1")
        loop.remove_reader(door)


def _settings(asterisk: FakeAsterisk, redis: str) -> Settings:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ami = asterisk.settings().model_copy()
    return Settings.model_validate(
        {
            "ami": ami,
            "agi": {"port": port, "token": TOKEN},
            "redis": {"url": redis},
            "database": {"url": "postgresql://127.0.0.1:1/none"},
        }
    )


async def _walk(peer: Peer, keys: dict[str, str]) -> list[str]:
    """Play Asterisk: press a key when its prompt is played; return the commands until ROUTE."""
    commands: list[str] = []
    while not any("ROUTE=" in command for command in commands):
        command = await peer.command()
        assert command, f"the session ended after {commands}"
        commands.append(command)
        key = next((keys.pop(prompt) for prompt in list(keys) if prompt in command), "")
        if command.startswith("GET DATA"):
            peer.say(f"200 result={key}\n".encode() if key else b"200 result= (timeout)\n")
        else:
            peer.say(b"200 result=0 endpos=8000\n")
    return commands


async def test_the_heart_beats_in_asterisk(bridge: Bridge) -> None:
    await until(lambda: bridge.asterisk.named("Setvar") != [])
    (variable,) = {headers["Variable"] for headers in bridge.asterisk.named("Setvar")}
    assert variable == BEAT


async def test_the_watchdog_is_fed(bridge: Bridge) -> None:
    await until(lambda: bridge.heard.count(b"WATCHDOG=1") > 2)


async def test_a_caller_is_led_through_the_menu_to_a_queue(bridge: Bridge) -> None:
    async with bridge.call() as peer:
        commands = await _walk(peer, {"m_main": "1", "m_consult": "1"})
    assert any("CELGenUserEvent" in c and "MENU" in c and "m_main:1" in c for c in commands)
    assert any("PRESET" in command and "12320-2016:C02" in command for command in commands)
    assert "ROUTE_QUEUE=consult" in commands[-1]
    assert "ROUTE=queue" in commands[-1]


async def test_a_silent_caller_reaches_a_person(bridge: Bridge) -> None:
    async with bridge.call() as peer:
        commands = await _walk(peer, {})
    assert "ROUTE_QUEUE=anyone" in commands[-1]


async def test_a_stopped_redis_does_not_keep_callers_from_the_menu(bridge: Bridge) -> None:
    async with bridge.call() as peer:
        assert "p_welcome" in await peer.command()


async def test_an_emergency_is_announced_also_by_a_bridge_that_starts_without_its_database(
    tmp_path: Path, valkey: Valkey
) -> None:
    async with connect(valkey.settings) as client:
        order = StandingOrder(1, queues=frozenset({"report"}))
        await SurgeMemory(client, "n1", 5.0).keep(order)
    async with running_bridge(tmp_path, valkey.settings.url) as bridge, bridge.call() as peer:
        commands = await _walk(peer, {})
    assert any("p_surge" in command for command in commands)


async def test_a_call_with_a_wrong_token_is_turned_away(bridge: Bridge) -> None:
    async with bridge.call(agi_arg_1="x" * 32) as peer:
        assert await peer.closed() == b""


async def test_menus_that_cannot_be_read_keep_the_bridge_from_starting(tmp_path: Path) -> None:
    settings = Settings.model_validate({"definitions": {"menus": tmp_path}, "agi": {"token": "t"}})
    with pytest.raises(DefinitionInvalid):
        await serve(settings, Supervisor({}))


async def test_what_start_up_made_is_not_looked_through_again(bridge: Bridge) -> None:
    assert bridge.asterisk.port
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] > 10_000


def test_calls_are_placed_by_an_account_of_their_own_and_nobody_is_called_without_it() -> None:
    settings = Settings.model_validate(
        {"ami": {"port": 5039, "secret": "a"}, "callback": {"secret": "b"}}
    )
    account = dialling(settings)
    assert (account.username, account.secret.get_secret_value()) == ("dialer", "b")
    assert account.port == 5039
    assert Settings().callback.secret.get_secret_value() == ""
