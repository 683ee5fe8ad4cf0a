"""The types and search parameters of a record, as the numbers that its tables use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from xinglin.fhir.outcome import Issue, Refused
from xinglin.fhir.search.compartments import members
from xinglin.fhir.search.parameters import Parameter, Registry
from xinglin.store.relational.database import Database

BITS = 62  # parameters of one type, of which `res.has` says whether they have a value


class Catalogue:
    """The types and parameters of the database, read when it is opened."""

    def __init__(self, database: Database, registry: Registry) -> None:
        self.registry = registry
        self.type_name: dict[int, str] = dict(database.execute("SELECT rt, name FROM type"))
        self.type_number = {name: rt for rt, name in self.type_name.items()}
        rows = database.execute("SELECT name, p, bit FROM param")
        by_name = {name: (p, bit) for name, p, bit in rows}
        # `Parameter.number` to `p`, and to its bit in `res.has`, which a parameter shares
        # with its variants: what has but an identifier or a text is not missing.
        self.p_of = [by_name[parameter.name][0] for parameter in registry.numbered]
        self.bit_of = [by_name[parameter.name][1] for parameter in registry.numbered]
        for each in registry.numbered:
            for variant in (each.identifier, each.of_type, each.text):
                if variant is not None and each.kept is each:
                    self.bit_of[variant.number] = self.bit_of[each.number]
        # Numbers of the `text` variants, to the parameter whose terms hold their texts.
        self.texts = {
            each.text.number: each
            for each in registry.numbered
            if each.text is not None and each.kept is each
        }
        self.clinical = {
            self.type_number[each.resource]: each.number
            for each in registry.numbered
            if each.clinical
        }
        self.patient = self.type_number["Patient"]
        self.patient_members = {
            rt: {self.p_of[member.number] for member in members(registry, "Patient", name)}
            for rt, name in self.type_name.items()
        }

    def p(self, parameter: Parameter) -> int:
        return int(self.p_of[parameter.number])


def enrol(database: Database, registry: Registry, types: Iterable[str]) -> None:
    """Give a number to every type and parameter that has none yet.

    Raises: Refused when a type would have more parameters than `res.has` has bits.
    """
    have = {name for (name,) in database.execute("SELECT name FROM type")}
    database.insert("type", ("name", "live"), [(name, 0) for name in types if name not in have])
    known: set[str] = set()
    used: Counter[str] = Counter()  # bits of each type
    for name, bit in database.execute("SELECT name, bit FROM param"):
        known.add(name)
        type = name.partition(".")[0]
        used[type] = max(used[type], bit.bit_length())
    rows: list[tuple[str, int]] = []
    for parameter in registry.numbered:
        if parameter.name not in known:
            variant = ":" in parameter.name or "$" in parameter.name
            if not variant and used[parameter.resource] == BITS:
                given: dict[str, str | int] = {"type": parameter.resource, "limit": BITS}
                raise Refused(Issue("too-costly", "store.parameters-too-many", given=given))
            rows.append((parameter.name, 0 if variant else 1 << used[parameter.resource]))
            used[parameter.resource] += not variant
    database.insert("param", ("name", "bit"), rows)
