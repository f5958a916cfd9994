"""A hotline on small disks, which fill up one after the other while calls come.

Runs in a mount namespace of its own, in which this user may mount: see test_disks.py. Journal,
recordings in the making and finished, and database lie on a tmpfs each, as they would on
filesystems of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from deploy.stack import asterisk, postgres
from deploy.stack.stack import Stack
from ivr import counterparts
from ivr import verify as identities
from ivr.crosscheck import NO_RECORD
from ivr.verify import verify
from tests.faults.load import USUAL, WANDERER
from tests.faults.rig import AGENTS, Rig, running
from tests.real.hotline import until

SIZES = {"journal": "8m", "making": "8m", "recordings": "16m", "database": "200m"}
SHORT = "recordings shorter than the talk"
MUTE = "conversations without a recording"


async def mount(stack: Stack) -> None:
    """Put journal, recordings in the making and finished, and database on small disks."""
    layout = stack.layout
    await postgres.make_cluster(layout, stack.memory.secret("postgres"))
    folders = asterisk.Folders(layout.asterisk, layout.sounds)
    folders.make()
    disks = {
        "journal": folders.cel,
        "making": folders.monitor,
        "recordings": layout.recordings,
        "database": layout.postgres,
    }
    for name, folder in disks.items():
        beside = folder.with_name(f"{folder.name}.before")
        shutil.copytree(folder, beside)
        size = ("mount", "-t", "tmpfs", "-o", f"size={SIZES[name]},mode=0700", "tmpfs", str(folder))
        process = await asyncio.create_subprocess_exec(*size)
        assert await process.wait() == 0, size
        shutil.copytree(beside, folder, dirs_exist_ok=True)
        folder.chmod(0o700)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Let not a byte be free below `folder`."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while stream.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    try:
        assert os.statvfs(folder).f_bavail == 0
        yield
    finally:
        ballast.unlink()


async def recordings_disk(rig: Rig) -> None:
    """Sound waits where Asterisk left it, and is brought in when there is room."""
    stack = rig.hotline.stack
    pid, kept = stack.pid("ledger"), "SELECT count(*) FROM recording"
    async with rig.load() as load:
        with full(stack.layout.recordings):
            before = await rig.count(kept)
            await asyncio.sleep(7)
            assert await rig.count(kept) == before
            assert await rig.count("SELECT count(*) FROM call WHERE talk_ms > 0 AND final") > before
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    assert report.figures["recordings"] > 5, str(report)
    assert stack.pid("ledger") == pid, "no full disk ended it"


async def making_disk(rig: Rig) -> dict[str, int]:
    """Calls go on without their sound, which is told to the call; what follows has it again."""
    stack = rig.hotline.stack
    folder = asterisk.Folders(stack.layout.asterisk, stack.layout.sounds).monitor
    async with rig.load() as lost:
        await asyncio.sleep(4)
        with full(folder):
            await asyncio.sleep(8)
            await lost.end()
    gone = await without_sound(rig, lost.ledgers)
    assert gone, "the disk was full for some"
    # The alarm comes ten minutes after a call; here it is asked for now.
    with patch.object(identities, "GRACE", timedelta(0)):
        findings = {f.name: f.violations for f in await verify(stack.settings)}
    owed = "conversations and messages not asked for their recording"
    told = findings[SHORT] + findings[MUTE] + findings[owed]
    assert told == gone, findings
    async with rig.load() as after:
        await asyncio.sleep(4)
    assert await without_sound(rig, lost.ledgers + after.ledgers) == gone
    return {"talks_without_their_sound": gone, "told_by_verify_of_sound": told}


async def without_sound(rig: Rig, ledgers: tuple[Path, ...]) -> int:
    """Wait until nothing else is wrong, and count the talks that miss some of their sound."""
    async with asyncio.timeout(90):
        while set((report := await rig.judged(*ledgers)).violations) - {SHORT, MUTE}:  # noqa: ASYNC110 - records appear
            await asyncio.sleep(0.5)
    assert report.figures["accepted"] == report.figures["dialled"], "nobody was turned away"
    await asyncio.sleep(3)  # what can still be fetched is fetched by then
    report = await rig.judged(*ledgers)
    return sum(len(found) for _, found in report)


async def database_disk(rig: Rig) -> None:
    """Records wait in the journal, and come when there is room."""
    pid = rig.hotline.stack.pid("ledger")
    async with rig.load() as load:
        with full(rig.hotline.stack.layout.postgres):
            await until(lambda: _complaints(rig) > 0, 20)
            await asyncio.sleep(3)
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    assert rig.hotline.stack.pid("ledger") == pid, "no full disk ended it"


def _complaints(rig: Rig) -> int:
    said = rig.hotline.stack.log("postgres").read_text("utf-8", "replace")
    return said.count("No space left on device")


async def journal_disk(rig: Rig) -> dict[str, int]:
    """What Asterisk could not write is lost, and told to the call; what follows is not."""
    async with rig.load((WANDERER,), agents=()) as lost:
        await asyncio.sleep(1)
        with full(rig.journal.parent):
            await asyncio.sleep(5)
            await lost.end()
    async with rig.load(USUAL, AGENTS) as after:
        await asyncio.sleep(3)
    async with asyncio.timeout(60):
        while await unrecorded(rig, after.ledgers):  # noqa: ASYNC110 - records appear
            await asyncio.sleep(0.5)
    gone = await unrecorded(rig, lost.ledgers)
    assert gone, "the disk was full for some"
    # Calls of the last minute are left out otherwise: Asterisk may still be writing of them.
    with patch.object(counterparts, "SETTLED", timedelta(0)):
        findings = {f.name: f for f in await verify(rig.hotline.stack.settings)}
    told = findings[NO_RECORD].violations
    assert told == len(gone), (findings[NO_RECORD], gone)
    return {"lost_with_the_journal": len(gone), "told_by_verify": told}


async def unrecorded(rig: Rig, ledgers: tuple[Path, ...]) -> list[str]:
    """Give the accepted calls that have no record, by the checker's own word."""
    report = await rig.judged(*ledgers)
    return report.violations.get("accepted calls without a record", [])


async def main(folder: Path) -> None:
    async with running(folder, prepare=mount) as rig:
        await rig.unpause_all()
        await recordings_disk(rig)
        await database_disk(rig)
        lost = await making_disk(rig)
        lost |= await journal_disk(rig)
    print(json.dumps(lost))  # noqa: T201 - the answer to who started us


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
