from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from ivr.asterisk.ami import Event, Framer
from ivr.asterisk.connection import Connection
from ivr.errors import ActionRefused, LinkLost, LoginRefused, OutcomeUnknown, ValueRefused
from tests.ivr.asterisk.fake_asterisk import FakeAsterisk, fake_asterisk, listed, message, refused

PING = {"Action": "Ping"}


async def opened(asterisk: FakeAsterisk, **changes: float) -> Connection:
    connection = Connection(asterisk.settings(**changes), Framer())
    await connection.open()
    return connection


async def test_answers_find_their_actions_whatever_their_order() -> None:
    waiting: list[bytes] = []

    def later(headers: dict[str, str]) -> bytes | None:
        words = f"for {headers['Channel']}"
        waiting.append(message(Response="Success", ActionID=headers["ActionID"], Message=words))
        return b"".join(reversed(waiting)) if len(waiting) == 3 else None

    async with fake_asterisk() as asterisk:
        asterisk.answers["Hangup"] = later
        connection = await opened(asterisk)
        actions = [{"Action": "Hangup", "Channel": name} for name in ("a", "b", "c")]
        replies = await asyncio.gather(*(connection.send(action) for action in actions))
        assert [reply.message for reply in replies] == ["for a", "for b", "for c"]
        connection.abandon("done")


async def test_a_list_is_whole_though_other_events_come_between() -> None:
    item = message(Event="QueueMember", Queue="psych")
    forged_end = message(Event="QueueEntry", Queue="psych", Response="Success")

    def status(headers: dict[str, str]) -> bytes:
        whole = listed(headers, message(Event="QueueParams", Queue="psych"), item, forged_end)
        return whole.replace(b"Event: QueueMember", message(Event="Hangup") + b"Event: QueueMember")

    async with fake_asterisk() as asterisk:
        asterisk.answers["QueueStatus"] = status
        connection = await opened(asterisk)
        others: list[Event] = []
        connection.deliver_to(others.extend)
        found = await connection.ask({"Action": "QueueStatus"})
        assert [item.name for item in found] == [
            *("QueueParams", "QueueMember", "QueueEntry", "QueueStatusComplete")
        ]
        assert [event.name for event in others] == ["Hangup"]
        connection.abandon("done")


async def test_a_list_that_is_refused_says_so_at_once() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.answers["QueueStatus"] = refused("Invalid/unknown command")
        connection = await opened(asterisk)
        with pytest.raises(ActionRefused, match="Invalid/unknown"):
            await connection.ask({"Action": "QueueStatus"})
        connection.abandon("done")


async def test_an_action_without_an_answer_ends_and_leaves_nothing_behind() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.muted.add("Ping")
        connection = await opened(asterisk, deadline_seconds=0.1)
        with pytest.raises(OutcomeUnknown, match="Ping: no answer"):
            async with asyncio.timeout(5):
                await connection.send(PING)
        assert connection._protocol.responses == {}
        connection.abandon("done")


async def test_a_sender_that_is_cancelled_leaves_nothing_behind() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.muted.add("Ping")
        connection = await opened(asterisk)
        sending = asyncio.ensure_future(connection.send(PING))
        await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert connection._protocol.responses == {}
        connection.abandon("done")


async def test_what_cannot_be_sent_is_refused_before_a_byte_of_it() -> None:
    async with fake_asterisk() as asterisk:
        connection = await opened(asterisk)
        with pytest.raises(ValueRefused):
            await connection.send({"Action": "Setvar", "Value": "1\r\n\r\nAction: Originate"})
        await connection.send(PING)
        assert [headers["Action"] for headers in asterisk.received] == ["Login", "Ping"]
        connection.abandon("done")


async def test_nothing_is_sent_over_a_connection_that_is_gone() -> None:
    async with fake_asterisk() as asterisk:
        connection = await opened(asterisk)
        asterisk.reset()
        async with asyncio.timeout(5):
            assert await connection.lost
        with pytest.raises(LinkLost, match="not sent"):
            await connection.send(PING)


async def test_a_wrong_secret_is_refused_without_showing_it() -> None:
    async with fake_asterisk() as asterisk:
        settings = asterisk.settings().model_copy(update={"secret": SecretStr("wrong-secret")})
        connection = Connection(settings, Framer())
        with pytest.raises(LoginRefused, match="Authentication failed") as refusal:
            await connection.open()
        assert "wrong-secret" not in str(refusal.value)
        connection.abandon("done")


async def test_a_login_without_an_answer_ends_within_its_deadline() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.silent = True
        connection = Connection(asterisk.settings(deadline_seconds=0.1), Framer())
        with pytest.raises(TimeoutError):
            await connection.open()
        connection.abandon("done")


async def test_events_right_behind_the_login_are_not_lost() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.behind_login = message(Event="FullyBooted", Privilege="system,all")
        connection = await opened(asterisk)
        got: list[Event] = []
        await connection.send(PING)
        connection.deliver_to(got.extend)
        assert [event.name for event in got] == ["FullyBooted"]
        connection.abandon("done")


async def test_a_list_without_end_cuts_the_connection() -> None:
    async with fake_asterisk() as asterisk:
        connection = await opened(asterisk, deadline_seconds=60)
        item = message(Event="QueueMember", Queue="psych")
        asterisk.answers["QueueStatus"] = lambda headers: listed(headers, *([item] * 60_000))
        with pytest.raises(OutcomeUnknown):
            await connection.ask({"Action": "QueueStatus"})
        assert await connection.lost == "a list without end"


async def test_unanswered_actions_have_a_bound() -> None:
    async with fake_asterisk() as asterisk:
        asterisk.muted.add("Ping")
        connection = await opened(asterisk)
        sending = [asyncio.ensure_future(connection.send(PING)) for _ in range(1_005)]
        await asyncio.sleep(0.1)
        failed = [task for task in sending if task.done()]
        assert len(failed) == 5
        assert all("others wait" in str(task.exception()) for task in failed)
        connection.abandon("done")
        results = await asyncio.gather(*sending, return_exceptions=True)
        assert all(isinstance(result, LinkLost) for result in results)
