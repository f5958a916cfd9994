"""The bulletin as an operator types it, against a real database."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

import pytest
import typer

from agents.__main__ import app
from agents.reports.document import Bulletin
from agents.reports.editorial import Editorial
from agents.reports.render.archive import to_json
from agents.reports.scheme import network
from agents.statistics import issues
from agents.statistics.issue_drafts import write
from agents.statistics.issues import Draft, IssueRefused, keep, send_to_review
from agents.statistics.units import store_network
from ivr.config import DatabaseSettings
from tests.agents.reports.conftest import Run, editorial_2016, told
from tests.agents.statistics.books import Connection, months_of_2016, take_in

MONTH: Final = ("--scheme", "national-2016", "--month", "2016-10", "--formats", "json")
FILES: Final = {"json": b"{}", "html": b"<p>"}
TEXT: Final = """
title = "12320工作简报"
issue = 113
total_issue = 113
dated = 2016-11-10
publishers = ["某市12320管理中心"]
sent_to = "文件所写"
"""


async def one_unit(connection: Connection) -> None:
    await store_network(connection, "national", network("national"))
    await take_in(connection, [s for s in months_of_2016() if s.unit == "jiangsu"])


async def text_of(connection: Connection) -> Editorial:
    return Editorial.model_validate_json(
        await connection.fetchval("SELECT editorial FROM bulletin")
    )


Typed: TypeAlias = Callable[..., Awaitable[str]]


@pytest.fixture
def typed(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """A command of this process, as if typed, that draws no page; gives what it prints."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setattr("agents.reports.commands.configure_logging", lambda **_: None)
    writers = {"json": lambda b: to_json(b).encode(), "pdf": lambda _: b"%PDF"}
    monkeypatch.setattr("agents.reports.files.WRITERS", writers)

    async def run(*words: str) -> str:
        await asyncio.to_thread(app, words, standalone_mode=False)
        return capsys.readouterr().out

    return run


async def test_what_was_written_in_the_browser_survives_a_compilation_by_command(
    typed: Typed, connection: Connection, tmp_path: Path
) -> None:
    await one_unit(connection)
    words = ("bulletin", *MONTH, "--out", str(tmp_path / "out"), "--keep", "--by", "editor")
    assert "draft 1" in await typed(*words)
    # Whatever is wanted in the folder, the books have every format.
    assert await connection.fetchval("SELECT count(*) FROM bulletin_file") == len(("json", "pdf"))
    assert names_in(tmp_path / "out") == ["bulletin.json"]
    mine = (await text_of(connection)).model_copy(update={"sent_to": "各成员单位"})
    await write(connection, 1, 1, mine, by="s2")

    assert "draft 1" in await typed(*words)
    assert await text_of(connection) == mine
    row = await connection.fetchrow("SELECT version, compiled_version, changed_by FROM bulletin")
    assert row is not None
    assert tuple(row) == (2, 2, "s2")
    compiled = json.loads(await asyncio.to_thread((tmp_path / "out/bulletin.json").read_text))
    assert compiled["imprint"]["sent_to"] == "各成员单位"
    assert "126359件次" in compiled["watermark"]

    file = tmp_path / "issue.toml"
    await asyncio.to_thread(file.write_text, TEXT, "utf-8")
    with pytest.raises(IssueRefused, match="a text of its own, version 2"):
        await typed(*words, "--editorial", str(file))
    assert await text_of(connection) == mine
    await typed(*words, "--editorial", str(file), "--over", "2")
    assert (await text_of(connection)).sent_to == "文件所写"


async def test_an_issue_goes_its_way_and_its_files_are_taken_out_again(
    typed: Typed, connection: Connection, national: Bulletin, tmp_path: Path
) -> None:
    await keep(connection, national, Draft(editorial_2016()), by="editor", files=FILES)
    out = ("--out", str(tmp_path))
    await typed("review", "1", "--by", "editor")
    with pytest.raises(IssueRefused, match="another must publish"):
        await typed("publish", "1", "--by", "editor", *out)
    why = ("--by", "chief", "--reason", "稿件未核")
    assert "issue 1 is a draft" in await typed("return-bulletin", "1", *why)
    await typed("take-out", "1", "--by", "chief", *out)
    assert names_in(tmp_path) == [f"bulletin.{form}" for form in sorted(FILES)]
    actions = [r["action"] for r in await connection.fetch("SELECT action FROM audit ORDER BY seq")]
    assert actions == ["bulletin.reviewed", "bulletin.returned", "bulletin.taken_out"]


async def test_an_issue_without_files_is_drawn_when_it_is_taken_out(
    typed: Typed, connection: Connection, national: Bulletin, tmp_path: Path
) -> None:
    await keep(connection, national, Draft(editorial_2016()), by="editor", files={})
    await typed("take-out", "1", "--by", "chief", "--out", str(tmp_path))
    assert names_in(tmp_path) == ["bulletin.json", "bulletin.pdf"]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_draft_is_kept_by_somebody(typed: Typed, tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="expected --by"):
        await typed("bulletin", *MONTH, "--out", str(tmp_path), "--keep")


async def test_no_file_says_published_of_an_issue_that_is_not(
    typed: Typed,
    connection: Connection,
    national: Bulletin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await keep(connection, national, Draft(editorial_2016()), by="editor", files=FILES)
    await send_to_review(connection, 1, by="editor")
    seen: list[list[str]] = []

    async def compiled_meanwhile(*_: object, **__: object) -> None:
        seen.append(names_in(tmp_path))
        raise IssueRefused("changed_meanwhile", "It was compiled anew.")

    monkeypatch.setattr(issues, "publish", compiled_meanwhile)
    with pytest.raises(IssueRefused):
        await typed("publish", "1", "--by", "chief", "--out", str(tmp_path))
    # They were whole before the books were asked, and gone when these refused.
    assert seen == [[".bulletin.json", ".bulletin.pdf"]]
    assert names_in(tmp_path) == []


async def test_an_interrupted_bulletin_leaves_no_file_and_no_draft(
    agents: Run, connection: Connection, database: DatabaseSettings, tmp_path: Path
) -> None:
    await told(agents, "units", "national")
    words = ["--scheme", "national-2016", "--month", "2016-10", "--out", str(tmp_path / "out")]
    uncounted = await asyncio.to_thread(agents, "bulletin", *words)
    assert uncounted.returncode == 2
    assert "Expected counts of 2016-10; not reported: 北京市" in uncounted.stderr
    await take_in(connection, [s for s in months_of_2016() if s.unit == "jiangsu"])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agents", "bulletin", *words, "--keep", "--by", "editor"),
        env={"DATABASE_URL": database.url, "PATH": "/usr/bin:/bin", "HOME": "/tmp"},  # noqa: S108 - no home is needed
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while b"docx, 4 of 5" not in await process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        await process.stderr.read()
        assert await process.wait() != 0
    assert not (tmp_path / "out").exists()
    assert await connection.fetchval("SELECT count(*) FROM bulletin") == 0
