from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agents.reports.document import Bulletin, Prose, blocks, tables
from agents.reports.render.drawing import RenderingImpossible
from agents.reports.render.paper import to_pdf


def pages(pdf: bytes) -> str:
    """The text of a PDF as poppler reads it."""
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True, timeout=60
    )
    return done.stdout.decode()


def test_the_paper_holds_every_number_and_every_sentence(province: Bulletin) -> None:
    text = pages(to_pdf(province))
    words = text.split()
    for table in tables(province):
        for cell in (cell for row in table.body for cell in row if cell.count is not None):
            assert cell.text in words
    joined = "".join(words)
    for block in blocks(province):
        if isinstance(block, Prose):
            assert "".join(block.text.split())[:25] in joined


def test_a_long_issue_is_numbered_and_keeps_its_heads_on_every_page(national: Bulletin) -> None:
    text = pages(to_pdf(national))
    count = text.count("\f")
    assert count > 10
    assert f"- {count} -" in text
    assert text.count("子类") > len([t for t in tables(national) if len(t.head[0]) == 6])


def test_equal_issues_give_equal_bytes(province: Bulletin) -> None:
    assert to_pdf(province) == to_pdf(province)


def test_a_template_of_ones_own_is_used_and_a_broken_one_named(
    province: Bulletin, tmp_path: Path
) -> None:
    template = tmp_path / "own.typ"
    template.write_text('#let issue = json("bulletin.json")\n#issue.masthead.issue', "utf-8")
    assert "第一期" in pages(to_pdf(province, template))
    template.write_text("#nothing-known", "utf-8")
    with pytest.raises(RenderingImpossible, match="does not compile"):
        to_pdf(province, template)


def test_a_template_cannot_read_the_machine(province: Bulletin, tmp_path: Path) -> None:
    template = tmp_path / "curious.typ"
    template.write_text('#read("/etc/hostname")\n#read("../../../etc/hostname")', "utf-8")
    with pytest.raises(RenderingImpossible):
        to_pdf(province, template)
