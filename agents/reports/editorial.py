"""What people write in a bulletin: the head, the fixed columns with their articles, the foot.

An editorial is a TOML file of the centre. One column is marked `statistics = true`; the compiled
columns take its place. Numbers in an article's text are the writers' own; from the counts of a
statement its sentence is made (`agents/reports/given.py`).
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Self

import cn2an
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agents.reports.document import (
    Article,
    Column,
    Imprint,
    Masthead,
    Phrase,
    Prose,
)
from agents.reports.given import Statement
from agents.reports.scheme import Form
from ivr.errors import DefinitionInvalid

_DIGITS: Final = str.maketrans("0123456789", "〇一二三四五六七八九")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ContactLine(_Part):
    """One line of 联系方式."""

    label: str
    value: str


class WrittenArticle(_Part):
    """An article as written; paragraphs are separated by blank lines.

    Its statements follow the text, all in one paragraph.
    """

    title: str = ""
    text: str = ""
    source: str = ""
    statement: tuple[Statement, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text.strip() and not self.statement:
            raise ValueError("expected a text or a statement")
        return self


class WrittenColumn(_Part):
    """A fixed column and its articles."""

    name: str = ""
    statistics: bool = False
    article: tuple[WrittenArticle, ...] = ()


class Editorial(_Part):
    """The written part of one issue."""

    title: str
    issue: Annotated[int, Field(ge=1)]
    total_issue: Annotated[int, Field(ge=1)]
    dated: date
    publishers: Annotated[tuple[str, ...], Field(min_length=1)]
    copies: Annotated[int, Field(ge=0)] = 0
    reported_to: str = ""
    sent_to: str = ""
    contact: tuple[ContactLine, ...] = ()
    column: tuple[WrittenColumn, ...] = (WrittenColumn(statistics=True),)

    def masthead(self, form: Form) -> Masthead:
        """Return the head of the first page in a scheme's form."""
        issue = form.issue.format(
            issue=self.issue, ordinal=cn2an.an2cn(self.issue), total=self.total_issue
        )
        return Masthead(self.title, issue, self.publishers, written_date(self.dated, form.date))

    def imprint(self) -> Imprint:
        """Return the foot of the last page."""
        copies = f"（共{self.copies}份）" if self.copies else ""
        return Imprint(
            reported_to=self.reported_to,
            sent_to=self.sent_to,
            contacts=tuple((line.label, line.value) for line in self.contact),
            printed_by=f"{self.publishers[0]}编印",
            printed_on=f"{written_date(self.dated, 'digits')}印发{copies}",
        )

    def columns(self, compiled: tuple[Column, ...]) -> tuple[Column, ...]:
        """Return all columns with the compiled ones in their place.

        Raises:
            DefinitionInvalid: when not exactly one column is marked for the statistics.
        """
        places = sum(column.statistics for column in self.column)
        if places != 1:
            raise DefinitionInvalid(f"Expected one column with statistics = true, came {places}.")
        columns: list[Column] = []
        for written in self.column:
            if written.statistics:
                columns += compiled
            else:
                columns.append(Column(written.name, tuple(map(_article, written.article))))
        return tuple(columns)


def _article(written: WrittenArticle) -> Article:
    paragraphs = [" ".join(part.split()) for part in written.text.split("\n\n")]
    blocks = [Prose((Phrase(text),)) for text in paragraphs if text]
    if written.statement:
        blocks.append(Prose(tuple(statement.phrase() for statement in written.statement)))
    return Article(written.title, tuple(blocks), written.source)


def written_date(day: date, style: str) -> str:
    """Write a date in Chinese numerals (二〇一六年十一月十日) or in digits (2016年11月10日)."""
    if style == "digits":
        return f"{day.year}年{day.month}月{day.day}日"
    year = str(day.year).translate(_DIGITS)
    return f"{year}年{cn2an.an2cn(day.month)}月{cn2an.an2cn(day.day)}日"


def parse_editorial(data: dict[str, Any]) -> Editorial:
    """Check the written part.

    Raises:
        DefinitionInvalid: naming each key, what was expected and what came.
    """
    try:
        return Editorial.model_validate(data)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}, came {item['input']!r}."
            for item in error.errors(include_url=False)
        ]
        raise DefinitionInvalid(" ".join(faults)) from None


def load_editorial(path: Path) -> Editorial:
    """Read the written part of an issue from its file.

    Raises:
        DefinitionInvalid: the file cannot be read, is no TOML, or has a wrong key.
    """
    try:
        return parse_editorial(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DefinitionInvalid(f"{path}: expected a readable file, {error.strerror}.") from None
    except tomllib.TOMLDecodeError as error:
        raise DefinitionInvalid(f"{path}: expected TOML, {error}.") from None
