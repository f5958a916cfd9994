"""Statistics are tested against the same real PostgreSQL as the call side."""

from __future__ import annotations

from tests.agents.reports.conftest import national, province
from tests.ivr.conftest import connection, database, pool, postgres

__all__ = ["connection", "database", "national", "pool", "postgres", "province"]
