"""Hearing recordings: by id alone, by those who may, in parts, and never unseen."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest
from aiohttp import ClientError, ClientResponse
from redis.asyncio import Redis
from yarl import URL

from agents import audit
from agents.roles import Role
from ivr.config import RecordingSettings
from ivr.database import Pool, queries
from ivr.recordings.archive import Archive
from ivr.recordings.keys import KeyFile
from tests.agents.conftest import Desk, new_call, record_call
from tests.agents.test_listening import spoke

AGENT = "a1001"
LISTENED = "SELECT detail FROM audit WHERE action = 'recording.listened' LIMIT 1"


@dataclass
class Listening:
    """A desk beside an archive that holds one conversation of an agent."""

    desk: Desk
    pool: Pool
    call_id: str
    sound: bytes
    archive: Path
    session: str

    def at(self, rest: str = "") -> str:
        return f"/calls/{self.call_id}/recordings{rest}"

    async def link(self) -> str:
        came = await self.desk.ask("POST", self.at("/both/link"), {"reason": "质检抽查"})
        assert came.status == 201
        told = await came.json()
        assert told["valid_seconds"] == 60
        return str(told["url"])

    async def play(self, url: str, **headers: str) -> ClientResponse:
        """Ask for a recording and take all of the answer, as a player would."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        came = await self.desk.get(url, headers=named)
        await came.read()
        return came

    async def audited(self) -> list[tuple[str, str]]:
        rows = await self.pool.fetch(
            "SELECT actor, action FROM audit WHERE action LIKE 'recording.%' ORDER BY seq"
        )
        return [tuple(row) for row in rows]


@pytest.fixture
async def listening(desk: Desk, pool: Pool, tmp_path: Path) -> AsyncIterator[Listening]:
    settings = RecordingSettings(archive=tmp_path / "archive", keys=tmp_path / "keys")
    ring = KeyFile(settings.keys).make()
    await pool.execute("SELECT make_partitions_ahead(1)")
    call_id = await record_call(pool, call_id=new_call())
    await spoke(pool, call_id, AGENT)
    noise = np.random.default_rng(12320).integers(-9_000, 9_000, (80_000, 2), np.int16)
    archive = Archive(settings.archive, ("wav",))
    kept = archive.prepare(io.BytesIO(noise.tobytes()), call_id, datetime.now(UTC), ring)
    archive.place(kept.files)
    (file,) = kept.files
    await queries.keep_recording(
        pool,
        call_id=call_id,
        leg="both",
        path=file.path,
        format="wav",
        key_id=file.key_id,
        bytes=file.size,
        milliseconds=kept.milliseconds,
        sha256=file.sha256,
        wav_bytes=None,
        wav_sha256=None,
        peaks=kept.peaks,
        pauses='[{"offset_ms": 4000, "pause_ms": 1500}]',
    )
    async with desk.again(recordings=settings) as second:
        session = await second.enter(Role.AGENT, AGENT)
        yield Listening(second, pool, call_id, noise.tobytes(), settings.archive, session)


async def test_an_agent_hears_his_own_conversation_and_the_audit_knows(
    listening: Listening,
) -> None:
    url = await listening.link()
    assert await listening.audited() == []
    came = await listening.play(url)
    body = await came.read()
    assert (came.status, body[44:]) == (200, listening.sound)
    assert came.headers["Accept-Ranges"] == "bytes"
    assert came.headers["Content-Type"] == "audio/wav"
    assert await listening.audited() == [(AGENT, "recording.listened")]
    again = await listening.play(url, Range="bytes=0-9")
    assert (again.status, await again.read()) == (206, body[:10])
    assert len(await listening.audited()) == 1, "many parts, one listen"
    await listening.play(await listening.link())
    assert len(await listening.audited()) == 2
    detail = json.loads(await listening.pool.fetchval(LISTENED))
    assert detail == {"leg": "both", "reason": "质检抽查"}


async def test_a_listen_that_cannot_be_audited_gives_not_a_byte(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit comes before the first byte, so without it there is none."""
    url = await listening.link()

    async def refuses(*_: object, **__: object) -> None:
        raise asyncpg.PostgresConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(audit, "note", refuses)
        came = await listening.play(url)
    assert came.status in {500, 503}
    assert listening.sound[:1_000] not in await came.read()
    assert await listening.audited() == []
    assert (await listening.play(url)).status == 200
    assert await listening.audited() == [(AGENT, "recording.listened")]


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("0-0", 0, 1),
        ("65535-65536", 65_535, 65_537),
        ("-10", 320_034, 320_044),
        ("320000-", 320_000, 320_044),
    ],
)
async def test_a_part_is_that_part(listening: Listening, asked: str, start: int, stop: int) -> None:
    url = await listening.link()
    whole = await (await listening.play(url)).read()
    came = await listening.play(url, Range=f"bytes={asked}")
    assert came.status == 206
    assert came.headers["Content-Range"] == f"bytes {start}-{stop - 1}/320044"
    assert await came.read() == whole[start:stop]


async def test_ranges_and_conditions_are_answered_as_the_rfc_says(listening: Listening) -> None:
    url = await listening.link()
    head = await listening.desk.browser.head(listening.desk.address + url)
    tag = head.headers["ETag"]
    assert (head.status, head.headers["Content-Length"]) == (200, "320044")
    assert await listening.audited() == [], "looking is not listening"
    part = {"Range": "bytes=5-6"}
    assert (await listening.play(url, **part, If_Range=tag)).status == 206
    assert (await listening.play(url, **part, If_Range='"another"')).status == 200
    assert (await listening.play(url, If_None_Match=tag)).status == 304
    for refused in ("bytes=400000-", "bytes=0-1,5-6", "bytes=" + "0-," * 2_000):
        came = await listening.play(url, Range=refused)
        assert came.status == 416
        assert came.headers["Content-Range"] == "bytes */320044"
    assert [action for _, action in await listening.audited()].count("recording.refused") == 3


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "%2fetc%2fpasswd",
        "n1-7-1795000000.1%00",
        "n1-7-1795000000.1.wav",
        "n1-7-1795000000.1%0a",
        "2026%2f11%2f18%2fn1-7-1795000000.1.wav.sealed",
    ],
)
async def test_no_path_leads_anywhere_and_the_attempt_is_written_down(
    listening: Listening, path: str
) -> None:
    await listening.desk.enter(Role.SUPERVISOR)
    address = f"{listening.desk.address}/api/v1/calls/{path}/recordings"
    for rest in ("", "/both/peaks", "/..%2f..%2fx/peaks"):
        async with listening.desk.browser.get(URL(address + rest, encoded=True)) as came:
            assert came.status in {400, 404}
    refused = await listening.audited()
    assert set(refused) <= {("supervisor1", "recording.refused")}
    if "%00" not in path:
        assert len(refused) == 3


async def test_anothers_recording_is_like_one_that_does_not_exist_and_the_attempt_is_written_down(
    listening: Listening,
) -> None:
    await listening.desk.enter(Role.AGENT, "a1002")
    second, number = listening.call_id.rsplit(".", 1)
    for call_id in (listening.call_id, f"{second}.{int(number) + 1}"):
        for method, rest, body in (
            ("GET", "", None),
            ("GET", "/both/peaks", None),
            ("GET", "/voicemail/peaks", None),
            ("POST", "/both/link", {"reason": "好奇而已"}),
        ):
            came = await listening.desk.ask(method, f"/calls/{call_id}/recordings{rest}", body)
            assert came.status == 404
    assert await listening.audited() == [("a1002", "recording.refused")] * 8


async def test_a_link_is_worth_nothing_to_anybody_else(listening: Listening, redis: Redis) -> None:
    url = await listening.link()
    listening.desk.browser.cookie_jar.clear()
    assert (await listening.play(url)).status == 401, "nobody"
    await listening.desk.enter(Role.AGENT, AGENT)
    assert (await listening.play(url)).status == 403, "another session of the same person"
    await listening.desk.enter(Role.SUPERVISOR)
    assert (await listening.play(url)).status == 403, "somebody who may hear all"
    listening.desk.present(listening.session)
    assert (await listening.play(url)).status == 200
    for key in await redis.keys("hotline:listen:*"):
        await redis.expire(key, 0)
    assert (await listening.play(url)).status == 403, "a minute later"
    assert (await listening.play("/api/v1/recordings/../../etc/passwd")).status == 404


async def test_a_role_without_the_permission_hears_nothing(listening: Listening) -> None:
    url = await listening.link()
    for role in (Role.ADMINISTRATOR, Role.AUDITOR, Role.ANALYST, Role.EDITOR):
        await listening.desk.enter(role)
        for path in (url, f"/api/v1{listening.at()}", f"/api/v1{listening.at('/both/peaks')}"):
            assert (await listening.play(path)).status == 403


async def test_the_list_and_the_waveform_show_pauses_and_both_legs(listening: Listening) -> None:
    listed = await (await listening.desk.ask("GET", listening.at())).json()
    assert listed == {
        "recordings": [
            {
                "leg": "both",
                "state": "kept",
                "milliseconds": 10_000,
                "pauses": [{"offset_ms": 4000, "pause_ms": 1500}],
                "held": False,
            }
        ]
    }
    drawn = await (await listening.desk.ask("GET", listening.at("/both/peaks"))).json()
    assert (drawn["milliseconds"], drawn["loudest"]) == (10_000, 255)
    assert len(drawn["caller"]) == len(drawn["agent"]) == 1_000
    assert 60 < max(drawn["caller"]) < 75


async def test_a_deleted_recording_is_shown_as_deleted_and_not_heard(listening: Listening) -> None:
    url = await listening.link()
    await listening.pool.execute(
        "UPDATE recording SET state = 'deleted', deleted_at = now(), peaks = NULL"
    )
    listed = await (await listening.desk.ask("GET", listening.at())).json()
    assert listed["recordings"][0]["state"] == "deleted"
    assert (await listening.play(url)).status == 404
    assert (await listening.desk.ask("GET", listening.at("/both/peaks"))).status == 404


async def test_a_file_that_was_changed_on_disk_is_never_played_as_if_it_were_whole(
    listening: Listening,
) -> None:
    (path,) = listening.archive.rglob("*.sealed")
    content = bytearray(path.read_bytes())
    content[200_000] ^= 1
    path.write_bytes(content)
    url = await listening.link()
    with pytest.raises(ClientError):
        async with asyncio.timeout(30):
            await (await listening.play(url)).read()
    assert (await listening.play(url, Range="bytes=200000-200010")).status == 503
    assert (await listening.play(url, Range="bytes=0-10")).status == 206


async def test_a_supervisor_holds_a_call_and_lets_it_go(listening: Listening) -> None:
    async def ask(method: str, body: Any) -> int:  # noqa: ANN401 - JSON
        return (await listening.desk.ask(method, f"/calls/{listening.call_id}/hold", body)).status

    assert await ask("PUT", {"reason": "投诉复查"}) == 403, "an agent may not"
    await listening.desk.enter(Role.SUPERVISOR)
    assert await ask("PUT", {}) == 400
    assert await ask("PUT", {"reason": "投诉复查"}) == 204
    assert await ask("PUT", {"reason": "投诉复查"}) == 409
    listed = await (await listening.desk.ask("GET", listening.at())).json()
    assert listed["recordings"][0]["held"] is True
    assert await ask("DELETE", {"reason": "已结案"}) == 204
    assert await ask("DELETE", {"reason": "已结案"}) == 409
    assert await listening.audited() == [
        ("supervisor1", "recording.held"),
        ("supervisor1", "recording.released"),
    ]
    unknown = await listening.desk.ask("PUT", f"/calls/{new_call()}/hold", {"reason": "投诉"})
    assert unknown.status == 404
