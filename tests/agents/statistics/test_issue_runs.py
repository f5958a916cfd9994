from __future__ import annotations

import json
from typing import Final

import pytest

from agents.database import queries
from agents.reports.document import Bulletin
from agents.reports.scheme import scheme
from agents.reports.tally import Period
from agents.statistics import issue_runs
from agents.statistics.issue_runs import (
    KIND,
    Wanted,
    ask_compilation,
    ask_drawing,
    ask_publication,
)
from agents.statistics.issues import Draft, IssueRefused, keep, send_to_review
from tests.agents.reports import printed
from tests.agents.reports.conftest import editorial_2016
from tests.agents.statistics.books import Connection

OCTOBER: Final = Period(printed.OCTOBER, printed.OCTOBER)


async def ask(connection: Connection) -> int:
    return await ask_compilation(
        connection, scheme("national-2016"), OCTOBER, outbound=False, by="s1"
    )


async def wanted(connection: Connection, run_id: int) -> Wanted:
    row = await queries.run(connection, run_id=run_id, seconds=20)
    assert (row["kind"], row["asked_by"]) == (KIND, "s1")
    return Wanted.model_validate(json.loads(row["wanted"]))


async def test_the_issue_of_some_months_is_compiled_once_at_a_time(connection: Connection) -> None:
    found = await wanted(connection, await ask(connection))
    assert (found.act, found.about) == ("compile", "national-2016 2016-10..2016-10")
    with pytest.raises(IssueRefused) as refusal:
        await ask(connection)
    assert refusal.value.code == "under_way"


async def test_what_is_in_review_is_published_by_another_and_not_compiled(
    connection: Connection, national: Bulletin
) -> None:
    with pytest.raises(IssueRefused, match="No issue"):
        await ask_publication(connection, 1, by="s1")
    number = await keep(connection, national, Draft(editorial_2016()), by="s2", files={})
    with pytest.raises(IssueRefused, match="cannot become published"):
        await ask_publication(connection, number, by="s1")
    await send_to_review(connection, number, by="s2")
    with pytest.raises(IssueRefused, match="in review"):
        await ask(connection)
    with pytest.raises(IssueRefused, match="another must publish"):
        await ask_publication(connection, number, by="s2")
    found = await wanted(connection, await ask_publication(connection, number, by="s1"))
    assert (found.act, found.bulletin_id) == ("publish", number)


async def test_only_an_issue_without_files_is_drawn(
    connection: Connection, national: Bulletin
) -> None:
    with pytest.raises(IssueRefused, match="No issue"):
        await ask_drawing(connection, 1, by="s1")
    number = await keep(connection, national, Draft(editorial_2016()), by="s2", files={})
    found = await wanted(connection, await ask_drawing(connection, number, by="s1"))
    assert (found.act, found.bulletin_id) == ("draw", number)
    await connection.execute("INSERT INTO bulletin_file VALUES ($1, 'pdf', '')", number)
    with pytest.raises(IssueRefused, match="has its files"):
        await ask_drawing(connection, number, by="s1")


async def test_nothing_is_sent_to_review_while_it_is_worked_on(
    connection: Connection, national: Bulletin
) -> None:
    number = await keep(connection, national, Draft(editorial_2016()), by="s2", files={})
    run_id = await ask(connection)
    with pytest.raises(IssueRefused, match="being worked on"):
        await issue_runs.send_to_review(connection, number, by="s2")
    await queries.cancel_run(connection, run_id=run_id, kind=KIND)
    await issue_runs.send_to_review(connection, number, by="s2")
    assert await connection.fetchval("SELECT state FROM bulletin") == "review"
