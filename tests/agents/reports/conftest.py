from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from typing import TypeAlias

import pytest

from agents.reports.bulletin import compile_bulletin
from agents.reports.document import Bulletin
from agents.reports.editorial import Editorial, parse_editorial
from agents.reports.scheme import scheme
from ivr.config import DatabaseSettings
from tests.agents.reports import printed
from tests.ivr.conftest import connection, database, pool, postgres

__all__ = ["connection", "database", "pool", "postgres"]


def editorial_2016() -> Editorial:
    """A short editorial in our own words; only the fixed columns are those of the print."""
    return parse_editorial(
        {
            "title": "12320 工作简报",
            "issue": 113,
            "total_issue": 113,
            "dated": date(2016, 11, 10),
            "publishers": ["全国 12320 管理中心"],
            "copies": 300,
            "reported_to": "上级主管部门",
            "sent_to": "各成员单位",
            "contact": [{"label": "电话", "value": "010-00000000"}],
            "column": [
                {
                    "name": "工作进展",
                    "article": [{"title": "培训班举办", "text": "第一段。\n\n第二段。"}],
                },
                {"name": "受理分析", "statistics": True},
                {"name": "工作交流", "article": [{"title": "交流一则", "text": "一段。"}]},
            ],
        }
    )


def editorial_2014() -> Editorial:
    return parse_editorial(
        {
            "title": "江苏12320工作简报",
            "issue": 1,
            "total_issue": 54,
            "dated": date(2015, 1, 10),
            "publishers": ["江苏省12320卫生热线管理中心", "江苏省卫生统计信息中心"],
            "column": [
                {"article": [{"title": "督导评估", "text": "一段。"}]},
                {"statistics": True},
                {"name": "各市动态", "article": [{"text": "12月1日，开展广场宣传活动。"}]},
            ],
        }
    )


@pytest.fixture(scope="session")
def national() -> Bulletin:
    """The issue of October 2016, compiled from single requests."""
    return compile_bulletin(
        printed.figures_2016(), scheme("national-2016"), editorial_2016(), watermark="试验"
    )


@pytest.fixture(scope="session")
def province() -> Bulletin:
    """The issue of November and December 2014, compiled from single requests."""
    return compile_bulletin(printed.figures_2014(), scheme("jiangsu-2014"), editorial_2014())


Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]
"""`python -m agents` with these words, against the test's database."""


@pytest.fixture
def agents(database: DatabaseSettings) -> Run:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agents", *words],
            env={"DATABASE_URL": database.url, "PATH": "/usr/bin:/bin", "HOME": "/tmp"},  # noqa: S108 - no home is needed
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


async def told(run: Run, *words: str) -> str:
    """Run a command aside, so that the test's own loop goes on; it must succeed."""
    done = await asyncio.to_thread(run, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout
