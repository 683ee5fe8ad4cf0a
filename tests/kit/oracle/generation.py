"""Searches invented from the values of a corpus, by a seeded random generator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.kit.oracle import elements
from tests.kit.oracle.answer import Asked
from tests.kit.oracle.corpus import Corpus, Resource, key
from tests.kit.oracle.leaves import UCUM
from tests.kit.oracle.parameters import COMPARTMENTS, EVERY, OF, Parameter
from tests.kit.oracle.values import EVER, PREFIXES, UNITS

Pair = tuple[str, str]


_RICH = ("Observation", "Observation", "Patient", "Condition", "RiskAssessment", "ChargeItem")


def _links(corpus: Corpus) -> set[tuple[str, str, str]]:
    """Which type refers to which, and by which parameter."""
    return {
        (type, code, reference.partition("/")[0])
        for type, parameters in OF.items()
        for code, parameter in parameters.items()
        if parameter.kind == "reference"
        for one in corpus.of(type)
        for reference in parameter.references(one)
        if reference in corpus.resources and reference.partition("/")[0] in OF
    }


def escaped(text: str) -> str:
    for sign in ("\\", ",", "$", "|"):
        text = text.replace(sign, f"\\{sign}")
    return text


class Inventor:
    """Makes one search after the other, the same ones for the same seed."""

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.corpus = corpus
        self.random = Random(seed)  # noqa: S311  (no secrets)
        self.types = [type for type in OF if corpus.of(type)]
        self.links = sorted(_links(corpus))

    def search(self) -> Asked:
        shape = self.random.choices(
            (self._of_a_type, self._of_a_compartment, self._of_several_types), (17, 2, 1)
        )[0]
        return shape()

    def _of_a_type(self) -> Asked:
        # Half of them where values of every kind are.
        type = self.random.choice(self.random.choice((self.types, _RICH)))
        pairs = self._criteria(type)
        pairs += self._extra(type)
        return Asked(type, tuple(pairs))

    def _extra(self, type: str) -> list[Pair]:
        """Order, or what is to be included."""
        extra = self.random.random()
        if extra < 0.25:
            return [("_sort", self._sort(type))]
        if extra < 0.5:
            return self._includes(type)
        return []

    def _of_a_compartment(self) -> Asked:
        owner = self.random.choice(list(COMPARTMENTS))
        held = self.random.choice(self.corpus.of(owner))
        members = [m for m in COMPARTMENTS[owner] if self.corpus.of(m)]
        member = self.random.choice(members)
        return Asked(f"{key(held)}/{member}", tuple(self._criteria(member, at_most=1)))

    def _of_several_types(self) -> Asked:
        types = self.random.sample(self.types, 3)
        one = self._any(self.random.choice(types))
        name = self.random.choice(("_id", "_lastUpdated", "_profile"))
        return Asked("", (("_type", ",".join(types)), *self._special(name, one)))

    # Criteria

    def _criteria(self, type: str, at_most: int = 3) -> list[Pair]:
        number = min(at_most, self.random.choice((0, 1, 1, 1, 2, 2, 3)))
        makers: tuple[Callable[[str], list[Pair]], ...] = (
            self._plain,
            self._chain,
            self._has,
            lambda type: self._special(
                self.random.choice(("_id", "_lastUpdated", "_profile", "_tag", "_list")),
                self._any(type),
            ),
        )
        chosen = self.random.choices(makers, (8, 3, 2, 1), k=number)
        return [pair for maker in chosen for pair in maker(type)]

    def _any(self, type: str) -> Resource:
        return self.random.choice(self.corpus.of(type))

    def _special(self, name: str, one: Resource) -> list[Pair]:
        if name == "_id":
            return [(name, self.random.choice((one["id"], f"{one['id']},absent")))]
        if name == "_list":
            return [(name, "odd")]
        if name == "_lastUpdated":
            # What `ap` means would change from page to page, so close to now.
            prefix = self.random.choice([each for each in PREFIXES if each != "ap"])
            return [(name, prefix + one["meta"]["lastUpdated"])]
        return self._of_parameter(name, EVERY[name], one)

    def _plain(self, type: str) -> list[Pair]:
        kind = self.random.choice(sorted({p.kind for p in OF[type].values()}))
        codes = [code for code, p in OF[type].items() if p.kind == kind]
        code = self.random.choice(codes)
        return self._of_parameter(code, OF[type][code], self._any(type))

    def _of_parameter(self, code: str, parameter: Parameter, one: Resource) -> list[Pair]:
        if parameter.kind != "composite" and self.random.random() < 0.08:
            return [(f"{code}:missing", self.random.choice(("true", "false")))]
        modifier = self._modifier(parameter)
        other = self._donor(one["resourceType"], parameter)
        found = self._values(parameter, modifier, one)
        if other and (not found or self.random.random() < 0.3):
            found += self._values(parameter, modifier, other)
        if not found:
            return []
        chosen = self.random.sample(found, min(len(found), self.random.choice((1, 1, 1, 2))))
        if modifier == "type":
            modifier = chosen[0].partition("/")[0]
            chosen = [chosen[0].removeprefix(f"{modifier}/")]
        elif parameter.kind == "reference" and not modifier and self.random.random() < 0.3:
            chosen = [each.rpartition("/")[2] for each in chosen]
        return [(code + (f":{modifier}" if modifier else ""), ",".join(chosen))]

    def _values(self, parameter: Parameter, modifier: str, one: Resource) -> list[str]:
        found = (self._value(parameter, modifier, each) for each in parameter.elements(one))
        kept = f"{parameter.only}/" if parameter.kind == "reference" and parameter.only else ""
        return [value for value in found if value and value.startswith(kept)]

    def _donor(self, type: str, parameter: Parameter) -> Resource | None:
        """A resource that has a value, as most have none for a rare parameter."""
        having = [each for each in self.corpus.of(type) if any(parameter.elements(each))]
        return self.random.choice(having) if having else None

    def _modifier(self, parameter: Parameter) -> str:
        choices = {
            "token": ("", "", "", "not", "text", "of-type"),
            "string": ("", "", "exact", "contains"),
            "reference": ("", "", "", "identifier", "type"),
            "uri": ("", "above", "below"),
        }.get(parameter.kind, ("",))
        return self.random.choice(choices)

    def _value(self, parameter: Parameter, modifier: str, element: Any) -> str:
        if parameter.kind == "composite":
            values = [self._part(part, element) for part in parameter.parts]
            return "$".join(values) if all(values) else ""
        makers: dict[str, Callable[[str, Any], str]] = {
            "token": self._token,
            "string": self._string,
            "date": self._date,
            "number": self._number,
            "quantity": self._quantity,
            "reference": self._reference,
            "uri": lambda modifier, element: self._uri(element),
        }
        return makers[parameter.kind](modifier, element)

    def _part(self, part: Parameter, element: Any) -> str:
        found = [v for e in part.elements(element) if (v := self._value(part, "", e))]
        return self.random.choice(found) if found else ""

    def _token(self, modifier: str, element: Any) -> str:
        if modifier == "text":
            words = list(elements.words(element))
            return self._beginning(self.random.choice(words)) if words else ""
        if modifier == "of-type":
            typed = [each for each in elements.typed_identifiers(element) if all(each)]
            return "|".join(map(escaped, self.random.choice(typed))) if typed else ""
        codes = list(elements.codes(element))
        if not codes:
            return ""
        found = self.random.choice(codes)
        code, system = escaped(found.code), escaped(found.system or "")
        forms = [code, f"{system}|{code}"] + ([f"{system}|"] if system else [])
        return self.random.choice(forms)

    def _beginning(self, text: str) -> str:
        cut = text[: self.random.randint(1, len(text))]
        cut = self.random.choice((cut, cut.upper(), cut.lower()))
        return escaped(cut) if cut.strip() else escaped(text)

    def _string(self, modifier: str, element: Any) -> str:
        texts = list(elements.texts(element))
        if not texts:
            return ""
        text = self.random.choice(texts)
        if modifier == "exact":
            return escaped(self.random.choice((text, text.upper())))
        if modifier == "contains" and len(text) > 2:
            text = text[self.random.randrange(len(text) - 1) :]
        return self._beginning(text)

    def _date(self, modifier: str, element: Any) -> str:
        ends = [end for r in elements.ranges(element) for end in r if end not in EVER]
        if not ends:
            return ""
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.random.choice(ends))
        moment += timedelta(seconds=self.random.choice((0, 0, 1, -1, 86_400, -86_400)))
        text = moment.isoformat(timespec=self.random.choice(("seconds", "milliseconds", "minutes")))
        text = self.random.choice((text, text[:4], text[:7], text[:10]))
        return self.random.choice(("", *PREFIXES)) + text

    def _number(self, modifier: str, element: Any) -> str:
        numbers = list(elements.numbers(element))
        return self._near(self.random.choice(numbers)) if numbers else ""

    def _near(self, number: Decimal) -> str:
        """The number, or one with fewer or more digits."""
        digits = self.random.choice((0, 1, 2, 6))
        rounded = f"{number:.{digits}f}"
        text = self.random.choice((str(number).lower(), rounded, f"{number:.2e}"))
        return self.random.choice(("", "", *PREFIXES)) + text

    def _quantity(self, modifier: str, element: Any) -> str:
        amounts = list(elements.amounts(element))
        if not amounts:
            return ""
        amount = self.random.choice(amounts)
        number = amount.value
        system, code = escaped(amount.system), escaped(amount.code or amount.unit)
        unit = UNITS.get(amount.code)
        if unit and amount.system == UCUM and self.random.random() < 0.5:
            code = self.random.choice([c for c, u in UNITS.items() if u.kind == unit.kind])
            number = (unit.plain(number) - UNITS[code].offset) / UNITS[code].factor
            number = number.normalize() if abs(number.adjusted()) < 12 else amount.value
            number = round(number, 9)
        value = self._near(number)
        forms = [value] + ([f"{value}||{code}"] if code else [])
        if system and code:
            forms += [f"{value}|{system}|{code}"] * 4
        return self.random.choice(forms)

    def _reference(self, modifier: str, element: Any) -> str:
        if modifier == "identifier":
            found = element.get("identifier", {})
            value = escaped(found.get("value", ""))
            system = escaped(found.get("system", ""))
            return self.random.choice((value, f"{system}|{value}")) if value else ""
        links = list(elements.local(element))
        if not links:
            return ""
        return links[0]

    def _uri(self, element: str) -> str:
        forms = (element, element.partition("|")[0], element.rpartition("/")[0], f"{element}/x")
        return escaped(self.random.choice(forms))

    # Chains

    def _chain(self, type: str, links: int = 3) -> list[Pair]:
        """`encounter:Encounter.service-provider.name=x`."""
        out = [(code, target) for source, code, target in self.links if source == type]
        if not out:
            return []
        code, target = self.random.choice(out)
        inner = self._chain(target, links - 1) if self._goes_on(links) else []
        inner = inner or self._plain(target)
        # Without the type, every type that may be meant has to have the parameter.
        alone = {t for c, t in out if c == code} == {target} and self.random.random() < 0.4
        named = code if alone else f"{code}:{target}"
        return [(f"{named}.{name}", value) for name, value in inner]

    def _has(self, type: str, links: int = 2) -> list[Pair]:
        """`_has:Observation:subject:code=x`, also of a `_has`."""
        back = [(source, code) for source, code, target in self.links if target == type]
        if not back:
            return []
        source, code = self.random.choice(back)
        inner = self._has(source, links - 1) if self._goes_on(links) else []
        inner = inner or self._plain(source)
        return [(f"_has:{source}:{code}:{name}", value) for name, value in inner]

    def _goes_on(self, links: int) -> bool:
        return links > 1 and self.random.random() < 0.4

    # What is included, and in which order

    def _includes(self, type: str) -> list[Pair]:
        pairs: list[Pair] = []
        for source, code, target in self.random.sample(self.links, len(self.links)):
            iterate = ":iterate" * (self.random.random() < 0.3)
            named = code if self.random.random() < 0.9 else "*"
            if source == type:
                tail = self.random.choice(("", f":{target}"))
                pairs.append((f"_include{iterate}", f"{source}:{named}{tail}"))
                further = [link for link in self.links if link[0] == target]
                if further:
                    pairs.append(("_include:iterate", ":".join(self.random.choice(further)[:2])))
            elif target == type:
                pairs.append((f"_revinclude{iterate}", f"{source}:{named}"))
            if len(pairs) > 1:
                break
        return pairs if self.random.random() < 0.9 else [("_include", "*")]

    def _sort(self, type: str) -> str:
        codes = [c for c, p in OF[type].items() if p.kind not in ("composite", "quantity")]
        chosen = self.random.sample(codes, min(len(codes), self.random.choice((1, 1, 2))))
        chosen += self.random.choice(([], ["_lastUpdated"], ["_id"]))
        return ",".join(self.random.choice(("", "-")) + code for code in chosen)
