"""Invented people: who they are and how they grow, and their Patient (FHIR R4, Patient).

Nobody real can be met here: the national id begins with 99, which no region has; the telephone
number with 100, which no mobile network has; the streets are in no city.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Literal

from xinglin.simulator.catalogue import Json, coded, people

NATIONAL_ID = "urn:oid:2.16.156.10011.1.3"  # GB 11643, the resident identity number
HEALTH_CARD = "urn:oid:2.16.156.10011.1.19"  # the resident health card
REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
TEST_DATA = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}


@dataclass(frozen=True, slots=True)
class Person:
    """A person apart from all care. `height` is in cm at the age of 20, `build` is the body
    mass index as a share of what is usual."""

    number: int
    gender: Literal["female", "male"]
    name: str  # "characters pinyin"
    born: date
    height: float
    build: float

    def age(self, day: date) -> int:
        had_birthday = (day.month, day.day) >= (self.born.month, self.born.day)
        return day.year - self.born.year - (not had_birthday)

    def body(self, day: date) -> tuple[float, float]:
        """Height in cm and weight in kg, as a nurse writes them down."""
        share, bmi = _grown((day - self.born).days / 365.25)
        height = round(self.height * share, 1)
        return height, round(bmi * self.build * (height / 100) ** 2, 1)


def invented(chance: Random, number: int, today: date) -> Person:
    """The next person of the district."""
    table = people()
    span = chance.choices(table.ages, [ages.weight for ages in table.ages])[0]
    age = chance.randint(span.first, span.last)
    gender: Literal["female", "male"] = chance.choice(("female", "male"))
    family = chance.choices(list(table.surnames), list(table.surnames.values()))[0].split(" ")
    given = chance.choice(table.given[gender]).split(" ")
    # Born at least a week ago, so that there is a life to tell of.
    born = today - timedelta(days=age * 365 + age // 4 + chance.randint(7, 364))
    return Person(
        number=number,
        gender=gender,
        name=f"{family[0]}·{given[0]} {family[1]} {given[1]}",
        born=born,
        height=chance.gauss(159, 5) if gender == "female" else chance.gauss(171, 5.5),
        build=max(0.8, min(1.5, chance.gauss(1.0, 0.12))),
    )


def patient(person: Person, address: Json, doctor: Json, centre: Json) -> Json:
    """The Patient of a person who is registered with a doctor of a health centre."""
    return {
        "resourceType": "Patient",
        "meta": {"security": [TEST_DATA]},
        "identifier": [
            {
                "use": "official",
                "type": coded("v2-0203", "NI"),
                "system": NATIONAL_ID,
                "value": national_id(person),
            },
            {
                "use": "usual",
                "type": coded("v2-0203", "HC"),
                "system": HEALTH_CARD,
                "value": f"QH{person.number:010}",
            },
        ],
        "active": True,
        "name": human_names(person.name),
        "telecom": [{"system": "phone", "value": f"100{person.number:08}", "use": "mobile"}],
        "gender": person.gender,
        "birthDate": person.born.isoformat(),
        "address": [{"use": "home", **address}],
        "communication": [{"language": {"text": "普通话", "coding": [_CHINESE]}}],
        "generalPractitioner": [doctor],
        "managingOrganization": centre,
    }


def national_id(person: Person) -> str:
    """Eighteen digits after GB 11643: region, birth date, sequence (odd for men), check digit.

    The resident's number is in region and sequence, so that no two are the same.
    """
    sequence = person.number % 500 * 2 + (person.gender == "male")
    digits = f"99{person.number // 500 % 10000:04}{person.born:%Y%m%d}{sequence:03}"
    # ISO 7064, MOD 11-2
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(digits))
    return digits + "10X98765432"[total % 11]


def human_names(name: str) -> list[Json]:
    """The HumanName in characters and the same in pinyin (ISO 21090 IDE and SYL).

    Args:
        name: `characters Surname Given`; a surname of two characters ends with `·`.

    >>> [name["text"] for name in human_names("欧阳·静 Ouyang Jing")]
    ['欧阳静', 'Ouyang Jing']
    """
    characters, family_pinyin, given_pinyin = name.split(" ")
    family, dot, given = characters.partition("·")
    if not dot:
        family, given = characters[0], characters[1:]
    return [
        _human_name(family + given, family, given, "IDE"),
        _human_name(f"{family_pinyin} {given_pinyin}", family_pinyin, given_pinyin, "SYL"),
    ]


_CHINESE = {"system": "urn:ietf:bcp:47", "code": "zh-CN"}


def _human_name(text: str, family: str, given: str, representation: str) -> Json:
    return {
        "extension": [{"url": REPRESENTATION, "valueCode": representation}],
        "use": "official",
        "text": text,
        "family": family,
        "given": [given],
    }


def _grown(age: float) -> tuple[float, float]:
    """Share of the full height, and usual body mass index, at an age in years."""
    for young, old in pairwise(people().growth):
        if age <= old.age:
            part = (age - young.age) / (old.age - young.age)
            return (
                young.height + part * (old.height - young.height),
                young.bmi + part * (old.bmi - young.bmi),
            )
    last = people().growth[-1]
    return last.height, last.bmi
