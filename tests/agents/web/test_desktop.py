from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.web.desktop import PARTS, read_desktop
from tests.agents.conftest import Desk


@pytest.fixture
def build(tmp_path: Path) -> Path:
    assets = tmp_path / "build" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text("<!doctype html><p>桌面</p>", "utf-8")
    (assets.parent / "docs.html").write_text("<!doctype html><p>接口</p>", "utf-8")
    (assets / "main-1a2b.js").write_text("go()" * 100)
    (tmp_path / "secret.txt").write_text("secret")
    (assets / "way-out.txt").symlink_to(tmp_path / "secret.txt")
    return assets.parent


@pytest.fixture
async def shown(desk: Desk, build: Path) -> AsyncIterator[Desk]:
    web = desk.settings.web.model_copy(update={"desktop": build})
    async with desk.again(web=web) as again:
        yield again


async def test_the_page_is_given_to_everybody_and_never_kept(shown: Desk) -> None:
    for path in ("/", "/enter"):
        answer = await shown.get(path)
        assert answer.status == 200
        assert "桌面" in await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_description_of_the_api_is_shown_to_whoever_has_a_session(shown: Desk) -> None:
    assert (await shown.get("/api/v1/docs")).status == 401
    await shown.enter()
    answer = await shown.get("/api/v1/docs")
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert "接口" in await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]


async def test_a_part_is_kept_for_ever_and_hardened_all_the_same(shown: Desk) -> None:
    answer = await shown.get(f"{PARTS}assets/main-1a2b.js", {"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert await answer.text() == "go()" * 100
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_who_takes_no_gzip_gets_the_part_as_it_is(shown: Desk) -> None:
    answer = await shown.get(f"{PARTS}assets/main-1a2b.js", {"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in answer.headers
    assert await answer.text() == "go()" * 100


@pytest.mark.parametrize(
    "name",
    [
        *("", "assets", "assets/", "../secret.txt", "%2e%2e/secret.txt", "assets/way-out.txt"),
        *("/etc/passwd", "assets/%00", "index.html", "docs.html"),
    ],
)
async def test_nothing_but_the_parts_can_be_asked_for(shown: Desk, name: str) -> None:
    answer = await shown.get(PARTS + name)
    assert answer.status == 404
    assert "secret" not in await answer.text()


def test_the_compressed_part_is_the_part(build: Path) -> None:
    part = read_desktop(build).parts["assets/main-1a2b.js"]
    assert gzip.decompress(part.compressed or b"") == part.body


async def test_without_a_build_the_page_says_how_to_make_one(desk: Desk, tmp_path: Path) -> None:
    web = desk.settings.web.model_copy(update={"desktop": tmp_path})
    async with desk.again(web=web) as bare:
        answer = await bare.get("/")
    assert answer.status == 503
    assert "deploy.stack desktop" in await answer.text()
