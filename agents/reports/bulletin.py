"""From counts and editorial to a whole issue: pure, so the same input gives the same bulletin."""

from __future__ import annotations

from agents.reports.document import Bulletin, Column
from agents.reports.editorial import Editorial
from agents.reports.national import compile_national
from agents.reports.province import compile_province
from agents.reports.scheme import Scheme
from agents.reports.tally import Figures, Period

_YEAR = 12


def history(period: Period) -> Period:
    """Return the months whose counts an issue needs: its own and those it compares with.

    The national charts look back to January of the year before; a province's growth and its
    year to date need the same months.
    """
    return Period(period.year_to_date.earlier(_YEAR).first, period.last)


def compile_bulletin(
    figures: Figures,
    scheme: Scheme,
    editorial: Editorial,
    *,
    outbound: bool = False,
    watermark: str = "",
) -> Bulletin:
    """Compile an issue.

    Args:
        figures: counts of the period and its `history`, and how each unit's months stand.
        scheme: how the tree is shown.
        editorial: the written part.
        outbound: whether outbound work is a service type of its own; national scheme only.
        watermark: identifies the counts; empty for figures that come from no database.

    Raises:
        FiguresDisagree: when margins of the counts do not have the same sum.
        DefinitionInvalid: when the editorial leaves no place, or two, for the statistics.
    """
    compiled: tuple[Column, ...]
    if scheme.family == "national":
        compiled = (compile_national(figures, scheme, outbound=outbound),)
    else:
        compiled = compile_province(figures, scheme)
    columns = editorial.columns(compiled)
    return Bulletin(
        scheme=scheme.id,
        first_month=figures.period.first,
        last_month=figures.period.last,
        masthead=editorial.masthead(scheme.form),
        contents_title=scheme.form.contents_title,
        contents=_contents(columns, scheme.form.contents),
        columns=columns,
        imprint=editorial.imprint(),
        watermark=watermark,
    )


def _contents(columns: tuple[Column, ...], style: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    titled = [
        (column.name, tuple(article.title for article in column.articles if article.title))
        for column in columns
    ]
    if style == "columns":
        return tuple(titled)
    return (("", tuple(title for _, titles in titled for title in titles)),)
