from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

import asyncpg
import pytest

from ivr import failpoints
from ivr.asterisk import agi_protocol as protocol
from ivr.asterisk.actions import Action, Hangup, Originate, Reply
from ivr.asterisk.channel import Channel
from ivr.asterisk.link import Connected, Link
from ivr.callback import place
from ivr.config import REPOSITORY, CallbackSettings, Settings
from ivr.database import Pool, queries
from ivr.errors import ActionRefused, OutcomeUnknown, PeerBroke, ValueRefused
from ivr.hours import SHANGHAI, Hours, parse_hours
from ivr.recall import Recaller, ignore, policy_of
from tests.ivr import bookings, cel
from tests.ivr.ledgers import took

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday", "makeup")
ALWAYS = "[schedules.always]\n" + "\n".join(f'{day} = ["00:00-24:00"]' for day in DAYS)
NEVER = "[schedules.never]\n" + "\n".join(f'{day} = ["03:00-03:01"]' for day in DAYS)


def hours(consult: str = "always") -> Hours:
    queues = f'[queues]\nanyone = {{ schedule = "always" }}\nconsult = {{ schedule = "{consult}", '
    queues += 'otherwise = "anyone" }\nappt = { schedule = "always" }\n'
    text = f'{ALWAYS}\n{NEVER}\n[numbers]\ndefault = "always"\n{queues}'
    return parse_hours(REPOSITORY / "hours.toml", text)


class Died(BaseException):
    """The process was killed here."""


@dataclass
class FakeLink:
    """Takes actions down; raises what it is told to."""

    sent: list[Action] = field(default_factory=list)
    raises: Exception | None = None
    connected: bool = True

    async def send(self, action: Action) -> Reply:
        self.sent.append(action)
        if self.raises:
            raise self.raises
        return Reply("done")

    @property
    def orders(self) -> list[Originate]:
        return [action for action in self.sent if isinstance(action, Originate)]


@dataclass
class Rig:
    """A recaller with links that only note what they are asked."""

    pool: Pool
    settings: Settings
    dialler: FakeLink = field(default_factory=FakeLink)
    live: FakeLink = field(default_factory=FakeLink)
    open_hours: Hours = field(default_factory=hours)
    at: datetime = field(default_factory=partial(datetime.now, UTC))

    def recaller(self) -> Recaller:
        """Make a new one, as a process that has just started does."""
        links = (cast("Link", self.dialler), cast("Link", self.live))
        return Recaller(self.pool, self.settings, lambda: self.open_hours, links, self.at.timestamp)


@pytest.fixture
def rig(pool: Pool, settings: Settings) -> Rig:
    day = settings.callback.model_copy(update={"permitted": "00:00-24:00"})
    return Rig(pool, settings.model_copy(update={"callback": day}))


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.disarm()


@pytest.fixture
async def boot(connection: Connection) -> None:
    await connection.execute("INSERT INTO engine_boot (node, boot) VALUES ('n1', 7)")


async def booked(
    connection: Connection, rig: Rig, *numbers: str, since: float = 0, queue: str = "consult"
) -> None:
    """Tickets of these numbers, in this order in line."""
    calls = []
    for serial, number in enumerate(numbers, 1):
        call = bookings.booked(serial + round(since), caller=number, queue=queue)
        calls.append(call)
    await took(rig.pool, rig.settings, *calls)
    for serial, number in enumerate(numbers):
        await connection.execute(
            "UPDATE callback_ticket SET booked_at = now(), due_at = now() - interval '1 s', "
            "entered_at = to_timestamp($2) WHERE number = $1",
            number,
            rig.at.timestamp() - 600 + since + serial,
        )


async def tickets(connection: Connection) -> list[tuple[str, int]]:
    rows = await connection.fetch("SELECT state, tries FROM callback_ticket ORDER BY entered_at")
    return [(row["state"], row["tries"]) for row in rows]


NUMBERS = ("13800001234", "13800001235", "02583620521")


@pytest.mark.usefixtures("boot")
async def test_due_tickets_are_placed_once_with_their_place_and_without_their_number(
    connection: Connection, rig: Rig
) -> None:
    await booked(connection, rig, *NUMBERS)
    assert await rig.recaller().step() == 3
    assert await rig.recaller().step() == 0, "and not again by another process"
    rows = await connection.fetch(
        "SELECT attempt_id, entered_at FROM callback_attempt JOIN callback_ticket "
        "USING (ticket_id) ORDER BY entered_at"
    )
    for row, order in zip(rows, rig.dialler.orders, strict=True):
        assert order.channel_id == row["attempt_id"]
        expected = place(0, int(row["entered_at"].timestamp()))
        assert order.variables["CALLBACK_PLACE"] == str(expected)
        assert order.variables["CALLBACK_QUEUE"] == "consult"
        late = int(order.variables["NOT_AFTER"]) - rig.at.timestamp()
        assert 15 < late < 40
        assert not [n for n in NUMBERS if n in str(order.headers())], "told later, or never"
    assert await tickets(connection) == [("calling", 0)] * 3


async def test_without_a_known_start_of_asterisk_or_a_link_nobody_is_placed(
    connection: Connection, rig: Rig
) -> None:
    await booked(connection, rig, NUMBERS[0])
    await connection.execute("DELETE FROM engine_boot")
    assert await rig.recaller().step() == 0
    await connection.execute("INSERT INTO engine_boot (node, boot) VALUES ('n1', 7)")
    rig.dialler.connected = False
    assert await rig.recaller().step() == 0
    assert await tickets(connection) == [("waiting", 0)]


@pytest.mark.usefixtures("boot")
async def test_nobody_is_placed_out_of_hours_and_closed_queues_keep_no_others_waiting(
    connection: Connection, rig: Rig
) -> None:
    await booked(connection, rig, NUMBERS[0])
    await booked(connection, rig, NUMBERS[1], since=30, queue="appt")
    rig.settings = rig.settings.model_copy(
        update={"callback": rig.settings.callback.model_copy(update={"in_line": 1})}
    )
    rig.open_hours = hours(consult="never")
    assert await rig.recaller().step() == 1
    assert [order.variables["CALLBACK_QUEUE"] for order in rig.dialler.orders] == ["appt"]


@pytest.mark.parametrize(("clock", "placed"), [(8, 0), (9, 1), (19, 1), (20, 0), (3, 0)])
@pytest.mark.usefixtures("boot")
async def test_permitted_hours_are_those_of_china(
    connection: Connection, rig: Rig, clock: int, placed: int
) -> None:
    await booked(connection, rig, NUMBERS[0])
    rig.settings = rig.settings.model_copy(update={"callback": CallbackSettings()})
    rig.at = datetime.now(SHANGHAI).replace(hour=clock, minute=0, second=5)
    assert await rig.recaller().step() == placed


@pytest.mark.usefixtures("boot")
async def test_no_more_place_holders_are_in_line_than_are_allowed(
    connection: Connection, rig: Rig
) -> None:
    few = rig.settings.callback.model_copy(update={"in_line": 2})
    rig.settings = rig.settings.model_copy(update={"callback": few})
    await booked(connection, rig, *NUMBERS)
    assert await rig.recaller().step() == 2
    assert await rig.recaller().step() == 0


@pytest.mark.usefixtures("boot")
async def test_who_is_on_the_line_with_us_or_asked_not_to_be_called_is_left_alone(
    connection: Connection, rig: Rig
) -> None:
    await booked(connection, rig, *NUMBERS[:2])
    await took(rig.pool, rig.settings, cel.Journal(50, second=cel.SECOND + 900).begins(NUMBERS[0]))
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 minute'")
    await took(rig.pool, rig.settings)
    await connection.execute("CREATE TABLE do_not_call (number text PRIMARY KEY)")
    await connection.execute("INSERT INTO do_not_call VALUES ($1)", NUMBERS[1])
    await rig.recaller().step()
    assert rig.dialler.orders == []
    assert await tickets(connection) == [("waiting", 0), ("refused", 0)]


@pytest.mark.usefixtures("boot")
async def test_the_number_is_given_once_and_only_while_nothing_speaks_against_it(
    connection: Connection, rig: Rig
) -> None:
    await booked(connection, rig, *NUMBERS)
    await rig.recaller().step()
    first, second, third = (order.channel_id for order in rig.dialler.orders)
    recaller = rig.recaller()
    assert await recaller.number_for(first) == NUMBERS[0]
    assert await recaller.number_for(first) == ""
    await connection.execute("CREATE TABLE do_not_call (number text PRIMARY KEY)")
    await connection.execute("INSERT INTO do_not_call VALUES ($1)", NUMBERS[1])
    assert await recaller.number_for(second) == ""
    await took(rig.pool, rig.settings, cel.Journal(50, second=cel.SECOND + 900).begins(NUMBERS[2]))
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 minute'")
    await took(rig.pool, rig.settings)
    assert await recaller.number_for(third) == "", "he has just called us himself"
    assert await recaller.number_for("n1-7-1795009999.c9") == ""


@pytest.mark.usefixtures("boot")
async def test_the_number_is_not_given_out_of_hours(connection: Connection, rig: Rig) -> None:
    await booked(connection, rig, NUMBERS[0])
    await rig.recaller().step()
    rig.open_hours = hours(consult="never")
    assert await rig.recaller().number_for(rig.dialler.orders[0].channel_id) == ""


@pytest.mark.usefixtures("boot")
async def test_three_rings_in_vain_with_their_pauses_and_then_people_take_over(
    connection: Connection, rig: Rig
) -> None:
    await booked(connection, rig, NUMBERS[0])
    first = await connection.fetchval("SELECT call_id FROM callback_ticket")
    for ring in (1, 2, 3):
        assert await rig.recaller().step() == 1
        order = rig.dialler.orders[-1]
        assert await rig.recaller().number_for(order.channel_id) == NUMBERS[0]
        vain = bookings.rung_in_vain(order.channel_id, first, NUMBERS[0])
        await took(rig.pool, rig.settings, vain)
        await connection.execute("UPDATE callback_attempt SET resolved_at = now()")
        assert await rig.recaller().step() == 0, "not before its pause is over"
        due = await connection.fetchval("SELECT due_at - now() FROM callback_ticket")
        assert ring == 3 or timedelta(minutes=9) < due <= timedelta(minutes=10)
        await connection.execute("UPDATE callback_ticket SET due_at = now()")
    assert await rig.recaller().step() == 0
    assert await tickets(connection) == [("not_reached", 3)]
    listed = await connection.fetchrow("SELECT number, reason, state FROM missed_caller")
    assert listed is not None
    assert tuple(listed) == (NUMBERS[0], "not_reached", "open")


@pytest.mark.usefixtures("boot")
async def test_a_ticket_that_grew_too_old_goes_to_people(connection: Connection, rig: Rig) -> None:
    await booked(connection, rig, NUMBERS[0])
    await connection.execute("UPDATE callback_ticket SET booked_at = now() - interval '4 days'")
    assert await rig.recaller().step() == 0
    assert await tickets(connection) == [("expired", 0)]
    assert await connection.fetchval("SELECT reason FROM missed_caller") == "expired"


@pytest.mark.usefixtures("boot")
async def test_the_place_holder_of_a_closed_ticket_is_taken_out_of_the_line(
    connection: Connection, rig: Rig
) -> None:
    await booked(connection, rig, NUMBERS[0])
    await rig.recaller().step()
    await took(rig.pool, rig.settings, cel.answered(60, second=cel.SECOND + 900))
    await connection.execute(
        "UPDATE callback_ticket SET state = 'served', closed_at = now() WHERE state = 'calling'"
    )
    await rig.recaller().step()
    attempt = rig.dialler.orders[0].channel_id
    assert rig.live.sent == [Hangup(attempt)]
    assert await rig.recaller().number_for(attempt) == ""


@pytest.mark.parametrize("failure", [OutcomeUnknown("lost"), ActionRefused("no")])
@pytest.mark.usefixtures("boot")
async def test_an_order_is_never_sent_again_and_without_a_trace_it_is_withdrawn(
    connection: Connection, rig: Rig, failure: Exception
) -> None:
    await booked(connection, rig, NUMBERS[0])
    rig.dialler.raises = failure
    assert await rig.recaller().step() == 1
    rig.dialler.raises = None
    assert await rig.recaller().step() == 0
    attempt = rig.dialler.orders[0].channel_id
    await connection.execute("UPDATE callback_attempt SET not_after = now() - interval '59 s'")
    assert await rig.recaller().step() == 0
    await connection.execute("UPDATE callback_attempt SET not_after = now() - interval '61 s'")
    await rig.recaller().step()
    assert await rig.recaller().number_for(attempt) == "", "even if it comes after all"
    await connection.execute("UPDATE callback_ticket SET due_at = now()")
    assert await rig.recaller().step() == 1
    ids = [order.channel_id for order in rig.dialler.orders]
    assert len(set(ids)) == len(ids) == 2
    assert await tickets(connection) == [("calling", 0)]


PLACES = ("recall.intent.before", "recall.intent.after", "recall.placed", "recall.move.before")


@pytest.mark.parametrize("where", [*PLACES, "recall.number.before", "recall.number.after"])
@pytest.mark.usefixtures("boot")
async def test_killed_anywhere_nobody_is_rung_twice_and_nobody_is_forgotten(
    connection: Connection, rig: Rig, where: str
) -> None:
    """The process dies at a place, is started again, and all is played to the end."""
    await booked(connection, rig, *NUMBERS)
    given: list[str] = []
    deaths = 0

    def strike(place_: str) -> None:
        nonlocal deaths
        if place_ == where and deaths == 0:
            deaths += 1
            raise Died

    failpoints.arm(strike)
    for _ in range(12):
        recaller = rig.recaller()
        calls: dict[str, cel.Journal] = {}
        with suppress(Died):
            await recaller.step()
        for order in rig.dialler.orders:
            attempt, of = order.channel_id, order.variables["CALLBACK_OF"]
            if not await connection.fetchval("SELECT 1 FROM call WHERE call_id = $1", attempt):
                calls[attempt] = _void(attempt, of)
                with suppress(Died):
                    if number := await recaller.number_for(attempt):
                        given.append(number)
                        calls[attempt] = bookings.reached(attempt, of)
        await took(rig.pool, rig.settings, *calls.values())
        await connection.execute(
            "UPDATE callback_attempt SET not_after = not_after - interval '2 minutes' "
            "WHERE outcome IS NULL"
        )
        await connection.execute("UPDATE callback_ticket SET due_at = now() WHERE due_at > now()")
    assert deaths == 1, "the place is there"
    assert sorted(given) == sorted(NUMBERS)
    assert await tickets(connection) == [("reached", 1)] * 3
    ids = [order.channel_id for order in rig.dialler.orders]
    assert len(ids) == len(set(ids)), "no order was sent twice"


def _void(attempt_id: str, of: str) -> cel.Journal:
    return bookings.given_up(bookings.placed(attempt_id, of))


@pytest.mark.usefixtures("boot")
async def test_the_bridge_needs_no_more_than_its_role(connection: Connection, rig: Rig) -> None:
    await booked(connection, rig, *NUMBERS)
    ledger, least = rig.pool, {"role": "hotline_bridge"}
    url = rig.settings.database.url
    async with asyncpg.create_pool(url, min_size=0, max_size=2, server_settings=least) as pool:
        rig.pool = pool
        assert await rig.recaller().step() == 3
        first = rig.dialler.orders[0]
        assert await rig.recaller().number_for(first.channel_id) == NUMBERS[0]
        of = first.variables["CALLBACK_OF"]
        await took(ledger, rig.settings, bookings.rung_in_vain(first.channel_id, of))
        await connection.execute("UPDATE callback_ticket SET tries = 2 WHERE state = 'calling'")
        await rig.recaller().step()
        assert ("not_reached", 3) in await tickets(connection)
        known = queries.callers_known(pool, callers=[NUMBERS[0]], numbers=[NUMBERS[0]])
        assert [row["level"] async for row in known] == [0]
        await queries.newest_surge_order(pool)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute("UPDATE call SET caller = ''")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute("DELETE FROM callback_attempt")


def asking(*arguments: str) -> tuple[Channel, list[str]]:
    said: list[str] = []

    async def ask(command: str, _seconds: float) -> protocol.Reply:
        said.append(command)
        return protocol.Reply("1")

    environment = protocol.Environment(
        script="menu",
        channel=bookings.PLACE_HOLDER,
        language="zh",
        uniqueid="n1-7-1795001000.c1",
        caller="unknown",
        context="callback-call",
        extension="s",
        arguments=("token", *arguments),
    )
    return Channel(ask, environment), said


@pytest.mark.usefixtures("boot")
async def test_the_dialplan_is_told_the_number_or_nothing_at_all(
    connection: Connection, rig: Rig
) -> None:
    await booked(connection, rig, NUMBERS[0])
    recaller = rig.recaller()
    await recaller.step()
    attempt = rig.dialler.orders[0].channel_id
    for expected in ([f'SET VARIABLE CALLBACK_NUMBER "{NUMBERS[0]}"'], []):
        channel, said = asking("callback", attempt)
        await recaller.give_number(channel)
        assert said == expected
    with pytest.raises(PeerBroke):
        await recaller.give_number(asking("callback")[0])
    await rig.pool.close()
    channel, said = asking("callback", attempt)
    await recaller.give_number(channel)
    assert said == [], "no database, no call"


async def test_a_database_that_is_away_stalls_the_recaller_and_ends_nothing(rig: Rig) -> None:
    await rig.pool.close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await rig.recaller().run()


def test_the_policy_is_what_the_settings_say() -> None:
    policy = policy_of(CallbackSettings(tries=2, pause_seconds=60, permitted="08:30-21:15"))
    assert (policy.tries, policy.pause) == (2, timedelta(minutes=1))
    assert (policy.permitted.opens, policy.permitted.closes) == (510, 1275)


def test_a_place_holder_is_hung_up_by_its_id_and_nothing_else_passes_as_one() -> None:
    assert Hangup("n1-7-1795001000.c1").headers()["Channel"] == "n1-7-1795001000.c1"
    with pytest.raises(ValueRefused):
        Hangup("/.*/")
    ignore(Connected(datetime.now(UTC)))
