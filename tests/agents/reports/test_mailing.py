"""Scheduled reports are sent once: by one server of several, after a death, after absence."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from structlog.testing import capture_logs

from agents.database import queries
from agents.events import NOTICE
from agents.feed import DESK_STREAM, Feed
from agents.reports import mailing, moment, saved
from agents.reports.catalogue import Filters, Told
from agents.reports.mail_run import Run
from agents.reports.mailing import Post
from agents.reports.main_figures import main_figures
from agents.reports.periods import Relative
from agents.reports.saved import Wish
from agents.reports.sms import MainFigures
from ivr.config import DatabaseSettings, MailSettings
from ivr.database import Pool, Session
from ivr.errors import SettingsInvalid
from tests.agents.conftest import CALLER, file_request, record_call
from tests.agents.post_office import PostOffice, post_office, settings_for

CHIEF, DEPUTY = "chief@wjw.example.cn", "deputy@wjw.example.cn"
WISH = Wish("日报", "category", Relative.TODAY)


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with post_office(None) as office:
        yield office


@pytest.fixture
async def people(pool: Pool) -> Pool:
    """A supervisor, and a call with a request."""
    await pool.execute("SELECT make_partitions_ahead(1)")
    await pool.execute(
        "INSERT INTO user_account (person, name, role, created_by)"
        " VALUES ('chief', '王班长', 'supervisor', '')"
    )
    await file_request(pool, await record_call(pool))
    return pool


async def scheduled(pool: Pool, *recipients: str, form: str = "csv", ago: str = "1 minute") -> int:
    """Schedule a report that is due; returns its number."""
    async with pool.acquire() as connection:
        number = await saved.save(connection, "chief", WISH)
        made: int = await queries.make_schedule(
            connection,
            saved_id=number,
            owner="chief",
            every="day",
            on_day=0,
            at=time(8),
            recipients=list(recipients) or [CHIEF],
            form=form,
            short_text=True,
            next_due=datetime.now(UTC),
        )
    await pool.execute("UPDATE report_schedule SET next_due = now() - $1::text::interval", ago)
    return made


def post(pool: Pool, redis: Redis, settings: MailSettings) -> Post:
    return Post(pool, DatabaseSettings(), settings, Feed(redis, "n1"), "https://desk.example.cn")


async def run_of(pool: Pool) -> Any:  # noqa: ANN401 - a row
    return await pool.fetchrow("SELECT * FROM report_run")


async def alarms(redis: Redis) -> list[dict[str, str]]:
    entries: Any = await redis.xrange(DESK_STREAM)
    return [entry for _, entry in entries if entry["type"] == NOTICE]


async def lapse(pool: Pool) -> None:
    """Let leases and pauses be over."""
    await pool.execute(
        "UPDATE report_run SET try_at = now() - interval '1 second',"
        " lease_until = now() - interval '1 second' WHERE holder IS NOT NULL"
    )
    await pool.execute("UPDATE report_run SET try_at = now() - interval '1 second'")


async def test_a_report_that_is_due_arrives_once_at_every_address(
    people: Pool, redis: Redis, office: PostOffice
) -> None:
    await scheduled(people, CHIEF, DEPUTY)
    server = post(people, redis, settings_for(office, None))
    await server.look()
    await server.look()
    assert sorted(office.to) == [CHIEF, DEPUTY]
    letter = office.letters[0]
    body = letter.get_body()
    assert body is not None
    assert letter["Subject"].startswith("日报（")
    assert "来电1" in body.get_content()
    assert "咨询1" in body.get_content()
    [attached] = letter.iter_attachments()
    table = attached.get_payload(decode=True)
    assert isinstance(table, bytes)
    assert "12320-2016 C02.01.01,1" in table.decode()
    assert CALLER not in letter.as_string() + body.get_content() + table.decode()
    row = await run_of(people)
    assert (row["state"], row["tries"], row["reason"]) == ("sent", 1, "")
    assert row["due_at"] < await people.fetchval("SELECT next_due FROM report_schedule")
    noted = await people.fetchrow("SELECT * FROM audit WHERE action = 'report.mailed'")
    assert noted is not None
    assert (noted["actor"], '"to": 2' in noted["detail"]) == ("chief", True)
    assert await alarms(redis) == []


async def test_times_that_were_missed_are_made_up_for_once(
    people: Pool, redis: Redis, office: PostOffice
) -> None:
    await scheduled(people, ago="20 days")
    await post(people, redis, settings_for(office, None)).look()
    assert len(office.letters) == 1
    due = (await run_of(people))["due_at"]
    assert timedelta(0) <= datetime.now(UTC) - due < timedelta(days=1)


async def test_two_servers_never_both_send(people: Pool, redis: Redis, office: PostOffice) -> None:
    await scheduled(people, *(f"chief{number}@wjw.example.cn" for number in range(8)))
    settings = settings_for(office, None)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(post(people, redis, settings).look())
    assert len(office.to) == len(set(office.to)) == 8
    assert await people.fetchval("SELECT count(*) FROM report_run") == 1


async def test_what_a_server_that_died_has_left_undone_is_done_by_another(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(people, CHIEF, DEPUTY)
    settings = settings_for(office, None)
    office.hangs_for = DEPUTY
    server = post(people, redis, settings)
    monkeypatch.setattr(server, "_let_go", AsyncMock())
    await ends_in_the_middle(office, server)
    assert office.to == [CHIEF]
    await post(people, redis, settings).look()
    assert office.to == [CHIEF], "a run that is held is nobody else's"
    await lapse(people)
    await post(people, redis, settings).look()
    assert office.to == [CHIEF, DEPUTY]
    row = await run_of(people)
    assert (row["state"], row["tries"]) == ("sent", 2)
    assert office.letters[1]["Message-ID"].startswith(f"<report.{row['run_id']}.")


async def test_what_a_server_that_is_stopped_has_left_undone_is_done_at_once(
    people: Pool, redis: Redis, office: PostOffice
) -> None:
    await scheduled(people, CHIEF, DEPUTY)
    settings = settings_for(office, None, tries=1)
    office.hangs_for = DEPUTY
    await ends_in_the_middle(office, post(people, redis, settings))
    assert (await run_of(people))["holder"] is None
    await post(people, redis, settings).look()
    assert office.to == [CHIEF, DEPUTY]
    row = await run_of(people)
    assert (row["state"], row["tries"]) == ("sent", 1), "a stop is no try"


async def test_a_server_that_is_stopped_as_it_says_what_came_of_a_run_gives_it_back(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(people)
    server = post(people, redis, settings_for(office, None))
    monkeypatch.setattr(server, "_settle", AsyncMock(side_effect=asyncio.CancelledError))
    with pytest.raises(asyncio.CancelledError):
        await server.look()
    assert (await run_of(people))["holder"] is None
    await post(people, redis, settings_for(office, None)).look()
    assert ((await run_of(people))["state"], office.to) == ("sent", [CHIEF])


async def ends_in_the_middle(office: PostOffice, server: Post) -> None:
    """Let a server end while it waits for the answer to a letter's content."""
    dying = asyncio.create_task(server.look())
    async with asyncio.timeout(20):
        await office.hung.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    office.hangs_for = ""


async def test_a_server_that_lost_its_lease_sends_nothing_more(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(people, CHIEF, DEPUTY)
    server = post(people, redis, settings_for(office, None))
    ended = server._ended

    async def taken_over(*told: Any) -> None:  # noqa: ANN401 - handed on
        await ended(*told)
        await people.execute("UPDATE report_run SET holder = 'another'")

    monkeypatch.setattr(server, "_ended", taken_over)
    await server.look()
    assert office.to == [CHIEF]
    row = await run_of(people)
    assert (row["state"], row["holder"]) == ("sending", "another")


async def test_a_mail_server_that_is_away_is_tried_again_and_given_up_with_an_alarm(
    people: Pool, redis: Redis, office: PostOffice
) -> None:
    await scheduled(people)
    away = settings_for(office, None, port=1, tries=3)
    for tries in (1, 2):
        await post(people, redis, away).look()
        row = await run_of(people)
        assert (row["state"], row["tries"], row["reason"]) == ("waiting", tries, "away")
        pause = row["try_at"] - datetime.now(UTC)
        assert pause > timedelta(minutes=tries) - timedelta(seconds=50)
        await post(people, redis, away).look()
        assert (await run_of(people))["tries"] == tries, "a pause is a pause"
        await lapse(people)
    await post(people, redis, away).look()
    row = await run_of(people)
    assert (row["state"], row["tries"], row["reason"]) == ("failed", 3, "away")
    [alarm] = await alarms(redis)
    assert alarm["to"] == "chief"
    assert "report_unsent" in alarm["data"]
    assert '"owner":"chief"' in alarm["data"], "who is led to it, and whom others can tell"
    assert await people.fetchval("SELECT string_agg(state, '') FROM report_delivery") == "refused"


async def test_an_address_that_is_refused_is_told_of_and_the_others_have_theirs(
    people: Pool, redis: Redis, office: PostOffice
) -> None:
    await scheduled(people, CHIEF, DEPUTY, "full@wjw.example.cn", "x@elsewhere.example.cn")
    office.answers[CHIEF] = "550 5.1.1 no such user"
    office.answers["full@wjw.example.cn"] = "452 4.2.2 full"
    server = post(people, redis, settings_for(office, None))
    await server.look()
    assert (await run_of(people))["reason"] == "put_off 452"
    del office.answers["full@wjw.example.cn"]
    await lapse(people)
    await server.look()
    assert sorted(office.to) == [DEPUTY, "full@wjw.example.cn"]
    row = await run_of(people)
    assert (row["state"], row["reason"]) == ("failed", "refused")
    refused = await people.fetch("SELECT recipient, reason FROM report_delivery ORDER BY 1")
    assert {one["recipient"]: one["reason"] for one in refused if one["reason"]} == {
        CHIEF: "refused 550",
        "x@elsewhere.example.cn": "not_allowed",
    }
    assert len(await alarms(redis)) == 1


async def test_a_run_that_became_anothers_gives_no_alarm(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(people)
    server = post(people, redis, settings_for(office, None, port=1, tries=1))
    settle = server._settle

    async def late(*told: Any) -> None:  # noqa: ANN401 - handed on
        await people.execute("UPDATE report_run SET holder = 'another'")
        await settle(*told)

    monkeypatch.setattr(server, "_settle", late)
    await server.look()
    assert (await run_of(people))["state"] == "sending"
    assert await alarms(redis) == []


async def test_a_run_has_not_ended_before_somebody_could_be_told_that_it_failed(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(people)
    settings = settings_for(office, None, port=1, tries=1)
    server = post(people, redis, settings)
    monkeypatch.setattr(server._feed, "tell_once", AsyncMock(side_effect=RedisAway))
    with pytest.raises(RedisAway):
        await server.look()
    assert (await run_of(people))["ended_at"] is None
    await lapse(people)
    await post(people, redis, settings).look()
    assert (await run_of(people))["state"] == "failed"
    assert len(await alarms(redis)) == 1


@pytest.mark.parametrize("failure", [ModuleNotFoundError, ValueError, KeyError])
async def test_what_breaks_one_mailing_ends_neither_the_others_nor_the_desks(
    people: Pool,
    redis: Redis,
    office: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
    failure: type[Exception],
) -> None:
    await scheduled(people)
    server = post(people, redis, settings_for(office, None, tries=1))
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(mailing, "run_report", AsyncMock(side_effect=failure))
        await server.look()
    row = await run_of(people)
    assert (row["state"], row["reason"]) == ("failed", "broken")
    assert [one["event"] for one in logs] == ["mailing.broken", "mailing.given_up"]
    assert len(await alarms(redis)) == 1


async def test_a_span_that_no_longer_exists_breaks_its_own_mailing_alone(
    people: Pool, redis: Redis, office: PostOffice
) -> None:
    await scheduled(people, CHIEF, ago="2 minutes")
    await people.execute("UPDATE saved_report SET period = 'past_14_days', name = '旧'")
    await scheduled(people, DEPUTY)
    await post(people, redis, settings_for(office, None)).look()
    assert office.to == [DEPUTY]
    states = await people.fetch("SELECT state, reason FROM report_run ORDER BY run_id")
    assert [tuple(one) for one in states] == [("waiting", "broken"), ("sent", "")]


async def test_a_run_during_which_servers_die_again_and_again_is_given_up(
    people: Pool, redis: Redis, office: PostOffice
) -> None:
    await scheduled(people)
    server = post(people, redis, settings_for(office, None, tries=1))
    await server._plan()
    for _ in range(4):
        assert await server._take() is not None
        await lapse(people)
    await server.look()
    row = await run_of(people)
    assert (row["state"], row["reason"], office.to) == ("failed", "broken", [])


def test_without_what_writes_letters_the_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mailing.hold_to_writers()
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(SettingsInvalid, match="extra `reports`"):
        mailing.hold_to_writers()


_PUT_AWAY = [
    "UPDATE saved_report SET deleted_at = now()",
    "UPDATE report_schedule SET stopped_at = now()",
]


@pytest.mark.parametrize("change", _PUT_AWAY)
async def test_what_was_stopped_or_put_away_is_not_tried_again(
    people: Pool, redis: Redis, office: PostOffice, change: str
) -> None:
    await scheduled(people)
    await post(people, redis, settings_for(office, None, port=1)).look()
    assert (await run_of(people))["state"] == "waiting"
    await people.execute(change)
    await lapse(people)
    await post(people, redis, settings_for(office, None)).look()
    row = await run_of(people)
    assert (row["state"], row["reason"], office.to) == ("failed", "withdrawn", [])
    assert await alarms(redis) == [], "whoever stopped it knows"


@pytest.mark.parametrize("change", _PUT_AWAY)
async def test_what_is_stopped_or_put_away_meanwhile_goes_to_nobody_else(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    await scheduled(people, CHIEF, DEPUTY)
    server = post(people, redis, settings_for(office, None))
    ended = server._ended

    async def changed(*told: Any) -> None:  # noqa: ANN401 - handed on
        await ended(*told)
        await people.execute(change)

    monkeypatch.setattr(server, "_ended", changed)
    await server.look()
    row = await run_of(people)
    assert (row["state"], row["reason"], office.to) == ("failed", "withdrawn", [CHIEF])


async def test_all_figures_of_a_letter_are_of_one_moment(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(people)

    async def after_another_call(session: Session, days: Filters, told: Told) -> MainFigures:
        await file_request(people, await record_call(people))
        return await main_figures(session, days, told)

    monkeypatch.setattr(mailing, "main_figures", after_another_call)
    await post(people, redis, settings_for(office, None)).look()
    body = office.letters[0].get_body()
    assert body is not None
    assert "受理1件次" in body.get_content()


async def test_a_run_is_held_while_its_figures_are_counted(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(people)
    await people.execute("UPDATE saved_report SET period = 'last_year'")
    server = post(people, redis, settings_for(office, None))
    hold, held = server._hold, []

    async def counted(run: Run) -> None:
        held.append(run.run_id)
        await hold(run)

    monkeypatch.setattr(server, "_hold", counted)
    await server.look()
    assert len(held) == 1 + 12 + 12 + 1, "at first, a month of the table, of the text, a letter"


@pytest.mark.parametrize("change", ["active = false", "role = 'agent'"])
async def test_nothing_is_mailed_for_somebody_who_may_not_see_it_any_more(
    people: Pool, redis: Redis, office: PostOffice, change: str
) -> None:
    await scheduled(people)
    await people.execute(f"UPDATE user_account SET {change}")  # noqa: S608 - two of ours
    await post(people, redis, settings_for(office, None)).look()
    assert office.letters == []
    row = await run_of(people)
    assert (row["state"], row["reason"]) == ("failed", "no_right")
    assert await people.fetchval("SELECT stopped_at IS NOT NULL FROM report_schedule")


async def test_figures_that_cannot_be_read_now_are_read_later(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(people)
    with monkeypatch.context() as broken:
        broken.setattr(mailing, "run_report", AsyncMock(side_effect=TimeoutError))
        await post(people, redis, settings_for(office, None)).look()
    assert (await run_of(people))["reason"] == "figures"
    await lapse(people)
    await post(people, redis, settings_for(office, None)).look()
    assert office.to == [CHIEF]


async def test_what_takes_longer_than_any_report_may_is_not_tried_again_and_again(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_told: object) -> None:
        await asyncio.Event().wait()

    await scheduled(people)
    monkeypatch.setattr(moment, "LONGEST_SECONDS", 0.05)
    monkeypatch.setattr(mailing, "run_report", endless)
    await post(people, redis, settings_for(office, None)).look()
    row = await run_of(people)
    assert (row["state"], row["tries"], row["reason"]) == ("failed", 1, "too_long")


async def test_a_database_that_is_away_is_asked_again(
    people: Pool, redis: Redis, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduled(people)
    monkeypatch.setattr(mailing, "LOOK_SECONDS", 0.01)
    server = post(people, redis, settings_for(office, None))
    look, failures = server.look, iter((OSError, TimeoutError))

    async def looks() -> None:
        for failure in failures:
            raise failure
        await look()

    monkeypatch.setattr(server, "look", looks)
    running = asyncio.create_task(server.run())
    try:
        async with asyncio.timeout(20):
            await office.taken.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
