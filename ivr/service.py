"""The bridge: link, menus, live view and heartbeat, running together until told to stop.

Nothing here decides. It makes each part once, hands it what it needs, and gives every task a
parent. A part that fails takes the bridge down, because half a bridge that still sends its
heartbeat would keep callers from the plain menu; the supervisor starts a whole one again.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from ivr.asterisk.agi import AgiServer, Channel, Limits
from ivr.asterisk.link import Link, Pace
from ivr.callers import Callers
from ivr.config import AmiSettings, Settings
from ivr.database import make_pool
from ivr.dialling import Dialling
from ivr.live import Live, connect
from ivr.menu.definitions import Sources
from ivr.menu.run import Find, find_nothing, run_menu
from ivr.menu.shelf import Shelf
from ivr.menu.speak import speak_text
from ivr.progress import find_progress
from ivr.recall import Recaller, ignore
from ivr.recordings.pausing import Pausing
from ivr.routing import Surge, answer, aside
from ivr.supervision import Supervisor
from ivr.surge import Speak, Switch
from ivr.surge_memory import SurgeMemory
from ivr.transfer_targets import Target, load_targets
from ivr.transfer_wishes import Transfers
from ivr.waiting import tell_place

log = structlog.get_logger()

_LOOK_EVERY_OBJECTS: Final = 50_000


async def serve(settings: Settings, supervisor: Supervisor) -> None:
    """Run the bridge until cancelled.

    Args:
        settings: the whole tree; the node, Asterisk's two doors, Redis and the definitions.
        supervisor: told that we are ready, alive, and going down.

    Raises:
        DefinitionInvalid: the menus cannot be put in force at all.
        SettingsInvalid: a setting cannot be used.
    """
    shelf = Shelf(Sources.of(settings.definitions))
    pool = make_pool(settings.database, purpose="bridge")
    link = Link(settings.ami)
    dialler = Link(dialling(settings), pace=Pace(snapshot=None))
    recaller = Recaller(pool, settings, lambda: shelf.current.hours, (dialler, link))
    redis = connect(settings.redis)
    memory = SurgeMemory(redis, settings.node.name, settings.redis.deadline_seconds)
    known = Known(
        shelf,
        Callers(pool),
        Switch(pool, _announcer(shelf, settings), memory),
        recaller,
        lambda entered: find_progress(pool, entered),
    )
    agi = settings.agi
    server = AgiServer(
        {"menu": lambda channel: lead(channel, known)},
        token=agi.token.get_secret_value(),
        limits=Limits(sessions=agi.sessions),
    )
    try:
        await pool
        await known.switch.recall()
        async with server.listening(agi.host, agi.port) as port, asyncio.TaskGroup() as tasks:

            async def menus_answer() -> bool:
                return await _takes_connections(agi.host, port)

            for name, work in _beside(settings, link, known, menus_answer).items():
                tasks.create_task(work, name=name)
            if settings.callback.secret.get_secret_value():
                tasks.create_task(dialler.run(), name="dialler")
                tasks.create_task(dialler.deliver(ignore), name="dialler events")
                tasks.create_task(recaller.run(), name="recall")
                dials = Dialling((dialler, link), settings.redis, settings.node.name)
                tasks.create_task(dials.run(), name="dialling")
            tasks.create_task(supervisor.keep_watched(lambda: True), name="watchdog")
            settle_memory()
            supervisor.ready()
            log.info("bridge.ready", port=port, menus=[m.name for m in shelf.current.menus])
    finally:
        supervisor.stopping()
        # close() would wait for a frozen server; nothing of ours is uncommitted.
        pool.terminate()
        with suppress(OSError, RedisError):
            await redis.aclose()


def settle_memory() -> None:
    """Spare the garbage collector what start-up made, and let it look more seldom.

    What a call leaves behind is freed by counting references; looking for circles every 700
    objects cost a tenth of the menus' CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_LOOK_EVERY_OBJECTS)


@dataclass(frozen=True, slots=True)
class Known:
    """What decides how a call is answered."""

    shelf: Shelf
    callers: Callers
    switch: Switch
    recaller: Recaller
    find: Find = find_nothing


def _beside(
    settings: Settings, link: Link, known: Known, menus_answer: Callable[[], Awaitable[bool]]
) -> dict[str, Coroutine[Any, Any, object]]:
    """Return what runs over the live link and beside the menus, by name."""
    redis, node = settings.redis, settings.node.name

    def targets() -> Mapping[str, Target]:
        return load_targets(settings.definitions.transfers)

    return {
        "link": link.run(),
        "live": Live(link, redis, node, {"menus": menus_answer}).run(),
        "definitions": known.shelf.watch(),
        "pausing": Pausing(link, redis, node).run(),
        "transfers": Transfers(link, redis, node, targets).run(),
        "callers": known.callers.run(),
        "surge": known.switch.run(),
    }


async def lead(channel: Channel, known: Known) -> None:
    """Answer what the dialplan asks, by the definitions of this moment: mostly, which way to go."""
    in_force = known.shelf.current
    if channel.environment.arguments[1:2] == ("wait",):
        await tell_place(channel, in_force.prompts)
        return
    if channel.environment.arguments[1:2] == ("callback",):
        await known.recaller.give_number(channel)
        return
    caller = await known.callers.known(channel.environment.caller)
    order, prompts, surge = known.switch.current, in_force.prompts, None
    if order is not None:
        prompts = prompts.with_text(order.announcement, order.texts)
        there = order.announcement in prompts.prompts
        surge = Surge(order.announcement if there else None, order.queues)
    now = datetime.now(UTC)
    dialled = channel.environment.extension
    way = answer(in_force.menus, in_force.hours, dialled, now, caller, surge=surge)
    if channel.environment.arguments[1:2] == ("self",):
        way = aside(in_force.menus, way) or way
    await run_menu(channel, way, prompts, known.find)


def _announcer(shelf: Shelf, settings: Settings) -> Speak:
    def speak(key: str, texts: Mapping[str, str]) -> None:
        words = shelf.current.prompts.pronunciations
        speak_text(key, texts, settings.definitions.sounds, words)

    return speak


def dialling(settings: Settings) -> AmiSettings:
    """Give the settings of the account that may originate: the same door, another name."""
    account = {"username": settings.callback.username, "secret": settings.callback.secret}
    return settings.ami.model_copy(update=account)


async def _takes_connections(host: str, port: int) -> bool:
    """Ask the way a caller's question comes: over TCP, from outside."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
