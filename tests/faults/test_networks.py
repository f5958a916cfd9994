"""What networks do to the ways between the bridge and Asterisk, and the ledger and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.load import ASKING, Callers
from tests.faults.proxy import Fault
from tests.faults.rig import Rig
from tests.real.hotline import until

WAITING = Callers(4, keys=((0.8, "0"), (2.0, "0"), (3.5, "0")), stays=60, most=8)
"""They stay in the queue, so that the live state stands still."""


async def in_the_queue(rig: Rig, within: float = 30) -> None:
    """Wait until all of them wait in a queue, by Asterisk's own word."""
    async with asyncio.timeout(within):
        async with rig.manager() as manager:
            while True:
                said = await manager.events("QueueStatus", "QueueStatusComplete")
                if sum(message["Event"] == "QueueEntry" for message in said) == WAITING.most:
                    return
                await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    "fault", [Fault(reset=True), Fault(swallowed=True)], ids=["reset", "half open"]
)
async def test_a_lost_ami_costs_the_desks_their_picture_for_seconds_and_calls_nothing(
    rig: Rig, fault: Fault
) -> None:
    lost = rig.logged("ivr", "link.lost")
    async with rig.load((WAITING,), agents=()) as load:
        await in_the_queue(rig)
        await rig.live_state_agrees(within=10)
        async with rig.ami.suffers(fault):
            await until(lambda: rig.logged("ivr", "link.lost") > lost, 20)
            async with asyncio.timeout(10):
                while (state := await rig.shown()) is None or state["current"]:  # noqa: ASYNC110 - in Redis
                    await asyncio.sleep(0.1)
        await rig.live_state_agrees(within=15)
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    assert report.figures["accepted"] == WAITING.most


@pytest.mark.parametrize(
    "fault", [Fault(sliced=True), Fault(delay=0.2), Fault(bytes_a_second=200_000)], ids=repr
)
async def test_ami_in_slices_late_or_slow_is_the_same_ami(rig: Rig, fault: Fault) -> None:
    rig.ami.become(Fault(reset=True))
    async with rig.ami.suffers(fault):
        await rig.live_state_agrees(within=20)
        lost = rig.logged("ivr", "link.lost")
        async with rig.load((WAITING,), agents=()) as load:
            await in_the_queue(rig)
            await rig.live_state_agrees(within=10)
        assert rig.logged("ivr", "link.lost") == lost
        assert not (await rig.settles(*load.ledgers)).violations


async def test_a_database_that_falls_silent_is_given_up_and_found_again(rig: Rig) -> None:
    pid = rig.hotline.stack.pid("ledger")
    async with rig.load() as load:
        await asyncio.sleep(2)
        async with rig.database.suffers(Fault(swallowed=True)):
            # Longer than the deadline of a statement and of a new connection together.
            await asyncio.sleep(9)
        await asyncio.sleep(1)
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    assert rig.hotline.stack.pid("ledger") == pid, "it needed no restart"


async def test_a_commit_whose_answer_is_lost_has_its_effect_once(rig: Rig) -> None:
    cuts = rig.database.cuts
    async with rig.load() as load:
        async with rig.database.suffers(Fault(cut_after=b"COMMIT")):
            await asyncio.sleep(6)
        for limit in (200, 2_000, 20_000):
            async with rig.database.suffers(Fault(limit=limit)):
                await asyncio.sleep(1)
    assert rig.database.cuts - cuts > 10
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)


@pytest.mark.parametrize(
    "fault", [Fault(sliced=True), Fault(delay=0.05, bytes_a_second=100_000)], ids=repr
)
async def test_a_slow_way_to_the_database_delays_and_loses_nothing(rig: Rig, fault: Fault) -> None:
    async with rig.database.suffers(fault):
        async with rig.load((ASKING,)) as load:
            await asyncio.sleep(3)
        report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)


async def test_transactions_that_the_database_refuses_are_done_again(rig: Rig) -> None:
    """Serialisation failures and deadlocks, raised by a trigger of the test's own."""
    await rig.execute(
        "CREATE SEQUENCE refusals",
        """
        CREATE FUNCTION refuse_some() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            CASE WHEN nextval('refusals') > 6 THEN RETURN NEW;
                 WHEN currval('refusals') % 2 = 0 THEN RAISE SQLSTATE '40001';
                 ELSE RAISE SQLSTATE '40P01';
            END CASE;
        END $$
        """,
        "CREATE TRIGGER refuse BEFORE INSERT ON call FOR EACH ROW EXECUTE FUNCTION refuse_some()",
    )
    try:
        async with rig.load((ASKING,)) as load:
            await asyncio.sleep(4)
        report = await rig.settles(*load.ledgers)
        refused = (await rig.rows("SELECT last_value FROM refusals"))[0]["last_value"]
    finally:
        await rig.execute(
            "DROP TRIGGER refuse ON call", "DROP FUNCTION refuse_some", "DROP SEQUENCE refusals"
        )
    assert not report.violations, str(report)
    assert refused > 6
