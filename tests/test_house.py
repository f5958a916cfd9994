"""The walls of the house: who may import whom, which modules only decide, and mirrored tests."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = sorted(
    path
    for path in [*ROOT.glob("ivr/**/*.py"), *ROOT.glob("agents/**/*.py")]
    if "node_modules" not in path.parts
)
TOP_LEVEL = {"ivr", "agents", "dialplans", "asterisk-conf", "deploy", "docs", "bench", "tests"}

PURE = [
    "ivr/events.py",
    "ivr/callback.py",
    "ivr/calls.py",
    "ivr/channels.py",
    "ivr/fold.py",
    "ivr/visits.py",
    "ivr/crosscheck.py",
    "ivr/hours.py",
    "ivr/duty.py",
    "ivr/transfer_targets.py",
    "ivr/screening.py",
    "ivr/categories/anchors.py",
    "ivr/categories/schedule.py",
    "ivr/routing.py",
    "ivr/board.py",
    "ivr/queues.py",
    "ivr/staffing.py",
    "ivr/asterisk/ami.py",
    "ivr/asterisk/agi_commands.py",
    "ivr/asterisk/agi_protocol.py",
    "ivr/asterisk/snapshot.py",
    "ivr/asterisk/actions.py",
    "ivr/asterisk/spool.py",
    "ivr/asterisk/counterpart.py",
    "ivr/asterisk/variables.py",
    "ivr/menu/model.py",
    "ivr/menu/engine.py",
    "ivr/menu/turn.py",
    "ivr/menu/visit.py",
    "ivr/menu/check.py",
    "ivr/menu/prompts.py",
    "ivr/menu/saying.py",
    "ivr/categories/taxonomy.py",
    "ivr/recordings/owed.py",
    "ivr/recordings/pauses.py",
    "ivr/recordings/retention.py",
    "ivr/recordings/troubles.py",
    "ivr/recordings/waveform.py",
    "agents/ranges.py",
    "agents/articles.py",
    "agents/bigrams.py",
    "agents/events.py",
    "agents/presence.py",
    "agents/reports/bulletin.py",
    "agents/reports/casework.py",
    "agents/reports/document.py",
    "agents/reports/figures.py",
    "agents/reports/given.py",
    "agents/reports/indicators.py",
    "agents/reports/kpi.py",
    "agents/reports/national.py",
    "agents/reports/periods.py",
    "agents/reports/proofreading.py",
    "agents/reports/province.py",
    "agents/reports/recovery.py",
    "agents/reports/rounding.py",
    "agents/reports/schedules.py",
    "agents/reports/scheme.py",
    "agents/reports/sms.py",
    "agents/reports/statements.py",
    "agents/reports/tables.py",
    "agents/reports/tally.py",
    "agents/statistics/submissions.py",
    "agents/web/bulletin_words.py",
]
"""Modules that decide: no await, clock, random, log or environment."""

_IMPURE_MODULES = {"asyncio", "random", "secrets", "structlog", "logging", "os", "socket"}
_CLOCKS = re.compile(r"\b(?:time\.(?:time|monotonic|perf_counter)|datetime\.now|date\.today)\(")
_FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "services"}
_NAMES_WITHOUT_A_TEST = {"__init__.py", "__main__.py"}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_call_side_never_imports_the_people_side() -> None:
    offenders = [
        _relative(path)
        for path in ROOT.glob("ivr/**/*.py")
        if any(name.split(".")[0] in {"agents", "deploy", "tests"} for name in _imports(path))
    ]
    assert offenders == []


def test_only_the_door_to_asterisk_imports_panoramisk() -> None:
    importers = [
        _relative(path)
        for path in PRODUCT
        if any(name.split(".")[0] == "panoramisk" for name in _imports(path))
    ]
    assert importers
    assert all(name.startswith("ivr/asterisk/") for name in importers)


@pytest.mark.parametrize("name", PURE)
def test_a_deciding_module_neither_waits_nor_looks_at_the_world(name: str) -> None:
    source = (ROOT / name).read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(source)))
    waits = [n for n in nodes if isinstance(n, ast.Await | ast.AsyncFunctionDef | ast.AsyncFor)]
    assert waits == []
    imported = {module.split(".")[0] for module in _imports(ROOT / name)}
    assert imported & _IMPURE_MODULES == set()
    assert _CLOCKS.findall(source) == []


def test_every_module_has_a_test_in_the_same_place() -> None:
    missing = []
    for path in PRODUCT:
        if path.name in _NAMES_WITHOUT_A_TEST:
            continue
        relative = path.relative_to(ROOT)
        mirror = ROOT / "tests" / relative.parent / f"test_{relative.name}"
        if not mirror.exists():
            missing.append(f"{relative} expects {mirror.relative_to(ROOT)}")
    assert missing == []


def test_no_module_is_named_after_nothing() -> None:
    assert [_relative(p) for p in PRODUCT if p.stem in _FORBIDDEN_NAMES] == []


def test_modules_stay_small_enough_to_read() -> None:
    long = {
        _relative(p): count
        for p in PRODUCT
        if (count := len(p.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def test_tasks_have_a_parent() -> None:
    """A bare `create_task` or `ensure_future` has nobody who sees it fail."""
    orphans = []
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            bare = isinstance(owner, ast.Name) and owner.id in {"asyncio", "loop"}
            if node.func.attr in {"create_task", "ensure_future"} and bare:
                orphans.append(f"{_relative(path)}:{node.lineno}")
    assert orphans == []


def test_the_top_level_holds_nothing_but_the_design() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    folders = {name.split("/")[0] for name in listed if "/" in name and not name.startswith(".")}
    assert folders <= TOP_LEVEL


def test_the_lock_names_no_download_address_and_hashes_everything() -> None:
    lock = (ROOT / "deploy/requirements.lock").read_text(encoding="utf-8")
    assert "http" not in re.sub(r"(?m)^\s*#.*$|^[a-z]*http[a-z]*==.*$", "", lock).replace(
        "aiohttp", ""
    )
    requirements = re.findall(r"(?m)^([a-z0-9][\w.-]*)==", lock)
    hashed = re.findall(r"(?m)^[a-z0-9][\w.-]*==.*(?:\n\s+--hash=sha256:\w+.*)+", lock)
    assert len(requirements) == len(hashed) > 0


def test_every_ignored_lint_rule_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    rules = re.findall(r'(?m)^  "[A-Z]+\d*",.*$', text)
    assert rules
    assert [line for line in rules if "#" not in line] == []
    assert tomllib.loads(text)["tool"]["ruff"]["lint"]["select"] == ["ALL"]


def _logged(path: Path) -> Iterator[str]:
    levels = {"debug", "info", "warning", "error", "exception"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        logger = isinstance(owner, ast.Name) and owner.id in {"log", "_log"}
        if logger and node.func.attr in levels and node.func.attr != "debug":
            assert isinstance(node.args[0], ast.Constant), f"{_relative(path)}:{node.lineno}"
            yield str(node.args[0].value)


def test_every_log_event_is_listed_and_every_listed_one_is_logged() -> None:
    listed = re.findall(
        r"(?m)^\| `([a-z_]+\.[a-z_]+)` \|", (ROOT / "docs/log-events.md").read_text("utf-8")
    )
    logged = {event for path in [*PRODUCT, *ROOT.glob("deploy/**/*.py")] for event in _logged(path)}
    assert sorted(listed) == sorted(logged)


def test_importing_the_call_side_reads_no_environment_and_starts_nothing() -> None:
    names = [
        ".".join(p.relative_to(ROOT).with_suffix("").parts)
        for p in ROOT.glob("ivr/**/*.py")
        if p.name != "__main__.py"
    ]
    code = f"import importlib,threading\nfor n in {names!r}: importlib.import_module(n)\n"
    code += "assert threading.active_count() == 1, threading.enumerate()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env={"PATH": ""}, timeout=60)
