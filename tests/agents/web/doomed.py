"""The people's side in a process of its own, which dies by SIGKILL where it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from agents.service import running
from ivr import failpoints
from ivr.config import load_settings


async def serve(doom: str) -> None:
    """Serve until `doom` is reached; the port is printed first."""

    def strike(place: str) -> None:
        if place == doom:
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(strike)
    async with running(load_settings()) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
