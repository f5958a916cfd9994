"""Death, by SIGKILL and under load, at every commit, rename, removal and send there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.rig import SOAK, Rig
from tests.real.hotline import until

TIMES = (1, 2, 3, 5, 8) if SOAK else (1,)
"""How often a place is reached before the ledger dies there."""
SENDS = 40 if SOAK else 14
"""The bridge dies at the first command of FastAGI, at the second, and so on."""
PATIENCE = 1500 if SOAK else 400
LAST = "recordings.removed"


@asynccontextmanager
async def doomed(rig: Rig, component: str, command: str, folder: Path) -> AsyncIterator[None]:
    """Let a component be one that dies as it is told."""
    stack = rig.hotline.stack
    await stack.stop(component)
    await stack._start_ours(component, "tests.faults.doomed", command, str(folder))
    try:
        yield
    finally:
        await stack.restart(component)


def doom(folder: Path, command: str, dooms: list[tuple[str, int]]) -> None:
    """Write down where the next lives of a component end."""
    text = "\n".join(f"{place} {count}" for place, count in dooms)
    (folder / f"{command}.dooms").write_text(text, "ascii")


def left(folder: Path, command: str) -> int:
    """Count the dooms that no life has taken yet."""
    return len((folder / f"{command}.dooms").read_text("ascii").splitlines())


@pytest.mark.timeout(1800 if SOAK else 600)
async def test_death_at_every_failpoint_and_every_send_loses_and_doubles_nothing(
    rig: Rig, tmp_path: Path
) -> None:
    stack, places = rig.hotline.stack, tmp_path / "ledger.places"
    await rig.unpause_all()
    async with (
        doomed(rig, "ledger", "ledger", tmp_path),
        doomed(rig, "ivr", "serve", tmp_path),
        rig.load() as load,
    ):
        await until(lambda: places.exists() and LAST in places.read_text("ascii"), 60)
        found = places.read_text("ascii").split()
        doom(tmp_path, "ledger", [(place, count) for place in found for count in TIMES])
        sends = [("agi.send", count) for count in range(1, SENDS + 1)]
        doom(tmp_path, "serve", [*sends, *(("ami.send", count) for count in range(1, 7))])
        started = [stack.pid("ledger"), stack.pid("ivr")]
        stack.kill("ledger")
        stack.kill("ivr")
        await until(lambda: not left(tmp_path, "ledger") and not left(tmp_path, "serve"), PATIENCE)
        await asyncio.sleep(3)
        assert started != [stack.pid("ledger"), stack.pid("ivr")]
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    assert {
        "intake.commit.before",
        "intake.commit.after",
        "folding.commit.before",
        "folding.commit.after",
        "archive.written",
        "archive.placed",
        "recordings.commit.before",
        "recordings.commit.after",
        LAST,
    } <= set(found)
