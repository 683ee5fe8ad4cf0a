"""All workloads of `xinglin bench` on our own server, and what was promised of two of them."""

from __future__ import annotations

from benchmarks.records import Record, Result
from benchmarks.setting import Setting
from xinglin.cli.benchmarking.figures import WHOLE, Row
from xinglin.cli.benchmarking.measuring import ECHO, Plan, Report, measured
from xinglin.cli.benchmarking.workloads import KINDS


def doors(setting: Setting) -> Record:
    plan = Plan(
        only=list(KINDS),
        seconds=setting.seconds,
        users=8 if setting.quick else None,
        seeds=6 if setting.quick else 40,
        packets=setting.packets,
        bundles=setting.bundles,
    )
    report = measured(plan, lambda _: None)
    return Record(
        part="doors",
        machine=report.machine,
        load_after=report.load_after,
        data=report.data,
        quick=setting.quick,
        results=_results(report),
        report=report,
    )


def _results(report: Report) -> list[Result]:
    read, echo = _row(report, "read", WHOLE), _row(report, "read", ECHO)
    create = _row(report, "create", WHOLE)
    return [
        Result(
            what="read by id over HTTP",
            figure=_per_core(read),
            unit="requests/s per core",
            reference="a bare ASGI echo of the same bytes",
            reference_figure=_per_core(echo),
            goal=10_000,
            better="more",
        ),
        Result(
            what="read by id, as a share of the echo",
            figure=100 * _per_core(read) / _per_core(echo),
            unit="%",
            reference="the echo",
            reference_figure=100,
            goal=50,
            better="more",
        ),
        Result(
            what=f"create over HTTP, durable, {create.users} clients",
            figure=create.requests_per_second,
            unit="requests/s",
            reference="decoding and committing the same, 64 at a time, no HTTP, one core",
            reference_figure=1e6 / report.limits.create_us if report.limits else 0,
            goal=3_000,
            better="more",
        ),
    ]


def _row(report: Report, workload: str, part: str) -> Row:
    return next(row for row in report.rows if row.workload == workload and row.part == part)


def _per_core(row: Row) -> float:
    """Requests in a second of the server's CPU: what neighbours take is not in it."""
    if not row.cpu_us_per_request:
        raise RuntimeError(f"the CPU time of {row.workload} is unknown on this machine")
    return 1e6 / row.cpu_us_per_request
