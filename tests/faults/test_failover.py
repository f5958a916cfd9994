"""A database that comes back older than it was: journal and archive fill the gap."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from deploy.stack.postgres import DATABASE
from ivr.database import make_pool
from ivr.recordings import adoption
from ivr.recordings.adoption import Adoption
from tests.faults.load import ASKING, HURRIED, WANDERER
from tests.faults.proxy import Fault
from tests.faults.rig import Rig

LOAD = (WANDERER, HURRIED)
_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname IN ('{}', 'promoted', 'lost') AND pid <> pg_backend_pid()
"""
_CALLS = "SELECT count(*) FROM call WHERE final"
_KEPT = "SELECT count(*) FROM recording WHERE state = 'kept'"


async def replicate(rig: Rig) -> None:
    """Keep a copy of the database as it is: an asynchronous replica that gets no further."""
    async with rig.database.suffers(Fault(refused=True)):
        await rig.administer(
            _OTHERS.format(DATABASE), f'CREATE DATABASE promoted TEMPLATE "{DATABASE}"'
        )


async def fail_over(rig: Rig) -> None:
    """Put the copy in the database's place; the ledger meets it when it comes back."""
    await rig.administer(
        _OTHERS.format(DATABASE),
        f'ALTER DATABASE "{DATABASE}" RENAME TO lost',
        f'ALTER DATABASE promoted RENAME TO "{DATABASE}"',
    )


async def forget(rig: Rig) -> None:
    await rig.administer(_OTHERS.format(DATABASE), "DROP DATABASE lost")


async def test_a_failover_to_an_older_database_loses_no_call(rig: Rig) -> None:
    """What an asynchronous replica had not got yet is read from the journal again."""
    async with rig.load(LOAD, agents=()) as load:
        await asyncio.sleep(2)
        await replicate(rig)
        await asyncio.sleep(4)
    assert not (await rig.settles(*load.ledgers)).violations
    had = await rig.count("SELECT count(*) FROM call")
    async with rig.database.suffers(Fault(refused=True)):
        await fail_over(rig)
        assert await rig.count("SELECT count(*) FROM call") < had
    async with rig.load(LOAD, agents=()) as after:
        await asyncio.sleep(1)
    report = await rig.settles(*load.ledgers, *after.ledgers)
    await forget(rig)
    assert not report.violations, str(report)
    assert report.figures["records"] == had + len(rig.numbers(after))


async def test_recordings_archived_in_the_lost_tail_come_back_to_their_calls(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their raw files are gone; the night, or the alarm after ten minutes, finds what is sealed."""
    await rig.unpause_all()
    async with rig.load((ASKING,)) as load:
        await asyncio.sleep(2)
        await replicate(rig)
        await asyncio.sleep(12)
    assert not (await rig.settles(*load.ledgers)).violations
    calls, kept = await rig.count(_CALLS), await rig.count(_KEPT)
    async with rig.database.suffers(Fault(refused=True)):
        await fail_over(rig)
        lost = kept - await rig.count(_KEPT)
        assert lost > 0
    async with asyncio.timeout(120):
        while await rig.count(_CALLS) < calls:  # noqa: ASYNC110 - records appear
            await asyncio.sleep(0.5)
    assert len((await rig.judged()).violations["archived files without a row"]) == lost
    settings = rig.hotline.stack.settings
    monkeypatch.setattr(adoption, "GRACE", timedelta(0))
    async with make_pool(settings.database, purpose="test") as pool:
        assert await Adoption(pool, settings).look_through() == lost
    report = await rig.settles(*load.ledgers)
    await forget(rig)
    assert not report.violations, str(report)
    assert report.figures["recordings"] == kept
