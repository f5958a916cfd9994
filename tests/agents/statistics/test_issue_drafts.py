from __future__ import annotations

from datetime import date
from typing import Final

import pytest

from agents.reports.document import Bulletin
from agents.reports.scheme import scheme
from agents.reports.tally import Period
from agents.statistics.issue_drafts import draft_for, following, plain_editorial, with_text, write
from agents.statistics.issue_drafts import keep as keep_with_text
from agents.statistics.issues import (
    Draft,
    IssueRefused,
    keep,
    may_publish,
    publish,
    send_to_review,
)
from ivr.errors import DefinitionInvalid
from tests.agents.reports import printed
from tests.agents.reports.conftest import editorial_2014, editorial_2016
from tests.agents.statistics.books import Connection

OCTOBER: Final = Period(printed.OCTOBER, printed.OCTOBER)
NOVEMBER: Final = Period(date(2016, 11, 1), date(2016, 11, 1))
TODAY: Final = date(2016, 12, 9)
FILES: Final = {"html": b"<p>"}


async def begin(connection: Connection, period: Period) -> Draft:
    return await draft_for(connection, scheme("national-2016"), period, TODAY)


async def kept(connection: Connection, national: Bulletin) -> int:
    draft = Draft(editorial_2016(), outbound=True)
    return await keep(connection, national, draft, by="甲", files=FILES)


async def test_the_first_issue_has_the_fixed_columns_and_no_word_in_them(
    connection: Connection,
) -> None:
    draft = await begin(connection, OCTOBER)
    assert (draft.bulletin_id, draft.editorial.issue, draft.editorial.dated) == (None, 1, TODAY)
    assert [column.name for column in draft.editorial.column] == ["工作进展", "", "工作交流"]
    assert [column.statistics for column in plain_editorial(7, TODAY).column] == [True]


async def test_the_issue_in_work_is_gone_on_with_unless_it_is_in_review(
    connection: Connection, national: Bulletin
) -> None:
    number = await kept(connection, national)
    assert await begin(connection, OCTOBER) == Draft(editorial_2016(), True, number, 1)  # noqa: FBT003 - the order of a dataclass
    await send_to_review(connection, number, by="甲")
    with pytest.raises(IssueRefused, match="in review"):
        await begin(connection, OCTOBER)
    # Whoever only prints it replaces nothing.
    shown = scheme("national-2016")
    printed_only = await draft_for(connection, shown, OCTOBER, TODAY, to_keep=False)
    assert printed_only.editorial == editorial_2016()


async def test_the_next_issue_has_the_next_numbers_the_same_foot_and_no_article(
    connection: Connection, national: Bulletin
) -> None:
    await kept(connection, national)
    after = (await begin(connection, NOVEMBER)).editorial
    before = editorial_2016()
    assert (after.issue, after.total_issue, after.dated) == (114, 114, TODAY)
    assert (after.sent_to, after.contact) == (before.sent_to, before.contact)
    assert [column.name for column in after.column] == [column.name for column in before.column]
    assert not any(column.article for column in after.column)


async def test_a_restated_month_begins_with_what_was_published_of_it(
    connection: Connection, national: Bulletin
) -> None:
    number = await kept(connection, national)
    await send_to_review(connection, number, by="甲")
    reviewed = await may_publish(connection, number, by="乙")
    await publish(connection, number, reviewed, FILES, by="乙")
    draft = await begin(connection, OCTOBER)
    assert (draft.bulletin_id, draft.editorial) == (None, editorial_2016())


async def test_of_two_who_write_at_once_the_second_is_told_who_was_first(
    connection: Connection, national: Bulletin
) -> None:
    number = await kept(connection, national)
    mine = editorial_2016().model_copy(update={"issue": 114})
    assert await write(connection, number, 1, mine, by="乙") == 1 + 1
    with pytest.raises(IssueRefused, match="乙 has saved version 2") as refusal:
        await write(connection, number, 1, editorial_2016(), by="丙")
    assert (refusal.value.code, refusal.value.named["by"]) == ("written_by_another", "乙")
    assert (await begin(connection, OCTOBER)).editorial == mine
    assert await connection.fetchval("SELECT issue FROM bulletin") == mine.issue


async def test_only_a_draft_with_one_place_for_the_statistics_is_written(
    connection: Connection, national: Bulletin
) -> None:
    number = await kept(connection, national)
    nowhere = editorial_2016().model_copy(update={"column": ()})
    with pytest.raises(DefinitionInvalid):
        await write(connection, number, 1, nowhere, by="乙")
    await send_to_review(connection, number, by="甲")
    with pytest.raises(IssueRefused, match="in state review"):
        await write(connection, number, 1, editorial_2016(), by="乙")
    with pytest.raises(IssueRefused, match="No issue"):
        await write(connection, number + 1, 1, editorial_2016(), by="乙")


async def test_the_text_of_an_issue_from_before_it_was_kept_is_read_from_its_document(
    connection: Connection, national: Bulletin
) -> None:
    number = await kept(connection, national)
    await connection.execute("UPDATE bulletin SET editorial = NULL")
    draft = await begin(connection, OCTOBER)
    assert draft.editorial.column[0] == editorial_2016().column[0]
    assert (draft.editorial.issue, draft.editorial.sent_to) == (113, "各成员单位")
    # The issue after it goes on from its numbers.
    assert (await begin(connection, NOVEMBER)).editorial.issue == 113 + 1
    await keep(connection, national, draft, by="甲", files=FILES)
    row = await connection.fetchrow("SELECT editorial, compiled_version = version FROM bulletin")
    assert row is not None
    assert tuple(row) == (draft.editorial.model_dump_json(), True)
    # From then on it is written like any other.
    await write(connection, number, 1, editorial_2016(), by="乙")
    assert (await begin(connection, OCTOBER)).editorial == editorial_2016()


@pytest.mark.parametrize(
    ("scheme_id", "day", "numbers"),
    [
        ("jiangsu-2014", date(2015, 1, 10), (1, 54)),
        ("jiangsu-2014", date(2014, 12, 30), (7, 54)),
        ("jiangsu-2014", date(2013, 1, 10), (7, 54)),
        # A head that prints one number alone has it go on.
        ("national-2016", date(2015, 1, 10), (7, 54)),
    ],
)
def test_the_number_begins_anew_each_year_where_the_total_is_printed_beside_it(
    scheme_id: str, day: date, numbers: tuple[int, int]
) -> None:
    december = editorial_2014().model_copy(
        update={"issue": 6, "total_issue": 53, "dated": date(2014, 12, 5)}
    )
    after = following(december, day, scheme(scheme_id).form)
    assert (after.issue, after.total_issue) == numbers


async def test_what_cannot_be_printed_is_not_saved_and_named_with_its_place(
    connection: Connection, national: Bulletin
) -> None:
    number = await kept(connection, national)
    before = await connection.fetchrow("SELECT * FROM bulletin")
    broken = editorial_2016().model_copy(update={"sent_to": "各\x0b单位", "issue": 3_000_000_000})
    with pytest.raises(IssueRefused) as refusal:
        await write(connection, number, 1, broken, by="乙")
    assert (refusal.value.code, refusal.value.named["misprints"]) == (
        "misprinted",
        [
            {"path": "issue", "at": 0, "what": "3000000000"},
            {"path": "sent_to", "at": 2, "what": "U+000B"},
        ],
    )
    assert await connection.fetchrow("SELECT * FROM bulletin") == before


@pytest.mark.parametrize("version", [2, 2**31, 2**63 - 1])
async def test_nobody_can_have_begun_with_a_version_that_never_was(
    connection: Connection, national: Bulletin, version: int
) -> None:
    number = await kept(connection, national)
    with pytest.raises(IssueRefused) as refusal:
        await write(connection, number, version, editorial_2016(), by="乙")
    assert refusal.value.code == "no_version"


async def test_another_text_replaces_the_kept_one_only_when_its_version_is_named(
    connection: Connection, national: Bulletin
) -> None:
    number = await kept(connection, national)
    mine = editorial_2016().model_copy(update={"issue": 114})
    draft = await begin(connection, OCTOBER)
    assert with_text(draft, editorial_2016(), None) == draft
    for over in (None, 2):
        with pytest.raises(IssueRefused, match="a text of its own, version 1"):
            with_text(draft, mine, over)
    named = with_text(draft, mine, 1)
    assert await keep_with_text(connection, national, named, by="乙", files={}) == number
    after = await begin(connection, OCTOBER)
    assert (after.editorial, after.version) == (mine, 2)
    assert await connection.fetchval("SELECT compiled_version FROM bulletin") == after.version
    # Somebody else has saved since.
    with pytest.raises(IssueRefused, match="乙 has saved version 2"):
        await keep_with_text(connection, national, named, by="丙", files={})
