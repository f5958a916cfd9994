"""A database that comes back older than it was: the journal fills the gap."""

from __future__ import annotations

import asyncio

from deploy.stack.postgres import DATABASE
from tests.faults.load import HURRIED, WANDERER
from tests.faults.proxy import Fault
from tests.faults.rig import Rig

LOAD = (WANDERER, HURRIED)
_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname IN ('{}', 'promoted', 'lost') AND pid <> pg_backend_pid()
"""


async def test_a_failover_to_an_older_database_loses_no_call(rig: Rig) -> None:
    """What an asynchronous replica had not got yet is read from the journal again."""
    async with rig.load(LOAD, agents=()) as load:
        await asyncio.sleep(2)
        async with rig.database.suffers(Fault(refused=True)):
            await rig.administer(
                _OTHERS.format(DATABASE), f'CREATE DATABASE promoted TEMPLATE "{DATABASE}"'
            )
        await asyncio.sleep(4)
    assert not (await rig.settles(*load.ledgers)).violations
    had = await rig.count("SELECT count(*) FROM call")
    async with rig.database.suffers(Fault(refused=True)):
        await rig.administer(
            _OTHERS.format(DATABASE),
            f'ALTER DATABASE "{DATABASE}" RENAME TO lost',
            f'ALTER DATABASE promoted RENAME TO "{DATABASE}"',
        )
        assert await rig.count("SELECT count(*) FROM call") < had
    async with rig.load(LOAD, agents=()) as after:
        await asyncio.sleep(1)
    report = await rig.settles(*load.ledgers, *after.ledgers)
    await rig.administer(_OTHERS.format(DATABASE), "DROP DATABASE lost")
    assert not report.violations, str(report)
    assert report.figures["records"] == had + len(rig.numbers(after))
