from __future__ import annotations

from datetime import date
from typing import Final

import pytest

from agents.reports.document import Bulletin
from agents.reports.tally import Period
from agents.statistics.issue_drafts import draft_for, plain_editorial, write
from agents.statistics.issues import Draft, IssueRefused, IssueState, keep_draft, move_on
from ivr.errors import DefinitionInvalid
from tests.agents.reports import printed
from tests.agents.reports.conftest import editorial_2016
from tests.agents.statistics.books import Connection

OCTOBER: Final = Period(printed.OCTOBER, printed.OCTOBER)
NOVEMBER: Final = Period(date(2016, 11, 1), date(2016, 11, 1))
TODAY: Final = date(2016, 12, 9)


async def begin(connection: Connection, period: Period) -> Draft:
    return await draft_for(connection, "national-2016", "national", period, TODAY)


async def kept(connection: Connection, national: Bulletin) -> int:
    return await keep_draft(connection, national, Draft(editorial_2016(), outbound=True), by="甲")


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
    await move_on(connection, number, IssueState.REVIEW, by="甲")
    with pytest.raises(IssueRefused, match="in review"):
        await begin(connection, OCTOBER)


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
    await move_on(connection, number, IssueState.REVIEW, by="甲")
    await move_on(connection, number, IssueState.PUBLISHED, by="乙")
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
    await move_on(connection, number, IssueState.REVIEW, by="甲")
    with pytest.raises(IssueRefused, match="in state review"):
        await write(connection, number, 1, editorial_2016(), by="乙")
    with pytest.raises(IssueRefused, match="No issue"):
        await write(connection, number + 1, 1, editorial_2016(), by="乙")


async def test_an_issue_from_before_its_text_was_kept_has_a_plain_one(
    connection: Connection, national: Bulletin
) -> None:
    await kept(connection, national)
    await connection.execute("UPDATE bulletin SET editorial = NULL")
    assert (await begin(connection, OCTOBER)).editorial == plain_editorial(113, TODAY, "national")
