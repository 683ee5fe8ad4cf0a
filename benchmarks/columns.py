"""The part of the page that has SQLite and PostgreSQL side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.engines import ECHO, ONE, SELECT, SELECT_1, UPDATE
from benchmarks.markdown import table
from benchmarks.records import Engine, Record
from xinglin.cli.benchmarking.figures import IMPORT, price, rate
from xinglin.cli.benchmarking.report import number

_TITLES = {
    IMPORT: "transactions over HTTP, resources/s",
    "read": "read by id, requests/s",
    "newest": "newest 20 of patient and code, requests/s",
    ONE: "the same, asked by 1 client, requests/s",
    "create": "create, durable, requests/s",
}
_LIMITS = {
    ECHO: "a bare ASGI echo of what `read` reads, 1 process",
    SELECT_1: "pgbench, `SELECT 1`",
    SELECT: "pgbench, `--select-only`: a row by its key",
    UPDATE: "pgbench, `--skip-some-updates`: a small transaction, durable",
}
_COMPARED = {"read": ECHO, "create": UPDATE}  # with a limit; the others with SQLite

_HEAD = """## SQLite and PostgreSQL

The same people and the same questions: {data}, each Bundle twice, into an empty record by
`xinglin import`, then over HTTP. Clients, servers and database share the {cores} cores of the
machine, so a second server process shows here what it costs; what it gains shows where there are
cores for it. CPU is µs for a request, or for a resource where it is imported; that of “servers”
is of all server processes, that of “PostgreSQL” of all processes of its cluster.

"""

_NOTES = """
× in a column: of the same by SQLite; of `read` the share of the echo, of `create` that of
pgbench's `--skip-some-updates`. Two processes of `xinglin import` share the people, and two
servers one port. Bytes on disk are those after `xinglin import`: of SQLite the folder, of
PostgreSQL `pg_database_size` without what an empty database has; the write-ahead log is not in
it. PostgreSQL {version} on the same disk, with {settings}.

What the engines are compared with, on the same cluster and by as many clients as `read` has:

"""

Cells = Iterator[list[str]]


def drawn(record: Record) -> str:
    found = record.engines
    head = ["what", *(_name(engine) for engine in found)]
    lines = [*_imported(found)]
    for workload, title in _TITLES.items():
        lines += _asked(record, workload, title)
    shown = {name: value for name, value in record.settings.items() if name != "version"}
    text = _HEAD.format(data=record.data, cores=record.machine.cores) + table(head, lines)
    text += _NOTES.format(
        version=record.settings["version"],
        settings=", ".join(f"`{name}={value}`" for name, value in shown.items()),
    )
    limits = [(_LIMITS[name], number(limit)) for name, limit in record.limits.items()]
    return text + table(("limit", "a second"), limits)


def _name(engine: Engine) -> str:
    return f"{engine.name}, {engine.processes} process{'es' * (engine.processes > 1)}"


def _imported(found: Sequence[Engine]) -> Cells:
    first = found[0]
    yield [
        "`xinglin import`, resources/s",
        *(_compared(each.imported_per_second, first.imported_per_second) for each in found),
    ]
    yield ["– CPU µs, `xinglin import`", *(number(each.import_us) for each in found)]
    yield ["– CPU µs, PostgreSQL", *(number(each.import_database_us) for each in found)]
    yield ["bytes on disk per resource", *(_weight(each, first) for each in found)]


def _weight(engine: Engine, first: Engine) -> str:
    return _compared(engine.bytes_each, first.bytes_each)


def _asked(record: Record, workload: str, title: str) -> Cells:
    lines = [engine.lines[workload] for engine in record.engines]
    rows = [line.row for line in lines]
    name = _COMPARED.get(workload)
    reference = rate(rows[0]) if name is None else record.limits[name]
    clients = "" if workload == ONE else f", {rows[0].users} clients"
    yield [title + clients, *(_compared(rate(row), reference) for row in rows)]
    yield ["– p50 / p99 ms", *(f"{number(row.p50_ms)} / {number(row.p99_ms)}" for row in rows)]
    yield ["– CPU µs, servers", *(number(price(row)) for row in rows)]
    postgres = [line.database_us or None for line in lines]
    yield ["– CPU µs, PostgreSQL", *map(number, postgres)]
    if any(row.errors for row in rows):
        yield ["– **errors**", *(str(row.errors) for row in rows)]


def _compared(figure: float, reference: float) -> str:
    return f"**{number(figure)}** {number(figure / reference)} ×"
