"""The truth: which object came to which zone when. Pure. As CSV, as a person writes it down:

time,object,read_point
2026-11-21T17:42:00+01:00,urn:epc:id:sgtin:9521141.123456.1,aisle-a
1790000060.5,30361f9e5c0789000000004d,aisle-b
1790000120,30361f9e5c0789000000004d,

Or as JSON lines, as a simulated floor writes it (`readpoint simulate llrp --truth`); those with a direction are about
doors, and passed over:

{"time": 1790000060.5, "epc": "30361f9e5c0789000000004d", "zone": "aisle-b", "direction": null}
"""

from __future__ import annotations

import csv
import difflib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

import msgspec

from drivers.lines import RecordingError, from_hex, seconds

COLUMNS = ("time", "object", "read_point")

MOST = 200_000
"""Rows: more than a person walks in a year."""

EARLIEST = 1e9
"""Unix seconds of 2001: a smaller number is a spreadsheet's day, or hours and minutes, and no moment of a walk."""

_SEP = re.compile(r"sep=([,;|\t])\s*", re.IGNORECASE)
"""A spreadsheet's first line: what stands between columns."""

_PROBLEMS = 20
"""Mistakes that are told at once."""


class Change(NamedTuple):
    """At `time` (Unix seconds) the object came into `zone`; None: it is gone."""

    time: float
    zone: str | None


def zone_at(changes: Sequence[Change], time: float) -> str | None:
    """Where it is then; changes in order of time."""
    at = bisect_right(changes, time, key=lambda change: change.time)
    return changes[at - 1].zone if at else None


class _Line(msgspec.Struct, frozen=True):
    """A line of JSON."""

    time: float | str
    epc: str
    zone: str | None
    direction: str | None = None


_line = msgspec.json.Decoder(_Line)
_T = TypeVar("_T")


class WalkError(ValueError):
    """What is wrong, a sentence a line, each with the number of its line at its head."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def parse_walk(lines: Iterable[str], zones: Mapping[str, str], name: Callable[[bytes], str]) -> dict[str, list[Change]]:
    """Changes in order of time by object (URI).

    `zones` gives the kind of each read point by its name; `name` the URI of an EPC. Raises `WalkError`.
    """
    all_lines = iter(lines)
    first = next(all_lines, "").removeprefix("\ufeff")
    rows = (_of_json if first.startswith("{") else _of_csv)(first, chain((first,), all_lines))
    found: dict[str, list[Change]] = {}
    problems: list[str] = []
    for number, row in rows:
        try:
            who, change = _row(row, zones, name)
        except ValueError as error:
            problems.append(f"{number}: {error}")
        else:
            found.setdefault(who, []).append(change)
    if problems:
        raise WalkError(problems[:_PROBLEMS])
    if not found:
        raise WalkError(["2: there is no row: write who came where when"])
    return {who: sorted(changes, key=lambda change: change.time) for who, changes in found.items()}


def _of_json(_: str, lines: Iterable[str]) -> Iterator[tuple[int, Sequence[str] | None]]:
    """Time, object and read point of each line, with its number; None where it is none."""
    for number, line in enumerate(_bounded(lines), 1):
        try:
            said = _line.decode(line) if line.strip() else None
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            yield number, None
        else:
            if said is not None and said.direction is None:
                yield number, (str(said.time), said.epc, said.zone or "")


def _of_csv(first: str, lines: Iterable[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """The same; separated as the header is: by semicolons or tabs, as spreadsheets may write."""
    sep = _SEP.fullmatch(first)
    between = sep[1] if sep else next((one for one in ";\t" if one in first), ",")
    reader = csv.reader(lines, delimiter=between)
    try:
        if sep:
            next(reader)
        order = _header(next(reader, []), reader.line_num)
        for row in _bounded(reader):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, [cells[at] for at in order] if len(cells) == len(order) else cells
    except csv.Error as error:
        raise WalkError([f"{reader.line_num}: no CSV: {error}"]) from None


def _bounded(rows: Iterable[_T]) -> Iterator[_T]:
    for number, row in enumerate(rows, 1):
        if number > MOST:
            raise WalkError([f"{number}: more than {MOST} rows: this is no walk"])
        yield row


def _header(cells: list[str], number: int) -> list[int]:
    names = [cell.strip().lower() for cell in cells]
    if sorted(names) != sorted(COLUMNS):
        shown = ",".join(names) or "nothing"
        wanted = f"{','.join(COLUMNS)}, separated by commas, semicolons or tabs"
        raise WalkError([f"{max(number, 1)}: the first line is {wanted}; this one is {shown}"])
    return [names.index(column) for column in COLUMNS]


def _row(row: Sequence[str] | None, zones: Mapping[str, str], name: Callable[[bytes], str]) -> tuple[str, Change]:
    if row is None:
        raise ValueError('no line of a truth, as {"time": 1790000060.5, "epc": "30361f9e5c07", "zone": "aisle-b"}')
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} columns instead of {len(COLUMNS)}: {','.join(COLUMNS)}")
    time, who, zone = row
    return _object(who, name), Change(_time(time), _zone(zone, zones) if zone else None)


def _time(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return seconds(text)
    if number < EARLIEST:
        raise ValueError(
            f"time {text} is no Unix time (a spreadsheet's day?): write 2026-11-21T17:42:03+01:00, or Unix seconds"
        )
    return seconds(number)


def _object(text: str, name: Callable[[bytes], str]) -> str:
    if ":" in text:
        return text
    try:
        value = from_hex("object", text)
    except RecordingError:
        value = b""
    if not value:
        raise ValueError(f"object '{text}' is neither a URI, as urn:epc:id:sgtin:9521141.123456.1, nor an EPC in hex")
    return name(value)


def _zone(text: str, zones: Mapping[str, str]) -> str:
    kind = zones.get(text)
    if kind is None:
        close = difflib.get_close_matches(text, zones, 1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise ValueError(f"there is no read point '{text}'{hint}")
    if kind != "zone":
        raise ValueError(f"read point '{text}' is a {kind}: a walk is about zones, leave the row out")
    return text
