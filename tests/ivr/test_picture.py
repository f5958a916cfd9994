from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from ivr import picture
from ivr.asterisk.snapshot import CallerSeen, MemberSeen, QueueSeen, Snapshot
from ivr.board import state
from ivr.config import Settings
from ivr.live import state_key
from ivr.picture import Compared, compare
from ivr.queues import View, redraw
from ivr.verify import verify
from tests.ivr.asterisk.fake_asterisk import FakeAsterisk, fake_asterisk, listed, message
from tests.ivr.test_live import Valkey, valkey

__all__ = ["valkey"]

NAME = "live state in Redis unlike Asterisk's"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on beside these checks, so nothing need settle."""
    monkeypatch.setattr(picture, "_PAUSE_SECONDS", 0.01)


def waits(number: int) -> bytes:
    return message(
        Event="QueueEntry",
        Queue="general",
        Uniqueid=f"n1-7-1795000000.{number}",
        Position=number,
        Wait=3,
        Priority=0,
    )


def seat(agent: str, *, paused: bool) -> bytes:
    return message(
        Event="QueueMember",
        Queue="general",
        Location=f"PJSIP/agent-{agent}",
        Paused=int(paused),
        InCall=0,
        Status=1,
    )


def drawn(callers: tuple[int, ...], paused: tuple[str, ...], *, current: bool = True) -> str:
    """What a bridge would have written of such an Asterisk."""
    seen = Snapshot(
        channels=(),
        queues=(QueueSeen("general", "linear", 0, 0),),
        members=tuple(
            MemberSeen(
                "general", f"PJSIP/agent-{a}", a in paused, "", in_call=False, device_state=1
            )
            for a in ("a1001", "a1002")
        ),
        callers=tuple(CallerSeen("general", f"n1-7-1795000000.{n}", n, 3, 0) for n in callers),
        devices=(),
    )
    return json.dumps(state(redraw(View(), seen, 0.0), 0.0) | {"current": current})


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    """One caller waits, and one of two agents is paused."""
    async with fake_asterisk() as fake:
        fake.answers["QueueStatus"] = lambda headers: listed(
            headers, waits(1), seat("a1001", paused=False), seat("a1002", paused=True)
        )
        yield fake


@pytest.fixture
def centre(asterisk: FakeAsterisk, valkey: Valkey, settings: Settings) -> Settings:
    return settings.model_copy(update={"ami": asterisk.settings(), "redis": valkey.settings})


@pytest.mark.parametrize(
    ("shown", "differences"),
    [
        (drawn((1,), ("a1002",)), ()),
        (
            drawn((), ("a1002",)),
            ("Asterisk alone: waiting general n1-7-1795000000.1",),
        ),
        (
            drawn((1, 2), ("a1002",)),
            ("Redis alone: waiting general n1-7-1795000000.2",),
        ),
        (drawn((1,), ()), ("Asterisk alone: paused general a1002",)),
        (drawn((1,), ("a1001", "a1002")), ("Redis alone: paused general a1001",)),
        (drawn((1,), ("a1002",), current=False), ("the picture is said to be out of date",)),
        ("", ("there is no picture",)),
    ],
)
async def test_what_only_one_of_the_two_says_is_a_difference(
    centre: Settings, valkey: Valkey, shown: str, differences: tuple[str, ...]
) -> None:
    if shown:
        valkey.client().set(state_key("n1"), shown)
    assert await compare(centre) == Compared(differences, 2)
    found = {finding.name: finding for finding in await verify(centre)}
    assert (found[NAME].violations, found[NAME].examples) == (len(differences), differences)


async def test_what_has_just_happened_is_no_difference(
    centre: Settings, valkey: Valkey, asterisk: FakeAsterisk
) -> None:
    """A caller comes and another one goes while the two are asked."""
    key, client = state_key("n1"), valkey.client()
    client.set(key, drawn((), ("a1002",)))
    answer = asterisk.answers["QueueStatus"]

    def asked(headers: dict[str, str]) -> bytes | None:
        if len(asterisk.named("QueueStatus")) == 2:
            client.set(key, drawn((1,), ("a1002",)))
        return answer(headers)

    asterisk.answers["QueueStatus"] = asked
    assert await compare(centre) == Compared((), 2)
    assert len(asterisk.named("QueueStatus")) == 2


async def test_a_redis_that_is_away_shows_nothing(centre: Settings) -> None:
    away = centre.redis.model_copy(update={"url": "unix:///nowhere/v.sock"})
    found = await compare(centre.model_copy(update={"redis": away}))
    assert found.differences == ("there is no picture",)


async def test_where_asterisk_cannot_be_asked_nothing_is_said(
    centre: Settings, asterisk: FakeAsterisk
) -> None:
    nobody = centre.ami.model_copy(update={"secret": SecretStr("")})
    found = await compare(centre.model_copy(update={"ami": nobody}))
    assert found == Compared(unasked="no account for Asterisk's manager is set")
    asterisk.muted.add("QueueStatus")
    hurried = centre.model_copy(update={"ami": asterisk.settings(deadline_seconds=0.3)})
    assert await compare(hurried) == Compared(unasked="Asterisk does not answer")
    finding = next(one for one in await verify(hurried) if one.name == NAME)
    assert finding.holds
    assert finding.examples == ("not asked: Asterisk does not answer",)
