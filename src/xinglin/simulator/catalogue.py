"""What residents are invented from: the tables in `data/`, read once and checked for shape."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar

import msgspec

Json = dict[str, Any]
Table = TypeVar("Table")

ICD_10 = "http://hl7.org/fhir/sid/icd-10"
LOINC = "http://loinc.org"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"
UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of a table; an unknown column is a mistake in the file."""


class Chronic(Row, frozen=True):
    icd10: str
    zh: str
    en: str
    onset: tuple[int, int]  # years of age
    share: float  # of all people who grow old
    medicines: list[str]
    measured: list[str]
    plan_zh: str | None = None
    plan_en: str | None = None


class Acute(Row, frozen=True):
    icd10: str
    zh: str
    en: str
    ages: tuple[int, int]  # years
    weight: int
    days: int  # until it is over, or in hospital
    medicines: list[str]


class Medicine(Row, frozen=True):
    atc: str
    zh: str
    en: str
    dose: float
    unit: str
    times: int  # a day


class Vaccine(Row, frozen=True):
    cvx: str
    zh: str
    en: str
    months: list[int] = []
    yearly_from: int | None = None  # years of age


class Allergy(Row, frozen=True):
    category: Literal["medication", "food", "environment"]
    zh: str
    en: str
    reaction_zh: str
    reaction_en: str


class Care(Row, frozen=True):
    chronic: dict[str, Chronic]
    acute: dict[str, Acute]
    stay: dict[str, Acute]
    medicine: dict[str, Medicine]
    vaccine: dict[str, Vaccine]
    allergy: dict[str, Allergy]


class Measure(Row, frozen=True):
    loinc: str
    zh: str
    en: str
    unit: str
    decimals: int
    usual: float
    per_year: float
    spread: float
    normal: tuple[float, float]
    moved: dict[str, float] = {}
    highest: float | None = None


class Address(Row, frozen=True):
    state: str
    city: str
    district: str
    postal_code: str
    streets: list[str]
    estates: list[str]


class Ages(Row, frozen=True):
    first: int
    last: int
    weight: int


class Growth(Row, frozen=True):
    age: int
    height: float  # as a share of the height at 20
    bmi: float


class People(Row, frozen=True):
    surnames: dict[str, int]
    given: dict[Literal["female", "male"], list[str]]
    address: Address
    ages: list[Ages]
    growth: list[Growth]


class Place(Row, frozen=True):
    id: str
    zh: str
    en: str
    street: str | None = None


class Doctor(Row, frozen=True):
    name: str
    gender: str
    works_at: str  # id of a Place

    @property
    def id(self) -> str:
        return "-".join(self.name.lower().replace("'", "").split(" ")[1:])


class Staffed(Row, frozen=True):
    hospital: Place
    centre: list[Place]
    department: list[Place]
    doctor: list[Doctor]


@cache
def care() -> Care:
    return _table("care", Care)


@cache
def measures() -> dict[str, Measure]:
    return _table("measurements", dict[str, Measure])


@cache
def people() -> People:
    return _table("people", People)


@cache
def staffed() -> Staffed:
    return _table("district", Staffed)


def concept(system: str, code: str, zh: str, en: str) -> Json:
    """A CodeableConcept with our own short wording, Chinese first, English as translation."""
    return {
        "coding": [{"system": system, "code": code, "display": zh}],
        "text": zh,
        "_text": translated(en),
    }


def translated(en: str) -> Json:
    """The English of a Chinese string, as the sibling element `_…` that carries extensions."""
    said = [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": en}]
    return {"extension": [{"url": TRANSLATION, "extension": said}]}


def coded(system: str, code: str) -> Json:
    """A CodeableConcept of HL7's own terminology."""
    return {"coding": [{"system": TERMINOLOGY + system, "code": code}]}


def _table(name: str, shape: type[Table]) -> Table:
    found = files("xinglin.simulator").joinpath("data", f"{name}.toml")
    return msgspec.toml.decode(found.read_bytes(), type=shape)
