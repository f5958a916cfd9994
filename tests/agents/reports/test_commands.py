"""The statistical commands as an operator types them, against a real database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from agents.reports.commands import parse_months
from agents.statistics.submissions import Submission
from tests.agents.reports.conftest import Run, told
from tests.agents.statistics.books import history_2014, months_of_2016


def test_months_are_one_or_a_range_that_goes_forward() -> None:
    assert parse_months("2014-11..2014-12").label == "2014年11-12月"
    assert parse_months("2016-10").label == "2016年10月"
    for text in ("", "2016", "2016-13", "2016-10..2016-09"):
        with pytest.raises(typer.BadParameter):
            parse_months(text)


async def test_a_month_is_handed_in_sent_back_and_accepted(agents: Run, tmp_path: Path) -> None:
    assert "31 units" in await told(agents, "units", "national")
    jiangsu: Submission = next(s for s in months_of_2016() if s.unit == "jiangsu")
    sent = tmp_path / "jiangsu.json"
    sent.write_text(jiangsu.document(), encoding="utf-8")
    assert "submission 1, version 1" in await told(agents, "submit", str(sent), "--by", "unit")
    again = tmp_path / "again.json"
    again.write_text(replace(jiangsu, reason="第二稿").document(), encoding="utf-8")
    assert "submission 2, version 2" in await told(agents, "submit", str(again), "--by", "unit")
    why = ("--by", "centre", "--reason", "说明有误")
    assert "sent back" in await told(agents, "send-back", "2", *why)
    assert "in force" in await told(agents, "accept", "1", "--by", "centre")
    standing = await told(agents, "reported", "national", "--month", "2016-10")
    assert "2016-10 江苏省 complete late" in standing
    assert "2016-10 北京市 missing" in standing


async def test_history_is_imported_once_and_a_bad_row_named(agents: Run, tmp_path: Path) -> None:
    await told(agents, "units", "jiangsu")
    words = ["--taxonomy", "12320-2014", "--by", "test"]
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_bytes(history_2014())
    bad.write_bytes(history_2014() + b"nowhere,2014-11,,K,,1\n")
    refused = await asyncio.to_thread(agents, "import-requests", str(bad), *words)
    assert refused.returncode == 2
    assert "unit: expected a known unit, came 'nowhere'" in refused.stderr
    assert "import 1:" in await told(agents, "import-requests", str(good), *words)
    assert "(before)" in await told(agents, "import-requests", str(good), *words)
    assert "0 counts were wrong" in await told(agents, "recount")


def test_the_server_loads_no_writer_of_office_formats() -> None:
    code = (
        "import sys, agents.__main__\n"
        "print(sorted({'typst', 'docx', 'matplotlib', 'xlsxwriter'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
