"""Compares all rows of a table that has no index by resource, without holding them.

The resources lie in baskets by their numbers. What a basket's rows shall be is added up and what
they are is taken away again, row by row as 64-bit hashes; where something remains, the resources
of that basket are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from xinglin.store.relational.database import Database, Row

BASKETS = 4096
PORTION = 20_000  # rows


class Sums:
    def __init__(self, database: Database, table: str, columns: Sequence[str]) -> None:
        """The last of the columns is the number of the resource."""
        self.table = table
        self._database = database
        self._text = f"SELECT {', '.join(columns)} FROM {table}"
        self._sums = [0] * BASKETS

    def expect(self, rid: int, rows: Iterable[Row]) -> None:
        self._sums[rid % BASKETS] += sum(map(hash, rows))

    def take_away(self) -> int:
        """What is in the table; the number of its rows."""
        sums, count = self._sums, 0
        for portion in self._database.portions(self._text, PORTION):
            for row in portion:
                sums[row[-1] % BASKETS] -= hash(row)
            count += len(portion)
        return count

    def different(self) -> list[int]:
        """The baskets in which something is wrong."""
        return [basket for basket, left in enumerate(self._sums) if left]

    def rows_of(self, baskets: Collection[int]) -> dict[int, set[Row]]:
        """What is in the table, by resource."""
        found: dict[int, set[Row]] = {}
        for portion in self._database.portions(self._text, PORTION):
            for row in portion:
                if row[-1] % BASKETS in baskets:
                    found.setdefault(row[-1], set()).add(row)
        return found

    def numbers(self, baskets: Collection[int]) -> Iterator[int]:
        """The resources of these baskets."""
        text = "SELECT rid FROM res WHERE seq IS NOT NULL ORDER BY rid"
        for portion in self._database.portions(text, PORTION):
            yield from (rid for (rid,) in portion if rid % BASKETS in baskets)
