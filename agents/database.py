"""The people's side's named queries, one `.sql` file per noun in `agents/sql`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import aiosql

SQL: Final = Path(__file__).resolve().parent / "sql"

queries: Final[Any] = aiosql.from_path(SQL, "asyncpg")
"""Every query of `agents/sql`, by name; the first argument is always a connection."""
