"""Units of measure: every UCUM code as a number of base units (UCUM 2.2, sections 2 to 4).

So that 1 'kg' and 1000 'g' are found by the same search. Units that no number can convert
(international units, pH, levels) keep a dimension of their own.
"""

from __future__ import annotations

from decimal import Context, Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from xinglin.fhir.ucum.grammar import Part, parts

_EXACT: Final = Context(prec=80)
_RESULT: Final = Context(prec=34)
_BASE: Final = ("m", "s", "g", "rad", "K", "C", "cd")  # the order in a canonical unit
_HIGHEST: Final = 99  # exponent of a unit; more is no unit but an attack
_PREFIXES: Final = (
    {"Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1}
    | {"d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18}
    | {"z": -21, "y": -24}
)
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}
_Dimensions = dict[str, int]


class _Measure(NamedTuple):
    """A unit as `up / down` base units; of a temperature scale, from `zero` on."""

    up: Decimal
    down: Decimal
    dimensions: _Dimensions
    zero: Decimal | None = None  # added to the value first


_ONE: Final = Decimal(1)
_SCALES: Final = {
    "Cel": _Measure(_ONE, _ONE, {"K": 1}, Decimal("273.15")),
    "[degF]": _Measure(Decimal(5), Decimal(9), {"K": 1}, Decimal("459.67")),
    "[degRe]": _Measure(Decimal(5), Decimal(4), {"K": 1}, Decimal("218.52")),
}


class _Row(NamedTuple):
    kind: str
    value: Decimal
    unit: str


def canonical(value: Decimal, code: str) -> tuple[Decimal, str] | None:
    """The value in base units, and these as a UCUM code in a fixed order; None for a code
    that is not UCUM's, and for a value beyond all measure.

    >>> canonical(Decimal("25.4"), "mm")
    (Decimal('0.0254'), 'm')
    """
    known = _known(code)
    if known is None:
        return None
    measure, base = known
    try:
        if measure.zero is not None:
            value = _EXACT.add(value, measure.zero)
        value = _RESULT.divide(_EXACT.multiply(value, measure.up), measure.down)
    except ArithmeticError:  # 1E+999999 of anything
        return None
    return value.normalize(_RESULT) if value else Decimal(0), base


@lru_cache(maxsize=4096)
def _known(code: str) -> tuple[_Measure, str] | None:
    try:
        measure = _measure(code)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    order = {name: at for at, name in enumerate(_BASE)}
    names = sorted(measure.dimensions, key=lambda name: (order.get(name, len(order)), name))
    powers = [(name, measure.dimensions[name]) for name in names if measure.dimensions[name]]
    base = ".".join(name if power == 1 else f"{name}{power}" for name, power in powers)
    return measure, base or "1"


def _measure(code: str) -> _Measure:
    found = parts(code)
    if len(found) == 1 and found[0].power == 1 and (scale := _scale(found[0].symbol)):
        return scale  # a temperature, not a difference of temperatures
    up, down = _ONE, _ONE
    dimensions: _Dimensions = {}
    for part in found:
        one = _factor(part)
        power = abs(part.power)
        if power > _HIGHEST:
            raise ValueError(code)
        over, under = _EXACT.power(one.up, power), _EXACT.power(one.down, power)
        if part.power < 0:
            over, under = under, over
        up, down = _EXACT.multiply(up, over), _EXACT.multiply(down, under)
        for name, times in one.dimensions.items():
            dimensions[name] = dimensions.get(name, 0) + times * part.power
    return _Measure(up, down, dimensions)


def _scale(symbol: str) -> _Measure | None:
    scale = _SCALES.get(symbol)
    if scale is None and symbol.endswith("Cel") and (power := _PREFIXES.get(symbol[:-3])):
        # 1 mCel is a thousandth of a degree above the same zero.
        celsius = _SCALES["Cel"]
        zero = None if celsius.zero is None else celsius.zero.scaleb(-power)
        return celsius._replace(up=_ONE.scaleb(power), zero=zero)
    return scale


def _factor(part: Part) -> _Measure:
    if part.number is not None:
        return _Measure(part.number, _ONE, {})
    return _atom(part.symbol)


@cache
def _table() -> dict[str, _Row]:
    text = files(__package__).joinpath("units.txt").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and line[0] != "#")
    return {code: _Row(kind, Decimal(value), unit) for code, kind, value, unit in rows}


def _atom(symbol: str) -> _Measure:
    """One unit with its prefix."""
    if (whole := _unprefixed(symbol, prefixed=False)) is not None:
        return whole
    for size in (1, 2):
        prefix, rest = symbol[:size], symbol[size:]
        if (prefix in _PREFIXES or prefix in _BINARY) and rest:
            unit = _unprefixed(rest, prefixed=True)
            if unit is not None:
                by = _PREFIXES.get(prefix)
                factor = Decimal(2 ** _BINARY[prefix]) if by is None else _ONE.scaleb(by)
                return unit._replace(up=_EXACT.multiply(unit.up, factor))
    raise ValueError(symbol)


@lru_cache(maxsize=1024)
def _unprefixed(symbol: str, *, prefixed: bool) -> _Measure | None:
    if symbol in _BASE:
        return _Measure(_ONE, _ONE, {symbol: 1})
    row = _table().get(symbol)
    if row is None or (prefixed and not row.kind.endswith("metric")):
        return None
    if row.kind.startswith("arbitrary"):
        return _Measure(_ONE, _ONE, {symbol: 1})
    unit = _measure(row.unit)
    return unit._replace(up=_EXACT.multiply(unit.up, row.value))
