"""The emergency switch as a supervisor throws it, against a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ivr.commands_surge import app
from ivr.config import DatabaseSettings
from ivr.errors import DefinitionInvalid
from ivr.surge import spoken_key

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(database: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DATABASE_URL", database.url)
    # The log's stream is the runner's, which ends with each command.
    monkeypatch.setattr("ivr.console.configure_logging", lambda **_: None)
    monkeypatch.setenv("HOTLINE_DEFINITIONS__SOUNDS", str(tmp_path))

    async def invoke(*arguments: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))

    return invoke


async def test_the_switch_is_thrown_and_told_of(run: Run) -> None:
    assert (await run("status")).stdout == "off; never thrown\n"
    done = await run("on", "--reason", "暴发", "--by", "zhang", "--queues", "report")
    assert (done.exit_code, done.stdout) == (0, "order 1: on; bridges follow within seconds\n")
    told = await run("status")
    assert told.exit_code == 0
    assert "announces p_surge, opens report" in told.stdout
    assert "order 1 by zhang" in told.stdout
    assert "暴发" in told.stdout
    assert (await run("off", "--reason", "结束", "--by", "li")).exit_code == 0
    told = await run("status")
    assert told.exit_code == 1
    assert told.stdout.startswith("off\norder 2 by li")


async def test_a_sentence_is_spoken_before_the_order_stands(run: Run, tmp_path: Path) -> None:
    sentence = "今日停水，请煮沸后饮用。"
    done = await run("on", "--reason", "停水", "--text", sentence)
    assert done.exit_code == 0, done.exception
    key = spoken_key(sentence, sentence)
    for locale in ("zh", "en"):
        assert (tmp_path / locale / "hotline" / f"{key}.wav").stat().st_size > 8_000
    assert f"announces {key}" in (await run("status")).stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--announce", "p_nothing"), "p_nothing"),
        (("--queues", "moon"), "moon"),
        (("--until", "tomorrow"), "tomorrow"),
        (("--until", "2001-01-01T00:00"), "to come"),
        (("--text", "{x}"), "text"),
        (("--text", "等{n:count}人"), "braces"),
        (("--text", "…"), "text"),
    ],
)
async def test_what_callers_could_not_hear_or_reach_is_refused(
    run: Run, arguments: tuple[str, ...], complaint: str
) -> None:
    done = await run("on", "--reason", "x", *arguments)
    assert isinstance(done.exception, DefinitionInvalid)
    assert complaint in str(done.exception)
    assert (await run("status")).stdout == "off; never thrown\n"
