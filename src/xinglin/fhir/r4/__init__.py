"""FHIR R4 (4.0.1): types, codes and definitions, generated from the published specification."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from threading import Lock
from typing import cast

import msgspec

from xinglin.fhir.r4 import model

_making_ready = Lock()


@cache
def struct(type_name: str) -> type[msgspec.Struct]:
    """The Struct of a type; its module is imported when it is first asked for.

    Args:
        type_name: a resource, a data type, or a backbone element (`Observation.component`).

    Raises:
        KeyError: R4 has no such type, or it is a primitive.

    >>> struct("Observation.component").__name__
    'ObservationComponent'
    """
    if not model.elements(type_name) or model.is_primitive(type_name):
        raise KeyError(type_name)
    root = type_name.partition(".")[0]
    module = root.lower() if root in model.RESOURCE_TYPES else "datatypes"
    name = "".join(part[0].upper() + part[1:] for part in type_name.split("."))
    found = getattr(import_module(f"{__name__}.generated.{module}"), name)
    # msgspec makes a type ready at its first use, and two threads that do so at once crash
    # the process (0.22): every type is made ready here, one at a time.
    with _making_ready:
        msgspec.json.Decoder(found)
    return cast("type[msgspec.Struct]", found)
