"""The bridge: link, menus, live view and heartbeat, running together until told to stop.

Nothing here decides. It makes each part once, hands it what it needs, and gives every task a
parent. A part that fails takes the bridge down, because half a bridge that still sends its
heartbeat would keep callers from the plain menu; the supervisor starts a whole one again.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from ivr.asterisk.agi import AgiServer, Channel, Limits
from ivr.asterisk.link import Link
from ivr.config import Settings
from ivr.live import Live
from ivr.menu.definitions import Sources
from ivr.menu.run import run_menu
from ivr.menu.shelf import Shelf
from ivr.routing import answer
from ivr.supervision import Supervisor
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
    agi = settings.agi
    server = AgiServer(
        {"menu": lambda channel: lead(channel, shelf)},
        token=agi.token.get_secret_value(),
        limits=Limits(sessions=agi.sessions),
    )
    link = Link(settings.ami)
    try:
        async with server.listening(agi.host, agi.port) as port, asyncio.TaskGroup() as tasks:

            async def menus_answer() -> bool:
                return await _takes_connections(agi.host, port)

            live = Live(link, settings.redis, settings.node.name, {"menus": menus_answer})
            tasks.create_task(link.run(), name="link")
            tasks.create_task(live.run(), name="live")
            tasks.create_task(shelf.watch(), name="definitions")
            tasks.create_task(supervisor.keep_watched(lambda: True), name="watchdog")
            settle_memory()
            supervisor.ready()
            log.info("bridge.ready", port=port, menus=[m.name for m in shelf.current.menus])
    finally:
        supervisor.stopping()


def settle_memory() -> None:
    """Spare the garbage collector what start-up made, and let it look more seldom.

    What a call leaves behind is freed by counting references; looking for circles every 700
    objects cost a tenth of the menus' CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_LOOK_EVERY_OBJECTS)


async def lead(channel: Channel, shelf: Shelf) -> None:
    """Answer what the dialplan asks, by the definitions of this moment: mostly, which way to go."""
    in_force = shelf.current
    if channel.environment.arguments[1:2] == ("wait",):
        await tell_place(channel, in_force.prompts)
        return
    dialled = channel.environment.extension
    way = answer(in_force.menus, in_force.hours, dialled, datetime.now(UTC))
    await run_menu(channel, way, in_force.prompts)


async def _takes_connections(host: str, port: int) -> bool:
    """Ask the way a caller's question comes: over TCP, from outside."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
