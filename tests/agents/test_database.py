from __future__ import annotations

from agents.database import SQL, queries


def test_every_query_is_named_once_and_described() -> None:
    for path in SQL.glob("*.sql"):
        blocks = path.read_text(encoding="utf-8").split("-- name: ")[1:]
        assert blocks
        assert all(block.splitlines()[1].startswith("-- ") for block in blocks), path
    names = [name for name in queries.available_queries if not name.endswith("_cursor")]
    assert len(names) == len(set(names))
    assert "merge_counts" in names
