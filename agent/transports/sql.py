"""SQL: what a database answers to one reading question, over the driver of its kind (Python DB-API).

Params: `kind` (postgresql, mysql, oracle, mssql), `database`, `query` (SELECT, WITH or SHOW). PostgreSQL's
driver comes along; the others are taken where they are installed (PyMySQL, oracledb, pymssql). The question
runs in a transaction that may only read where the database knows such, and is rolled back in any case.

Readings: `connect_seconds`, `query_seconds`, `rows`, and of a single row every column by its name. Table
`rows`: the rows, columns by name, at most MAX_ROWS.
"""

import asyncio
import importlib
import re
from collections.abc import Callable
from decimal import Decimal
from time import monotonic
from typing import Any

from agent.reading import Target
from agent.transports.facts import Facts, Raw
from agent.transports.trouble import TroubleError, clean

MAX_ROWS = 500
MAX_TEXT = 500
READS = re.compile(r"\s*(select|with|show)\b", re.IGNORECASE)
DRIVERS: dict[str, tuple[str, int]] = {
    "postgresql": ("psycopg", 5432),
    "mysql": ("pymysql", 3306),
    "oracle": ("oracledb", 1521),
    "mssql": ("pymssql", 1433),
}


async def fetch(target: Target, *, timeout_s: float = 10.0) -> Facts:
    """Put the target's question to its database within `timeout_s`; raises TroubleError."""
    kind = str(target.params.get("kind") or "postgresql")
    query = str(target.params.get("query") or "SELECT 1 AS answer").strip().rstrip(";")
    if kind not in DRIVERS:
        raise TroubleError("configuration", f"'{kind}' is no kind of database; one of {', '.join(DRIVERS)}.")
    if not READS.match(query) or ";" in query:
        raise TroubleError("configuration", "The question must be one SELECT, WITH or SHOW.")
    try:
        driver = importlib.import_module(DRIVERS[kind][0])
    except ImportError:
        message = f"The driver {DRIVERS[kind][0]} is not installed beside the agent."
        raise TroubleError("configuration", message) from None
    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.to_thread(_ask, driver, kind, target, query, timeout_s)
    except TimeoutError:
        raise TroubleError("no_answer", f"No answer in {timeout_s:g} s.") from None


def _ask(driver: Any, kind: str, target: Target, query: str, timeout_s: float) -> Facts:
    begun = monotonic()
    try:
        connection = _CONNECT[kind](driver, target, max(1, int(timeout_s)))
    except driver.Error as error:
        raise _refused(error) from None
    try:
        connected = monotonic()
        cursor = connection.cursor()
        cursor.execute(query)
        names = [str(column[0])[:200] for column in cursor.description or ()]
        found = cursor.fetchmany(MAX_ROWS + 1) if names else []
        answered = monotonic()
    except driver.Error as error:
        raise TroubleError("bad_response", f"The database refuses the question: {_said(error)}") from None
    finally:
        connection.close()  # without a commit: whatever the question did is undone
    rows = [{name: _raw(value) for name, value in zip(names, row, strict=True)} for row in found[:MAX_ROWS]]
    readings: dict[str, Raw] = dict(rows[0]) if len(rows) == 1 else {}
    readings |= {
        "connect_seconds": connected - begun,
        "query_seconds": answered - connected,
        "rows": len(rows),
    }
    return Facts(readings, {"rows": rows}, rtt_s=connected - begun, truncated=len(found) > MAX_ROWS)


def _postgresql(driver: Any, target: Target, timeout_s: int) -> Any:
    return driver.connect(
        host=target.address,
        port=target.port or DRIVERS["postgresql"][1],
        dbname=str(target.params.get("database") or "postgres"),
        user=_word(target, "user"),
        password=_word(target, "password"),
        connect_timeout=timeout_s,
        options=f"-c default_transaction_read_only=on -c statement_timeout={timeout_s * 1000}",
    )


def _mysql(driver: Any, target: Target, timeout_s: int) -> Any:
    return driver.connect(
        host=target.address,
        port=target.port or DRIVERS["mysql"][1],
        database=str(target.params.get("database") or "") or None,
        user=_word(target, "user"),
        password=_word(target, "password"),
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        init_command="SET SESSION TRANSACTION READ ONLY",
    )


def _oracle(driver: Any, target: Target, timeout_s: int) -> Any:
    connection = driver.connect(
        user=_word(target, "user"),
        password=_word(target, "password"),
        host=target.address,
        port=target.port or DRIVERS["oracle"][1],
        service_name=str(target.params.get("database") or ""),
        tcp_connect_timeout=timeout_s,
    )
    connection.call_timeout = timeout_s * 1000
    connection.cursor().execute("SET TRANSACTION READ ONLY")
    return connection


def _mssql(driver: Any, target: Target, timeout_s: int) -> Any:
    return driver.connect(
        server=target.address,
        port=str(target.port or DRIVERS["mssql"][1]),
        database=str(target.params.get("database") or "master"),
        user=_word(target, "user"),
        password=_word(target, "password"),
        login_timeout=timeout_s,
        timeout=timeout_s,
    )


_CONNECT: dict[str, Callable[[Any, Target, int], Any]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "oracle": _oracle,
    "mssql": _mssql,
}


def _word(target: Target, name: str) -> str:
    return str(target.credential.get(name) or "")


def _refused(error: Exception) -> TroubleError:
    said = _said(error)
    words = said.lower()
    if "password" in words or "authentication" in words or "access denied" in words or "ora-01017" in words:
        return TroubleError("auth", "The database did not accept the credential.")
    if "refused" in words:
        return TroubleError("refused", "The connection was refused.")
    if "timeout" in words or "timed out" in words:
        return TroubleError("no_answer", "The database did not answer in time.")
    return TroubleError("unreachable", f"The database cannot be reached: {said}")


def _said(error: Exception) -> str:
    """The driver's sentence in one line, without anything that could be a password."""
    return clean(" ".join(str(error).split()), 300)


def _raw(value: object) -> Raw:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    return clean(str(value), MAX_TEXT)
