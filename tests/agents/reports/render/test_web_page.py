from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from agents.reports.document import Bulletin, tables
from agents.reports.render.web_page import to_html


class Cells(HTMLParser):
    """The texts of all cells, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser calls it so
        if tag in {"td", "th"}:
            self.found.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data


def test_the_page_holds_every_cell_of_every_table_in_order(province: Bulletin) -> None:
    parser = Cells()
    parser.feed(to_html(province))
    expected = [
        cell.text
        for table in tables(province)
        for row in (*table.head, *table.body)
        for cell in row
    ]
    assert parser.found == expected


def test_words_from_people_are_never_markup(province: Bulletin) -> None:
    evil = "<script>alert(1)</script>"
    head = replace(province.masthead, title=evil)
    page = to_html(replace(province, masthead=head, watermark=evil))
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 3


def test_the_page_fetches_nothing_from_elsewhere(province: Bulletin) -> None:
    page = to_html(province)
    assert "src=" not in page
    assert "<link" not in page
