"""A unit makes a key, the centre trusts it, and only signed months are taken from then on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ivr.database import Pool
from tests.agents.reports.conftest import Run, told
from tests.agents.statistics.books import months_of_2016


async def test_a_trusted_unit_hands_in_only_what_it_has_signed(
    agents: Run, pool: Pool, tmp_path: Path
) -> None:
    key, month, signature = tmp_path / "key", tmp_path / "month.json", tmp_path / "month.sig"
    jiangsu = next(one for one in months_of_2016() if one.unit == "jiangsu")
    month.write_text(jiangsu.document(), encoding="utf-8")
    await told(agents, "units", "national")
    public = (await told(agents, "make-unit-key", str(key))).strip()
    assert key.stat().st_mode & 0o777 == 0o600
    await told(agents, "trust-unit-key", "jiangsu", public, "--by", "centre")

    unsigned = await asyncio.to_thread(agents, "submit", str(month), "--by", "unit")
    assert unsigned.returncode == 2
    assert "expected the unit's signature" in unsigned.stderr

    words = (str(month), "--key", str(key), "--out", str(signature))
    await told(agents, "sign", *words)
    signed = ("submit", str(month), "--by", "unit", "--signature", str(signature))
    month.write_text(jiangsu.document().replace('"month":"2016-10"', '"month":"2016-09"'), "utf-8")
    forged = await asyncio.to_thread(agents, *signed)
    assert forged.returncode == 2
    assert "the signature of jiangsu" in forged.stderr
    month.write_text(jiangsu.document(), encoding="utf-8")
    assert "submission 1, version 1" in await told(agents, *signed)

    noted = await pool.fetch("SELECT actor, object FROM audit WHERE action = 'unit.key_trusted'")
    assert [tuple(row) for row in noted] == [("centre", "unit:jiangsu")]


async def test_a_key_is_never_written_over_and_an_unknown_unit_has_none(
    agents: Run, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    public = (await told(agents, "make-unit-key", str(key))).strip()
    before = key.read_bytes()
    again = await asyncio.to_thread(agents, "make-unit-key", str(key))
    assert (again.returncode, key.read_bytes()) == (2, before)
    for unit, said, fault in (
        ("nowhere", public, "Expected a loaded unit, came 'nowhere'"),
        ("jiangsu", "c2hvcnQ=", "32 bytes in base64"),
        ("jiangsu", "not base64", "32 bytes in base64"),
    ):
        refused = await asyncio.to_thread(agents, "trust-unit-key", unit, said, "--by", "centre")
        assert refused.returncode == 2, refused.stderr
        assert fault in refused.stderr
