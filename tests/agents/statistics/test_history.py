from __future__ import annotations

from datetime import date

import pytest

from agents.reports.scheme import network
from agents.statistics.counts import disagreements
from agents.statistics.history import HistoryLine, decoded, import_requests, parse_history
from agents.statistics.submissions import SubmissionRefused
from agents.statistics.units import store_network
from ivr.categories.taxonomy import edition
from tests.agents.statistics.books import Connection

TREE = edition("12320-2014")
HEAD = "unit,date,service,path,settlement,count\n"
GOOD = HEAD + "js-nanjing,2014-11-05,咨询,咨询>寻医问药,,3\njs-wuxi,2014-11,投诉,,转办,2\n"
UNITS = {"js-nanjing", "js-wuxi"}


def test_lines_are_read_by_path_by_service_and_by_month() -> None:
    assert parse_history(GOOD, TREE, UNITS) == (
        HistoryLine(2, date(2014, 11, 5), "js-nanjing", "K02", "on_the_spot", 3),
        HistoryLine(3, date(2014, 11, 1), "js-wuxi", "U", "transferred", 2),
    )


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("nowhere,2014-11-05,咨询,,,1", "unit"),
        ("js-wuxi,2014-02-30,咨询,,,1", "date"),
        ("js-wuxi,2014-11-05,咨询,咨询>没有,,1", "path"),
        ("js-wuxi,2014-11-05,投诉,咨询>寻医问药,,1", "path"),
        ("js-wuxi,2014-11-05,咨询,,未知,1", "settlement"),
        ("js-wuxi,2014-11-05,咨询,,,-1", "count"),
        ("js-wuxi,2014-11-05,咨询,,,³", "count"),
        ("js-wuxi", "date"),
    ],
)
def test_a_bad_row_is_returned_with_its_line_column_and_reason(line: str, column: str) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        parse_history(GOOD + line + "\n", TREE, UNITS)
    assert f"line 4, {column}" in {fault.cell for fault in refused.value.faults}


def test_a_file_with_other_columns_is_refused_at_once() -> None:
    with pytest.raises(SubmissionRefused, match="line 1"):
        parse_history("a,b\n1,2\n", TREE, UNITS)


def test_files_of_older_office_programs_are_read() -> None:
    assert decoded(GOOD.encode("gb18030")) == GOOD
    assert decoded(b"\xef\xbb\xbf" + GOOD.encode()) == GOOD
    with pytest.raises(SubmissionRefused, match="GB 18030"):
        decoded(b"\xff\xff\xff")


@pytest.fixture
async def books(connection: Connection) -> Connection:
    await store_network(connection, "jiangsu", network("jiangsu"))
    return connection


async def take(books: Connection, text: str) -> bool:
    async with books.transaction():
        done = await import_requests(books, text.encode(), TREE, name="a.csv", by="test")
    return done.repeated


async def test_a_file_is_counted_once_however_often_it_is_imported(books: Connection) -> None:
    assert await take(books, GOOD) is False
    assert await take(books, GOOD) is True
    assert await books.fetchval("SELECT sum(n) FROM count_change") == 5
    assert await disagreements(books) == []


async def test_one_bad_row_leaves_nothing_imported(books: Connection) -> None:
    with pytest.raises(SubmissionRefused):
        await take(books, GOOD + "js-wuxi,2014-11-05,咨询,,,x\n")
    assert await books.fetchval("SELECT count(*) FROM import_file") == 0
    assert await books.fetchval("SELECT count(*) FROM count_change") == 0


async def test_a_day_that_a_submission_counts_already_is_refused_and_nothing_stays(
    books: Connection,
) -> None:
    await books.execute(
        """INSERT INTO submission (unit, month, scheme, version, standing, total, reason, document,
               digest, late, state, sent_by, accepted_at)
           VALUES ('js-wuxi', '2014-11-01', '12320-2014', 1, 'partial', 1, '', '', sha256(''),
               false, 'accepted', 'test', now())"""
    )
    with pytest.raises(SubmissionRefused, match="js-wuxi 2014-11-01"):
        await take(books, GOOD)
    assert await books.fetchval("SELECT count(*) FROM import_line") == 0
