"""The file of a count: one identifier a line, or a column of a table, as scanners and spreadsheets save them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from gateway.cli.files import write
from gateway.counting import Scan
from gateway.identity.scanned import scanned

LARGEST = 2**26
"""Bytes of a file: half a million lines of 128."""

LONGEST = 4096
"""Characters of a line: many times what the longest identifier needs."""

SHOWN = 20
"""Wrong lines that are told of one by one."""

COLUMNS = ("epc", "id", "identifier", "uri", "epc_hex", "code")
"""Names of the column that has the identifiers, the best first."""

_WORKBOOK = b"PK\x03\x04"
"""How xlsx and ods begin, which a spreadsheet writes unless it is told to write CSV."""

_CONTROL = re.compile(r"[\x00-\x03\x05-\x08\x0b-\x1b\x7f]")
"""What no scanner sends: not FS, GS, RS, US and EOT, which stand in and around element strings."""

_SEP = re.compile(r"sep=(.)", re.IGNORECASE)
"""A spreadsheet's first line: what stands between columns."""

_HEADING = re.compile(r"[^\W\d][^\d]*")
"""A first line without any digit names a column: every identifier has digits."""


class _Line(NamedTuple):
    number: int
    text: str


def read_scans(name: str, data: bytes) -> list[Scan]:
    """What was counted. click.ClickException names every line that is no identifier, the first of them one by one."""
    lines = list(_lines(text_of(name, data, "count")))
    if not lines:
        raise click.ClickException(f"{name}: is empty; if nothing was there to count, a line `epc` alone says so")
    scans, wrong = [], []
    for line in _identifiers(name, lines):
        try:
            scans.append(Scan(line.number, line.text, _key(line.text)))
        except ValueError as error:
            wrong.append(f"{name}:{line.number}: {error}")
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more lines"] if len(wrong) > SHOWN else []
        raise click.ClickException("\n".join(["these lines are no identifiers:", *wrong[:SHOWN], *more]))
    return scans


def _key(text: str) -> str:
    if len(text) > LONGEST:
        raise ValueError(f"more than {LONGEST} characters: this is no identifier")
    if _CONTROL.search(text):
        raise ValueError("control characters: this is no text; name the file that the scanner or the spreadsheet saved")
    return scanned(text)


def _lines(text: str) -> Iterator[_Line]:
    """Lines that say something. 0x1D in an element string ends none, as `splitlines` would have it."""
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        bare = line.strip(" \t\u00a0")
        if bare.strip(",;\t \"'") and not bare.startswith("#"):
            yield _Line(number, bare)


def text_of(name: str, data: bytes, what: str) -> str:
    """UTF-8, with a BOM or without, what spreadsheets call Unicode (UTF-16), else what they call CSV (Windows-1252).

    click.ClickException where it is too large for `what` it should be, or a workbook.
    """
    if len(data) > LARGEST:
        raise click.ClickException(f"{name}: more than {LARGEST >> 20} MiB: this is no {what}")
    if data.startswith(_WORKBOOK):
        raise click.ClickException(f"{name}: this is a workbook: save it as CSV, and name that file")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _identifiers(name: str, lines: list[_Line]) -> Iterator[_Line]:
    """The cells of the column that has them; without a heading the whole lines."""
    sep = _SEP.fullmatch(lines[0].text)
    if sep is not None:
        del lines[0]
    if not lines:
        return
    head = lines[0].text
    for between in (sep[1],) if sep else (",", ";", "\t", "|"):
        names = [cell.strip().lower() for cell in _cells(head, between) or ()]
        column = next((names.index(one) for one in COLUMNS if one in names), None)
        if column is not None:
            yield from _column(name, lines[1:], between, column)
            return
    if _HEADING.fullmatch(head):
        if re.search(r"[,;\t]", head):
            wanted = ", ".join(COLUMNS)
            raise click.ClickException(f"{name}:{lines[0].number}: no column is named {wanted}: name the one to take")
        del lines[0]
    for line in lines:
        yield line._replace(text=_unquoted(line.text.rstrip(",;\t ")))


def _column(name: str, lines: list[_Line], between: str, column: int) -> Iterator[_Line]:
    for line in lines:
        cells = _cells(line.text, between)
        if cells is None:
            raise click.ClickException(f"{name}:{line.number}: the quotes are wrong: one is not closed")
        cell = cells[column].strip() if column < len(cells) else ""
        if cell:
            yield line._replace(text=cell)


def _cells(text: str, between: str) -> list[str] | None:
    """None where the quotes are wrong. A formula's quotes (="0123") are no quotes of a cell."""
    if '"' not in text:
        return text.split(between)
    try:
        return next(csv.reader([text], delimiter=between, strict=True))
    except csv.Error:
        return text.split(between) if '="' in text else None


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text


def write_differences(path: Path, rows: Iterator[tuple[object, ...]]) -> None:
    """A table that spreadsheets open, with the columns of `rows`' first one."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    write(path, table.getvalue())
