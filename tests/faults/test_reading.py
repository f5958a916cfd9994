"""A journal whose disk fails now and then, and gives less than it was asked for."""

from __future__ import annotations

import errno
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.asterisk import journal
from tests.faults.centre import Centre, spoken


async def test_errors_and_short_reads_of_the_journal_delay_and_lose_nothing(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, failed = random.Random(12320), 0  # noqa: S311 - no secret
    whole = journal.read_stretch

    def unreliable(path: Path, position: int, *, remembered: int, most: int) -> journal.Stretch:
        nonlocal failed
        if chance.random() < 0.5:
            failed += 1
            raise OSError(errno.EIO, "Input/output error")
        found = whole(path, position, remembered=remembered, most=most)
        return replace(found, data=found.data[: chance.randint(600, 2000)])

    monkeypatch.setattr(journal, "read_stretch", unreliable)
    centre.hears(*map(spoken, range(1, 6)))
    for _ in range(200):
        with suppress(OSError):
            await centre.takes_in()
            break
    for _ in range(200):
        with suppress(OSError):
            if not (await centre.judged()).violations:
                break
            await centre.takes_in()
    assert failed > 3
    assert (await centre.judged()).violations == {}
