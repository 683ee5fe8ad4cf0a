"""UCUM: conversions known from tables, algebra of units, and what is no unit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinglin.fhir.ucum import canonical

values = st.decimals(-(10**9), 10**9, places=4).filter(bool)
units = st.sampled_from(
    [
        "m",
        "g",
        "s",
        "mol",
        "l",
        "L",
        "Pa",
        "J",
        "W",
        "U",
        "kat",
        "eq",
        "mm[Hg]",
        "[in_i]",
        "[lb_av]",
        "[foz_us]",
        "min",
        "h",
        "d",
        "wk",
        "a",
        "%",
        "{score}",
        "[iU]",
    ]
)


@pytest.mark.parametrize(
    ("value", "code", "other", "other_code"),
    [
        ("1", "kg", "1000", "g"),
        ("1", "[in_i]", "2.54", "cm"),
        ("1", "[lb_av]", "453.59237", "g"),
        ("1", "[stone_av]", "6.35029318", "kg"),
        ("98.6", "[degF]", "37", "Cel"),
        ("37", "Cel", "310.15", "K"),
        ("1", "mL", "1", "cm3"),
        ("7", "d", "1", "wk"),
        ("120", "mm[Hg]", "15998.64", "Pa"),
        ("5", "%", "0.05", "1"),
        ("4", "10*3/uL", "4", "10*9/L"),
        ("60", "/min", "1", "Hz"),
        ("1", "kcal", "4184", "J"),
        ("1", "U/L", "1", "umol/(min.L)"),
        ("70", "{beats}/min", "70", "/min"),
        ("1", "m/s/s", "1", "m/s2"),
        ("1", "[IU]/mL", "1", "k[iU]/l"),
        ("1", "KiBy", "8192", "bit"),
    ],
)
def test_the_same_amount_in_other_units(value: str, code: str, other: str, other_code: str) -> None:
    assert canonical(Decimal(value), code) == canonical(Decimal(other), other_code) is not None


@pytest.mark.parametrize(
    ("left", "right"),
    [("g", "m"), ("[iU]", "[arb'U]"), ("[iU]", "1"), ("[pH]", "1"), ("m2", "m3"), ("K", "Cel.m")],
)
def test_other_dimensions_stay_apart(left: str, right: str) -> None:
    one, other = canonical(Decimal(1), left), canonical(Decimal(1), right)
    assert one is None or other is None or one[1] != other[1]


@pytest.mark.parametrize(
    "code",
    [
        "",
        " ",
        "foo",
        "kg.",
        "/",
        "kg//m",
        "(m",
        "m)",
        "m^2",
        "k[in_i]",
        "kmin",
        "mg dL",
        "{",
        "{a b}",
        "m" * 300,
        "(" * 150,
        "m999",
        "10*9999",
        "µg",
        "MG/DL",
        "2.5 m",
        "-m",
        "k",
        "m{a}{b}",
    ],
)
def test_what_is_no_unit_has_no_value(code: str) -> None:
    assert canonical(Decimal(1), code) is None


@given(values, units)
def test_a_kilo_is_a_thousand(value: Decimal, unit: str) -> None:
    if (thousand := canonical(value, f"k{unit}")) is not None:  # a metric unit
        assert thousand == canonical(value * 1000, unit)


@given(values, units, units)
def test_a_quotient_is_the_product_with_the_inverse(value: Decimal, left: str, right: str) -> None:
    divided = canonical(value, f"{left}/({right})")
    assert divided is not None
    product = canonical(value, f"({left}).(/({right}))")
    assert divided == product


@given(values, units)
def test_an_annotation_changes_nothing(value: Decimal, unit: str) -> None:
    assert canonical(value, f"{unit}{{wet_tis}}") == canonical(value, unit) or unit == "{score}"


@given(st.text("mgslKCdk[]in_avu.'/(){}10*+-23 ", max_size=40), values)
def test_any_text_is_a_unit_or_none(code: str, value: Decimal) -> None:
    found = canonical(value, code)
    assert found is None or canonical(Decimal(1), found[1]) == (Decimal(1), found[1])


def test_a_value_beyond_all_measure_has_none() -> None:
    assert canonical(Decimal("1E+999999"), "kg") is None
