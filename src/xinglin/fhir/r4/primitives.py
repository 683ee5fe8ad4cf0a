"""The primitive types of R4 as Python types (https://hl7.org/fhir/R4/datatypes.html#primitive).

The patterns are the specification's, made exact where its text is stricter than its regular
expressions (days of a month, leap years), and linear in the length of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Annotated, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import astuple

__all__ = [
    "Absent",
    "Base64Binary",
    "Boolean",
    "Canonical",
    "Code",
    "Date",
    "DateTime",
    "Decimal",
    "Id",
    "Instant",
    "Integer",
    "Many",
    "Markdown",
    "Oid",
    "PositiveInt",
    "String",
    "Struct",
    "Time",
    "UnsignedInt",
    "Uri",
    "Url",
    "Uuid",
    "Xhtml",
    "check_nulls",
    "check_open_choice",
    "check_range",
]

T = TypeVar("T")

Absent = UnsetType
Many = Annotated[list[T], Meta(min_length=1)]

_YEAR = r"(?!0000)[0-9]{4}"
_MONTH = r"(?:0[1-9]|1[0-2])"
_LEAP = r"[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00"
_MONTH_DAY = (
    rf"(?:{_MONTH}-(?:0[1-9]|1[0-9]|2[0-8])"  # nearly all dates end here
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31"
    rf"|(?<=(?:{_LEAP})-)02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_VISIBLE = r"[!-\U0010ffff]"  # one range is matched twice as fast as \S
_SIXBIT = "[A-Za-z0-9+/]"

Boolean = bool
Integer = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
UnsignedInt = Annotated[int, Meta(ge=0, le=2**31 - 1)]
PositiveInt = Annotated[int, Meta(ge=1, le=2**31 - 1)]

String = Annotated[str, Meta(min_length=1)]
Markdown = String
Xhtml = String
Code = Annotated[str, Meta(pattern=rf"^{_VISIBLE}+(?: {_VISIBLE}+)*\Z")]
Uri = Annotated[str, Meta(pattern=rf"^{_VISIBLE}+\Z")]
Url = Uri
Canonical = Uri
Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,64}\Z")]
Oid = Annotated[str, Meta(pattern=r"^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+\Z")]
Uuid = Annotated[
    str, Meta(pattern=r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
]

Date = Annotated[str, Meta(pattern=rf"^{_YEAR}(?:-(?:{_MONTH_DAY}|{_MONTH}))?\Z")]
DateTime = Annotated[
    str, Meta(pattern=rf"^{_YEAR}(?:-(?:{_MONTH_DAY}(?:T{_TIME}{_ZONE})?|{_MONTH}))?\Z")
]
Instant = Annotated[str, Meta(pattern=rf"^{_YEAR}-{_MONTH_DAY}T{_TIME}{_ZONE}\Z")]
Time = Annotated[str, Meta(pattern=rf"^{_TIME}\Z")]

# Possessive: a long attachment takes no memory and no second look. White space may stand between
# groups of four, as in the specification's own expression.
Base64Binary = Annotated[
    str,
    Meta(
        pattern=rf"^\s*+(?:(?:{_SIXBIT}{{4}})++\s*+)*+"
        rf"(?:{_SIXBIT}{{2}}==|{_SIXBIT}{{3}}=)?\s*+\Z"
    ),
]


def check_nulls(
    name: str, values: Sequence[object] | Absent, extensions: Sequence[object] | Absent
) -> None:
    """null stands in a list of primitives only where its twin has something (R4 JSON, "Repeating
    elements"): `"given": [null, "x"], "_given": [{…}, null]`.

    Raises:
        ValueError: read by `xinglin.fhir.r4.findings`.
    """
    mine = () if values is UNSET else values
    twin = () if extensions is UNSET else extensions
    for n, (value, extension) in enumerate(zip_longest(mine, twin)):
        if value is None and extension is None:
            raise ValueError(f"null {name if n < len(mine) else '_' + name}[{n}]")


def check_open_choice(struct: Struct, name: str) -> None:
    """At most one of the fifty types of an open choice (`Extension.value[x]`) is there.

    Raises:
        ValueError: read by `xinglin.fhir.r4.findings`.
    """
    values = astuple(struct)
    if values.count(UNSET) >= len(values) - 2:  # its url or name, and one more
        return
    there = {
        field.lstrip("_")
        for field, value in zip(struct.__struct_fields__, values, strict=True)
        if value is not UNSET and field.lstrip("_").startswith(name)
    }
    if len(there) > 1:
        raise ValueError(f"choice {name}")


def check_range(name: str, *numbers: Decimal | None) -> None:
    """A decimal that no double could hold (`1e999999`) would be a trap for whoever calculates.

    Raises:
        ValueError: read by `xinglin.fhir.r4.findings`.
    """
    for number in numbers:
        if number is not None and not -309 < number.adjusted() < 309:
            raise ValueError(f"range {name}")
