"""Writes `src/xinglin/fhir/r4/{data,generated}` from the official FHIR R4 (4.0.1) definitions.

    python tools/generate_r4.py                # fetches the package with npm
    python tools/generate_r4.py --from FOLDER  # reads an unpacked package folder

The output depends on nothing but the package: running it twice changes no byte.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from r4.elements import all_types
from r4.source import Definitions, fetched
from r4.structs import StructWriter
from r4.tables import write_compartments, write_search_parameters, write_structures
from r4.valuesets import expansions, write_codes

R4 = Path(__file__).parent.parent / "src" / "xinglin" / "fhir" / "r4"


def main() -> None:
    """Reads the definitions and writes every file anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="folder", type=Path, help="an unpacked package folder")
    folder = parser.parse_args().folder
    definitions = Definitions(folder) if folder else fetched()
    types = all_types(definitions)
    data = R4 / "data"
    data.mkdir(exist_ok=True)
    write_structures(data, types)
    write_search_parameters(data, definitions)
    write_compartments(data, definitions)
    generated = R4 / "generated"
    generated.mkdir(exist_ok=True)
    listed = expansions(definitions, types)
    write_codes(generated / "codes.py", listed)
    StructWriter(types, listed).write(generated)
    print(f"{len(types)} types, {len(listed)} value sets")


if __name__ == "__main__":
    main()
