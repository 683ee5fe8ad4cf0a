"""Small populations, drawn at random: few ids, codes and words, so that much refers to much, and
values at the edges of what searches distinguish."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from tests.kit.record import Json

Strategy = st.SearchStrategy[Any]

IDS: Final = ("a", "b", "c", "6f9619ff-8b86-d011-b42d-00c04fc964ff")
SYSTEMS: Final = ("http://a", "http://b")
CODES: Final = ("1", "2", "X", "x")
WORDS: Final = ("Du", "du fu", "DÜ  Fu", "Müller", "杜甫", "100%", "_", "Strasse", "straße", "x,y")
ADDRESSES: Final = (
    "http://a",
    "http://a/b",
    "http://a/b/c",
    "http://ab",
    "urn:oid:1.2",
    "http://a/b|1",
)
DATES: Final = (
    *("1950", "1969-12-31", "1970-01-01", "2020", "2020-02", "2020-02-29", "2020-03-01"),
    *("2020-02-29T00:00:00Z", "2020-02-29T12:00:00.5Z", "2020-02-29T23:30:00-02:00"),
)
NUMBERS: Final = (-3, 0, 0.001, 0.5, 0.9995, 1, 1.0, 1.4, 5.4, 5.45, 99.5, 1000, 1e6)
UCUM: Final = "http://unitsofmeasure.org"
UNITS: Final[tuple[Json, ...]] = (
    {},
    {"unit": "mg"},
    {"system": UCUM, "code": "mg", "unit": "milligram"},
    {"system": UCUM, "code": "g"},
    {"system": UCUM, "code": "kg"},
    {"system": UCUM, "code": "mm"},
    {"system": UCUM, "code": "nonsense"},
    {"system": "http://a", "code": "mg"},
)


def any_of(**elements: Strategy) -> Strategy:
    """An element with at least one of these."""
    return st.one_of(
        *(
            st.fixed_dictionaries(
                {name: each}, optional={n: e for n, e in elements.items() if n != name}
            )
            for name, each in elements.items()
        )
    )


def some(element: Strategy) -> Strategy:
    return st.lists(element, min_size=1, max_size=2)


words = st.sampled_from(WORDS)
dates = st.sampled_from(DATES)
codings = any_of(code=st.sampled_from(CODES), display=words, system=st.sampled_from(SYSTEMS))
concepts = any_of(coding=some(codings), text=words)
identifiers = st.fixed_dictionaries(
    {"value": st.sampled_from(CODES)},
    optional={"system": st.sampled_from(SYSTEMS), "type": concepts},
)
quantities = st.builds(
    lambda value, unit: {"value": value} | unit, st.sampled_from(NUMBERS), st.sampled_from(UNITS)
)
metas = any_of(
    tag=some(codings),
    security=some(codings),
    profile=some(st.sampled_from(ADDRESSES)),
    source=st.sampled_from(ADDRESSES),
)


@st.composite
def periods(draw: st.DrawFn) -> Json:
    bounds = sorted(draw(st.tuples(dates, dates)), key=lambda text: text[:4])
    ends = {"start": bounds[0], "end": bounds[1]}
    return {
        name: ends[name] for name in draw(st.sampled_from(("start", "end", "start end"))).split()
    }


def references(*types: str) -> Strategy:
    local = st.builds(lambda type, id: f"{type}/{id}", st.sampled_from(types), st.sampled_from(IDS))
    texts = st.one_of(local, local.map(lambda text: f"{text}/_history/1"), st.just("http://a/b"))
    return st.one_of(
        *(texts.map(lambda text: {"reference": text}) for _ in range(3)),
        identifiers.map(lambda each: {"identifier": each}),
    )


def kind(type: str, fixed: dict[str, Any], **optional: Strategy) -> Strategy:
    required: dict[str, Any] = {"resourceType": st.just(type), "id": st.sampled_from(IDS)}
    required |= {
        name: each if isinstance(each, st.SearchStrategy) else st.just(each)
        for name, each in fixed.items()
    }
    optional |= {"meta": metas}
    return st.fixed_dictionaries(required, optional=optional)


def one_of_these(**choices: Strategy) -> Strategy:
    """An element of several types, at most one of them."""
    named = (st.fixed_dictionaries({name: each}) for name, each in choices.items())
    return st.one_of(st.just({}), *named)


def with_one_of(base: Strategy, *choices: Strategy) -> Strategy:
    return st.tuples(base, *choices).map(lambda parts: {k: v for p in parts for k, v in p.items()})


_VALUES: Final = one_of_these(
    valueQuantity=quantities, valueCodeableConcept=concepts, valueString=words, valueDateTime=dates
)

PATIENTS: Final = with_one_of(
    kind(
        "Patient",
        {},
        active=st.booleans(),
        birthDate=st.sampled_from(("1950", "1970-01-01", "2020-02-29")),
        gender=st.sampled_from(("male", "female")),
        name=some(
            st.fixed_dictionaries({"family": words}, optional={"given": some(words), "text": words})
        ),
        telecom=some(st.fixed_dictionaries({"value": words, "system": st.just("phone")})),
        identifier=some(identifiers),
        generalPractitioner=some(references("Practitioner", "Organization")),
    ),
    one_of_these(deceasedBoolean=st.booleans(), deceasedDateTime=dates),
)

OBSERVATIONS: Final = with_one_of(
    kind(
        "Observation",
        {"status": st.sampled_from(("final", "amended")), "code": concepts},
        subject=references("Patient", "Group"),
        performer=some(references("Patient", "Practitioner")),
        hasMember=some(references("Observation")),
        focus=some(references("List", "Patient", "Observation")),
        component=some(
            with_one_of(
                st.fixed_dictionaries({"code": concepts}),
                one_of_these(valueQuantity=quantities, valueCodeableConcept=concepts),
            )
        ),
    ),
    one_of_these(effectiveDateTime=dates, effectivePeriod=periods()),
    _VALUES,
)

LISTS: Final = kind(
    "List",
    {"status": "current", "mode": "working"},
    title=words,
    date=dates,
    subject=references("Patient", "Group"),
    entry=some(
        st.fixed_dictionaries({"item": references("Patient", "Observation", "Group", "List")})
    ),
)

GROUPS: Final = kind(
    "Group",
    {"type": "person", "actual": True},
    code=concepts,
    member=some(st.fixed_dictionaries({"entity": references("Patient", "Group")})),
    characteristic=some(
        st.fixed_dictionaries(
            {"code": concepts, "exclude": st.booleans(), "valueCodeableConcept": concepts}
        )
    ),
)

RISKS: Final = kind(
    "RiskAssessment",
    {"status": "final", "subject": references("Patient", "Group")},
    occurrenceDateTime=dates,
    prediction=some(any_of(probabilityDecimal=st.sampled_from(NUMBERS), outcome=concepts)),
)

VALUE_SETS: Final = kind(
    "ValueSet",
    {"status": "active"},
    url=st.sampled_from(ADDRESSES),
    name=words,
    date=dates,
    useContext=some(
        with_one_of(
            st.fixed_dictionaries({"code": codings}),
            st.one_of(
                concepts.map(lambda v: {"valueCodeableConcept": v}),
                quantities.map(lambda v: {"valueQuantity": v}),
            ),
        )
    ),
)

DOCUMENTS: Final = kind(
    "DocumentReference",
    {"status": "current", "content": [{"attachment": {"url": "http://a/b"}}]},
    subject=references("Patient", "Group"),
    date=st.sampled_from(("2020-02-29T12:00:00Z", "1969-12-31T23:59:59.999Z")),
    relatesTo=some(
        st.fixed_dictionaries(
            {
                "code": st.sampled_from(("replaces", "appends")),
                "target": references("DocumentReference"),
            }
        )
    ),
    context=st.fixed_dictionaries({"period": periods()}),
)

POPULATION: Final[dict[str, Strategy]] = {
    "Patient": PATIENTS,
    "Observation": OBSERVATIONS,
    "List": LISTS,
    "Group": GROUPS,
    "RiskAssessment": RISKS,
    "ValueSet": VALUE_SETS,
    "DocumentReference": DOCUMENTS,
}

LINKED: Final = ("Patient", "Observation", "Group", "List")


@st.composite
def linked(draw: st.DrawFn) -> list[Json]:
    """Three of each of some types, which refer to one another and to nothing else."""

    def to(*types: str) -> Json:
        return {"reference": f"{draw(st.sampled_from(types))}/{draw(st.sampled_from(IDS[:3]))}"}

    found: list[Json] = []
    for id in IDS[:3]:
        observed: Json = {
            "status": "final",
            "code": {"text": "x"},
            "subject": to("Patient", "Group"),
        }
        observed |= {"hasMember": [to("Observation")], "performer": [to("Patient")]}
        listed: Json = {"status": "current", "mode": "working", "subject": to("Patient", "Group")}
        grouped = {"type": "person", "actual": True, "member": [{"entity": to("Patient", "Group")}]}
        contents: dict[str, Json] = {
            "Patient": {},
            "Observation": observed,
            "Group": grouped,
            "List": listed | {"entry": [{"item": to(*LINKED)} for _ in range(2)]},
        }
        found += [{"resourceType": type, "id": id} | each for type, each in contents.items()]
    return found


resources: Final[Strategy] = st.one_of(*POPULATION.values())
deletions: Final[Strategy] = st.tuples(st.sampled_from(tuple(POPULATION)), st.sampled_from(IDS))
