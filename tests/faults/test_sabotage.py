"""Each promise with its mechanism taken away: the checker must turn red, and say what is wrong.

A checker that was never seen red proves nothing. What needs a change of code stands by hand in
docs/decisions.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.database import queries
from ivr.ledger import Ledger
from tests.faults.centre import Centre, spoken
from tests.ivr import cel


async def test_where_nothing_is_wrong_the_checker_says_so(centre: Centre) -> None:
    centre.hears(*map(spoken, range(1, 6)))
    await centre.takes_in()
    report = await centre.judged()
    assert report.violations == {}
    assert {k: report.figures[k] for k in ("accepted", "records", "recordings")} == {
        "accepted": 5,
        "records": 5,
        "recordings": 5,
    }


Sabotage = Callable[[Centre], Awaitable[None]]


def by(sql: str) -> Sabotage:
    """Do harm by SQL, as an owner of the database could."""

    async def harm(centre: Centre) -> None:
        await centre.connection.execute(sql)

    harm.__name__ = sql[:40]
    return harm


async def file_gone(centre: Centre) -> None:
    next(centre.settings.recordings.archive.rglob("n1-*")).unlink()


async def file_changed(centre: Centre) -> None:
    path = next(centre.settings.recordings.archive.rglob("n1-*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


async def file_unknown(centre: Centre) -> None:
    (centre.settings.recordings.archive / "stray.opus").write_bytes(b"sound")


async def books_differ(centre: Centre) -> None:
    (centre.folder / "cdr-custom").mkdir()
    record = json.dumps({"linkedid": "n1-7-1795000999.9"})
    (centre.folder / "cdr-custom/cdr.jsonl").write_text(f"{record}\n")


HARM: list[tuple[str, Sabotage]] = [
    ("accepted calls without a record", by("DELETE FROM recording; DELETE FROM call")),
    (
        "calls with more than one record",
        by(
            "ALTER TABLE call DROP CONSTRAINT call_pkey CASCADE;"
            "INSERT INTO call SELECT * FROM call LIMIT 1"
        ),
    ),
    ("records of which no channel began", by("UPDATE call SET call_id = call_id || '9'")),
    ("records that nobody dialled", by("UPDATE call SET caller = '02519977'")),
    ("queued calls not counted so", by("UPDATE call SET queue = NULL")),
    ("records final later than 60 s", by("UPDATE call SET folded_at = now() + interval '2 min'")),
    ("recordings without their file", file_gone),
    ("recordings unlike their row", file_changed),
    ("archived files without a row", file_unknown),
    ("conversations without a recording", by("DELETE FROM recording")),
    ("linked ids in the CDR file alone", books_differ),
]


@pytest.mark.parametrize(("identity", "sabotage"), HARM, ids=[name for name, _ in HARM])
async def test_harm_done_behind_the_ledgers_back_is_seen(
    identity: str, sabotage: Sabotage, centre: Centre
) -> None:
    await centre.connection.execute("SET session_replication_role = replica")
    centre.hears(*map(spoken, range(1, 4)))
    await centre.takes_in()
    assert (await centre.judged()).violations == {}
    await sabotage(centre)
    assert identity in (await centre.judged()).violations


@pytest.mark.parametrize("harm", ["DELETE FROM audit WHERE seq = 2", "UPDATE audit SET actor = ''"])
async def test_an_audit_that_was_tampered_with_is_seen(harm: str, centre: Centre) -> None:
    for number in range(3):
        await centre.connection.execute(
            "INSERT INTO audit (actor, action, object, detail) VALUES ('a', 'listen', $1, '{}')",
            str(number),
        )
    assert (await centre.judged()).violations == {}
    await centre.connection.execute("SET session_replication_role = replica")
    await centre.connection.execute(harm)
    assert "breaks in the audit's chain" in (await centre.judged()).violations


async def test_an_agent_who_is_offered_two_calls_is_seen(centre: Centre) -> None:
    one, other = spoken(1), spoken(2, second=cel.SECOND + 102)
    centre.hears(one, other)
    await centre.takes_in()
    assert "agents offered two calls at once" in (await centre.judged()).violations


async def test_a_cursor_that_is_committed_apart_from_its_lines_is_seen(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = queries.advance_spool_cursor

    async def apart(_connection: object, **values: Any) -> None:  # noqa: ANN401 - as the query takes them
        await together(centre.connection, **values)

    async def unlocked(*_: object, **__: object) -> int:
        return 1

    centre.hears(spoken(1))
    await centre.dies_at("intake.commit.before")
    assert (await centre.judged()).violations == {}
    monkeypatch.setattr(queries, "advance_spool_cursor", apart)
    monkeypatch.setattr(queries, "lock_spool_cursor", unlocked)
    centre.hears(spoken(2))
    await centre.dies_at("intake.commit.before")
    assert {"accepted calls without a record", "channels begun without a record"} <= set(
        (await centre.judged()).violations
    )


async def test_calls_of_a_killed_asterisk_that_nobody_closes_are_seen(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object) -> None: ...

    def killed(number: int, boot: int) -> cel.Journal:
        call = cel.Journal(number, boot, cel.SECOND + 1000 * boot).begins(f"025199{number:02}")
        return call.chooses("main", "0").queues("anyone").after(3)

    async def restarted(boot: int) -> None:
        centre.hears(killed(boot, boot), spoken(boot + 50, boot=boot + 1))
        await centre.takes_in()
        await centre.connection.execute("UPDATE fold_due SET due_at = now() - interval '1 min'")
        await Ledger(centre.pool, centre.settings).upkeep()
        await centre.takes_in()

    for name in centre.settings.recordings.incoming.iterdir():
        name.unlink()
    await restarted(7)
    assert (await centre.judged()).violations == {}
    monkeypatch.setattr(queries, "mark_lost_calls_due", nobody)
    monkeypatch.setattr("ivr.ledger.note_starts", nobody)
    monkeypatch.setattr("ivr.lines.note_starts", nobody)
    await restarted(9)
    assert "records not final" in (await centre.judged()).violations


async def test_a_recording_that_is_placed_without_its_row_is_seen(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object, **__: object) -> str:
        return "kept"

    monkeypatch.setattr(queries, "keep_recording", nothing)
    centre.hears(spoken(1))
    await centre.takes_in()
    assert {"archived files without a row", "conversations without a recording"} <= set(
        (await centre.judged()).violations
    )


async def test_a_recording_that_is_removed_before_it_is_kept_is_seen(centre: Centre) -> None:
    centre.hears(spoken(1))
    for raw in centre.settings.recordings.incoming.iterdir():
        raw.unlink()
    await centre.takes_in()
    assert "conversations without a recording" in (await centre.judged()).violations


def test_the_checker_imports_nothing_of_the_product() -> None:
    source = (Path(__file__).parent / "checker.py").read_text("utf-8")
    imported = [line.split()[1] for line in source.splitlines() if line[:5] in {"from ", "impor"}]
    assert "asyncpg" in imported
    assert [
        name for name in imported if name.partition(".")[0] in {"ivr", "agents", "deploy"}
    ] == []
