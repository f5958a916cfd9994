"""What is taken as a password, and codes that are taken once."""

from __future__ import annotations

import asyncio

import pyotp
import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from agents import passwords
from agents.passwords import (
    LONGEST,
    MOST_WAITING,
    SHORTEST,
    STEP_SECONDS,
    Busy,
    Vault,
    code_step,
    factor_uri,
    new_factor,
    weakness,
)

COMMON = list(FREQUENCY_LISTS["passwords"])[:3_000]
SECRET = new_factor()
NOW = 1_763_785_000.0


def test_three_thousand_common_passwords_are_refused_and_made_longer_too() -> None:
    assert len(COMMON) == 3_000
    assert [word for word in COMMON if weakness(word) is None] == []
    longer = [word * -(-SHORTEST // len(word)) for word in COMMON[:300]]
    assert [word for word in longer if weakness(word) is None] == []


@pytest.mark.parametrize(
    "password",
    [
        "123456789012",
        "aaaaaaaaaaaa",
        "qwertyuiop[]",
        "password2026!",
        "12320hotline12320",
        "admin12320admin",
    ],
)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    assert weakness(password) is not None


def test_what_belongs_to_the_person_is_refused() -> None:
    assert weakness("zhangsanfeng1", ("a1001", "zhangsanfeng")) is not None


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "lowercase only but very long indeed",
        "今天天气很好我们去公园吧",
        "x7" + "绿" * 2 + "kelp marmot zinc" + "é" * 44,
        "kelp marmot zinc quarry ",
    ],
)
def test_length_is_enough_without_any_rule_of_composition(password: str) -> None:
    assert len(password) >= SHORTEST
    assert weakness(password) is None


def test_sixty_four_characters_are_allowed_and_there_is_an_end() -> None:
    word = "kelp marmot zinc quarry "
    assert weakness((word * 3)[:64]) is None
    assert weakness((word * 10)[: LONGEST + 1]) is not None


async def test_a_right_password_is_right_and_a_wrong_one_wrong() -> None:
    vault = Vault()
    stored = await vault.hash("今天天气很好我们去公园吧")
    assert stored.startswith("$argon2id$")
    assert await vault.verify(stored, "今天天气很好我们去公园吧")
    assert not await vault.verify(stored, "今天天气很好我们去公园")
    assert not await vault.verify("no hash at all", "x")


async def test_nobody_takes_as_much_work_as_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = passwords._verified

    def noted(stored: str, tried: str) -> bool:
        asked.append(stored)
        return real(stored, tried)

    monkeypatch.setattr(passwords, "_verified", noted)
    assert not await Vault().verify(None, "nobody has this password")
    [stored] = asked
    assert (
        stored.rpartition("$")[0].rpartition("$")[0]
        == ((await Vault().hash("x")).rpartition("$")[0].rpartition("$")[0])
    )  # the same costs


def test_a_code_counts_in_its_own_half_minute_and_the_ones_beside() -> None:
    codes = pyotp.TOTP(SECRET)
    step = int(NOW // STEP_SECONDS)
    for beside in (-1, 0, 1):
        assert code_step(SECRET, codes.at(NOW + beside * STEP_SECONDS), NOW) == step + beside
    for away in (-3, 3):
        assert code_step(SECRET, codes.at(NOW + away * STEP_SECONDS), NOW) is None
    assert code_step(SECRET, "", NOW) is None


def test_an_app_reads_the_secret_and_whose_it_is() -> None:
    assert factor_uri("s1", SECRET).startswith("otpauth://totp/12320:s1?secret=" + SECRET)


async def test_who_sends_passwords_by_the_thousand_is_not_waited_for() -> None:
    vault = Vault()
    tried = [vault.verify(None, "x") for _ in range(MOST_WAITING + 3)]
    came = await asyncio.gather(*tried, return_exceptions=True)
    assert [type(one) for one in came].count(Busy) == 3
    assert not await vault.verify(None, "x")
