"""What a compiled bulletin is: text, tables and charts whose every number knows its origin.

A renderer only lays out; it computes no figure. A cell or figure that is a share carries the
count and the base it was made from, so that any reader can check any number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from agents.reports.rounding import Ratio


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table; spans are in rows and columns as in HTML."""

    text: str
    count: int | None = None
    """The number itself, or a share's numerator; None for words."""
    base: int | None = None
    """A share's denominator; None for a count."""
    rows: int = 1
    columns: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """One table. Rows hold only the cells that begin in them; spans cover the rest."""

    id: str
    title: str
    head: tuple[tuple[Cell, ...], ...]
    body: tuple[tuple[Cell, ...], ...]
    unit: str = ""
    """Said above the table at the right, such as 单位：件次."""
    note: str = ""
    """Said below the table: a source, or which units were counted."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a sentence, with what it is of."""

    name: str
    count: int
    base: int | None
    printed: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Text with the figures in it, in order."""

    text: str
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one set of bars; None where nothing was reported."""

    name: str
    values: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart; `labels` and each series have equal lengths."""

    id: str
    title: str
    kind: Literal["line", "bar", "pie"]
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    axis: str = ""


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph: compiled when it has figures, otherwise written by a person."""

    phrases: tuple[Phrase, ...]

    @property
    def text(self) -> str:
        """The paragraph as one string."""
        return "".join(phrase.text for phrase in self.phrases)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading below a column's; level 1 is 一、, level 2 is （一）."""

    text: str
    level: int


Block = Heading | Prose | Table | Chart


@dataclass(frozen=True, slots=True)
class Article:
    """A titled piece within a column; an untitled one continues the column itself."""

    title: str
    blocks: tuple[Block, ...]
    source: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A fixed column such as 【受理分析】; unnamed where the bulletin has none."""

    name: str
    articles: tuple[Article, ...]


@dataclass(frozen=True, slots=True)
class Masthead:
    """The head of the first page."""

    title: str
    issue: str
    publishers: tuple[str, ...]
    dated: str


@dataclass(frozen=True, slots=True)
class Imprint:
    """The foot of the last page: to whom, from whom."""

    reported_to: str
    sent_to: str
    contacts: tuple[tuple[str, str], ...]
    printed_by: str
    printed_on: str


@dataclass(frozen=True, slots=True)
class Bulletin:
    """A whole issue."""

    scheme: str
    first_month: date
    last_month: date
    masthead: Masthead
    contents_title: str
    contents: tuple[tuple[str, tuple[str, ...]], ...]
    """Column name (may be empty) and the titles below it."""
    columns: tuple[Column, ...]
    imprint: Imprint
    watermark: str = ""
    """Identifies the counts that it was compiled from; a draft says so."""


def say(*parts: str | Phrase) -> Phrase:
    """Join words and phrases into one phrase."""
    phrases = [part if isinstance(part, Phrase) else Phrase(part) for part in parts]
    return Phrase(
        "".join(phrase.text for phrase in phrases),
        tuple(figure for phrase in phrases for figure in phrase.figures),
    )


def listed(phrases: Iterable[Phrase], last: str = "和") -> Phrase:
    """Join phrases as Chinese lists them: 、 between, `last` before the last."""
    items = list(phrases)
    parts: list[str | Phrase] = []
    for position, item in enumerate(items):
        if position:
            parts.append(last if position == len(items) - 1 else "、")
        parts.append(item)
    return say(*parts)


def counted(name: str, count: int, measure: str = "件次") -> Phrase:
    """Say a name and its count."""
    return Phrase(f"{name}{count}{measure}", (Figure(name, count, None, str(count)),))


def shared(name: str, count: int, base: int, places: int) -> Phrase:
    """Say a name, its count and in brackets its share."""
    ratio = Ratio(count, base)
    figures = (
        Figure(name, count, None, str(count)),
        Figure(name, count, base, ratio.printed(places)),
    )
    return Phrase(f"{name}{count}件次（{ratio.sign(places)}）", figures)


def share(name: str, count: int, base: int, places: int) -> Phrase:
    """Say a share alone; the name is kept for the reader of the figures."""
    ratio = Ratio(count, base)
    return Phrase(ratio.sign(places), (Figure(name, count, base, ratio.printed(places)),))


def count_cell(count: int, rows: int = 1) -> Cell:
    """Make the cell of a count."""
    return Cell(str(count), count, rows=rows)


def share_cell(count: int, base: int, places: int, rows: int = 1) -> Cell:
    """Make the cell of a share, printed without the sign of percent."""
    return Cell(Ratio(count, base).printed(places), count, base, rows=rows)


def placed(rows: Iterable[tuple[Cell, ...]]) -> Iterator[tuple[int, int, Cell]]:
    """Yield each cell with its row and column, spans worked out as HTML does."""
    taken: set[tuple[int, int]] = set()
    for row, cells in enumerate(rows):
        column = 0
        for cell in cells:
            while (row, column) in taken:
                column += 1
            yield row, column, cell
            taken |= {
                (row + down, column + right)
                for down in range(cell.rows)
                for right in range(cell.columns)
            }


def width(table: Table) -> int:
    """Return the number of columns of a table."""
    return max(column + cell.columns for _, column, cell in placed((*table.head, *table.body)))


def tables(bulletin: Bulletin) -> Iterator[Table]:
    """Yield the tables of a bulletin in order."""
    yield from (block for block in blocks(bulletin) if isinstance(block, Table))


def charts(bulletin: Bulletin) -> Iterator[Chart]:
    """Yield the charts of a bulletin in order."""
    yield from (block for block in blocks(bulletin) if isinstance(block, Chart))


def blocks(bulletin: Bulletin) -> Iterator[Block]:
    """Yield every block of a bulletin in order."""
    for column in bulletin.columns:
        for article in column.articles:
            yield from article.blocks
