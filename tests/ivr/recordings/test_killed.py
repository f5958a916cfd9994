"""SIGKILL of the ledger's process at each place of a recording's way into the archive."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from ivr.config import Settings
from ivr.database import Pool
from ivr.recordings.sweeper import Sweeper
from ivr.verify import verify
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_sweeper import heard, recorded, stored

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

PROCESS = """
import asyncio, json, os, signal, sys
from ivr import failpoints
from ivr.config import Settings
from ivr.database import make_pool
from ivr.recordings.sweeper import Sweeper
left = int(sys.argv[2])
def strike(place):
    global left
    left -= 1
    if left == 0:
        print("killed at", place, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
failpoints.arm(strike)
async def main():
    settings = Settings.model_validate(json.loads(sys.argv[1]))
    async with make_pool(settings.database, purpose="killed") as pool:
        await Sweeper(pool, settings).step()
asyncio.run(main())
"""

PLACES = [
    "archive.written",
    "archive.encoded",
    "archive.written_sealed",
    "archive.written_sealed",
    "archive.sealed",
    "archive.placed",
    "archive.placed",
    "recordings.commit.before",
    "recordings.commit.after",
    "recordings.removed",
]


async def killed(settings: Settings, number: int) -> str:
    """Let a process sweep until it has come to the n-th place; returns which that was."""
    told = settings.model_dump(mode="json", include={"database", "recordings", "node"})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROCESS, json.dumps(told), str(number)),
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        said, _ = await process.communicate()
    _, _, place = said.decode().partition("killed at ")
    assert process.returncode == (-signal.SIGKILL if place else 0)
    return place.strip()


async def test_a_ledger_killed_at_any_place_leaves_file_and_row_in_step(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    tree = settings.model_dump(mode="json")
    tree["recordings"]["format"] = "both"
    centre = Settings.model_validate(tree)
    places = []
    for number in range(1, 30):
        call = cel.answered(number, talk=2, second=cel.SECOND + 100 * number)
        raw = recorded(centre, f"{call.call_id}.raw", seconds=2)
        await took(pool, centre, call)
        place = await killed(centre, number)
        row = await stored(connection, call)
        if row is None:
            assert raw.exists(), "until the row is there, the raw file is"
        else:
            assert len(await heard(centre, row)) == 16_000, "a row's file can be heard at once"
        await Sweeper(pool, centre).step()
        assert len(await heard(centre, await stored(connection, call))) == 16_000
        assert not raw.exists()
        if not place:
            break
        places.append(place)
    assert places == PLACES
    assert [found for found in await verify(centre) if not found.holds] == []
    files = [path for path in centre.recordings.archive.rglob("*") if path.is_file()]
    assert len(files) == 2 * number
    assert all(path.name.endswith(".sealed") for path in files), "nothing plain, nothing half"
