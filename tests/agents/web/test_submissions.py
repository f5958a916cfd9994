"""Units' months in the browser: handed in, accepted, sent back, and every wrong cell named."""

from __future__ import annotations

import base64
import io
import re
from datetime import date

import openpyxl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agents.database import queries
from agents.reports.scheme import network
from agents.roles import Role
from agents.statistics.submission_book import blank_book
from agents.statistics.submission_files import read_submission
from agents.statistics.submissions import Fault, SubmissionRefused, sign
from agents.statistics.units import store_network
from agents.web.submissions import in_chinese
from ivr.categories.taxonomy import edition
from ivr.database import Pool
from tests.agents.conftest import Desk
from tests.agents.statistics.test_submission_files import HEAD, rows

MONTH = "network=national&month=2016-10&edition=12320-2016"
OF_JIANGSU = "/units/jiangsu/months/2016-10"
LINES = rows(("C01", "", "2", "1", ""))


def packed(content: bytes | str, name: str = "october.csv", **more: str) -> dict[str, str]:
    data = content.encode() if isinstance(content, str) else content
    return {"name": name, "content": base64.b64encode(data).decode(), **more}


@pytest.fixture
async def analyst(desk: Desk, pool: Pool) -> Desk:
    async with pool.acquire() as connection:
        await store_network(connection, "national", network("national"))
    await desk.enter(Role.ANALYST)
    return desk


async def standing(desk: Desk, unit: str = "jiangsu") -> dict[str, object]:
    found = await (await desk.ask("GET", f"/submissions?{MONTH}")).json()
    return next(one for one in found["units"] if one["unit"] == unit)


async def test_who_has_not_reported_is_missing_until_the_month_is_accepted(analyst: Desk) -> None:
    choices = await (await analyst.ask("GET", "/submissions/choices")).json()
    assert choices["networks"] == ["national"]
    assert "12320-2016" in choices["editions"]
    found = await (await analyst.ask("GET", f"/submissions?{MONTH}")).json()
    assert (len(found["units"]), found["reported"]) == (31, 0)
    came = await analyst.ask("POST", "/submissions", packed(LINES))
    receipt = await came.json()
    assert (came.status, receipt["unit"], receipt["month"]) == (201, "jiangsu", "2016-10")
    assert (receipt["version"], receipt["repeated"], receipt["late"]) == (1, False, True)
    waiting = await standing(analyst)
    assert (waiting["standing"], waiting["version"], waiting["accepted"]) == ("missing", 1, False)
    path = f"/submissions/{receipt['submission_id']}/accept"
    assert await (await analyst.ask("POST", path)).json() == {"replaced": None}
    assert (await standing(analyst))["standing"] == "complete"
    again = await analyst.ask("POST", path)
    assert (again.status, (await again.json())["fields"]) == (
        422,
        [{"field": "submission", "message": "应为待受理的上报，实为“已受理”"}],
    )


async def test_a_month_is_restated_and_every_version_kept(analyst: Desk) -> None:
    for total in ("3", "4"):
        text = rows(("C01", "", "2", str(int(total) - 2), ""), head=(*HEAD[:4], total, HEAD[5]))
        receipt = await (await analyst.ask("POST", "/submissions", packed(text))).json()
        await analyst.ask("POST", f"/submissions/{receipt['submission_id']}/accept")
    found = await (await analyst.ask("GET", f"{OF_JIANGSU}?edition=12320-2016")).json()
    assert [(one["version"], one["state"], one["total"]) for one in found["versions"]] == [
        (2, "accepted", 4),
        (1, "replaced", 3),
    ]


async def test_a_month_that_is_sent_back_never_counts(analyst: Desk, pool: Pool) -> None:
    receipt = await (await analyst.ask("POST", "/submissions", packed(LINES))).json()
    path = f"/submissions/{receipt['submission_id']}"
    assert (await analyst.ask("POST", f"{path}/return", {"reason": " "})).status == 400
    assert (await analyst.ask("POST", f"{path}/return", {"reason": "总数待核"})).status == 204
    row = await standing(analyst)
    assert (row["standing"], row["returned"], row["accepted"]) == ("missing", True, False)
    found = await (await analyst.ask("GET", f"{OF_JIANGSU}?edition=12320-2016")).json()
    one = found["versions"][0]
    assert (one["state"], one["return_reason"]) == ("returned", "总数待核")
    assert one["returned_by"]
    for step, body in (("accept", None), ("return", {"reason": "再退"})):
        assert (await analyst.ask("POST", f"{path}/{step}", body)).status == 422
    assert await pool.fetchval("SELECT count(*) FROM count_change") == 0


async def test_a_wrong_file_is_refused_cell_by_cell_and_nothing_is_kept(
    analyst: Desk, pool: Pool
) -> None:
    text = rows(("C01", "", "二", "1", ""), ("X99", "", "1", "", ""), head=("nowhere", *HEAD[1:]))
    came = await analyst.ask("POST", "/submissions", packed(text))
    told = await came.json()
    assert (came.status, told["code"]) == (422, "submission_refused")
    assert told["fields"] == [
        {"field": "C9", "message": "应为不小于 0 的整数，实为“二”"},
        {"field": "A10", "message": "应为12320-2016 的类别编码，实为“X99”"},
        {"field": "B1", "message": "应为已登记的上报单位，实为“nowhere”"},
    ]
    assert await pool.fetchval("SELECT count(*) FROM submission") == 0


async def test_the_form_is_taken_out_filled_in_and_handed_in_again(analyst: Desk) -> None:
    came = await analyst.ask("GET", f"{OF_JIANGSU}/form?edition=12320-2016")
    assert 'filename="jiangsu-2016-10.xlsx"' in came.headers["Content-Disposition"]
    book = openpyxl.load_workbook(io.BytesIO(await came.read()))
    sheet = book.worksheets[0]
    sheet["B5"], sheet["C9"] = 7, 7
    filled = io.BytesIO()
    book.save(filled)
    came = await analyst.ask("POST", "/submissions", packed(filled.getvalue(), "form.xlsx"))
    assert (came.status, (await came.json())["unit"]) == (201, "jiangsu")
    for path in ("/units/nowhere/months/2016-10", "/units/jiangsu/months/2016-10"):
        bad = await analyst.ask("GET", f"{path}/form?edition=weather")
        assert bad.status == 404


async def test_a_unit_with_a_key_must_sign(analyst: Desk, pool: Pool) -> None:
    key = Ed25519PrivateKey.generate()
    async with pool.acquire() as connection:
        await queries.set_unit_key(
            connection, unit="jiangsu", public_key=key.public_key().public_bytes_raw()
        )
    unsigned = await analyst.ask("POST", "/submissions", packed(LINES))
    assert (await unsigned.json())["fields"][0]["message"] == "应为该单位的签名，实为“无”"
    month = read_submission("x.csv", LINES.encode(), {"jiangsu"})
    signature = base64.b64encode(sign(month, key.private_bytes_raw())).decode()
    signed = await analyst.ask("POST", "/submissions", packed(LINES, signature=signature))
    assert signed.status == 201
    wrong = base64.b64encode(bytes(64)).decode()
    forged = await analyst.ask("POST", "/submissions", packed(LINES + ",,,,\n", signature=wrong))
    assert (await forged.json())["fields"][0]["field"] == "signature"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/submissions?network=national&month=2016-13&edition=12320-2016", 400),
        ("/submissions?network=national&month=0000-01&edition=12320-2016", 422),
        ("/submissions?network=a'b&month=2016-10&edition=12320-2016", 400),
        ("/units/jiangsu/months/2016/form?edition=12320-2016", 400),
    ],
)
async def test_what_is_no_month_or_name_is_refused(analyst: Desk, path: str, status: int) -> None:
    assert (await analyst.ask("GET", path)).status == status


async def test_content_that_is_no_base64_is_refused(analyst: Desk) -> None:
    for content, status in (("%", 400), ("A", 422)):
        body = {"name": "x.csv", "content": content}
        assert (await analyst.ask("POST", "/submissions", body)).status == status


async def test_an_agent_hands_in_nothing(desk: Desk) -> None:
    await desk.enter()
    assert (await desk.ask("GET", f"/submissions?{MONTH}")).status == 403
    assert (await desk.ask("POST", "/submissions", packed(LINES))).status == 403
    assert (await desk.ask("POST", "/submissions/1/accept")).status == 403


def _faults() -> list[Fault]:
    """Refusals of every kind that reading a file gives."""
    first = blank_book("jiangsu", date(2016, 10, 1), edition("12320-2016"))
    files: list[tuple[str, bytes]] = [
        ("a.json", b"[]"),
        ("a.csv", b"\xff\xff\xff"),
        ("a.xlsx", b"PK"),
        ("a.xlsx", first),
        ("a.csv", LINES.encode()),
        ("a.csv", rows(("C01", "", "1", "", ""), head=(*HEAD[:3], "仅总数", *HEAD[4:])).encode()),
        ("a.csv", rows(("C01", "", "1", "", ""), head=("jiangsu", "10", *HEAD[2:])).encode()),
        ("a.csv", rows(("C01", "", "1", "", ""), ("C01", "", "2", "", "")).encode()),
        ("a.csv", rows(("C01", "", "9", "", "")).encode()),
        ("a.csv", b'"' + b"x" * 200_000),
    ]
    faults: list[Fault] = []
    for name, content in files:
        try:
            read_submission(
                name, content, {"elsewhere"} if content == LINES.encode() else {"jiangsu"}
            )
        except SubmissionRefused as refusal:
            faults += refusal.faults
    return faults


def test_every_fault_of_a_file_is_told_in_chinese() -> None:
    faults = _faults()
    assert len({fault.expected for fault in faults}) >= 9
    for fault in faults:
        told = in_chinese(fault.expected)
        assert re.search("[\u4e00-\u9fff]", told) or re.fullmatch(r"[\w.-]+", told), fault.expected
        assert not re.search(r"\b(a|the|or|of|as)\b", told), told
