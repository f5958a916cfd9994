"""The embedded cluster: made whole, or not at all."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from deploy.stack.layout import Layout
from deploy.stack.postgres import make_cluster

MAKE: Final = (
    "import asyncio, sys; from pathlib import Path; from deploy.stack.layout import Layout;"
    "from deploy.stack.postgres import make_cluster;"
    "asyncio.run(make_cluster(Layout(Path(sys.argv[1])), 'the-word-of-a-test'))"
)
INITDB_SECONDS: Final = 60.0


def until_half_made(folder: Path) -> None:
    """Wait until initdb has begun to write somewhere below the folder."""
    end = time.monotonic() + INITDB_SECONDS
    while not list(folder.rglob("PG_VERSION")):
        assert time.monotonic() < end, "initdb has not begun"
        time.sleep(0.01)


def test_a_cluster_whose_making_was_killed_is_made_again_from_nothing(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", MAKE, str(tmp_path)])
    until_half_made(tmp_path)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    layout = Layout(tmp_path)
    assert not layout.postgres.exists()
    asyncio.run(make_cluster(layout, "the-word-of-a-test"))
    # Without it, nothing of the cluster would start.
    assert (layout.postgres / "global" / "pg_control").stat().st_size > 0
    assert (layout.postgres / "base").is_dir()


def test_a_cluster_that_is_there_is_left_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.postgres.mkdir()
    (layout.postgres / "kept").touch()
    asyncio.run(make_cluster(layout, "the-word-of-a-test"))
    assert [path.name for path in layout.postgres.iterdir()] == ["kept"]
