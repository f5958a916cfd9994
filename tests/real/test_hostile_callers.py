"""Callers who write line ends, quotes and bytes of other alphabets into their caller id."""

from __future__ import annotations

import asyncio
import json

import pytest
import redis.asyncio

from tests.real.hotline import MAIN, Hotline

FORGED = "Q-forged-9"
GBK = "张三".encode("gbk").decode("iso-8859-1")
EMOJI = "😀".encode().decode("iso-8859-1")
EVENT = (
    f"1%0d%0aEvent%3a%20QueueCallerJoin%0d%0aQueue%3a%20consult%0d%0aUniqueid%3a%20{FORGED}"
    f"%0d%0aLinkedid%3a%20{FORGED}%0d%0aPosition%3a%201%0d%0aCount%3a%201%0d%0aChannel%3a%20{FORGED}"
    "%0d%0aPriv%3a%20x"
)

# Of the first twenty characters, line ends included, the digits remain.
CASES = [
    pytest.param(EVENT, "", "1", id="an AMI event"),
    pytest.param(
        "1%0d%0aagi_extension%3a%2012321%0d%0aagi_x%3a%201", "", "112", id="an AGI header"
    ),
    pytest.param("1%0d%0a%0d%0a200%20result%3d1", "", "12001", id="an AGI answer"),
    pytest.param("2%5c", "", "2", id="a trailing backslash"),
    pytest.param("3%22%2c%22eventtype%22%3a%22RATING%22", "", "3", id="quotes"),
    pytest.param("4%00%00", "", "4", id="NUL"),
    pytest.param("%d5%c5%c8%fd", f'"{GBK}" ', "", id="GBK"),
    pytest.param("%f0%9f%98%806", f'"{EMOJI}" ', "6", id="emoji"),
    pytest.param("7%7c%3b%26%2c%24%7bSHELL(id)%7d", '"a\\\\" ', "7", id="marks of the dialplan"),
    pytest.param("8" * 60, "", "8" * 20, id="too many digits"),
]


@pytest.mark.parametrize(("user", "display", "caller_is"), CASES)
async def test_a_hostile_caller_id_leaves_one_clean_record_and_forges_nothing(
    hotline: Hotline, user: str, display: str, caller_is: str
) -> None:
    calls_before = {row["call_id"] for row in await hotline.rows("SELECT call_id FROM call")}
    lines_before = len(list(hotline.lines()))
    async with hotline.caller(user, display=display) as caller:
        await caller.rtp.wait_for(MAIN, 20)
        shown = await live_state(hotline)
        caller.hang_up()
        assert (await caller.ended(10)).answered
    new = [line for line in list(hotline.lines())[lines_before:] if "trunk" in line["channame"]]
    assert len({line["linkedid"] for line in new}) == 1
    async with asyncio.timeout(20):
        while not (calls := await final_calls(hotline, calls_before)):  # noqa: ASYNC110 - a row appears
            await asyncio.sleep(0.1)
    assert [call["caller"] for call in calls] == [caller_is]
    assert calls[0]["call_id"] == new[0]["linkedid"]
    assert calls[0]["disposition"] == "abandoned_in_menu"
    everything = json.dumps([list(map(str, row.values())) for row in calls]) + shown
    assert FORGED not in everything
    assert FORGED not in await live_state(hotline)


async def final_calls(hotline: Hotline, before: set[str]) -> list[dict[str, object]]:
    rows = await hotline.rows("SELECT * FROM call WHERE final")
    return [dict(row) for row in rows if row["call_id"] not in before]


async def live_state(hotline: Hotline) -> str:
    """Give all that Redis holds, as text: whatever the live view believes stands in it."""
    client = redis.asyncio.from_url(hotline.stack.settings.redis.url, decode_responses=True)
    held = []
    async with client:
        async for key in client.scan_iter():
            kind = await client.type(key)
            if kind == "string":
                held.append(str(await client.get(key)))
            elif kind == "hash":
                held.append(str(await client.hgetall(key)))
            elif kind == "stream":
                held.append(str(await client.xrange(key)))
            held.append(f"{key!r} {kind!r}")
    assert held, "the live view is there"
    return "\n".join(held)


async def test_numbers_and_names_of_callers_reach_no_log_of_ours_nor_of_asterisk(
    hotline: Hotline,
) -> None:
    number = "02588889999"
    async with hotline.caller(number, display='"Li Si Canary" ') as caller:
        await caller.rtp.wait_for(MAIN, 20)
        caller.press("0")
        await hotline.says(number, "QUEUE")
        caller.hang_up()
        await caller.ended(10)
    await hotline.record(number)
    asterisk = hotline.stack.layout.asterisk / "log"
    logs = [
        *hotline.stack.layout.logs.glob("*.log"),
        *(path for path in asterisk.glob("*") if path.is_file()),
        *asterisk.glob("cdr-custom/*"),
    ]
    texts = {log: log.read_text("utf-8", "replace") for log in logs}
    assert {"ivr.log", "ledger.log", "asterisk.log", "queue_log"} <= {log.name for log in logs}
    assert [log.name for log, text in texts.items() if number in text or "Canary" in text] == []
