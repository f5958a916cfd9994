from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.tally import Settlement, Standing
from agents.statistics.submissions import (
    Line,
    Reader,
    Submission,
    SubmissionRefused,
    check_signature,
    sign,
)
from ivr.categories.taxonomy import edition

READER = Reader({"jiangsu", "tianjin"}, [edition("12320-2016")])
SPOT = Settlement.ON_THE_SPOT.value
KEY = bytes(range(32))
GOOD = Submission(
    "jiangsu",
    date(2016, 10, 1),
    "12320-2016",
    Standing.COMPLETE,
    5,
    "",
    (Line("C01", SPOT, 3), Line("T01", Settlement.TRANSFERRED.value, 2)),
)
SHEET = """单位,jiangsu
月份,2016-10
分类版本,12320-2016
数据,完整
受理总量,5
说明,

编码,类别,当场办结,转办,在办
C01,寻医问药,3,,
C02,疾病预防控制,,,
T01,医疗机构与服务,,2,0
"""

submissions = st.dictionaries(
    st.tuples(st.sampled_from(["C", "C01", "C01.02", "B01.01.01"]), st.sampled_from(Settlement)),
    st.integers(1, 10**6),
).map(
    lambda cells: replace(
        GOOD,
        total=sum(cells.values()),
        lines=tuple(sorted(Line(code, how.value, n) for (code, how), n in cells.items())),
    )
)


def test_a_filled_in_sheet_is_read_and_empty_cells_are_zero() -> None:
    assert READER.from_csv(SHEET) == GOOD
    assert READER.from_csv("\ufeff" + SHEET.replace("\n", "\r\n")) == GOOD


@given(submissions)
def test_a_submission_is_the_same_after_its_document_was_read(sent: Submission) -> None:
    assert READER.from_json(sent.document()) == sent


@pytest.mark.parametrize(
    ("was", "becomes", "cell"),
    [
        ("单位,jiangsu", "单位,guangdong", "B1"),
        ("月份,2016-10", "月份,2016-13", "B2"),
        ("12320-2016", "12320-2015", "B3"),
        ("数据,完整", "数据,大概", "B4"),
        ("受理总量,5", "受理总量,6", "B5"),
        ("受理总量,5", "受理总量,", "B5"),
        ("C01,寻医问药,3", "C01,寻医问药,-3", "C9"),
        ("C01,寻医问药,3", "C01,寻医问药,三", "C9"),
        ("C01,寻医问药", "C77,寻医问药", "A9"),
        ("医疗机构与服务,,2", "医疗机构与服务,,2.5", "D11"),
        ("说明,", "备注,", "A6"),
        ("编码,类别", "类别,编码", "A8"),
    ],
)
def test_a_fault_names_its_cell_and_what_came(was: str, becomes: str, cell: str) -> None:
    assert was in SHEET
    with pytest.raises(SubmissionRefused) as refused:
        READER.from_csv(SHEET.replace(was, becomes))
    assert cell in {fault.cell for fault in refused.value.faults}


def test_all_faults_are_named_at_once() -> None:
    sheet = SHEET.replace("jiangsu", "x").replace(",3,", ",x,").replace("2016-10", "10")
    with pytest.raises(SubmissionRefused) as refused:
        READER.from_csv(sheet)
    assert [fault.cell for fault in refused.value.faults] == ["C9", "B1", "B2"]


def test_a_total_alone_is_partial_and_has_no_lines() -> None:
    head, _, _ = SHEET.replace("完整", "仅总数").replace("总量,5", "总量,16508").partition("C01")
    sent = READER.from_csv(head.replace("jiangsu", "tianjin").replace("说明,", "说明,系统调试中"))
    assert (sent.standing, sent.total, sent.reason) == (Standing.PARTIAL, 16508, "系统调试中")
    with pytest.raises(SubmissionRefused, match="no lines"):
        READER.from_csv(SHEET.replace("完整", "仅总数"))


def test_a_month_of_zeros_is_said_with_a_zero() -> None:
    head, _, _ = SHEET.replace("总量,5", "总量,0").partition("C01")
    assert READER.from_csv(head).total == 0
    with pytest.raises(SubmissionRefused, match="B5"):
        READER.from_csv(head.replace("总量,0", "总量,"))


def test_a_category_given_twice_is_refused() -> None:
    with pytest.raises(SubmissionRefused, match="each category once"):
        READER.from_csv(SHEET.replace("总量,5", "总量,8") + "C01,寻医问药,3,,\n")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', GOOD.document()[:-1]])
def test_anything_else_is_no_submission(text: str) -> None:
    with pytest.raises(SubmissionRefused, match="as JSON"):
        READER.from_json(text)


def test_a_signature_holds_for_its_content_and_its_unit_only() -> None:

    public = Ed25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw()
    signature = sign(GOOD, KEY)
    check_signature(GOOD, signature, public)
    for sent, given_signature in (
        (replace(GOOD, total=6), signature),
        (GOOD, sign(GOOD, bytes(32))),
        (GOOD, None),
    ):
        with pytest.raises(SubmissionRefused, match="signature"):
            check_signature(sent, given_signature, public)
