"""Clocks that jump while calls go on: of the ledger alone, and of Asterisk, by libfaketime."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.stack import asterisk
from tests.faults.rig import Rig

JUMPS = ("+1h", "-1h", "+1d", "-1d", "+0")


def library() -> Path:
    """Find what `apt-get install faketime` brings."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "expected the package faketime"
    return found[0]


def shift(clock: Path, by: str) -> None:
    """Let whoever lives by `clock` be so far from the true time."""
    clock.write_text(by)


def preloaded(at: str, clock: str) -> dict[str, str]:
    return {
        "LD_PRELOAD": at,
        "FAKETIME_TIMESTAMP_FILE": clock,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


@asynccontextmanager
async def ledger_on(rig: Rig, clock: Path) -> AsyncIterator[None]:
    """Let the ledger live by a clock of its own."""
    stack, patch = rig.hotline.stack, pytest.MonkeyPatch()
    for name, value in preloaded(str(library()), str(clock)).items():
        patch.setitem(stack._outer, name, value)
    try:
        await stack.restart("ledger")
        yield
    finally:
        patch.undo()
        await stack.restart("ledger")


@asynccontextmanager
async def asterisk_on(rig: Rig, clock: Path) -> AsyncIterator[None]:
    """Let Asterisk live by a clock of its own, in its sandbox."""
    plain, patch = asterisk.asterisk_command, pytest.MonkeyPatch()

    def faked(root: Path, folders: asterisk.Folders) -> Sequence[str]:
        argv = plain(root, folders)
        begins = argv.index("asterisk")
        inner = "/tmp/libfaketime.so"  # noqa: S108 - the sandbox's own
        clothes = preloaded(inner, f"/run/asterisk/{clock.name}")
        sets = [word for name, value in clothes.items() for word in ("--setenv", name, value)]
        return (
            *(*argv[:begins], "--ro-bind", str(library()), inner, *sets),
            *argv[begins:],
        )

    patch.setattr(asterisk, "asterisk_command", faked)
    try:
        await rig.hotline.stack.restart("asterisk")
        yield
    finally:
        patch.undo()
        shift(clock, "+0")
        await rig.hotline.stack.restart("asterisk")


async def test_jumps_of_the_ledgers_clock_harm_no_record(rig: Rig) -> None:
    clock = rig.folder / "clock-of-the-ledger"
    shift(clock, "+0")
    async with ledger_on(rig, clock), rig.load() as load:
        for jump in JUMPS:
            await asyncio.sleep(1.5)
            shift(clock, jump)
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    assert report.figures["recordings"] > 0


async def test_jumps_of_asterisks_clock_give_no_id_twice_and_no_negative_time(rig: Rig) -> None:
    """Among them one to 2038, and an Asterisk that starts anew in the past."""
    await rig.unpause_all()
    clock = rig.hotline.stack.layout.asterisk / "run/clock"
    shift(clock, "+0")
    async with asterisk_on(rig, clock):
        boot = rig.boot()
        async with rig.load() as load:
            await asyncio.sleep(2)
            for jump in JUMPS:
                shift(clock, jump)
                await asyncio.sleep(1.5)
            shift(clock, "-1h")
            rig.hotline.stack.kill("asterisk", signal.SIGKILL)
            await rig.hotline.stack.ready("asterisk")
            await asyncio.sleep(2)
            shift(clock, "+4420d")
            await asyncio.sleep(2)
        report = await rig.settles(*load.ledgers, clocks_agree=False)
    assert not report.violations, str(report)
    numbers = rig.numbers(load)
    of = "SELECT count(*) FROM call WHERE caller = ANY($1)"
    assert await rig.count(f"{of} AND started_at > '2038-01-19'", numbers) > 0
    assert await rig.count(f"{of} AND boot > $2", numbers, boot) > 0
    assert await rig.count(f"{of} AND ended_at < started_at", numbers) == 0
    assert await rig.count("SELECT count(*) FROM leg WHERE talk_ms < 0 OR ring_ms < 0") == 0
