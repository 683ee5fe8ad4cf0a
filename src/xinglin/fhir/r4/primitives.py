"""The primitive types of R4 as Python types (https://hl7.org/fhir/R4/datatypes.html#primitive).

The patterns are the specification's, made exact where its text is stricter than its regular
expressions (days of a month, leap years), and linear in the length of the input. Emptiness is
refused for the whole document at once (`xinglin.fhir.resource`), so that strings need no check
of their own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct, UnsetType

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
]

Absent = UnsetType

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

String = str
Markdown = str
Xhtml = str
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
