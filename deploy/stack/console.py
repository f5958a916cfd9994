"""Asterisk's console: a line given to the one that runs, and its answer."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from deploy.stack import asterisk
from deploy.stack.asterisk_root import provide_asterisk
from deploy.stack.layout import Layout, cache_folder
from ivr.errors import HotlineError

_SECONDS: Final = 30.0


async def console(layout: Layout, line: str) -> str:
    """Give `line` to the Asterisk of a stack, through its sandbox; give its answer.

    Raises:
        TimeoutError: when it does not answer within half a minute.
        HotlineError: Asterisk does not run, or refused the line.
    """
    root = await provide_asterisk(cache_folder(os.environ), os.environ, lambda _word: None)
    folders = asterisk.Folders(base=layout.asterisk, sounds=layout.sounds)
    process = await asyncio.create_subprocess_exec(
        *asterisk.control_command(root, folders, line),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=asterisk.environment(),
    )
    try:
        async with asyncio.timeout(_SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    answer = said.decode("utf-8", "replace")
    # A console that does not know a command says so and calls it a success.
    if process.returncode or answer.startswith("No such command"):
        raise HotlineError(f"Expected Asterisk to take {line!r}, it said: {answer}")
    return answer
