"""Disks that are full: of the journal, of recordings (made, finished), of the database."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from ivr.config import REPOSITORY

pytestmark = pytest.mark.faults


@pytest.mark.timeout(450)
async def test_full_disks_delay_what_can_wait_and_hide_nothing_that_is_lost(
    tmp_path: Path,
) -> None:
    """In a mount namespace of its own; whoever is not root becomes it in a user namespace."""
    becomes = () if os.getuid() == 0 else ("--user", "--map-root-user")
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", *becomes, "--propagation", "private", "--"),
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *(sys.executable, "-m", "tests.faults.small_disks", str(tmp_path)),
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(400):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = said.decode("utf-8", "replace")
    assert process.returncode == 0, text[-4000:]
    lost = json.loads(text.splitlines()[-1])
    assert lost["lost_with_the_journal"] == lost["told_by_verify"] > 0
    assert lost["talks_without_their_sound"] == lost["told_by_verify_of_sound"] > 0
