"""The units for systemd: what they start exists, and a bridge that hangs is killed at once."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.config import REPOSITORY

UNITS = sorted((REPOSITORY / "deploy/systemd").glob("*.service"))
_DEPLOYED = "/opt/hotline"


def _unit(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    parser.read(path, encoding="utf-8")
    return parser


def test_the_bridge_is_killed_five_seconds_after_its_last_sign_of_life() -> None:
    service = _unit(REPOSITORY / "deploy/systemd/hotline-ivr.service")["Service"]
    wanted = {
        "Type": "notify",
        "WatchdogSec": "5",
        "WatchdogSignal": "SIGKILL",
        "Restart": "always",
    }
    assert {key: service[key] for key in wanted} == wanted


def test_the_bridge_may_speak_an_emergencys_announcement_into_the_sounds() -> None:
    service = _unit(REPOSITORY / "deploy/systemd/hotline-ivr.service")["Service"]
    assert service["ReadWritePaths"] == "-/var/lib/hotline/sounds"
    compose = (REPOSITORY / "deploy/compose.yaml").read_text(encoding="utf-8")
    assert "/var/lib/hotline/sounds:/var/lib/hotline/sounds\n" in compose


def test_the_ledger_may_step_back_for_calls() -> None:
    """It encodes at the lowest priority; the group that setpriority is in is forbidden before."""
    text = (REPOSITORY / "deploy/systemd/hotline-ledger.service").read_text(encoding="utf-8")
    filters = re.findall(r"^SystemCallFilter=(.+)$", text, re.MULTILINE)
    assert filters == ["@system-service", "~@privileged @resources", "setpriority"]


@pytest.mark.parametrize("name", ["ivr", "ledger"])
def test_who_reads_sound_files_may_make_callbacks_at_run_time(name: str) -> None:
    """The library of sound files needs that; without it neither speaks or finishes anything."""
    service = _unit(REPOSITORY / f"deploy/systemd/hotline-{name}.service")["Service"]
    assert "MemoryDenyWriteExecute" not in service


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_runs_as_nobody_special(path: Path) -> None:
    service = _unit(path)["Service"]
    assert service["User"] == "hotline"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_finds_no_fault_in_a_unit(path: Path, tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        known = re.compile(r"^(\[[A-Z][a-z]+\]|[A-Z]\w+=.*|#.*|)$")
        assert [line for line in path.read_text().splitlines() if not known.match(line)] == []
        return
    here = tmp_path / path.name
    here.write_text(path.read_text().replace(f"{_DEPLOYED}/.venv/bin/python", sys.executable))
    for other in UNITS:
        if other != path:
            (tmp_path / other.name).write_text("[Service]\nExecStart=/bin/true\n")
    done = subprocess.run(
        [tool, "verify", "--man=no", str(here)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if path.name in line]
    assert complaints == []


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_command_that_exists(path: Path) -> None:
    command = _unit(path)["Service"]["ExecStart"]
    match = re.fullmatch(
        rf"{_DEPLOYED}/\.venv/bin/python -m ([\w.]+) (\w+)((?: --\w+ \S+)*)", command
    )
    assert match
    package, name, options = match.groups()
    source = (REPOSITORY / package.replace(".", "/") / "__main__.py").read_text(encoding="utf-8")
    assert f"def {name}(" in source or f'@app.command("{name}")' in source
    assert all(f"    {option[2:]}: Annotated" in source for option in options.split()[::2])


def test_the_peoples_side_shows_the_desktop_that_was_built_before_it_starts() -> None:
    people, builder = (
        _unit(REPOSITORY / f"deploy/systemd/hotline-{n}.service") for n in ("agents", "desktop")
    )
    shown = re.search(r"HOTLINE_WEB__DESKTOP=(\S+)", people["Service"]["Environment"])
    assert shown
    assert builder["Service"]["ExecStart"].endswith(f"--link {shown[1]}")
    assert "hotline-desktop.service" in people["Unit"]["After"].split()


def test_an_upgrade_shows_its_own_desktop_when_the_peoples_side_is_started_again() -> None:
    """A builder that stays active is not started by who wants it: it would build once a boot."""
    unit = _unit(REPOSITORY / "deploy/systemd/hotline-desktop.service")
    assert unit["Service"]["Type"] == "oneshot"
    assert "RemainAfterExit" not in unit["Service"]
    people = _unit(REPOSITORY / "deploy/systemd/hotline-agents.service")["Unit"]
    # `Wants` alone: a build that fails leaves the desktop of before, and nobody signed out.
    text = (REPOSITORY / "deploy/systemd/hotline-agents.service").read_text(encoding="utf-8")
    assert re.search(r"^Wants=.*hotline-desktop\.service", text, re.MULTILINE)
    assert not {"Requires", "BindsTo", "Requisite"} & set(people)


def test_a_bridge_that_was_killed_does_not_wait_for_the_database() -> None:
    """What is wanted starts again with every restart unless it stays active."""
    service = _unit(REPOSITORY / "deploy/systemd/hotline-migrate.service")["Service"]
    assert service["RemainAfterExit"] == "yes"


def test_the_peoples_side_may_write_where_it_learns() -> None:
    service = _unit(REPOSITORY / "deploy/systemd/hotline-agents.service")["Service"]
    assert service["StateDirectory"] == "hotline/models"
    learnt = "HOTLINE_WEB__MODEL=/var/lib/hotline/models/learnt"
    assert learnt in service["Environment"].split()
