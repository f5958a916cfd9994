from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from deploy.stack import desktop
from deploy.stack.desktop import SOURCE, DesktopNotBuilt, build_folder, provide_desktop


@pytest.fixture
def source(tmp_path: Path) -> Path:
    copy = tmp_path / "desktop"
    ignored = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(SOURCE, copy, ignore=ignored)
    return copy


@pytest.mark.parametrize("name", ["src/main.ts", "index.html", "package-lock.json"])
def test_a_build_has_another_name_when_anything_it_is_made_of_changes(
    tmp_path: Path, source: Path, name: str
) -> None:
    before = build_folder(tmp_path, source)
    (source / name).write_bytes((source / name).read_bytes() + b"\n")
    assert build_folder(tmp_path, source) != before


def test_a_build_keeps_its_name_when_only_its_tests_change(tmp_path: Path, source: Path) -> None:
    before = build_folder(tmp_path, source)
    (source / "tests/another.test.ts").write_text("")
    assert build_folder(tmp_path, source) == before


def test_a_build_that_is_there_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_folder(tmp_path).mkdir(parents=True)
    monkeypatch.setattr(desktop, "_run", None)
    assert provide_desktop(tmp_path) == build_folder(tmp_path)


def test_a_name_that_stays_leads_to_the_newest_build(tmp_path: Path) -> None:
    link = tmp_path / "desktop-now"
    for name in ("one", "two", "two"):
        (tmp_path / name).mkdir(exist_ok=True)
        desktop.link_to(tmp_path / name, link)
    assert link.resolve() == tmp_path / "two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["desktop-now", "one", "two"]


def test_a_step_that_fails_is_named_with_what_it_said(tmp_path: Path) -> None:
    script = tmp_path / "broken.js"
    script.write_text("console.log('no such thing'); process.exit(3)")
    with pytest.raises(DesktopNotBuilt, match=r"(?s)broken: ended with 3.*no such thing"):
        desktop._run(script, within=60)


def test_a_step_that_does_not_end_is_ended(tmp_path: Path) -> None:
    script = tmp_path / "endless.js"
    script.write_text("setInterval(() => {}, 1000)")
    with pytest.raises(DesktopNotBuilt, match="endless: not done"):
        desktop._run(script, within=0.5)


def test_only_the_newest_builds_are_kept(tmp_path: Path) -> None:
    builds = [tmp_path / f"{number:016x}" for number in range(5)]
    for age, build in enumerate(builds):
        build.mkdir()
        os.utime(build, (age, age))
    desktop._forget_old(builds[-1])
    assert sorted(tmp_path.iterdir()) == builds[-3:]


def test_the_packages_are_locked_by_content_and_name_no_address() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [n for n, entry in packages.items() if not entry.get("integrity")] == []
    assert [n for n, entry in packages.items() if "resolved" in entry] == []


def test_every_package_is_asked_for_in_one_version() -> None:
    wanted = json.loads((SOURCE / "package.json").read_text("utf-8"))
    versions = {**wanted["dependencies"], **wanted["devDependencies"]}
    assert [n for n, v in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", v)] == []
