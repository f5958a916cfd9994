"""What deploy/setup does on a machine that lets nobody make a sandbox: Ubuntu 24.04's rule.

That rule cannot be had on another system. So bubblewrap, sudo and AppArmor's loader are scripts
that obey it; the shell functions under test are the real ones.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).resolve().parents[2]
COMMANDS: Final = {
    "bwrap": '[ -e "$MACHINE/loaded" ]',
    "sysctl": 'echo "$RESTRICTED"',
    "sudo": '[ "$1" = -v ] && exec "$MACHINE/may-sudo"; PATH=$PATH exec "$@"',
    "may-sudo": "exit 0",
    "install": 'cp "$4" "$MACHINE/profile"',
    "apparmor_parser": 'cp "$MACHINE/profile" "$MACHINE/loaded"',
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that stands before everything else in PATH."""
    for name, does in COMMANDS.items():
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{does}\n")
        script.chmod(0o755)
    return tmp_path


def prepare_sandbox(machine: Path, *, restricted: str) -> subprocess.CompletedProcess[str]:
    """Run it as an ordinary user would, in a copy of what it needs."""
    copy = machine / "copy" / "deploy"
    copy.mkdir(parents=True)
    (copy / "apparmor").symlink_to(REPOSITORY / "deploy" / "apparmor")
    # bash does not let EUID be set, so the functions ask about a name that can be.
    text = (REPOSITORY / "deploy" / "setup").read_text().replace("((EUID))", "((USER_ID))")
    (copy / "setup").write_text(text)
    return subprocess.run(
        ["bash", "-c", f"source {copy}/setup; USER_ID=1000; prepare_sandbox"],
        env={
            "PATH": f"{machine}:{os.environ['PATH']}",
            "MACHINE": str(machine),
            "RESTRICTED": restricted,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_machine_that_permits_sandboxes_is_left_alone(machine: Path) -> None:
    (machine / "loaded").touch()
    done = prepare_sandbox(machine, restricted="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (machine / "profile").exists()


def test_where_profiles_are_asked_for_ours_is_loaded(machine: Path) -> None:
    done = prepare_sandbox(machine, restricted="1")
    assert done.returncode == 0, done.stderr
    assert "userns," in (machine / "loaded").read_text()


def test_without_sudo_it_says_what_for(machine: Path) -> None:
    (machine / "may-sudo").write_text("#!/bin/sh\nexit 1\n")
    done = prepare_sandbox(machine, restricted="1")
    assert done.returncode == 1
    assert "sudo is needed once, to permit bubblewrap" in done.stderr


def test_a_machine_that_forbids_namespaces_altogether_is_named_as_that(machine: Path) -> None:
    done = prepare_sandbox(machine, restricted="0")
    assert done.returncode == 1
    assert "user namespaces are forbidden" in done.stderr
    assert not (machine / "profile").exists()
