"""The people's side as a process: it says that it is ready, makes links, and stops when told."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from agents.service import address_of, running
from ivr.config import REPOSITORY, DatabaseSettings, MailSettings, Settings, WebSettings
from ivr.errors import SettingsInvalid
from tests.ivr.test_live import Valkey

SECONDS = 120.0


def environment(tmp_path: Path, redis_url: str, database_url: str, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "HOTLINE_REDIS__URL": redis_url,
        "HOTLINE_DATABASE__URL": database_url,
        "HOTLINE_WEB__PORT": str(port),
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
    }


@asynccontextmanager
async def started(
    settings: dict[str, str], *words: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents", *words, env=settings, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_process_is_ready_takes_a_link_and_stops_when_told(
    valkey_server: Valkey, database: DatabaseSettings, tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    settings = environment(tmp_path, valkey_server.settings.url, database.url, port)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(settings["NOTIFY_SOCKET"])
        notified.setblocking(False)  # noqa: FBT003 - the socket module's own word
        async with asyncio.timeout(SECONDS), started(settings, "serve") as serving:
            loop = asyncio.get_running_loop()
            assert await loop.sock_recv(notified, 100) == b"READY=1"
            async with started(settings, "link", "--role", "agent", "--person", "a7") as linking:
                printed, _ = await linking.communicate()
            link = printed.decode().strip()
            origin = f"http://127.0.0.1:{port}"
            assert link.startswith(f"{origin}/enter#")
            async with ClientSession() as browser:
                secret = link.partition("#")[2]
                answer = await browser.post(
                    f"{origin}/enter", data=secret, headers={"Origin": origin}
                )
                assert answer.status == 204
            serving.send_signal(signal.SIGTERM)
            assert await loop.sock_recv(notified, 100) == b"STOPPING=1"
            assert await serving.wait() == 0


async def test_a_link_that_cannot_be_kept_is_not_printed(
    database: DatabaseSettings, tmp_path: Path
) -> None:
    settings = environment(tmp_path, f"unix://{tmp_path}/nowhere.sock", database.url, 1)
    async with asyncio.timeout(SECONDS), started(settings, "link") as linking:
        printed, _ = await linking.communicate()
    assert printed == b""
    assert linking.returncode == 1


def test_the_address_people_use_is_the_one_set_or_our_own() -> None:
    assert address_of(WebSettings(port=81)) == "http://127.0.0.1:81"
    assert address_of(WebSettings(address="https://desk.example.cn")) == "https://desk.example.cn"


async def test_where_letters_cannot_be_written_the_server_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    mail = MailSettings(host="127.0.0.1", sender="12320@example.cn", tls="none")
    with pytest.raises(SettingsInvalid, match=r"mail\.host is set"):
        async with running(Settings(mail=mail)):
            pass
