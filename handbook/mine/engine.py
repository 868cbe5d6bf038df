"""The query engine behind mining: DuckDB within a limit of memory, without access to any file but its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

Connection = duckdb.DuckDBPyConnection

MICRO = 1_000_000
"""Weights are counted in millionths: sums of whole numbers do not depend on the order of the rows."""


@contextmanager
def engine(memory: str) -> Iterator[Connection]:
    """An engine in memory that writes what does not fit to a private folder, and loads nothing from anywhere.

    Tables come in and go out as Arrow: what the engine is told can neither read nor write a file.

    Raises:
        ValueError: `memory` is no size.
    """
    with tempfile.TemporaryDirectory(prefix="tagllm-mine-") as folder:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "temp_directory": folder,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        }
        try:
            connection = duckdb.connect(":memory:", config=settings)
        except duckdb.Error as error:
            raise ValueError(f"memory {memory!r}: {first_line(error)}; write it like 1GB") from None
        try:
            for setting in (
                "TimeZone = 'UTC'",
                "python_enable_replacements = false",
                "enable_external_access = false",
                "lock_configuration = true",
            ):
                connection.execute(f"SET {setting}")
            yield connection
        finally:
            connection.close()


@contextmanager
def tables(connection: Connection, **given: "pa.Table | pa.RecordBatchReader") -> Iterator[None]:
    """Arrow tables under their names."""
    for name, table in given.items():
        connection.register(name, table)
    try:
        yield
    finally:
        for name in given:
            connection.unregister(name)


def make(connection: Connection, name: str, query: str, values: dict[str, Any] | None = None) -> None:
    """Make the table `name`, a name of ours, of what a query gives."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}", values or {})


def fetch(connection: Connection, query: str) -> pa.Table:
    """All rows of a query."""
    return connection.sql(query).to_arrow_table()


def number(connection: Connection, query: str, values: dict[str, Any] | None = None) -> int:
    """The one number a query gives; 0 for none."""
    found = connection.execute(query, values or {}).fetchall()
    return int(found[0][0] or 0) if found else 0


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:200]
