from __future__ import annotations

from dataclasses import replace
from datetime import date

from agents.reports.document import Bulletin
from agents.reports.editorial import Editorial, WrittenColumn
from agents.reports.recovery import recovered
from tests.agents.reports.conftest import editorial_2014, editorial_2016

TODAY = date(2020, 1, 2)


def unnamed(editorial: Editorial) -> Editorial:
    """The same; the name of the place for the statistics is not printed."""
    columns = [
        WrittenColumn(statistics=True) if column.statistics else column
        for column in editorial.column
    ]
    return editorial.model_copy(update={"column": tuple(columns)})


def test_what_was_written_is_read_back_from_either_bulletin(
    national: Bulletin, province: Bulletin
) -> None:
    assert recovered(national, 113, TODAY) == unnamed(editorial_2016())
    assert recovered(province, 1, TODAY) == unnamed(editorial_2014())


def test_a_document_that_tells_no_day_has_today_s(national: Bulletin) -> None:
    silent = replace(national, imprint=replace(national.imprint, printed_on=""), columns=())
    found = recovered(silent, 113, TODAY)
    assert (found.dated, found.copies) == (TODAY, 0)
    assert found.column == (WrittenColumn(statistics=True),)
