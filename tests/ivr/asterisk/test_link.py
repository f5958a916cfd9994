from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog
from pydantic import SecretStr

from ivr.asterisk.actions import Originate, QueuePause, SetVariable
from ivr.asterisk.ami import Event
from ivr.asterisk.backlog import REDRAWABLE
from ivr.asterisk.link import Connected, Disconnected, Item, Link, Pace
from ivr.asterisk.snapshot import Snapshot
from ivr.errors import ActionRefused, LinkLost, OutcomeUnknown, ValueRefused
from tests.ivr.asterisk.fake_asterisk import (
    FakeAsterisk,
    fake_asterisk,
    listed,
    message,
    refused,
    until,
)

FAST = Pace(first_retry=0.02, last_retry=0.1, refused_retry=0.3, snapshot=0.2, redraw=0.02)
CALL = Originate("Local/17@campaign-out/n", "att-17", "survey", "s")


@asynccontextmanager
async def linked(
    asterisk: FakeAsterisk, pace: Pace = FAST, **changes: float
) -> AsyncIterator[tuple[Link, list[Item]]]:
    """Run a link to a fake Asterisk with a handler that keeps what it is given."""
    link = Link(asterisk.settings(**changes), pace=pace)
    got: list[Item] = []

    async def keep(item: Item) -> None:
        got.append(item)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(link.run()), tasks.create_task(link.deliver(keep))]
        try:
            await until(lambda: link.connected)
            yield link, got
        finally:
            for task in running:
                task.cancel()


def kinds(items: list[Item]) -> list[str]:
    return [item.name if isinstance(item, Event) else type(item).__name__ for item in items]


def numbered(name: str, count: int) -> bytes:
    return b"".join(message(Event=name, N=n) for n in range(count))


async def test_a_snapshot_comes_before_the_first_live_event() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.behind_login = message(Event="FullyBooted") + message(Event="Hangup", N=1)
        entry = message(Event="QueueEntry", Queue="q", Position=1, Uniqueid="u", Wait=3, Priority=0)
        asterisk.answers["QueueStatus"] = lambda headers: listed(headers, entry)
        async with linked(asterisk) as (_, got):
            await until(lambda: len(got) >= 4)
        assert kinds(got)[:4] == ["Connected", "Snapshot", "FullyBooted", "Hangup"]
        assert isinstance(got[1], Snapshot)
        assert [caller.uniqueid for caller in got[1].callers] == ["u"]


async def test_an_action_comes_back_with_asterisks_words_or_its_refusal() -> None:
    async with fake_asterisk() as asterisk, linked(asterisk) as (link, _):
        assert (await link.send(SetVariable("A", "1"))).message == "Done"
        asterisk.answers["QueuePause"] = refused("Interface not found")
        with pytest.raises(ActionRefused, match="QueuePause: Interface not found"):
            await link.send(QueuePause("PJSIP/agent-a1001", paused=True))


async def test_a_refused_value_sends_nothing_and_keeps_the_link() -> None:
    async with fake_asterisk() as asterisk, linked(asterisk) as (link, _):
        with pytest.raises(ValueRefused):
            await link.send(SetVariable("A", "1\r\n\r\nAction: Originate"))
        assert (await link.send(SetVariable("A", "2"))).message == "Done"
        assert [headers["Value"] for headers in asterisk.named("Setvar")] == ["2"]
        assert link.connected


def test_a_secret_that_cannot_be_sent_is_refused_at_once() -> None:
    settings = FakeAsterisk(port=1).settings().model_copy(update={"secret": SecretStr("a\nb")})
    with pytest.raises(ValueRefused, match="Secret"):
        Link(settings)


async def test_nothing_is_kept_for_later_while_the_link_is_down() -> None:
    async with fake_asterisk() as asterisk:
        link = Link(asterisk.settings(), pace=FAST)
        with pytest.raises(LinkLost, match="Originate was not sent"):
            await link.send(CALL)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run())
            await until(lambda: link.connected)
            await link.send(SetVariable("A", "1"))
            running.cancel()
        assert asterisk.named("Originate") == []


async def test_a_call_in_flight_at_a_reset_is_placed_once_and_its_outcome_unknown() -> None:
    async with fake_asterisk() as asterisk, linked(asterisk) as (link, _):
        asterisk.muted.add("Originate")
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(raised(link))
            await until(lambda: bool(asterisk.named("Originate")))
            asterisk.reset()
        assert isinstance(sending.result(), OutcomeUnknown)
        await until(lambda: asterisk.logins == 2 and link.connected)
        await asterisk.emit(message(Event="FullyBooted", Status="Fully Booted"))
        for _ in range(3):
            await link.send(SetVariable("A", "1"))
        assert len(asterisk.named("Originate")) == 1


async def raised(link: Link) -> Exception:
    with pytest.raises(LinkLost) as caught:
        await link.send(CALL)
    return caught.value


async def test_the_result_of_a_call_reaches_the_handler_too() -> None:
    def placed(headers: dict[str, str]) -> bytes:
        tag = headers["ActionID"]
        queued = message(Response="Success", ActionID=tag, Message="Originate successfully queued")
        return queued + message(Event="OriginateResponse", ActionID=tag, Response="Failure")

    async with fake_asterisk() as asterisk, linked(asterisk) as (link, got):
        asterisk.answers["Originate"] = placed
        assert (await link.send(CALL)).message == "Originate successfully queued"
        await until(lambda: "OriginateResponse" in kinds(got))


async def test_a_stopped_asterisk_is_noticed_and_the_link_made_anew() -> None:
    async with fake_asterisk() as asterisk, linked(asterisk, deadline_seconds=0.15) as (link, got):
        asterisk.silent = True
        with pytest.raises(OutcomeUnknown):
            await link.send(CALL)
        await until(lambda: not link.connected)
        asterisk.silent = False
        await until(lambda: link.connected)
        await until(lambda: kinds(got).count("Connected") == 2)
        assert "Disconnected" in kinds(got)
        assert len(asterisk.named("Originate")) == 1


async def test_a_reset_within_a_list_ends_it_and_a_fresh_snapshot_follows() -> None:
    def cut(headers: dict[str, str]) -> bytes | None:
        if asterisk.logins > 1:
            return listed(headers)
        whole = listed(headers, message(Event="QueueParams", Queue="psych"))
        asyncio.get_running_loop().call_later(0.05, asterisk.reset)
        return whole[: len(whole) // 2]

    async with fake_asterisk() as asterisk:
        asterisk.answers["QueueStatus"] = cut
        async with linked(asterisk, ping_seconds=60) as (_, got):
            await until(lambda: "Snapshot" in kinds(got))
        assert kinds(got)[:4] == ["Connected", "Disconnected", "Connected", "Snapshot"]


async def test_a_refused_login_alarms_and_is_not_hurried() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.refuses_login = True
        link = Link(asterisk.settings(), pace=FAST)
        with structlog.testing.capture_logs() as logs:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(link.run())
                await until(lambda: bool(logs))
                seen_at_once = asterisk.logins
                asterisk.refuses_login = False
                await until(lambda: link.connected)
                running.cancel()
        assert seen_at_once == 1
        assert asterisk.logins == 2
        assert logs[0]["event"] == "link.login_refused"
        assert logs[0]["log_level"] == "error"
        assert logs[0]["retry_seconds"] == FAST.refused_retry


async def test_a_link_that_finds_nobody_keeps_looking() -> None:
    async with fake_asterisk() as asterisk:
        settings = asterisk.settings()
    link = Link(settings, pace=FAST)
    with structlog.testing.capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run())
            await until(lambda: len(logs) >= 3)
            running.cancel()
    assert {line["event"] for line in logs} == {"link.connect_failed"}
    assert link.blind_seconds > 0
    assert not link.connected


async def test_a_host_name_that_cannot_be_one_does_not_end_the_search() -> None:
    settings = FakeAsterisk(port=5038).settings().model_copy(update={"host": "x" * 70 + ".invalid"})
    link = Link(settings, pace=FAST)
    with structlog.testing.capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run())
            await until(lambda: len(logs) >= 2)
            running.cancel()
    assert {line["event"] for line in logs} == {"link.connect_failed"}


async def test_a_handler_that_raises_loses_neither_the_link_nor_an_event() -> None:
    async with fake_asterisk() as asterisk:
        link = Link(asterisk.settings(), pace=FAST)
        got: list[str] = []

        async def fail_often(item: Item) -> None:
            if isinstance(item, Event):
                got.append(item["N"])
                if len(got) % 2:
                    raise RuntimeError("handler's fault")

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(link.run()), tasks.create_task(link.deliver(fail_often))]
            await until(lambda: link.connected)
            await asterisk.emit(numbered("Hangup", 20))
            await until(lambda: len(got) == 20)
            assert link.connected
            assert asterisk.logins == 1
            assert link.failures == 10
            for task in running:
                task.cancel()
        assert got == [str(n) for n in range(20)]


async def test_a_handler_may_be_a_plain_function() -> None:
    async with fake_asterisk() as asterisk:
        link = Link(asterisk.settings(), pace=FAST)
        got: list[Item] = []
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(link.run()), tasks.create_task(link.deliver(got.append))]
            await until(lambda: "Snapshot" in kinds(got))
            for task in running:
                task.cancel()


async def test_the_same_things_can_be_read_one_by_one() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.behind_login = numbered("Hangup", 3)
        link = Link(asterisk.settings(), pace=FAST)
        got: list[Item] = []
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run())
            async for item in link.events():
                got.append(item)
                if len(got) == 5:
                    break
            running.cancel()
        assert kinds(got) == ["Connected", "Snapshot", "Hangup", "Hangup", "Hangup"]


async def test_order_holds_under_a_slow_handler() -> None:
    async with fake_asterisk() as asterisk:
        link = Link(asterisk.settings(), pace=FAST)
        got: list[int] = []

        async def slow(item: Item) -> None:
            if isinstance(item, Event):
                await asyncio.sleep(0.003 if len(got) % 2 else 0)
                got.append(int(item["N"]))

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(link.run()), tasks.create_task(link.deliver(slow))]
            await until(lambda: link.connected)
            for byte in (data := numbered("Hangup", 200))[:300]:
                await asterisk.emit(bytes([byte]))
            await asterisk.emit(data[300:])
            await until(lambda: len(got) == 200)
            for task in running:
                task.cancel()
        assert got == list(range(200))


async def test_a_flood_sheds_what_a_snapshot_redraws_and_asks_for_one() -> None:
    """The handler stands still while 5,000 events arrive; no call event may be missing."""
    async with fake_asterisk() as asterisk:
        link = Link(asterisk.settings(backlog=500), pace=Pace(snapshot=60, redraw=0.02))
        go, got = asyncio.Event(), list[Item]()

        async def stand_still(item: Item) -> None:
            got.append(item)
            if isinstance(item, Event):
                await go.wait()

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(link.run()), tasks.create_task(link.deliver(stand_still))]
            await until(lambda: "Snapshot" in kinds(got))
            await asterisk.emit(message(Event="Hangup", N=-1))
            await until(lambda: "Hangup" in kinds(got))
            for n in range(100):
                await asterisk.emit(numbered("VarSet", 49) + message(Event="Hangup", N=n))
            await until(lambda: link.dropped.shed > 4_000)
            assert link.waiting <= 500
            go.set()
            await until(lambda: kinds(got).count("Snapshot") == 2)
            for task in running:
                task.cancel()
        assert link.dropped.lost == 0
        hangups = [i["N"] for i in got if isinstance(i, Event) and i.name == "Hangup"]
        assert hangups == [str(n) for n in range(-1, 100)]


async def test_snapshots_are_taken_again_and_again_but_not_for_a_reader_that_is_behind() -> None:
    async with fake_asterisk() as asterisk:
        link = Link(asterisk.settings(), pace=Pace(snapshot=0.02, redraw=0.01))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run())
            await until(lambda: bool(asterisk.named("DeviceStateList")))
            for _ in range(10):
                await link.send(SetVariable("A", "1"))
                await asyncio.sleep(0.01)
            assert len(asterisk.named("CoreShowChannels")) == 1
            reading = tasks.create_task(link.deliver(ignore))
            await until(lambda: len(asterisk.named("CoreShowChannels")) >= 3)
            reading.cancel()
            running.cancel()


async def ignore(_item: Item) -> None:
    """Handle nothing."""


async def test_a_module_that_is_not_loaded_is_asked_for_once() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.answers["DeviceStateList"] = refused("Invalid/unknown command")
        pace = Pace(snapshot=0.02, redraw=0.01)
        async with linked(asterisk, pace) as (_, got):
            await until(lambda: kinds(got).count("Snapshot") == 3)
        assert len(asterisk.named("DeviceStateList")) == 1


async def test_an_account_that_may_not_list_gets_its_events_all_the_same() -> None:
    async with fake_asterisk() as asterisk:
        async with linked(asterisk, Pace(snapshot=None)) as (_, got):
            await asterisk.emit(message(Event="Hangup", N=1))
            await until(lambda: len(got) == 2)
        assert kinds(got) == ["Connected", "Hangup"]
        assert asterisk.named("CoreShowChannels") == []


async def test_a_queue_list_that_is_refused_is_said_and_holds_no_event_up() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.answers["QueueStatus"] = refused("Permission denied")
        with structlog.testing.capture_logs() as logs:
            async with linked(asterisk) as (_, got):
                await asterisk.emit(message(Event="Hangup", N=1))
                await until(lambda: "Hangup" in kinds(got))
        assert "Snapshot" not in kinds(got)
        assert "link.snapshot_failed" in {line["event"] for line in logs}


async def test_forged_and_broken_messages_are_counted_and_logged_without_what_they_say() -> None:
    async with fake_asterisk() as asterisk:
        with structlog.testing.capture_logs() as logs:
            async with linked(asterisk) as (link, got):
                await asterisk.emit(
                    message(Event="Newchannel", CallerIDNum="13812341234\r\nEvent: Hangup")
                    + b"garbage 13812341234\r\n\r\n"
                    + message(Event="Hangup", N=1)
                )
                await until(lambda: "Hangup" in kinds(got))
                await until(lambda: any(e["event"] == "link.messages_skipped" for e in logs))
        assert (link.skipped.forged, link.skipped.malformed) == (1, 1)
        assert "13812341234" not in repr(logs)


async def test_a_forged_shutdown_does_not_take_the_link_down() -> None:
    async with fake_asterisk() as asterisk, linked(asterisk) as (link, got):
        await asterisk.emit(message(Event="Shutdown", Shutdown="Cleanly"))
        await until(lambda: "Shutdown" in kinds(got))
        assert (await link.send(SetVariable("A", "1"))).message == "Done"
        assert asterisk.logins == 1


async def test_the_link_ends_when_it_is_told_to_though_asterisk_stands_still() -> None:
    async with fake_asterisk() as asterisk:
        link = Link(asterisk.settings(), pace=FAST)
        async with asyncio.timeout(2), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run())
            await until(lambda: link.connected)
            asterisk.silent = True
            sending = tasks.create_task(raised(link))
            await until(lambda: bool(asterisk.named("Originate")))
            running.cancel()
        assert isinstance(sending.result(), OutcomeUnknown)
        assert not link.connected


async def test_the_reader_learns_of_every_loss_and_every_return() -> None:
    async with fake_asterisk() as asterisk, linked(asterisk) as (link, got):
        for times in (2, 3, 4):
            asterisk.reset()
            await until(lambda times=times: kinds(got).count("Connected") == times)  # type: ignore[misc]  # bound now
        marks = [item for item in got if isinstance(item, Connected | Disconnected)]
        assert kinds(list(marks)) == ["Connected", "Disconnected"] * 3 + ["Connected"]
        assert [mark.at for mark in marks] == sorted(mark.at for mark in marks)
        assert link.connected


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_retries_wait_longer_each_time_within_their_bounds(chance: float) -> None:
    waits = [Pace().retry(attempt, chance) for attempt in range(1, 2_000)]
    assert waits == sorted(waits)
    assert all(0.5 <= wait <= 15.0 for wait in waits)
    assert waits[0] <= 1.0
    assert waits[-1] >= 7.5


def test_no_event_that_ends_or_moves_a_call_is_redrawable() -> None:
    assert REDRAWABLE.isdisjoint(
        {
            *("Newchannel", "Hangup", "QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon"),
            *("AgentCalled", "AgentConnect", "AgentComplete", "AgentRingNoAnswer", "UserEvent"),
            *("OriginateResponse", "QueueMemberPause", "QueueMemberAdded", "QueueMemberRemoved"),
        }
    )
