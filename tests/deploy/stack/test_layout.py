from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from deploy.stack.layout import (
    AlreadyRunning,
    Layout,
    Memory,
    cache_folder,
    hold_lock,
    next_boot,
    write_private,
)
from ivr.errors import HotlineError


def test_the_boot_number_rises_with_each_start(tmp_path: Path) -> None:
    counter = tmp_path / "boots"
    assert [next_boot(counter) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("damage", ["", "x", "-4"])
def test_a_damaged_boot_counter_is_refused_rather_than_restarted(
    tmp_path: Path, damage: str
) -> None:
    counter = tmp_path / "boots"
    counter.write_text(damage)
    with pytest.raises(HotlineError, match="expected the number of starts"):
        next_boot(counter)


def test_a_secret_is_long_private_and_the_same_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    secret = Memory(path).secret("ami live")
    assert len(secret) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Memory(path)
    assert again.secret("ami live") == secret
    assert again.secret("another") != secret


def test_a_kept_number_is_there_at_the_next_start(tmp_path: Path) -> None:
    Memory(tmp_path / "memory.json").keep("port block", 10800)
    assert Memory(tmp_path / "memory.json").number("port block") == 10800


def test_a_written_file_has_its_mode_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_private(tmp_path / "settings", "old")
    write_private(tmp_path / "settings", "新")
    assert [path.name for path in tmp_path.iterdir()] == ["settings"]
    assert (tmp_path / "settings").read_text() == "新"
    assert stat.S_IMODE((tmp_path / "settings").stat().st_mode) == 0o640


def test_a_second_holder_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    holder = pytest.raises(AlreadyRunning, match=f"Process {os.getpid()} ")
    with hold_lock(tmp_path / "lock"), holder:
        hold_lock(tmp_path / "lock")
    hold_lock(tmp_path / "lock").close()


def test_sockets_get_a_short_folder_however_deep_the_checkout_lies(tmp_path: Path) -> None:
    deep = Layout(tmp_path / ("x" * 100))
    other = Layout(tmp_path / ("y" * 100))
    assert len(str(deep.runtime)) <= 80
    assert deep.runtime != other.runtime
    shallow = Layout(Path("/srv/hotline"))
    assert shallow.runtime == Path("/srv/hotline/run")


def test_what_was_fetched_lies_where_the_operator_says(tmp_path: Path) -> None:
    assert cache_folder({"HOTLINE_CACHE": str(tmp_path)}) == tmp_path
    assert cache_folder({}).parts[-2:] == ("var", "cache")
