"""One folder with an issue in every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from agents.reports.document import Bulletin
from agents.reports.render.archive import to_json
from agents.reports.render.paper import to_pdf
from agents.reports.render.spreadsheet import to_xlsx
from agents.reports.render.web_page import to_html
from agents.reports.render.word import to_docx
from ivr.errors import DefinitionInvalid

WRITERS: Final[Mapping[str, Callable[[Bulletin], bytes]]] = {
    "json": lambda bulletin: to_json(bulletin).encode(),
    "html": lambda bulletin: to_html(bulletin).encode(),
    "xlsx": to_xlsx,
    "docx": to_docx,
    "pdf": to_pdf,
}


def write_files(bulletin: Bulletin, folder: Path, formats: tuple[str, ...] = ()) -> list[Path]:
    """Write `bulletin.<format>` for each format; an existing file is replaced whole.

    Args:
        bulletin: what is written.
        folder: made when it is missing.
        formats: keys of `WRITERS`; empty means all.

    Raises:
        DefinitionInvalid: naming a format that is not known, before anything is written.
    """
    if unknown := [name for name in formats if name not in WRITERS]:
        raise DefinitionInvalid(f"No format {unknown[0]!r}; expected {', '.join(WRITERS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in formats or tuple(WRITERS):
        path = folder / f"bulletin.{name}"
        beside = folder / f".bulletin.{name}"
        beside.write_bytes(WRITERS[name](bulletin))
        beside.replace(path)
        written.append(path)
    return written
