"""JSON that loses nothing of a FHIR decimal (FHIR R4, JSON representation, "Primitive elements").

`72.50` is not `72.5`: the written precision is part of the value. So numbers with a fraction
or an exponent are read as `Decimal` and written with every digit again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from xinglin.fhir.outcome import Issue, Refused

# A JSON document read exactly: dict, list, str, int, Decimal, bool, None.
Json = Any

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def parse_exact(data: bytes) -> Json:
    """Read one JSON document, with `Decimal` for every number that is not an integer.

    Raises:
        Refused: it is not JSON, or it is nested too deeply to be read.

    >>> parse_exact(b'[72.50, 1]')
    [Decimal('72.50'), 1]
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(Issue("structure", "fhir.json-unreadable")) from error
    except RecursionError as error:
        raise Refused(Issue("structure", "fhir.json-too-deep")) from error


def dump_exact(document: Json) -> bytes:
    """Write compact UTF-8 JSON; what `parse_exact` read comes out with the same digits.

    >>> dump_exact({"value": Decimal("72.50")})
    b'{"value":72.50}'
    """
    try:
        return _encoder.encode(document)
    except RecursionError as error:
        raise Refused(Issue("structure", "fhir.json-too-deep")) from error
