"""The built desktop and the API's description: a page each, and parts named by their content."""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from aiohttp import hdrs, web

PARTS: Final = "/desktop/"
"""Where the page looks for its parts; `base` of vite.config.ts."""

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_COMPRESSED: Final = frozenset({".js", ".css", ".svg", ".html"})
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Part:
    """One file, ready to be sent."""

    body: bytes
    compressed: bytes | None
    content_type: str


@dataclass(frozen=True, slots=True)
class Desktop:
    """What was built; read once, so nothing outside of it can ever be asked for."""

    page: Part | None
    docs: Part | None
    parts: Mapping[str, Part]


DESKTOP: Final = web.AppKey("desktop", Desktop)


def read_desktop(folder: Path) -> Desktop:
    """Read a build; without one, the page says how to make it."""
    parts = {
        path.relative_to(folder).as_posix(): _part(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    page, docs = parts.pop("index.html", None), parts.pop("docs.html", None)
    if page is None:
        _log.warning("desktop.missing", folder=str(folder))
    return Desktop(page, docs, parts)


async def show(request: web.Request) -> web.Response:
    """Give the page; what it shows it asks of the API, with the session it has."""
    return _page(request, request.app[DESKTOP].page)


async def explain(request: web.Request) -> web.Response:
    """Give the page that shows the API's own description."""
    return _page(request, request.app[DESKTOP].docs)


async def part(request: web.Request) -> web.Response:
    """Give a part of the page, to be kept for ever: another content has another name."""
    found = request.app[DESKTOP].parts.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    response = _sent(request, found)
    response.headers[hdrs.CACHE_CONTROL] = _FOR_EVER
    return response


def _page(request: web.Request, page: Part | None) -> web.Response:
    if page is None:
        raise web.HTTPServiceUnavailable(text="座席桌面尚未构建：python -m deploy.stack desktop")
    return _sent(request, page)


def _part(path: Path) -> Part:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    compressed = gzip.compress(body, mtime=0) if path.suffix in _COMPRESSED else None
    return Part(body, compressed, kind or "application/octet-stream")


def _sent(request: web.Request, part: Part) -> web.Response:
    textual = part.content_type.startswith("text/")
    response = web.Response(
        body=part.body, content_type=part.content_type, charset="utf-8" if textual else None
    )
    if part.compressed is not None:
        response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            response.body = part.compressed
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    return response
