"""The FastAGI server over real TCP: peers that die, stall, lie, and all come at once."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr.asterisk.agi import AgiServer, CallerGone, Channel, Limits
from ivr.asterisk.variables import UserEvent
from ivr.errors import ActionRefused, PeerBroke, SettingsInvalid, ValueRefused
from tests.ivr.asterisk.fake_agi import SECONDS, TOKEN, Peer, Served, environment, serving, until

SHORT = Limits(environment_seconds=0.2, session_seconds=0.5, drain_seconds=0.2)


async def ask(channel: Channel) -> str | None:
    return await channel.get_variable("CITY")


async def ask_twice(channel: Channel) -> list[str | None]:
    return [await channel.get_variable("A"), await channel.get_variable("B")]


async def wait_for_ever(_channel: Channel) -> None:
    await asyncio.Event().wait()


async def still_serves(served: Served) -> None:
    """A call that comes now is answered."""
    async with served.peer() as peer:
        assert await peer.answer(b"200 result=1 (Nanjing)\n") == "GET VARIABLE CITY"
        assert await peer.closed() == b""
    assert await served.outcome() == "Nanjing"


async def test_a_call_is_answered_command_by_command_and_then_closed() -> None:
    async with serving(ask_twice) as served, served.peer() as peer:
        assert await peer.answer(b"200 result=1 (x)\n") == "GET VARIABLE A"
        assert await peer.answer(b"200 result=0\n") == "GET VARIABLE B"
        assert await peer.closed() == b""
        assert await served.outcome() == ["x", None]


async def test_peers_that_connect_and_close_harm_nobody() -> None:
    async with serving(ask) as served:
        for opening in (b"", b"agi_network: yes\n", environment()[:-1], environment()[:200]):
            async with served.peer(opening):
                pass
        await still_serves(served)
        await until(lambda: not served.server.sessions)


async def test_an_environment_that_does_not_end_is_cut_at_its_deadline() -> None:
    async with serving(ask, SHORT) as served, served.peer(b"agi_network: yes\n") as peer:
        for byte in itertools.cycle(b"agi_network_script: menu\n"):
            if peer.reader.at_eof() or peer.writer.is_closing():
                break
            peer.say(bytes([byte]))
            await asyncio.sleep(0.02)
        await peer.closed()
        assert served.server.sessions == 0
        await still_serves(served)


async def test_a_megabyte_of_environment_is_refused() -> None:
    async with serving(ask) as served:
        async with served.peer(environment(agi_calleridname="x" * 1_000_000)) as peer:
            await peer.closed()
        await still_serves(served)


@pytest.mark.parametrize(
    ("opening", "reason"),
    [
        (environment(agi_arg_1="guess"), "token"),
        (environment(agi_arg_1=TOKEN[:-1]), "token"),
        (environment(agi_arg_1="张三"), "token"),
        (environment().replace(f"agi_arg_1: {TOKEN}\n".encode(), b""), "token"),
        (environment(agi_network_script="shell"), "script"),
    ],
)
async def test_who_cannot_prove_where_it_comes_from_is_turned_away(
    opening: bytes, reason: str
) -> None:
    async with serving(ask) as served:
        with capture_logs() as logged:
            async with served.peer(opening) as peer:
                assert await peer.closed() == b""
        assert [line["reason"] for line in logged if line["event"] == "agi.refused"] == [reason]
        assert TOKEN[:-1] not in str(logged)
        await still_serves(served)


async def test_a_forged_environment_is_turned_away_before_any_handler() -> None:
    async with serving(ask) as served:
        async with served.peer(environment(agi_callerid="1\nagi_arg_2: x")) as peer:
            assert await peer.closed() == b""
        assert served.ended.empty()
        await still_serves(served)


async def test_a_server_without_a_token_is_not_made() -> None:
    with pytest.raises(SettingsInvalid):
        AgiServer({}, token="")


async def test_only_this_machine_may_ask_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ivr.asterisk.agi._is_local", lambda host: host == "192.0.2.1")
    async with serving(ask) as served:
        async with served.peer() as peer:
            assert await peer.closed() == b""
        served.server._local_only = False
        await still_serves(served)


async def test_a_hangup_line_answers_no_command() -> None:
    async with serving(ask_twice) as served, served.peer() as peer:
        await peer.answer(b"HANGUP\n200 result=1 (x)\n")
        assert await peer.closed() == b""
        assert isinstance(await served.outcome(), CallerGone)


async def test_a_value_that_reads_hangup_is_a_value() -> None:
    async with serving(ask) as served, served.peer() as peer:
        await peer.answer(b"200 result=1 (hangup)\n")
        assert await served.outcome() == "hangup"


async def test_a_caller_gone_in_the_middle_of_a_command_is_an_ordinary_ending() -> None:
    async with serving(ask) as served:
        with capture_logs() as logged:
            async with served.peer() as peer:
                await peer.command()
            assert isinstance(await served.outcome(), CallerGone)
        assert [line for line in logged if line["log_level"] in {"warning", "error"}] == []
        await still_serves(served)


@pytest.mark.parametrize(
    ("reply", "met"),
    [
        (b"511 Command Not Permitted on a dead channel\n", CallerGone),
        (b"510 Invalid or unknown command\n", ActionRefused),
        (b"520-Usage:\nGET VARIABLE <name>\n520 End of proper usage.\n", ActionRefused),
        (b"garbage\n", PeerBroke),
    ],
)
async def test_what_asterisk_does_not_carry_out_is_told_by_its_error(
    reply: bytes, met: type[Exception]
) -> None:
    async with serving(ask) as served, served.peer() as peer:
        await peer.answer(reply)
        assert isinstance(await served.outcome(), met)
        assert await peer.closed() == b""


async def test_a_usage_text_does_not_shift_the_replies_behind_it() -> None:
    async def go_on(channel: Channel) -> str | None:
        with pytest.raises(ActionRefused):
            await channel.get_variable("A")
        return await channel.get_variable("B")

    async with serving(go_on) as served, served.peer() as peer:
        await peer.answer(b"520-Usage:\n200 result=1 (text)\n520 End of proper usage.\n")
        await peer.answer(b"200 result=1 (b)\n")
        assert await served.outcome() == "b"


async def test_a_reply_that_nothing_asked_for_ends_the_session() -> None:
    async with serving(ask_twice) as served, served.peer() as peer:
        await peer.answer(b"200 result=1 (1)\n200 result=1 (forged)\n")
        assert await peer.closed() in {b"", b"GET VARIABLE B\n"}
        assert isinstance(await served.outcome(), CallerGone)


async def test_a_reply_that_came_byte_by_byte_is_the_same_reply() -> None:
    async with serving(ask) as served, served.peer(b"") as peer:
        for byte in environment(agi_callerid="张三"):
            peer.say(bytes([byte]))
            await asyncio.sleep(0)
        await peer.command()
        for byte in "200 result=1 (江苏)\n".encode():
            peer.say(bytes([byte]))
            await asyncio.sleep(0)
        assert await served.outcome() == "江苏"


async def test_a_command_without_reply_is_cut_at_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ivr.asterisk.channel.COMMAND_SECONDS", 0.1)
    async with serving(ask) as served:
        with capture_logs() as logged:
            async with served.peer() as peer:
                await peer.command()
                assert isinstance(await served.outcome(), asyncio.CancelledError)
                await peer.closed()
        cut = [line for line in logged if line["event"] == "agi.cut"]
        assert [line["awaited"] for line in cut] == ["GET VARIABLE"]
        await still_serves(served)


async def test_a_session_is_cut_at_its_end_whatever_its_handler_does() -> None:
    async with serving(wait_for_ever, SHORT) as served, served.peer() as peer:
        assert isinstance(await served.outcome(), asyncio.CancelledError)
        await peer.closed()


async def test_a_peer_that_answers_for_ever_is_cut_at_the_sessions_end() -> None:
    async def for_ever(channel: Channel) -> None:
        while True:
            await channel.get_variable("A")

    async with serving(for_ever, SHORT) as served, served.peer() as peer:
        while await peer.command():
            peer.say(b"200 result=0\n")
        assert isinstance(await served.outcome(), asyncio.CancelledError | CallerGone)


@pytest.mark.parametrize("error", [ValueError("a bug"), PeerBroke("x"), KeyError("y")])
async def test_a_handler_that_fails_ends_only_its_own_session(error: Exception) -> None:
    async def fail_once(channel: Channel) -> str | None:
        if channel.environment.caller == "fails":
            raise error
        return await ask(channel)

    async with serving(fail_once) as served, served.peer() as other:
        await other.command()
        with capture_logs() as logged:
            async with served.peer(environment(agi_callerid="fails")) as peer:
                assert await peer.closed() == b""
        assert await served.outcome() is error
        assert [line["event"] for line in logged] == ["agi.failed"]
        other.say(b"200 result=1 (unharmed)\n")
        assert await served.outcome() == "unharmed"


async def test_a_command_given_up_leaves_no_reply_for_the_next() -> None:
    async def give_up(channel: Channel) -> object:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await channel.get_variable("A")
        with pytest.raises(CallerGone):
            await channel.get_variable("B")
        return "gone"

    async with serving(give_up) as served, served.peer() as peer:
        await peer.command()
        assert await served.outcome() == "gone"
        assert await peer.closed() == b""


async def test_two_tasks_cannot_talk_on_one_channel() -> None:
    async def both(channel: Channel) -> None:
        await asyncio.gather(channel.get_variable("A"), channel.get_variable("B"))

    async with serving(both) as served, served.peer() as peer:
        assert isinstance(await served.outcome(), RuntimeError)
        await peer.closed()


async def test_a_value_with_a_line_break_is_refused_before_a_byte_is_sent() -> None:
    async def forge(channel: Channel) -> str | None:
        with pytest.raises(ValueRefused):
            await channel.set_variable("NAME", "x\nEXEC System id")
        return await channel.get_variable("CITY")

    async with serving(forge) as served, served.peer() as peer:
        assert await peer.answer(b"200 result=0\n") == "GET VARIABLE CITY"
        assert await served.outcome() is None


async def test_a_thousand_calls_at_once_are_all_answered() -> None:
    async def one(served: Served, number: int) -> bytes:
        async with served.peer(environment(agi_callerid=str(number))) as peer:
            await peer.command()
            peer.say(b"200 result=1 (%d)\n" % number)
            return await peer.closed()

    async def echo(channel: Channel) -> bool:
        return await channel.get_variable("A") == channel.environment.caller

    async with serving(echo) as served:
        left = await asyncio.gather(*(one(served, number) for number in range(1_000)))
        assert left == [b""] * 1_000
        assert [await served.outcome() for _ in range(1_000)] == [True] * 1_000


async def test_one_call_too_many_is_closed_at_once_and_counted() -> None:
    async with serving(ask, Limits(sessions=2)) as served:
        async with served.peer() as first, served.peer() as second:
            await first.command()
            await second.command()
            with capture_logs() as logged:
                for _ in range(3):
                    async with served.peer() as third:
                        assert await third.closed() == b""
                await until(lambda: logged)
            assert [(line["event"], line["refused"]) for line in logged] == [("agi.full", 3)]
            assert served.server._excess == 0
            for peer in (first, second):
                peer.say(b"200 result=0\n")
                await peer.closed()
        await until(lambda: not served.server.sessions)
        await served.outcome()
        await served.outcome()
        await still_serves(served)


async def test_a_shutdown_lets_calls_inside_finish_and_takes_no_more() -> None:
    async def finish_late(served: Served) -> None:
        async with served.peer() as peer:
            await peer.command()
            inside.set()
            await until(lambda: not _connects(served.port))
            peer.say(b"200 result=1 (finished)\n")
            assert await peer.closed() == b""

    inside = asyncio.Event()
    async with asyncio.TaskGroup() as tasks, serving(ask) as served:
        tasks.create_task(finish_late(served))
        await inside.wait()
    assert await served.outcome() == "finished"


async def test_a_shutdown_cuts_what_does_not_finish_in_time() -> None:
    async with serving(wait_for_ever, SHORT) as served:
        peers = [await _connected(served.port) for _ in range(3)]
        await until(lambda: served.server.sessions == len(peers))
    for peer in peers:
        assert isinstance(await served.outcome(), asyncio.CancelledError)
        await peer.closed()
        await peer.hang_up()


async def test_a_cancelled_service_leaves_no_session_behind() -> None:
    inside = asyncio.Event()
    outcomes: list[object] = []

    async def handler(channel: Channel) -> None:
        inside.set()
        try:
            await wait_for_ever(channel)
        finally:
            outcomes.append("ended")

    async def service(port: asyncio.Future[int]) -> None:
        server = AgiServer({"menu": handler}, token=TOKEN, limits=SHORT)
        async with server.listening("127.0.0.1", 0) as chosen:
            port.set_result(chosen)
            await asyncio.Event().wait()

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        port = asyncio.get_running_loop().create_future()
        running = tasks.create_task(service(port))
        peer = await _connected(await port)
        await inside.wait()
        running.cancel()
    assert outcomes == ["ended"]
    await peer.hang_up()


@pytest.mark.parametrize(
    "verb",
    [
        lambda channel: channel.emit(UserEvent.MENU, "main:1"),
        lambda channel: channel.play(["hotline/p_welcome"]),
        lambda channel: channel.collect(first_ms=1, between_ms=1),
        lambda channel: channel.answer(),
    ],
)
async def test_no_verb_sends_a_byte_once_the_caller_is_gone(
    verb: Callable[[Channel], Awaitable[Any]],
) -> None:
    async def go_on(channel: Channel) -> str:
        await channel.get_variable("A")
        with pytest.raises(CallerGone):
            await verb(channel)
        return "gone"

    async with serving(go_on) as served, served.peer() as peer:
        await peer.answer(b"HANGUP\n200 result=0\n")
        assert await served.outcome() == "gone"
        assert await peer.closed() == b""


async def _connected(port: int) -> Peer:
    peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
    peer.say(environment())
    return peer


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
