"""What the centre knows of a caller, or a supervisor orders, as callers hear it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio
import soundfile

from deploy.stack.rtp import RATE, sine
from ivr.asterisk.actions import QueueStatus
from ivr.harassment import confirm, mark
from ivr.screening import MANY, Level
from ivr.surge import spoken_key
from tests.real.exchange import (
    CONFIRM,
    DIRECT,
    EMERGENCY,
    HELD,
    QUIT,
    SELF,
    SURGE,
    WARNING,
    Exchange,
    running_exchange,
)
from tests.real.hotline import AGENT_TONE, MAIN, until


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exchange]:
    async with running_exchange(tmp_path_factory.mktemp("callers")) as running:
        yield running


async def harassing(exchange: Exchange, number: str, times: int) -> Level:
    """Let calls of a number be marked by one person and confirmed by another."""
    connection = await asyncpg.connect(exchange.database, timeout=5)
    level = Level.FREE
    async with connection.transaction():
        for _ in range(times):
            made = await mark(connection, number, by="a1001", reason="辱骂")
            level = (await confirm(connection, made, by="zhang")).level
    await connection.close(timeout=5)
    return level


async def test_a_number_warned_hears_why_and_then_everything(exchange: Exchange) -> None:
    number = exchange.number()
    for arguments in (
        ("mark", number, "--reason", "辱骂", "--by", "a1001"),
        ("confirm", "1", "--by", "zhang"),
    ):
        code, said = await exchange.stack.ask("ivr", "callers", *arguments)
        assert code == 0, said
    async with exchange.caller(number) as caller:
        await caller.rtp.wait_for(EMERGENCY, 10)
        await caller.rtp.wait_for(WARNING, 10)
        await caller.rtp.wait_for(MAIN, 10)
        caller.hang_up()
        await caller.ended(10)
    assert (await exchange.record(number))["disposition"] == "abandoned_in_menu"


async def test_a_number_held_back_hears_the_emergency_notice_and_reaches_the_psychological_line(
    exchange: Exchange,
) -> None:
    number = exchange.number()
    assert await harassing(exchange, number, MANY) is Level.HELD
    async with exchange.agent(talk_seconds=3.0), exchange.caller(number) as caller:
        await caller.rtp.wait_for(EMERGENCY, 10)
        await caller.rtp.wait_for(HELD, 10)
        caller.press("0")
        await caller.ended(20)
    call = await exchange.record(number)
    assert (call["disposition"], call["queue"], call["agent"]) == ("blocked", None, None)
    async with exchange.agent(talk_seconds=3.0), exchange.caller(number) as caller:
        await caller.rtp.wait_for(HELD, 15)
        caller.press("5")
        await caller.rtp.wait_for(AGENT_TONE, 15)
        caller.hang_up()
        await caller.ended(10)
    sql = "SELECT * FROM call WHERE caller = $1 AND final AND queue = 'psych'"
    async with asyncio.timeout(20):
        while not (rows := await exchange.rows(sql, number)):  # noqa: ASYNC110 - a row appears
            await asyncio.sleep(0.1)
    # Counted apart, whoever was spoken with.
    assert (rows[0]["disposition"], rows[0]["agent"]) == ("blocked", "a1001")
    code, said = await exchange.stack.ask("ivr", "verify")
    assert code == 0, said


async def test_an_expired_block_is_over(exchange: Exchange) -> None:
    number = exchange.number()
    await harassing(exchange, number, MANY)
    ended = datetime.now(UTC) - timedelta(seconds=1)
    await exchange.rows(
        "UPDATE caller_block SET begins_at = $2::timestamptz - interval '1 day', expires_at = $2"
        " WHERE number = $1",
        number,
        ended,
    )
    async with exchange.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 15)
        caller.hang_up()
        await caller.ended(10)


async def test_an_elderly_caller_reaches_a_person_without_a_menu(exchange: Exchange) -> None:
    number = exchange.number()
    code, said = await exchange.stack.ask(
        "ivr", "callers", "elderly", number, "--born", "1940-01-31"
    )
    assert code == 0, said
    async with exchange.agent(talk_seconds=2.0), exchange.caller(number) as caller:
        await caller.rtp.wait_for(AGENT_TONE, 30)
        await caller.ended(40)
    call = await exchange.record(number)
    assert (call["disposition"], call["queue"], call["menu_path"]) == ("answered", "anyone", "")


async def test_the_emergency_switch_puts_its_announcement_first_within_seconds(
    exchange: Exchange,
) -> None:
    log = exchange.stack.layout.logs / "ivr.log"

    async def thrown(*arguments: str) -> None:
        before = log.read_text("utf-8").count("surge.switched")
        code, said = await exchange.stack.ask("ivr", "surge", *arguments, "--by", "zhang")
        assert code == 0, said
        await until(lambda: log.read_text("utf-8").count("surge.switched") > before, 15)

    async def hears(tone: float) -> None:
        async with exchange.caller() as caller:
            await caller.rtp.wait_for(tone, 15)
            caller.hang_up()
            await caller.ended(10)

    await thrown("on", "--reason", "暴发")
    async with exchange.caller("13800001235") as caller:
        await caller.rtp.wait_for(SURGE, 15)
        caller.press("4")
        await caller.rtp.wait_for(CONFIRM, 10)
        caller.press("1")
        await exchange.says("13800001235", "CALLBACK_BOOKED", 15)
        await caller.ended(15)
    await exchange.withdraw_call_back("13800001235")
    sentence, spoken = "今日停水，请煮沸后饮用。", 3_000.0
    key = spoken_key(sentence, sentence)
    for suffix in ("wav", "wav16"):
        path = exchange.stack.layout.sounds / "zh/hotline" / f"{key}.{suffix}"
        soundfile.write(path, sine(spoken, 1.0), RATE, format="WAV", subtype="PCM_16")
    await thrown("on", "--reason", "停水", "--text", sentence)
    await hears(spoken)
    await exchange.stack.stop("postgres")
    await asyncio.sleep(5)
    await hears(spoken)
    await exchange.stack.restart("ivr")
    await hears(spoken)
    await exchange.stack.start("postgres")
    await thrown("off", "--reason", "结束")
    await hears(MAIN)


@asynccontextmanager
async def direct(exchange: Exchange) -> AsyncIterator[None]:
    """Let 12320 lead straight to a person."""
    menus = exchange.hours.parent / "menus"
    texts = {name: (menus / name).read_text("utf-8") for name in ("main.toml", "direct.toml")}
    log = exchange.stack.layout.logs / "ivr.log"

    async def edit(name: str, text: str) -> None:
        before = log.read_text("utf-8").count("definitions.replaced")
        (menus / name).write_text(text, "utf-8")
        await until(lambda: log.read_text("utf-8").count("definitions.replaced") > before, 15)

    await edit("main.toml", texts["main.toml"].replace('numbers = ["12320"]', "numbers = []"))
    await edit("direct.toml", texts["direct.toml"].replace("numbers = []", 'numbers = ["12320"]'))
    try:
        yield
    finally:
        await edit("direct.toml", texts["direct.toml"])
        await edit("main.toml", texts["main.toml"])


async def test_who_comes_straight_into_the_line_may_serve_himself_and_keeps_his_place(
    exchange: Exchange,
) -> None:
    first, second = exchange.number(), exchange.number()
    async with direct(exchange), AsyncExitStack() as parties:
        caller = await parties.enter_async_context(exchange.caller(first))
        await caller.rtp.wait_for(DIRECT, 15)
        caller.press("1")
        await caller.rtp.wait_for(SELF, 10)
        later = await parties.enter_async_context(exchange.caller(second))
        await later.rtp.wait_for(DIRECT, 20)
        await until(lambda: "APP_START" in exchange.events(second), 10)
        caller.press("0")
        await until(lambda: exchange.contexts(first, "APP_START").count("route-queue") == 1, 15)
        await parties.enter_async_context(exchange.agent(talk_seconds=3.0))
        await caller.rtp.wait_for(AGENT_TONE, 30)
        caller.hang_up()
        await caller.ended(10)
        later.hang_up()
        await later.ended(10)
    assert exchange.positions(first)[-1] == 1, "before who came while he listened"
    call = await exchange.record(first)
    visits = await exchange.rows("SELECT * FROM queue_visit WHERE call_id = $1", call["call_id"])
    assert [visit["outcome"] for visit in visits] == ["answered"]


async def test_who_comes_straight_into_the_line_may_ask_to_be_called_back(
    exchange: Exchange,
) -> None:
    number = "13800001234"
    async with direct(exchange), exchange.caller(number) as caller:
        await caller.rtp.wait_for(DIRECT, 15)
        caller.press("2")
        await caller.rtp.wait_for(CONFIRM, 10)
        caller.press("1")
        await exchange.says(number, "CALLBACK_BOOKED", 15)
        await caller.ended(15)
    assert (await exchange.record(number))["disposition"] == "callback_booked"
    await exchange.withdraw_call_back(number)


async def test_who_has_the_skill_is_rung_first_and_who_has_it_less_when_there_is_nobody_else(
    exchange: Exchange,
) -> None:
    async def talks_with(tone: float) -> str:
        number = exchange.number()
        async with exchange.caller(number) as caller:
            await caller.rtp.wait_for(MAIN, 15)
            caller.press("4")
            await caller.rtp.wait_for(QUIT, 10)
            caller.press("1")
            await caller.rtp.wait_for(tone, 30)
            caller.hang_up()
            await caller.ended(10)
        return str((await exchange.record(number))["agent"])

    async with exchange.agent("a1003", talk_seconds=20.0, tone=1_000.0):
        async with exchange.agent("a1001", talk_seconds=20.0):
            # Twice: by turns alone the second one would be somebody else's.
            assert [await talks_with(AGENT_TONE) for _ in range(2)] == ["a1001", "a1001"]
        assert await talks_with(1_000.0) == "a1003"


async def test_who_lets_it_ring_is_paused_until_he_says_that_he_is_back(
    exchange: Exchange,
) -> None:
    async def paused() -> set[str]:
        members = await exchange.link.ask(QueueStatus())
        return {
            f"{one['Queue']} {one['PausedReason']}"
            for one in members
            if one.name == "QueueMember"
            and one["Location"] == "PJSIP/agent-a1002"
            and one["Paused"] == "1"
        }

    number = exchange.number()
    async with exchange.agent("a1002", ring_seconds=60.0) as agent:
        async with exchange.caller(number) as caller:
            await caller.rtp.wait_for(MAIN, 15)
            caller.press("0")
            await agent.sees("CANCEL", 40)
            assert caller.ledger.at("BYE", sent=False) is None, "the caller goes on waiting"
            caller.hang_up()
            await caller.ended(10)
        assert await paused() >= {"anyone Auto-Pause", "psych Auto-Pause"}
        await exchange.unpause("a1002")
        assert await paused() == set()
