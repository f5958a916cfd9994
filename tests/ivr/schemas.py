"""What a schema promises to the code that runs on it, read from PostgreSQL's catalogue."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from ivr.migrations import MIGRATIONS

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

_COLUMNS = """
    SELECT attrelid::regclass::text AS relation, attname AS name,
           format_type(atttypid, atttypmod) AS type, attnotnull AS required,
           (atthasdef OR attidentity <> '') AS filled
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace::regnamespace::text IN ('public', 'report') AND relkind IN ('r', 'p', 'v')
        AND NOT relispartition AND attnum > 0 AND NOT attisdropped
        AND relname <> 'alembic_version'"""

_CONSTRAINTS = """
    SELECT conrelid::regclass::text AS relation, pg_get_constraintdef(pg_constraint.oid) AS rule,
           ARRAY(SELECT attname::text FROM pg_attribute
                 WHERE attrelid = conrelid AND attnum = ANY (conkey)) AS columns
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE connamespace::regnamespace::text IN ('public', 'report')
        AND NOT relispartition AND contype <> 'n'
    UNION ALL
    SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid),
           ARRAY(SELECT attname::text FROM pg_attribute
                 WHERE attrelid = indrelid AND attnum = ANY (indkey::smallint[]))
    FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE relnamespace::regnamespace::text IN ('public', 'report')
        AND indisunique AND NOT relispartition"""

_FUNCTIONS = """
    SELECT oid::regprocedure::text, prorettype::regtype::text
    FROM pg_proc WHERE pronamespace::regnamespace::text IN ('public', 'report')"""

_GRANTS = """
    SELECT grantee, table_schema || '.' || table_name, privilege_type
    FROM information_schema.role_table_grants WHERE grantee LIKE 'hotline\\_%'"""


@dataclass(frozen=True)
class Schema:
    """A schema as far as code can see it."""

    columns: dict[tuple[str, str], Any]
    constraints: dict[tuple[str, str], frozenset[str]]
    functions: frozenset[tuple[str, ...]]
    grants: frozenset[tuple[str, ...]]


async def read_schema(connection: Connection) -> Schema:
    columns = await connection.fetch(_COLUMNS)
    constraints = await connection.fetch(_CONSTRAINTS)
    return Schema(
        {(row["relation"], row["name"]): row for row in columns},
        {(row["relation"], row["rule"]): frozenset(row["columns"]) for row in constraints},
        frozenset(tuple(row) for row in await connection.fetch(_FUNCTIONS)),
        frozenset(tuple(row) for row in await connection.fetch(_GRANTS)),
    )


def broken_promises(old: Schema, new: Schema) -> list[str]:
    """Return what code that knows the old schema would stumble over in the new one."""
    return [
        *_columns_gone(old, new),
        *_columns_required(old, new),
        *_rules_added(old, new),
        *(f"function {name} is gone" for name, *_ in sorted(old.functions - new.functions)),
        *(f"{' '.join(grant)} is taken away" for grant in sorted(old.grants - new.grants)),
    ]


def _columns_gone(old: Schema, new: Schema) -> list[str]:
    found = []
    for key, column in old.columns.items():
        now = new.columns.get(key)
        if now is None:
            found.append(f"{'.'.join(key)} is gone")
        elif now["type"] != column["type"]:
            found.append(f"{'.'.join(key)} was {column['type']} and is {now['type']}")
    return found


def _columns_required(old: Schema, new: Schema) -> list[str]:
    tables = {relation for relation, _ in old.columns}
    return [
        f"{'.'.join(key)} is required"
        for key, column in new.columns.items()
        if key[0] in tables and column["required"] and not column["filled"]
        if key not in old.columns or not old.columns[key]["required"]
    ]


def _rules_added(old: Schema, new: Schema) -> list[str]:
    return [
        f"{relation} has the new rule {rule}"
        for (relation, rule), columns in new.constraints.items()
        if (relation, rule) not in old.constraints
        if not any(_widens(rule, before) for where, before in old.constraints if where == relation)
        if any((relation, column) in old.columns for column in columns)
    ]


def first_migrations(last: str, folder: Path) -> Path:
    """Copy the migrations up to a number into a folder."""
    folder.mkdir()
    for path in MIGRATIONS.glob("*.sql"):
        if path.name[:4] <= last:
            shutil.copy(path, folder)
    return folder


def _widens(rule: str, before: str) -> bool:
    """Whether a rule lets in what the one before did, or something else: `before OR …`."""
    inner = before.removeprefix("CHECK (").removesuffix(")")
    return before.startswith("CHECK (") and rule.startswith(f"CHECK (({inner} OR ")
