"""The arithmetic of `xinglin bench`: no figure says what was not counted."""

from __future__ import annotations

from array import array
from collections import Counter
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from xinglin.cli.benchmarking.chart import drawn, scale
from xinglin.cli.benchmarking.figures import (
    WHOLE,
    compared,
    percentile,
    priced,
    rate,
    rows,
    together,
)
from xinglin.cli.benchmarking.load import LOST, UNEXPECTED, Load, Series
from xinglin.cli.benchmarking.machine import machine
from xinglin.cli.benchmarking.measuring import Report
from xinglin.cli.benchmarking.report import number

HERE = machine()

seconds = st.floats(min_value=1e-5, max_value=100)
shares = st.floats(min_value=0.001, max_value=1)


@st.composite
def series(draw: st.DrawFn) -> Series:
    latencies = array("d", draw(st.lists(seconds, max_size=30)))
    bad = draw(st.dictionaries(st.sampled_from([LOST, UNEXPECTED, 400, 404, 500]), st.integers(1)))
    good = {200: len(latencies)} if latencies else {}
    return Series(Counter({**good, **bad}), latencies, draw(st.integers(0, 10_000)))


parts = st.dictionaries(st.sampled_from(["", "create", "read", "date"]), series(), min_size=1)
loads = st.builds(Load, seconds, seconds, parts)


@given(st.lists(seconds, min_size=1), shares)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


@given(st.lists(seconds, min_size=1), shares, shares)
def test_percentiles_are_in_order(values: list[float], one: float, other: float) -> None:
    ordered = sorted(values)
    low, high = sorted((one, other))
    assert percentile(ordered, low) <= percentile(ordered, high)


@given(loads)
def test_every_answer_is_counted_once(load: Load) -> None:
    whole, *others = rows("read", 3, load)
    answers = sum(each.outcomes.total() for each in load.parts.values())
    assert whole.requests + whole.errors == sum(whole.outcomes.values()) == answers
    assert [row.part for row in others] == (sorted(load.parts) if len(load.parts) > 1 else [])
    for name in ("requests", "resources", "errors"):
        of_parts = [getattr(row, name) for row in others] or [getattr(whole, name)]
        assert sum(of_parts) == getattr(whole, name)


@given(loads)
def test_a_row_without_a_good_answer_has_no_latency(load: Load) -> None:
    for row in rows("read", 3, load):
        assert (row.p50_ms is None) == (row.requests == 0)
        if row.p50_ms is not None and row.p95_ms is not None and row.p99_ms is not None:
            assert row.p50_ms <= row.p95_ms <= row.p99_ms


@given(st.lists(series()))
def test_what_is_put_together_loses_nothing(many: list[Series]) -> None:
    whole = together(many)
    assert whole.outcomes.total() == sum(each.outcomes.total() for each in many)
    assert sorted(whole.latencies) == sorted(value for each in many for value in each.latencies)


@given(loads, seconds, seconds, seconds, st.sampled_from(["read", "import"]))
def test_the_share_of_the_limit_is_of_the_price(
    load: Load, cpu: float, yardstick: float, limit: float, workload: str
) -> None:
    row = compared(priced(rows(workload, 1, load)[0], cpu), yardstick, limit)
    counted = row.resources if workload == "import" else row.requests
    if not counted:
        assert row.yardsticks is row.of_limit is None
        return
    price = row.cpu_us_per_resource if workload == "import" else row.cpu_us_per_request
    assert price is not None
    assert abs(price - cpu * 1e6 / counted) <= 0.051  # rounded to a tenth
    assert (row.of_limit is None) == (price == 0)


@given(loads)
def test_of_a_foreign_server_no_price_is_claimed(load: Load) -> None:
    row = rows("read", 1, load)[0]
    assert priced(row, None) == row
    assert compared(row, 3.0, 5.0).of_limit is None


@given(st.lists(st.floats(min_value=1e-3, max_value=1e6), min_size=1))
def test_every_value_has_its_place_on_the_scale(values: list[float]) -> None:
    across = scale(100, values)
    places = [across.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(100 <= place < 400 for place in places)


@given(st.lists(loads, max_size=3))
def test_any_report_can_be_drawn(many: list[Load]) -> None:
    found = [row for load in many for row in rows("read", 3, load)]
    report = Report(
        machine=HERE, load_after=0.0, target="<&>", data="residents", loaded=0, rows=found
    )
    picture = ElementTree.fromstring(drawn(report))  # noqa: S314  (our own)
    points = [each for each in picture.iter() if each.get("class") == "rate"]
    assert len(points) == sum(row.part == WHOLE and rate(row) > 0 for row in found)


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_a_number_for_people_is_the_number(value: float) -> None:
    assert abs(float(number(value).replace(",", "")) - value) <= 0.006 * value
