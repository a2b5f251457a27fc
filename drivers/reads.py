"""Many reads as columns: an object is made of one only where somebody looks at it, and of most nobody does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import eq, itemgetter
from typing import Any, Self, overload

from drivers.observations import Observation, Read

FIELDS = Read.__struct_fields__
_VALUE, _TIME = map(FIELDS.index, ("value", "time"))

Column = Sequence[Any]


class Reads(Sequence[Read]):
    """Immutable. `columns`: by each field of `Read` its values, or None where it has one value for all, which is then
    in `same`."""

    __slots__ = ("_size", "columns", "same")

    def __init__(self, columns: Sequence[Column | None], same: Sequence[Any], size: int) -> None:
        self.columns = columns
        self.same = same
        self._size = size

    @classmethod
    def joined(cls, parts: Sequence[Reads]) -> Reads:
        """All of them, in this order."""
        if len(parts) == 1:
            return parts[0]
        columns: list[Column | None] = []
        for field in range(len(FIELDS)):
            first = parts[0].same[field]
            if all(part.columns[field] is None and part.same[field] == first for part in parts):
                columns.append(None)
                continue
            whole: list[Any] = []
            for part in parts:
                whole += part.column(field)
            columns.append(whole)
        return cls(columns, parts[0].same, sum(map(len, parts)))

    def column(self, field: int) -> Column:
        """The values of one field, by read."""
        column = self.columns[field]
        return [self.same[field]] * self._size if column is None else column

    @property
    def values(self) -> Sequence[bytes]:
        """What was read, by read."""
        return self.column(_VALUE)

    @property
    def times(self) -> Sequence[float]:
        """When, by read (Unix seconds)."""
        return self.column(_TIME)

    def some(self, places: Sequence[int]) -> list[Read]:
        """The reads at these places, in this order."""
        if len(places) < 2:  # of one place the getter gives no row
            return [self[at] for at in places]
        chosen = itemgetter(*places)
        columns = [None if column is None else chosen(column) for column in self.columns]
        return [*type(self)(columns, self.same, len(places))]

    def distinct(self, field: str) -> frozenset[Any]:
        """The different values of a field."""
        number = FIELDS.index(field)
        column = self.columns[number]
        return frozenset({self.same[number]} if column is None else column)

    def __eq__(self, other: object) -> bool:
        """Whether the other one is a sequence of the same reads."""
        return isinstance(other, Sequence) and len(other) == self._size and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Read]:
        if not self._size:
            return iter(())
        given = zip(self.columns, self.same, strict=True)
        return map(Read, *(repeat(same, self._size) if column is None else column for column, same in given))

    @overload
    def __getitem__(self, index: int) -> Read: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Read | Self:
        if isinstance(index, slice):
            columns = [None if column is None else column[index] for column in self.columns]
            return type(self)(columns, self.same, len(range(*index.indices(self._size))))
        given = zip(self.columns, self.same, strict=True)
        return Read(*(same if column is None else column[index] for column, same in given))


def together(seen: Sequence[Observation | Reads]) -> Sequence[Observation]:
    """One sequence of all, in this order: columns where there is nothing else."""
    parts = [one for one in seen if isinstance(one, Reads)]
    if parts and len(parts) == len(seen):
        return Reads.joined(parts)
    flat: list[Observation] = []
    for one in seen:
        flat += one if isinstance(one, Reads) else (one,)
    return flat


def counted(seen: Sequence[Observation | Reads]) -> int:
    """How many observations there are."""
    return sum(len(one) if isinstance(one, Reads) else 1 for one in seen)
