"""The fuzzer of bench/fuzz.py passes on the parsers as they are, and sees a parser that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def fuzz(*arguments: str, spoil: str = "pass") -> subprocess.CompletedProcess[str]:
    code = (
        "import runpy, sys; sys.path.insert(0, '.'); from ivr.asterisk import counterpart, spool\n"
        f"{spoil}\n"
        f"sys.argv = ['fuzz', *{arguments!r}]; runpy.run_path('bench/fuzz.py', run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_short_run_breaks_nothing() -> None:
    done = fuzz("--inputs", "500")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])["parsers"]
    assert set(figures) == {"cel_json", "cdr_json", "queue_log"}
    assert all(one["inputs"] == 500 and one["broken"] == 0 for one in figures.values())


@pytest.mark.parametrize(
    ("parser", "spoil"),
    [
        ("cel_json", "spool.CALL_ID = __import__('re').compile('.*')"),
        ("cdr_json", "counterpart.CALL_ID = __import__('re').compile('.*')"),
        (
            "queue_log",
            "counterpart._QUEUE_LINE = __import__('re').compile(r'(.*)\\\\|' * 5 + '(.*)')",
        ),
    ],
)
def test_a_parser_that_believes_too_much_is_found_out(parser: str, spoil: str) -> None:
    done = fuzz("--inputs", "4000", "--only", parser, spoil=spoil)
    assert done.returncode == 1, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["parsers"][parser]["broken"] > 0
