"""The first to end ends them all."""

from __future__ import annotations

import asyncio

import pytest

from agents.web.first import first


async def after(seconds: float, gives: int, ended: list[int]) -> int:
    try:
        await asyncio.sleep(seconds)
    finally:
        ended.append(gives)
    return gives


async def fails() -> int:
    raise ConnectionResetError


async def test_the_first_gives_the_answer_and_the_others_are_let_go() -> None:
    ended: list[int] = []
    assert await first(after(60, 1, ended), after(0, 2, ended), after(60, 3, ended)) == 2
    assert sorted(ended) == [1, 2, 3]


async def test_what_the_first_raises_is_raised_as_it_is() -> None:
    ended: list[int] = []
    with pytest.raises(ConnectionResetError):
        await first(after(60, 1, ended), fails())
    assert ended == [1]


async def test_whoever_waits_and_is_called_away_takes_them_with_him() -> None:
    ended: list[int] = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await first(after(60, 1, ended), after(60, 2, ended))
    assert sorted(ended) == [1, 2]
