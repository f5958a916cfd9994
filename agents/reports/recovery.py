"""The written part of an issue, read back from its document.

Issues from before the written part was kept have it in their document alone. What a person wrote
comes back; a sentence that was made from given counts comes back as its words.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from agents.reports.document import Article, Bulletin, Chart, Column, Heading, Prose, Table
from agents.reports.editorial import ContactLine, Editorial, WrittenArticle, WrittenColumn

_PRINTED: Final = re.compile(r"(\d+)年(\d+)月(\d+)日印发(?:（共(\d+)份）)?")
_TOTAL: Final = re.compile(r"总第(\d+)期")
_COMPILED: Final = (Table, Chart, Heading)
"""What only the compiler makes."""


def recovered(bulletin: Bulletin, issue: int, today: date) -> Editorial:
    """Return the written part that a document was compiled with.

    Args:
        bulletin: the document.
        issue: its number; the head may have it in Chinese numerals.
        today: its day if the foot does not tell one.
    """
    head, foot = bulletin.masthead, bulletin.imprint
    total = _TOTAL.search(head.issue)
    printed = _PRINTED.search(foot.printed_on)
    return Editorial(
        title=head.title,
        issue=issue,
        total_issue=int(total[1]) if total else issue,
        dated=date(*map(int, printed.group(1, 2, 3))) if printed else today,
        publishers=head.publishers,
        copies=int(printed[4] or 0) if printed else 0,
        reported_to=foot.reported_to,
        sent_to=foot.sent_to,
        contact=tuple(ContactLine(label=label, value=value) for label, value in foot.contacts),
        column=_columns(bulletin.columns),
    )


def _columns(columns: tuple[Column, ...]) -> tuple[WrittenColumn, ...]:
    compiled = [at for at, column in enumerate(columns) if _is_compiled(column)]
    written = [
        WrittenColumn(name=column.name, article=tuple(filter(None, map(_article, column.articles))))
        for column in columns
    ]
    # Compiled columns stand together, in the one place that was kept for them.
    first, last = (compiled[0], compiled[-1] + 1) if compiled else (len(columns), len(columns))
    return (*written[:first], WrittenColumn(statistics=True), *written[last:])


def _is_compiled(column: Column) -> bool:
    return any(isinstance(b, _COMPILED) for article in column.articles for b in article.blocks)


def _article(article: Article) -> WrittenArticle | None:
    text = "\n\n".join(block.text for block in article.blocks if isinstance(block, Prose))
    if not text.strip():
        return None
    return WrittenArticle(title=article.title, text=text, source=article.source)
