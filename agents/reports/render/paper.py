"""The bulletin as PDF, set by typst from `bulletin.typ`; a centre may bring its own template."""

from __future__ import annotations

import json
import tempfile
from importlib import resources
from pathlib import Path

import typst

from agents.reports.document import Bulletin, charts
from agents.reports.render.archive import as_data
from agents.reports.render.drawing import RenderingImpossible, draw


def to_pdf(bulletin: Bulletin, template: Path | None = None) -> bytes:
    """Set a bulletin as PDF.

    The template sees only its own folder: the bulletin as `bulletin.json` and each chart as
    `<id>.svg`. Equal bulletins give equal bytes.

    Raises:
        RenderingImpossible: the template does not compile, or the font is not installed.
    """
    source = template.read_text(encoding="utf-8") if template else _shipped()
    with tempfile.TemporaryDirectory(prefix="bulletin-") as folder:
        root = Path(folder)
        (root / "bulletin.json").write_text(
            json.dumps(as_data(bulletin), ensure_ascii=False), encoding="utf-8"
        )
        for chart in charts(bulletin):
            (root / f"{chart.id}.svg").write_bytes(draw(chart, "svg"))
        page = root / "bulletin.typ"
        page.write_text(source, encoding="utf-8")
        try:
            return typst.compile(page, root=root)
        except typst.TypstError as error:
            raise RenderingImpossible(f"The template does not compile: {error}.") from None


def _shipped() -> str:
    path = resources.files("agents.reports.render") / "bulletin.typ"
    return path.read_text(encoding="utf-8")
